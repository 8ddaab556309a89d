"""Lines and tables of what was measured, for the terminal and for a README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from measuring.machine import Limits
from measuring.memory import Start
from measuring.rounds import BASE, Measured
from measuring.sides import SIDES

OURS = "rushlight"


def duration(seconds: float) -> str:
    """Three digits with a unit."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            value = seconds * factor
            digits = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:.{digits}f} {unit}"
    return ""


def lines_of(measured: Measured, limits: Limits | None) -> list[str]:
    """What the terminal shows of a row: one line a side."""
    lines = []
    for side in [*measured.rounds, *(set(measured.failures) - set(measured.rounds))]:
        parts = [f"  {SIDES[side]:14s}"]
        if side in measured.rounds:
            middle, least = measured.median(side), measured.least(side)
            parts.append(f"{duration(middle):>9s} (least {duration(least)})")
            parts += _comparison(measured, side) + _share(measured, side, limits)
        if side in measured.failures:
            parts.append(f"FAILED: {measured.failures[side]}")
        lines.append("  ".join(parts))
        if side in measured.starts:
            lines.append(f"  {'':14s}  {start_text(measured.starts[side])}")
    return lines


def _comparison(measured: Measured, side: str) -> list[str]:
    parts = []
    ratio = measured.ratio(side)
    if ratio is not None and side != BASE:
        low, high = measured.spread(side)
        parts.append(f"ratio {ratio:.2f} ({low:.2f} to {high:.2f})")
        if side == OURS:
            parts.append(f"goal {measured.row.target:.2f}")
        parts.append(f"losses within {measured.deviation(side):.0e}")
    slowed = measured.slowed(side)
    if slowed is not None:
        parts.append(f"beside a busy neighbour {slowed:.2f} times that")
    return parts


def _share(measured: Measured, side: str, limits: Limits | None) -> list[str]:
    if not measured.operations or limits is None:
        return []
    rate = measured.operations / measured.median(side) / 1e9
    return [f"{rate:.0f} GFLOP/s, {rate / limits.operations:.0%} of the peak"]


def start_text(start: Start) -> str:
    """How a side starts, in words."""
    following = [" and ".join(map(duration, pair)) for pair in (start.cold_next, start.warm_next)]
    return (
        f"first step after {duration(start.cold)} with no kernels kept (then {following[0]}), "
        f"{duration(start.warm)} with kernels kept (then {following[1]}); "
        f"memory {start.memory / 2**20:.0f} MB"
    )


def failed(everything: Sequence[Measured]) -> list[str]:
    """What went wrong, one line each."""
    return [
        f"{measured.row.name}, {SIDES[side]}: {words}"
        for measured in everything
        for side, words in measured.failures.items()
    ]


def write_table(path: str, everything: Sequence[Measured], heading: Sequence[str]) -> None:
    """Write Markdown: a table of times and, where they were measured, one of starts."""
    sides = [side for side in SIDES if any(side in measured.rounds for measured in everything)]
    lines = [*(f"{line}\n" for line in heading), *_times_table(everything, sides)]
    if any(measured.starts for measured in everything):
        lines += ["", *_starts_table(everything)]
    if any(measured.beside for measured in everything):
        lines += ["", *_neighbour_table(everything, sides)]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    divider = ["---"] + ["---:"] * (len(titles) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (titles, divider, *rows)]


def _times_table(everything: Sequence[Measured], sides: Sequence[str]) -> list[str]:
    others = [side for side in sides if side not in (OURS, BASE)]
    titles = ["step", *(SIDES[side] for side in sides), "ratio", "goal"]
    titles += [f"{SIDES[side]}'s ratio" for side in others]
    rows = []
    for measured in everything:
        cells = [measured.row.title, *(_time_cell(measured, side) for side in sides)]
        cells += [_ratio_cell(measured, OURS), f"{measured.row.target:.2f}"]
        cells += [_ratio_cell(measured, side) for side in others]
        rows.append(cells)
    return table(titles, rows)


def _time_cell(measured: Measured, side: str) -> str:
    if side not in measured.rounds:
        return "failed" if side in measured.failures else "-"
    return f"{duration(measured.median(side))} ({duration(measured.least(side))})"


def _ratio_cell(measured: Measured, side: str) -> str:
    ratio = measured.ratio(side)
    if ratio is None:
        return "-"
    return f"**{ratio:.2f}**" if side == OURS else f"{ratio:.2f}"


def _starts_table(everything: Sequence[Measured]) -> list[str]:
    titles = ["step", "side", "first, cold", "2, 3", "first, warm", "2, 3", "memory"]
    rows = []
    for measured in everything:
        for side, start in measured.starts.items():
            cold_next, warm_next = (
                ", ".join(map(duration, pair)) for pair in (start.cold_next, start.warm_next)
            )
            cells = [measured.row.title, SIDES[side], duration(start.cold), cold_next]
            cells += [duration(start.warm), warm_next, f"{start.memory / 2**20:.0f} MB"]
            rows.append(cells)
    return table(titles, rows)


def _neighbour_table(everything: Sequence[Measured], sides: Sequence[str]) -> list[str]:
    titles = ["slower beside a busy process", *(SIDES[side] for side in sides)]
    rows = []
    for measured in everything:
        factors = [measured.slowed(side) for side in sides]
        cells = ["-" if factor is None else f"{factor:.2f}" for factor in factors]
        rows.append([measured.row.title, *cells])
    return table(titles, rows)
