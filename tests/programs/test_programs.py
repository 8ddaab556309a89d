"""Programs as people write them for torch run unchanged."""

import ast
import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "scripts"


def run(name, folder, *arguments, **settings):
    """What a program prints; it must end well."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "rushlight.torch", str(SCRIPTS / f"{name}.py"), *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **settings},
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


def write_idx(path, array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def test_mnist(tmp_path):
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix, count in (("train", 64), ("t10k", 16)):
        digits = np.arange(count, dtype=np.uint8) % 10
        images = np.repeat(digits * 25, 28 * 28).astype(np.uint8).reshape(count, 28, 28)
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", digits)
    found = run("mnist", tmp_path, "--data", str(tmp_path / "data"), "--save-model")
    assert found.count("Train Epoch") == 4
    assert found.count("Test set: Average loss") == 2
    assert "'conv1.bias', 'conv1.weight'" in found
    assert (tmp_path / "mnist_cnn.pt").read_bytes().startswith(b"PK")


WORDS = {
    "mingpt": ["number of parameters:", "loss falls: True generated [1, 25]"],
    "word_lm": ["LSTM ppl falls True", "GRU ppl falls True"],
    "dcgan": ["(0): ConvTranspose2d(8, 8, kernel_size=(4, 4)", "[1/2][1]", "finished"],
    "reinforce": ["episodes 25 last"],
    "transfer": ["Training complete", "frozen True [0.0001"],
    "autograd_tutorial": [
        "Gradient function for loss = <",
        "tensor([8., 4., 4., 4., 4.])",
        "tensor([4., 2., 2., 2., 2.])",
        "tensor([ 6., 12.])",
        "tensor([ 8., 12.]) True None",
    ],
    "nn_tutorial": ["Size([64, 64])", "by hand tensor(True)", "fit True"],
    "custom_dataset": [
        "int64 rushlight.int64 4",
        "7 3 9",
        "weighted True 20",
        "subset [1, 3, 5]",
        "stream [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "float32 [0, 1, 2, 3]",
    ],
    "pictures": [
        "classes ['blue', 'green', 'red'] 2 60",
        "Dataset ImageFolder",
        "StandardTransform",
        "learned True",
        "grey (1, 20, 24) True",
        "squares [0, 1, 4, 9, 16, 25, 36, 49, 64]",
        "fake (5, 3, 8, 8) True tensor(True)",
        "missing True",
        "backend PIL False",
    ],
    "augment": [
        "    Resize(size=36, interpolation=bilinear, max_size=None, antialias=True)",
        "views 2 (4, 3, 32, 32) True",
        "tensor([0.0392, 0.7843, 0.1176]) rushlight.uint8",
        "[30, 40] (0, 157, 3)",
        "Size([10, 3, 16, 16])",
        "loss falls True accuracy 1.0",
    ],
    "hooks": ["['cl1', 'fc']", "tensor(True)", "norm True", "removed True", "global 4"],
}


@pytest.mark.parametrize("name", WORDS)
def test_programs(tmp_path, name):
    found = run(name, tmp_path)
    for words in WORDS[name]:
        assert any(choice in found for choice in words.split("|")), found[-2000:]


def test_pieces_of_many_tutorials(tmp_path):
    found = run("tutorials", tmp_path, RUSHLIGHT_ENGINE="reference")  # much to compile, once
    assert "FAIL" not in found
    assert found.count("ok ") == 15


def test_pictures_are_written(tmp_path):
    assert "loss falls: True" in run("vae", tmp_path)
    data = (tmp_path / "sample.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">2I", data[16:24]) == (82, 22)


def test_resuming_goes_on_as_if_never_stopped(tmp_path):
    whole = run("resume", tmp_path, "--epochs", "3", "--amp")
    again = run("resume", tmp_path, "--epochs", "3", "--resume", "epoch0.pth.tar", "--amp")
    assert "=> loaded checkpoint 'epoch0.pth.tar' (epoch 1)" in again
    assert whole.splitlines()[-1] == again.splitlines()[-1]
    assert len(ast.literal_eval(whole.splitlines()[-1].removeprefix("finger "))) == 6
    assert len(list((tmp_path / "runs" / "test").iterdir())) == 2
