"""A two-layer network with its updates written by hand, in both of PyTorch's ways.

    python -m rushlight.examples.by_hand

Writing to `.data` and writing under `no_grad` do the same, so both losses are equal.
"""

from __future__ import annotations

import rushlight as rl


def make_data() -> tuple[rl.Tensor, rl.Tensor]:
    """Points and the sine that the network shall learn."""
    x = rl.linspace(-3, 3, 64).reshape(-1, 1)
    return x, x.sin()


def make_weights() -> list[rl.Tensor]:
    """Weights and biases of a 1-32-1 network, as leaves that require gradients."""
    rl.manual_seed(0)
    shapes = [(1, 32), (32,), (32, 1), (1,)]
    return [(rl.randn(*shape) * 0.5).requires_grad_() for shape in shapes]


def predict(x: rl.Tensor, weights: list[rl.Tensor]) -> rl.Tensor:
    """The network's output."""
    w1, b1, w2, b2 = weights
    return (x @ w1 + b1).tanh() @ w2 + b2


def train(way: str, steps: int = 500, lr: float = 0.1) -> float:
    """Train by gradient descent, writing to `.data` or under `no_grad`; the last loss."""
    x, y = make_data()
    weights = make_weights()
    loss = None
    for _ in range(steps):
        loss = ((predict(x, weights) - y) ** 2).mean()
        loss.backward()
        if way == "data":
            for w in weights:
                w.data -= lr * w.grad
                w.grad.zero_()
        else:
            with rl.no_grad():
                for w in weights:
                    w -= lr * w.grad
                    w.grad = None
    return loss.item()


def main() -> None:
    """Train both ways and print the losses, which are equal."""
    for way in ("data", "no_grad"):
        print(f"{way:8s} loss {train(way):.6f}")


if __name__ == "__main__":
    main()
