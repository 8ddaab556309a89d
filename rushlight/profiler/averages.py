"""Kernels with the same name put together, and the table of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rushlight.profiler.summary import python_lines, range_lines

_WIDEST_NAME = 60


@dataclass
class Average:
    """What one kind of kernel did in all its calls."""

    key: str
    form: str
    count: int = 0
    nanoseconds: int = 0
    nbytes: int = 0
    flops: int = 0

    @property
    def cpu_time_total(self) -> float:
        """Microseconds in all."""
        return self.nanoseconds / 1e3

    self_cpu_time_total = cpu_time_total

    @property
    def cpu_time(self) -> float:
        """Microseconds of one call."""
        return self.cpu_time_total / max(self.count, 1)

    def limit(self, limits: Any) -> float:
        """The part of its time that the machine needs at least for its bytes or operations."""
        least = max(self.flops / limits.operations, self.nbytes / limits.nbytes)
        return least / max(self.nanoseconds, 1)


_ORDERS = {
    "cpu_time_total": lambda row: -row.nanoseconds,
    "self_cpu_time_total": lambda row: -row.nanoseconds,
    "cpu_time": lambda row: -row.cpu_time,
    "count": lambda row: -row.count,
    "flops": lambda row: -row.flops,
    "bytes": lambda row: -row.nbytes,
    "name": lambda row: row.key,
}


class Averages:
    """A sequence of `Average`, one for each name and form of kernel."""

    def __init__(self, profile: Any):
        self.profile = profile
        found: dict[tuple[str, str], Average] = {}
        for event in profile.kernels():
            row = found.setdefault((event.name, event.form), Average(event.name, event.form))
            row.count += 1
            row.nanoseconds += event.time
            row.nbytes += event.nbytes
            row.flops += event.operations
        self.rows = sorted(found.values(), key=_ORDERS["cpu_time_total"])

    def __iter__(self) -> Iterator[Average]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Average:
        return self.rows[place]

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 30,
        max_name_column_width: int = _WIDEST_NAME,
    ) -> str:
        """The kernels as text, then the ranges, then what Python did.

        Columns: how often, how long, bytes (of all values that are read and written, each once)
        and operations a second, and how much of the time the machine's measured limit explains.
        `sort_by` is "cpu_time_total" (the default), "cpu_time", "count", "flops", "bytes" or
        "name"; a `row_limit` of -1 shows all.
        """
        order = _ORDERS.get(sort_by or "cpu_time_total")
        if order is None:
            raise ValueError(f"Expected sort_by to be one of {', '.join(_ORDERS)}.\n{sort_by!r}")
        limits = _limits() if self.rows else None
        total = sum([row.nanoseconds for row in self.rows])
        rows = sorted(self.rows, key=order)
        shown = rows if row_limit < 0 else rows[:row_limit]
        cells = [_cells(row, total, limits, max_name_column_width) for row in shown]
        lines = _aligned([_HEAD, *cells])
        if len(shown) < len(rows):
            lines.append(f"... and {len(rows) - len(shown)} more")
        lines += ["", *range_lines(self.profile), *python_lines(self.profile, total)]
        if limits is not None:
            peak = f"{limits.operations:.0f} GFLOP/s, {limits.nbytes:.1f} GB/s"
            lines.append(f"The machine's limit, measured: {peak} ({_threads()} threads).")
        return "\n".join(lines)


_HEAD = ("kernel", "form", "calls", "total", "%", "mean", "MB", "MFLOP", "GB/s", "GF/s", "limit")


def _cells(row: Average, total: int, limits: Any, width: int) -> tuple[str, ...]:
    name = row.key if len(row.key) <= width else row.key[: width - 3] + "..."
    share, each = 100 * row.nanoseconds / max(total, 1), max(row.count, 1)
    speeds = [amount / max(row.nanoseconds, 1) for amount in (row.nbytes, row.flops)]
    times = duration(row.nanoseconds), f"{share:.1f}", duration(row.nanoseconds / each)
    amounts = f"{row.nbytes / each / 1e6:.3g}", f"{row.flops / each / 1e6:.3g}"
    part = f"{100 * row.limit(limits):.0f}%"
    return name, row.form, str(row.count), *times, *amounts, *[f"{s:.1f}" for s in speeds], part


def duration(nanoseconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds / 1e3:.1f} us"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns below each other: words to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        parts = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(cells)]
        lines.append("  ".join(parts).rstrip())
    rule = "-" * max(len(line) for line in lines)
    return [lines[0], rule, *lines[1:], rule]


def _limits() -> Any:
    from rushlight.engines.cpu.limits import measure_limits

    return measure_limits()


def _threads() -> int:
    from rushlight.engines.cpu.pool import get_num_threads

    return get_num_threads()
