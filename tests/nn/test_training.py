"""Modules, hooks, losses and optimisers together, in a loop."""

import gc

import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.graph.recorder import PROGRAMS, Recorder


class Loop:
    """A small network with everything that has state, and its five steps."""

    def __init__(self):
        rl.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(64, 10),
        )
        for module in self.net[1:]:
            module.register_full_backward_hook(lambda m, grad_in, grad_out: None)
        self.optimizer = optim.AdamW(self.net.parameters(), lr=1e-2)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 50)
        self.images, self.labels = rl.randn(16, 1, 8, 8), rl.randint(0, 10, (16,))

    def step(self):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.net(self.images), self.labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        return loss.item()


def test_it_learns():
    loop = Loop()
    losses = [loop.step() for _ in range(25)]
    assert losses[-1] < losses[0] / 4


def test_steps_are_one_program_and_leave_no_garbage():
    loop = Loop()
    for _ in range(3):
        loop.step()
    before = len(PROGRAMS)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            loop.step()
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert len(PROGRAMS) == before


def test_resuming_gives_the_same_bits(tmp_path):
    loop = Loop()
    for _ in range(3):
        loop.step()
    state = {
        "model": loop.net.state_dict(),
        "optimizer": loop.optimizer.state_dict(),
        "schedule": loop.schedule.state_dict(),
        "random": rl.get_rng_state(),
    }
    rl.save(state, tmp_path / "checkpoint")
    expected = [loop.step() for _ in range(3)]
    other, state = Loop(), rl.load(tmp_path / "checkpoint")
    other.net.load_state_dict(state["model"])
    other.optimizer.load_state_dict(state["optimizer"])
    other.schedule.load_state_dict(state["schedule"])
    rl.set_rng_state(state["random"])
    assert [other.step() for _ in range(3)] == expected


def test_calls_without_grad_end_with_a_soft_cut(monkeypatch):
    cuts = []
    monkeypatch.setattr(Recorder, "soft_cut", lambda self: cuts.append(1))
    net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.ReLU())
    net(rl.ones(2))
    assert cuts == []
    with rl.no_grad():
        net(rl.ones(2))
    assert cuts == [1]

    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    with rl.no_grad():
        with pytest.raises(ValueError, match="broken"):
            nn.Sequential(Broken())(1)
        net(rl.ones(2))
    assert cuts == [1, 1]
