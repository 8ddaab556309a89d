"""The example programs run, and learn."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim
from rushlight.data import DataLoader, TensorDataset
from rushlight.examples import by_hand, char_gpt, mnist


def test_updates_by_hand_do_the_same_in_both_ways():
    by_data, under_no_grad = (by_hand.train(way, steps=60) for way in ("data", "no_grad"))
    assert by_data == under_no_grad < 0.1


@pytest.fixture
def bright_halves():
    """Images whose class says which half is bright."""
    numbers = np.random.default_rng(0)
    images = numbers.normal(0, 0.1, (32, 1, 28, 28)).astype(np.float32)
    images[::2, :, :14] += 1
    images[1::2, :, 14:] += 1
    return TensorDataset(rl.tensor(images), rl.arange(32) % 2)


def test_the_mnist_network_learns(bright_halves):
    rl.manual_seed(0)
    loader = DataLoader(bright_halves, batch_size=8, shuffle=True)
    model = mnist.Net()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for epoch in (1, 2):
        mnist.train(model, loader, optimizer, epoch)
    assert mnist.test(model, loader) == 1.0


def test_the_letters_are_learned(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("one two three four " * 40, encoding="utf-8")
    sizes = ["--width", "16", "--layers", "1", "--heads", "2", "--length", "16"]
    last = char_gpt.main(["--text", str(text), "--steps", "60", "--lr", "1e-2", *sizes])
    assert last < math.log(11)
    assert len(capsys.readouterr().out.splitlines()[-1]) > 100
