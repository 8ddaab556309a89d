"""Data loading beside `torch.utils.data`, in turns on the same cores.

    python benchmarks/loading.py --python torch=PATH --only '^tensors$' --rounds 10

A figure is how many samples a second Rushlight loads in its best setting, as a multiple of what
PyTorch loads in its best one; beside it stand all settings.  Every side and setting runs in a
process of its own; both sides run the same program (feeding/programs.py).
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from feeding.files import make_files
from feeding.measure import Loaded, measure
from feeding.rows import ROWS, TRAINING
from feeding.tables import lines_of, table_of
from measuring.conditions import conditions_of, heading, note_of_load
from measuring.machine import measure_limits
from measuring.process import is_installed

PEER = "torch"


def main() -> int:
    """Measure what was asked for; 1 if a side failed."""
    options = _options()
    conditions = conditions_of(options.cores, options.threads, options.python, binds=False)
    if not is_installed(PEER, conditions):
        print(f"torch is not installed for {conditions.python(PEER)}: Rushlight alone is measured")
        sides: Sequence[str] = ["rushlight"]
    else:
        sides = ["rushlight", PEER]
    note = note_of_load(conditions)
    limits = measure_limits(conditions)
    head = [*heading(conditions, limits), *note]
    print(*head, sep="\n", flush=True)
    kinds = TRAINING if options.training else ROWS
    rows = [row for row in kinds if re.search(options.only, row.name)]
    everything: list[Loaded] = []
    with tempfile.TemporaryDirectory(prefix="loading-") as folder:
        make_files(Path(folder), [row.program for row in rows])
        for number, row in enumerate(rows, 1):
            print(f"[{number}/{len(rows)}] {row.title}", flush=True)
            found = measure(row, sides, conditions, limits, options.rounds, Path(folder))
            everything.append(found)
            print(*lines_of(found), sep="\n", flush=True)
            if options.table:
                Path(options.table).write_text("\n".join(table_of(everything, head)) + "\n")
    return (
        1 if any(side == "rushlight" for found in everything for side, _ in found.failures) else 0
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default="", metavar="REGEX", help="rows whose name matches")
    add("--rounds", type=int, default=7, help="how often sides take turns (7)")
    add("--cores", help="the processor cores of all sides, such as 0,1 (default: all)")
    add("--threads", type=int, help="threads of each side (default: one a core)")
    add("--python", action="append", default=[], metavar="SIDE=PATH", help="which Python has it")
    add("--training", action="store_true", help="instead: load and train together")
    add("--table", metavar="FILE", help="write a Markdown table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
