"""A small diffusion model: noise is turned into points of a spiral, step by step.

    python -m rushlight.examples.diffusion [--steps 4000]

Noise is added to points of the data in many small steps; a network learns to say which noise a
noisy point holds.  Going backward from pure noise, a little of what it says is taken away at each
step (Ho et al., 2020, "Denoising diffusion probabilistic models", algorithms 1 and 2).  What is
drawn at the end are the averaged weights.
"""

from __future__ import annotations

import argparse
import math

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def spiral(turns: rl.Tensor) -> rl.Tensor:
    """Points of the curve, for numbers from 0 (inner end) to 1 (outer end)."""
    angle = 3 * math.pi * (0.25 + 0.75 * turns)
    return rl.stack([angle.cos(), angle.sin()], dim=1) * (angle / (2 * math.pi)).unsqueeze(1)


def draw_data(count: int) -> rl.Tensor:
    """Points near the curve."""
    return spiral(rl.rand(count)) + 0.02 * rl.randn(count, 2)


class Schedule:
    """How much of a point is left after each step: ᾱ(t), a cosine of t.

    Nichol and Dhariwal, 2021, "Improved denoising diffusion", equation 17.
    """

    def __init__(self, steps: int):
        self.steps = steps
        times = rl.arange(steps + 1) / steps
        left = ((times + 0.008) / 1.008 * math.pi / 2).cos() ** 2
        self.beta = (1 - left[1:] / left[:-1]).clamp(max=0.5)  # more would blow up faults
        self.alpha = 1 - self.beta
        self.left = self.alpha.cumprod(0)

    def noisy(self, x: rl.Tensor, step: rl.Tensor, noise: rl.Tensor) -> rl.Tensor:
        """Points after some steps at once (equation 4)."""
        left = self.left[step].unsqueeze(1)
        return left.sqrt() * x + (1 - left).sqrt() * noise


class Denoiser(nn.Module):
    """Noisy points and their steps to the noise in them."""

    def __init__(self, steps: int, width: int = 128):
        super().__init__()
        self.step_embedding = nn.Embedding(steps, width)
        self.point_embedding = nn.Linear(2, width)
        self.layers = nn.Sequential(
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2),
        )

    def forward(self, x: rl.Tensor, step: rl.Tensor) -> rl.Tensor:
        """(N, 2) points and (N,) steps to (N, 2) noise."""
        return self.layers(self.point_embedding(x) + self.step_embedding(step))


def loss_of(model: nn.Module, x: rl.Tensor, schedule: Schedule) -> rl.Tensor:
    """How badly the model tells the noise at random steps (algorithm 1)."""
    step = rl.randint(0, schedule.steps, (len(x),))
    noise = rl.randn_like(x)
    return F.mse_loss(model(schedule.noisy(x, step, noise), step), noise)


@rl.no_grad()
def draw(model: nn.Module, schedule: Schedule, count: int) -> rl.Tensor:
    """New points, from noise (algorithm 2)."""
    model.eval()
    x = rl.randn(count, 2)
    for number in reversed(range(schedule.steps)):
        step = rl.full((count,), number, dtype=rl.long)
        alpha, beta, left = (
            part[number] for part in (schedule.alpha, schedule.beta, schedule.left)
        )
        x = (x - beta / (1 - left).sqrt() * model(x, step)) / alpha.sqrt()
        if number > 0:
            x = x + beta.sqrt() * rl.randn_like(x)
    return x


@rl.no_grad()
def distance_from_spiral(points: rl.Tensor) -> float:
    """The mean distance of points from the curve."""
    curve = spiral(rl.linspace(0, 1, 500))
    return (points.unsqueeze(1) - curve).norm(dim=2).min(dim=1)[0].mean().item()


def main(arguments: list[str] | None = None) -> float:
    """Train, draw, and return the mean distance of the drawn points from the spiral."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000, help="of training")
    parser.add_argument("--noise-steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rl.manual_seed(options.seed)
    schedule = Schedule(options.noise_steps)
    model = Denoiser(options.noise_steps, options.width)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    optimizer = optim.AdamW(model.parameters(), lr=options.lr)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.steps)
    losses = []
    for step in range(1, options.steps + 1):
        optimizer.zero_grad()
        loss = loss_of(model, draw_data(options.batch_size), schedule)
        loss.backward()
        optimizer.step()
        scheduler.step()
        averaged.update_parameters(model)
        losses.append(loss.item())
        if step % 500 == 0 or step == options.steps:
            recent = losses[-200:]
            print(f"step {step}: loss {sum(recent) / len(recent):.4f}")
    distance = distance_from_spiral(draw(averaged, schedule, 500))
    noise = distance_from_spiral(rl.randn(500, 2))
    print(f"mean distance from the spiral: {distance:.3f}, of noise {noise:.3f}")
    return distance


if __name__ == "__main__":
    main()
