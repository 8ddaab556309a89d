"""Two networks that play against each other until one makes convincing points.

    python -m rushlight.examples.gan [--steps 4000]

The generator turns random numbers into points of the plane; the discriminator tells them from
points of the data, which lie in eight heaps on a circle.  Each learns from the other (Goodfellow et
al., 2014, "Generative adversarial nets", algorithm 1, with the generator's loss -log D(G(z)) of its
section 3).
"""

from __future__ import annotations

import argparse
import math

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim

HEAPS = 8
NOISE = 0.05


def centres() -> rl.Tensor:
    """The middles of the heaps, on a circle of radius 1."""
    angles = rl.arange(HEAPS) * (2 * math.pi / HEAPS)
    return rl.stack([angles.cos(), angles.sin()], dim=1)


def draw_data(count: int) -> rl.Tensor:
    """Points of the data."""
    heap = rl.randint(0, HEAPS, (count,))
    return centres()[heap] + NOISE * rl.randn(count, 2)


def make_network(inputs: int, outputs: int, width: int) -> nn.Sequential:
    """Three linear layers."""
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, outputs),
    )


class Game:
    """Both networks and their optimisers."""

    def __init__(self, latent: int = 8, width: int = 128, lr: float = 1e-3):
        self.latent = latent
        self.generator = make_network(latent, 2, width)
        self.discriminator = make_network(2, 1, width)
        betas = 0.5, 0.9  # little momentum: the goal moves
        self.generator_optimizer = optim.Adam(self.generator.parameters(), lr=lr, betas=betas)
        self.discriminator_optimizer = optim.Adam(
            self.discriminator.parameters(), lr=lr, betas=betas
        )

    def make(self, count: int) -> rl.Tensor:
        """Points that the generator makes."""
        return self.generator(rl.randn(count, self.latent))

    def step(self, batch: int) -> tuple[float, float]:
        """One step of each network; the losses of discriminator and generator."""
        real = draw_data(batch)
        self.discriminator_optimizer.zero_grad()
        real_scores = self.discriminator(real)
        made_scores = self.discriminator(self.make(batch).detach())  # the generator stays as it is
        discriminator_loss = says(real_scores, 1.0) + says(made_scores, 0.0)
        discriminator_loss.backward()
        self.discriminator_optimizer.step()

        self.generator_optimizer.zero_grad()
        generator_loss = says(self.discriminator(self.make(batch)), 1.0)
        generator_loss.backward()
        self.generator_optimizer.step()
        return discriminator_loss.item(), generator_loss.item()


def says(scores: rl.Tensor, answer: float) -> rl.Tensor:
    """How far the scores are from saying this of all points: 1 for real, 0 for made."""
    return F.binary_cross_entropy_with_logits(scores, rl.full_like(scores, answer))


@rl.no_grad()
def judge(points: rl.Tensor) -> tuple[int, float]:
    """How many heaps the points reach, and which part of them lies in one."""
    distance, nearest = (points.unsqueeze(1) - centres()).norm(dim=2).min(dim=1)
    inside = distance < 4 * NOISE
    return len(set(nearest[inside].tolist())), inside.float().mean().item()


def main(arguments: list[str] | None = None) -> tuple[int, float]:
    """Train, and return how many heaps are reached and which part of the points lies in one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--latent", type=int, default=8, help="random numbers behind a point")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rl.manual_seed(options.seed)
    game = Game(options.latent, options.width, options.lr)
    heaps, part = 0, 0.0
    for step in range(1, options.steps + 1):
        discriminator_loss, generator_loss = game.step(options.batch_size)
        if step % 500 == 0 or step == options.steps:
            heaps, part = judge(game.make(1000))
            print(
                f"step {step}: discriminator {discriminator_loss:.3f}, generator "
                f"{generator_loss:.3f}; {heaps} of {HEAPS} heaps, {part:.0%} of points in one"
            )
    return heaps, part


if __name__ == "__main__":
    main()
