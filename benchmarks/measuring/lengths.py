"""Steps on texts of lengths never seen before, beside the same steps when seen."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from networks.rows import Row

from measuring.process import Conditions, Worker

COUNT = 32
FAMILIAR = 3  # lengths that are met before the measurement begins


@dataclass(frozen=True)
class Lengths:
    """Seconds of one step at each length: at first sight, and later (the median of three)."""

    first: list[float]
    later: list[float]
    compiled: int

    @property
    def ratios(self) -> list[float]:
        return [first / later for first, later in zip(self.first, self.later, strict=True)]

    def __str__(self) -> str:
        middle, most = statistics.median(self.ratios), max(self.ratios)
        share = sum(self.first) / sum(self.later)
        return (
            f"new {statistics.median(self.first) * 1e3:.2f} ms, "
            f"seen {statistics.median(self.later) * 1e3:.2f} ms, "
            f"ratio {middle:.2f} (largest {most:.2f}, of sums {share:.2f})"
        )


def measure_lengths(side: str, row: Row, conditions: Conditions) -> Lengths:
    """32 lengths, one step each, then the same again; SideError if the side fails."""
    longest = row.inputs["length"]
    chosen = _spread(longest, COUNT + FAMILIAR)
    familiar, new = chosen[:FAMILIAR], chosen[FAMILIAR:]
    with Worker(side, row.name, conditions).ready() as worker:

        def step(length: int) -> tuple[float, int]:
            answer = worker.ask("length", row=row.name, length=length)
            return answer["seconds"], answer["compiled"]

        for length in familiar:
            step(length)
        first = [step(length) for length in new]
        later = [[step(length)[0] for length in new] for _ in range(3)]
    seconds = [statistics.median(times) for times in zip(*later, strict=True)]
    return Lengths([time for time, _ in first], seconds, sum(count for _, count in first))


def _spread(longest: int, count: int) -> Sequence[int]:
    """Different lengths below the longest, in no order."""
    least = longest // 3
    candidates = list(range(least, longest))
    step = len(candidates) / count
    chosen = [candidates[int(i * step)] for i in range(count)]
    return sorted(chosen, key=lambda length: length * 7919 % 1009)


def rows_with_lengths(rows: Sequence[Row]) -> list[Row]:
    """The rows whose texts may have any length: training on text, up to places that are known."""
    return [row for row in rows if row.kind == "text" and row.trains]
