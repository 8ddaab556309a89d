"""Steps of training and inference on Rushlight and on its peers, in turns on the same cores.

    python benchmarks/steps.py --only '^gpt$' --rounds 10

Every side runs in its own process, by the Python that has it:

    python benchmarks/steps.py --peers torch,jax --python torch=PATH --python jax=PATH

The ratio is a side's median time as a part of PyTorch's (eager) in the same run; beside it stand
the first and third quartile of the ratio found round by round.  All sides begin with the same
weights and see the same batches; losses that differ make the run fail.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from measuring import lengths, machine, table
from measuring.conditions import conditions_of, heading, note_of_load
from measuring.memory import measure_start
from measuring.picture import draw
from measuring.process import Conditions, SideError, is_installed
from measuring.rounds import BASE, Measured, measure
from measuring.sides import SIDES
from networks.rows import ODD_ROWS, ROWS, Row

PEERS = [side for side in SIDES if side != "rushlight"]


def main() -> int:
    """Measure what was asked for; 1 if a side failed."""
    options = _options()
    conditions = conditions_of(options.cores, options.threads, options.python)
    sides = _sides(options.peers, conditions)
    rows = [row for row in ROWS + ODD_ROWS * options.odd if re.search(options.only, row.name)]
    note = note_of_load(conditions)
    limits = machine.measure_limits(conditions)
    head = [*heading(conditions, limits), *note]
    print(*head, sep="\n", flush=True)
    if options.lengths:
        return _measure_lengths(lengths.rows_with_lengths(rows), sides, conditions)
    everything = []
    for number, row in enumerate(rows, 1):
        print(f"[{number}/{len(rows)}] {row.name}: {row.title}", flush=True)
        measured = measure(row, sides, conditions, options.rounds, options.neighbour)
        if options.cold:
            _measure_starts(measured, conditions)
        everything.append(measured)
        print(*table.lines_of(measured, limits), sep="\n", flush=True)
        _write(options, everything, head)  # after each row: a long run may be interrupted
    problems = table.failed(everything)
    print(*(f"FAILED {words}" for words in problems), sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default="", metavar="REGEX", help="rows whose name matches")
    add("--peers", default=BASE, help=f"of {','.join(PEERS)}, or all; default: {BASE}")
    add("--rounds", type=int, default=15, help="how often sides take turns (15)")
    add("--cores", help="the processor cores of all sides, such as 0,1 (default: all)")
    add("--threads", type=int, help="threads of each side (default: one a core)")
    add("--python", action="append", default=[], metavar="SIDE=PATH", help="which Python has it")
    add("--cold", action="store_true", help="also the time to the first step, and memory")
    add("--odd", action="store_true", help="also the same networks at odd sizes")
    add("--neighbour", action="store_true", help="also beside a process that fills one core")
    add("--lengths", action="store_true", help="instead: 32 lengths of text never seen before")
    add("--table", metavar="FILE", help="write a Markdown table")
    add("--picture", metavar="FILE", help="draw the ratios (needs matplotlib)")
    return parser.parse_args()


def _sides(peers: str, conditions: Conditions) -> list[str]:
    """Rushlight and the peers that are installed."""
    chosen = ["rushlight"]
    for side in PEERS if peers == "all" else filter(None, peers.split(",")):
        if side not in PEERS:
            sys.exit(f"no peer {side!r}: there are {', '.join(PEERS)}")
        if is_installed(side, conditions):
            chosen.append(side)
        else:
            print(f"{SIDES[side]} is not installed for {conditions.python(side)}: left out")
    return chosen


def _measure_starts(measured: Measured, conditions: Conditions) -> None:
    for side in measured.rounds:
        try:
            measured.starts[side] = measure_start(side, measured.row.name, conditions)
        except SideError as error:
            measured.failures[side] = f"start: {error}"


def _measure_lengths(rows: Sequence[Row], sides: Sequence[str], conditions: Conditions) -> int:
    """A step at lengths never seen, beside the same when seen."""
    failed = False
    for row in rows:
        print(f"{row.name}: {lengths.COUNT} lengths below {row.inputs['length']}", flush=True)
        for side in (side for side in sides if side in ("rushlight", BASE)):
            try:
                found = lengths.measure_lengths(side, row, conditions)
            except SideError as error:
                failed = True
                print(f"  {SIDES[side]:14s}  FAILED: {error}", flush=True)
                continue
            compiled = f", {found.compiled} compiled" if side == "rushlight" else ""
            failed |= bool(found.compiled)
            print(f"  {SIDES[side]:14s}  {found}{compiled}", flush=True)
    return 1 if failed else 0


def _write(options: argparse.Namespace, everything: Sequence[Measured], heading: list) -> None:
    if options.table:
        table.write_table(options.table, everything, heading)
    if options.picture:
        try:
            draw(options.picture, everything, heading[0])
        except ImportError:
            print("the picture needs matplotlib: left out")
            options.picture = None


if __name__ == "__main__":
    sys.exit(main())
