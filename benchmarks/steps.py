"""Steps of training and inference on Rushlight and on its peers, in turns on the same cores."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import time
from contextlib import ExitStack

from measuring.process import Conditions, SideFailed, Worker, is_installed
from networks.rows import ODD_ROWS, ROWS

SLICE = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--peers", default="torch")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--odd", action="store_true")
    parser.add_argument("--table")
    o = parser.parse_args()
    cores = tuple(sorted(os.sched_getaffinity(0)))
    conditions = Conditions(cores, len(cores), dict(p.split("=", 1) for p in o.python))
    out = []
    for row in ROWS + (ODD_ROWS if o.odd else ()):
        if not re.search(o.only, row.name):
            continue
        with ExitStack() as stack:
            workers, errors = {}, {}
            for side in ["rushlight", *o.peers.split(",")]:
                try:
                    workers[side] = stack.enter_context(Worker(side, row.name, conditions))
                except SideFailed as e:
                    errors[side] = str(e)
            if len(workers) == 2:
                a, b = (workers[s].start["losses"] for s in ("rushlight", "torch"))
                dev = max(abs(x - y) / abs(y) for x, y in zip(a, b))
            else:
                dev = float("nan")
            times = {s: [] for s in workers}
            for r in range(o.rounds):
                for s, w in workers.items():
                    time.sleep(0.02)
                    times[s] += w.times(SLICE, 1)
        med = {s: statistics.median(t) * 1e3 for s, t in times.items()}
        mn = {s: min(t) * 1e3 for s, t in times.items()}
        ratio = med.get("rushlight", float("nan")) / med.get("torch", float("nan"))
        line = f"| {row.title} | {med.get('rushlight', float('nan')):.3f} ({mn.get('rushlight', float('nan')):.3f}) | {med.get('torch', float('nan')):.3f} ({mn.get('torch', float('nan')):.3f}) | {ratio:.2f} | {row.target:.2f} | {dev:.1e} | {errors or ''} |"
        print(row.name, line, flush=True)
        out.append(line)
    if o.table:
        with open(o.table, "w") as f:
            f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
