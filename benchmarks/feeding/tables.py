"""Lines and tables of what was measured, for the terminal and for docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from measuring.sides import SIDES
from measuring.table import duration, table

from feeding.measure import OURS, PEER, Loaded


def lines_of(found: Loaded) -> list[str]:
    """What the terminal shows of a row: one line a setting."""
    lines = []
    for which, times in found.seconds.items():
        parts = [f"  {_name(which):28s} {duration(found.sample(which)):>9s} a sample"]
        parts.append(f"(least {duration(min(times) / found.row.batch)})")
        parts.append(f"memory {found.memory[which] / 2**20:.0f} MB")
        lines.append("  ".join(parts))
    for which, starts in found.starts.items():
        lines.append(
            f"  {_name(which):28s} first batch after {duration(statistics.median(starts))}"
        )
    lines += [f"  {_name(which)} FAILED: {words}" for which, words in found.failures.items()]
    if found.limit is not None:
        lines.append(f"  {'the least it can take':28s} {duration(found.limit):>9s} a sample")
    ratio = found.ratio()
    if ratio is not None:
        goal = f", goal {found.row.goal:g}" if found.row.goal else ""
        lines.append(f"  {ratio:.2f} times PyTorch's samples a second{goal}")
    return lines


def table_of(everything: Sequence[Loaded], heading: Sequence[str]) -> list[str]:
    """Markdown: samples a second, first batches and memory."""
    titles = ["data", "Rushlight, a sample", "PyTorch, a sample", "times as many", "goal"]
    titles += ["at least", "memory", "PyTorch's"]
    rows = []
    for found in everything:
        ratio = found.ratio()
        cells = [found.row.title, _best(found, OURS), _best(found, PEER)]
        cells += [
            "-" if ratio is None else f"**{ratio:.1f}**",
            f"{found.row.goal:g}" if found.row.goal else "-",
        ]
        cells += ["-" if found.limit is None else duration(found.limit)]
        cells += [_memory(found, OURS), _memory(found, PEER)]
        rows.append(cells)
    starts = [
        [found.row.title, _name(which), duration(statistics.median(times))]
        for found in everything
        for which, times in found.starts.items()
    ]
    first = table(["first batch of", "side", "after"], starts)
    return [*(f"{line}\n" for line in heading), *table(titles, rows), "", *first]


def _name(which: tuple[str, str]) -> str:
    side, setting = which
    return f"{SIDES[side]}, {setting if setting != '0' else 'no workers'}"


def _best(found: Loaded, side: str) -> str:
    which = found.best(side)
    if which is None:
        return "-"
    setting = which[1] if which[1] != "0" else "no workers"
    return f"{duration(found.sample(which))} ({setting})"


def _memory(found: Loaded, side: str) -> str:
    which = found.best(side)
    return "-" if which is None else f"{found.memory[which] / 2**20:.0f} MB"
