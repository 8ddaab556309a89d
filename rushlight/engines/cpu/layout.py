"""Memory for temporaries: where each begins, once sizes are known."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, Protocol

from rushlight.graph.buffer import ALIGNMENT


class Lifetime(NamedTuple):
    """A temporary, and the first and the last step that use it."""

    storage: Hashable
    first: int
    last: int


class Step(Protocol):
    """What reads and writes temporaries."""

    reads: tuple
    writes: tuple


def find_lifetimes(steps: Sequence[Step], storages: Sequence[Hashable]) -> list[Lifetime]:
    """How long each of these temporaries is used, in the order of their first use."""
    wanted = set(storages)
    first: dict[Hashable, int] = {}
    last: dict[Hashable, int] = {}
    for position, step in enumerate(steps):
        for storage in (*step.reads, *step.writes):
            if storage in wanted:
                first.setdefault(storage, position)
                last[storage] = position
    return [Lifetime(storage, begin, last[storage]) for storage, begin in first.items()]


def lay_out(
    lifetimes: list[Lifetime], nbytes: dict[Hashable, int]
) -> tuple[dict[Hashable, int], int]:
    """The offset of each temporary, and the bytes that all of them need.

    In the order of the steps, each gets the smallest gap that it fits in, else room at the end.
    """
    offsets: dict[Hashable, int] = {}
    gaps: list[tuple[int, int]] = []  # begin and end, in order
    living: list[tuple[int, int, int]] = []  # last use, begin, end
    total = 0
    for storage, first, last in lifetimes:
        for ended in [block for block in living if block[0] < first]:
            living.remove(ended)
            gaps = _with_gap(gaps, ended[1], ended[2])
        size = -(-nbytes[storage] // ALIGNMENT) * ALIGNMENT + ALIGNMENT
        fitting = [gap for gap in gaps if gap[1] - gap[0] >= size]
        if fitting:
            gap = min(fitting, key=lambda gap: gap[1] - gap[0])
        elif gaps and gaps[-1][1] == total:
            gap = gaps[-1]
        else:
            gap = total, total
            gaps.append(gap)
        begin, end = gap[0], gap[0] + size
        total = max(total, end)
        place = gaps.index(gap)
        gaps[place : place + 1] = [(end, gap[1])] if gap[1] > end else []
        living.append((last, begin, end))
        offsets[storage] = begin
    return offsets, total


def _with_gap(gaps: list[tuple[int, int]], begin: int, end: int) -> list[tuple[int, int]]:
    """The gaps and one more, joined with its neighbours."""
    joined: list[tuple[int, int]] = []
    for gap in sorted([*gaps, (begin, end)]):
        if joined and joined[-1][1] == gap[0]:
            joined[-1] = joined[-1][0], gap[1]
        else:
            joined.append(gap)
    return joined
