"""The example programs run, and learn."""

import math
import random

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim
from rushlight.data import DataLoader, TensorDataset
from rushlight.examples import (
    by_hand,
    char_gpt,
    dates,
    diffusion,
    gan,
    lstm_words,
    mnist,
    vae,
)


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


def test_dates_are_translated(capsys):
    sizes = ["--width", "32", "--layers", "1", "--heads", "2", "--batch-size", "16"]
    dates.main(["--steps", "30", *sizes])
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in lines if "loss" in line]
    assert losses[-1] < 2.5 < math.log(len(dates.LETTERS) + 2)
    assert sum("->" in line for line in lines) == 5


@pytest.mark.parametrize(
    ("day", "expected"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd")]
)
def test_days_are_numbered(day, expected):
    assert dates.ordinal(day) == expected


def test_every_date_fits():
    numbers = random.Random(0)
    for given, wanted in (dates.make_pair(numbers) for _ in range(2000)):
        assert len(dates.encode(given, dates.READ_LENGTH)) == dates.READ_LENGTH
        assert len(wanted) == dates.WRITTEN_LENGTH


def test_what_is_written_later_is_not_seen():
    rl.manual_seed(0)
    model = dates.Transformer(width=16, heads=2, layers=1).eval()
    read, written = dates.make_batch(2, random.Random(0))
    before = written[:, :-1].clone()
    scores = model(read, before)
    before[:, 6:] = 5
    assert rl.allclose(model(read, before)[:, :6], scores[:, :6], atol=1e-6)
    assert model.translate(read).shape == (2, 11)


def test_the_language_is_learned(capsys):
    last = lstm_words.main(["--steps", "60", "--width", "32", "--batch-size", "16", "--lr", "1e-2"])
    assert lstm_words.LOWEST < last < 2.0
    assert "the rules allow 0.91" in capsys.readouterr().out


def test_words_of_a_file(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("one two three four " * 200, encoding="utf-8")
    sizes = ["--width", "16", "--batch-size", "4", "--length", "8", "--layers", "2"]
    assert lstm_words.main(["--text", str(text), "--steps", "60", "--lr", "1e-2", *sizes]) < 0.7


def test_the_rules_allow_what_is_said():
    words = lstm_words.make_words(20_000, 0)
    assert len(words) / words.count(".") == pytest.approx(7.25, rel=0.02)


def test_digits_are_drawn(capsys):
    first, second = (vae.main(["--epochs", n, "--width", "64", "--lr", "5e-3"]) for n in "13")
    assert second < first < 64 * math.log(2)
    assert len(capsys.readouterr().out.splitlines()[-1]) > 4 * 16


def test_the_bound_of_a_normal_guess_is_the_loss_of_drawing():
    x = rl.full((2, 1, 8, 8), 0.5)
    nothing = rl.zeros(2, 3)
    drawn, distance = vae.loss_of(rl.zeros(2, 1, 8, 8), x, nothing, nothing)
    assert drawn.item() == pytest.approx(64 * math.log(2))
    assert distance.item() == 0


def test_two_networks_play():
    rl.manual_seed(0)
    game = gan.Game(width=32)
    before = [p.detach().clone() for p in game.generator.parameters()]
    losses = [game.step(64) for _ in range(60)]
    assert losses[-1][0] < losses[0][0]
    assert any((p != q).any() for p, q in zip(before, game.generator.parameters(), strict=True))
    assert gan.judge(gan.draw_data(500))[0] == 8
    assert gan.judge(rl.zeros(10, 2)) == (0, 0)
    assert gan.main(["--steps", "2", "--batch-size", "8", "--width", "8"])[0] <= 8


def test_noise_becomes_a_spiral(capsys):
    options = ["--steps", "300", "--noise-steps", "10", "--width", "32", "--lr", "1e-2"]
    distance = diffusion.main(options)
    assert distance < float(capsys.readouterr().out.split()[-1])


def test_noise_is_added_by_the_schedule():
    schedule = diffusion.Schedule(50)
    x, step = rl.ones(2, 2), rl.tensor([0, 49])
    kept = schedule.noisy(x, step, rl.zeros(2, 2))
    assert kept[0, 0].item() > 0.99
    assert kept[1, 0].item() < 0.1
    assert diffusion.distance_from_spiral(diffusion.spiral(rl.linspace(0, 1, 9))) < 1e-2
