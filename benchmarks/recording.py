"""What recording costs: primitives a step and microseconds a primitive, with torch beside it.

    python benchmarks/recording.py

Networks so small that computing takes next to nothing: a step's time is recording, keying, looking
up, binding and launching.  The sum over a step divided by its primitives is the cost that DESIGN
rule 16 bounds at 2.5 microseconds.
"""

from __future__ import annotations

import argparse
import statistics

from mlp import training_step
from side_by_side import alternate, libraries, pin

NETWORKS = (
    ("2-16-1, SGD", (2, 16, 1), 4, "SGD"),
    ("2-16-1, Adam", (2, 16, 1), 4, "Adam"),
    ("8 layers of 16, Adam", (16,) * 9, 4, "Adam"),
    ("24 layers of 16, SGD", (16,) * 25, 4, "SGD"),
)


def primitives_of(step: object, steps: int = 20) -> float:
    """How many primitives a step records, on average over some steps."""
    from rushlight.graph.recorder import recorder

    before = recorder().recorded
    for _ in range(steps):
        step()
    return (recorder().recorded - before) / steps


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    pin(1)
    sides = libraries()
    if "torch" in sides:
        sides["torch"].set_num_threads(1)
    titles = ("network", "primitives", "us a step", "us each", "torch us")
    print("{:24s} {:>10s} {:>10s} {:>8s} {:>9s}".format(*titles))
    for title, sizes, batch, name in NETWORKS:
        steps = {
            side: training_step(library, sizes, batch, name, read_loss=True)
            for side, library in sides.items()
        }
        times = alternate(steps, options.rounds, seconds=0.05, warm_up=30)
        count = primitives_of(steps["rushlight"])
        ours = statistics.median(times["rushlight"]) * 1e6
        theirs = f"{statistics.median(times['torch']) * 1e6:.0f}" if "torch" in times else "-"
        print(f"{title:24s} {count:10.0f} {ours:10.0f} {ours / count:8.2f} {theirs:>9s}")


if __name__ == "__main__":
    main()
