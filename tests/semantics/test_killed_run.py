"""A training run that is killed at any moment, and started again, ends with the same bits."""

import random
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(__file__).with_name("killed_run.py")


def start(folder):
    command = [sys.executable, str(PROGRAM), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder):
    process = start(folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return (folder / "weights").read_bytes()


def kill_after(folder, steps, moment):
    process = start(folder)
    for _ in range(steps):
        process.stdout.readline()
    time.sleep(moment)
    process.kill()
    process.communicate()


def test_the_resumed_run_ends_bit_equal(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = finish(whole)
    for _ in range(3):
        kill_after(killed, random.randint(1, 4), random.random() * 0.01)
    assert not (killed / "weights").exists()
    assert finish(killed) == expected
