"""However a program ends, no worker outlives it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("program.py")


def run(part):
    done = subprocess.run([sys.executable, PROGRAM, part], capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines(), done.stderr


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def ended(processes):
    """Within a second; a machine that does much else gets more."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(map(is_running, processes)):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(("part", "code"), [("exits", 0), ("interrupted", 0), ("killed", -9)])
def test_workers_end_with_the_program(part, code):
    returned, lines, errors = run(part)
    assert returned == code, errors
    workers = [int(word) for word in lines[0].split()]
    assert len(workers) == 2
    assert ended(workers)
    assert "Traceback" not in errors, errors
    if part == "interrupted":
        assert lines[1:] == ["interrupted True", "again 4"]


def test_workers_load_no_engine():
    returned, lines, errors = run("modules")
    assert returned == 0, errors
    assert lines == ["[[False, False, False, False, False, True]]"]


def test_a_program_that_starts_by_being_imported_is_told(tmp_path):
    program = tmp_path / "unguarded.py"
    program.write_text(
        "from rushlight.data import DataLoader\n"
        "print(list(DataLoader([1, 2], num_workers=1, worker_type='process')))\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'under `if __name__ == "__main__":`, or use worker_type="thread"' in done.stderr
