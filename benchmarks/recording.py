"""What recording costs: primitives a step and microseconds a primitive, with torch beside it.

    python benchmarks/recording.py [--rounds 15] [--python torch=PATH]

Networks so small that computing takes next to nothing: a step's time is recording, keying, looking
up, binding and launching.  The sum over a step divided by its primitives is the cost that DESIGN
rule 16 bounds at 2.5 microseconds.
"""

from __future__ import annotations

import argparse
import os
import sys

from measuring.process import Conditions, is_installed
from measuring.rounds import BASE, measure
from networks.rows import RECORDING_ROWS


def main() -> int:
    """Print the table; 1 if a side failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--python", action="append", default=[], metavar="SIDE=PATH")
    options = parser.parse_args()
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    pythons = dict(pair.split("=", 1) for pair in options.python)
    conditions = Conditions((core,), 1, pythons)
    sides = ["rushlight", *[BASE] * is_installed(BASE, conditions)]
    titles = ("network", "primitives", "us a step", "us each", "torch us")
    print("{:24s} {:>10s} {:>10s} {:>8s} {:>9s}".format(*titles))
    failed = False
    for row in RECORDING_ROWS:
        measured = measure(row, sides, conditions, options.rounds)
        failed |= bool(measured.failures)
        if measured.failures:
            print(f"{row.title:24s} {measured.failures}")
            continue
        ours, count = measured.median("rushlight") * 1e6, measured.primitives
        theirs = f"{measured.median(BASE) * 1e6:.0f}" if BASE in sides else "-"
        print(f"{row.title:24s} {count:10.0f} {ours:10.0f} {ours / count:8.2f} {theirs:>9s}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
