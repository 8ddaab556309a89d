"""The MLP 784-512-512-10, batch 128, Adam: one training step beside PyTorch's.

    python benchmarks/mlp.py [--threads 2] [--rounds 15]

Both sides run the same plain five-step loop on the same data.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from side_by_side import alternate, libraries, pin, report


def training_step(
    library: Any, sizes: tuple[int, ...], batch: int, optimizer: str, read_loss: bool
) -> Callable[[], Any]:
    """A function that makes one training step of a ReLU network of these layer sizes."""
    nn, numbers = library.nn, np.random.default_rng(0)
    library.manual_seed(0)
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    x = library.tensor(numbers.standard_normal((batch, sizes[0])).astype(np.float32))
    if sizes[-1] == 1:
        loss_function = nn.MSELoss()
        y = library.tensor(numbers.standard_normal((batch, 1)).astype(np.float32))
    else:
        loss_function = nn.CrossEntropyLoss()
        y = library.tensor(numbers.integers(0, sizes[-1], batch))
    update = getattr(library.optim, optimizer)(model.parameters(), lr=1e-3)

    def step() -> Any:
        update.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        update.step()
        return loss.item() if read_loss else loss

    return step


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    pin(options.threads)
    sides = libraries()
    if "torch" in sides:
        sides["torch"].set_num_threads(options.threads)
    for title, sizes, batch, name, read in (
        ("MLP 784-512-512-10, Adam, item()", (784, 512, 512, 10), 128, "Adam", True),
        ("MLP 784-512-512-10, Adam", (784, 512, 512, 10), 128, "Adam", False),
        ("MLP 2-16-1, SGD, item()", (2, 16, 1), 4, "SGD", True),
    ):
        steps = {
            side: training_step(library, sizes, batch, name, read)
            for side, library in sides.items()
        }
        report(title, alternate(steps, options.rounds))


if __name__ == "__main__":
    main()
