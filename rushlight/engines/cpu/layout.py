"""Memory for temporaries: where each begins, once sizes are known."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Hashable, Sequence
from typing import NamedTuple, Protocol

from rushlight.graph.buffer import ALIGNMENT


class Lifetime(NamedTuple):
    """A temporary that begins to be used, and those that are used no more by then."""

    storage: Hashable
    ended: tuple[Hashable, ...]


class Step(Protocol):
    """What reads and writes temporaries."""

    @property
    def reads(self) -> tuple:
        """What it reads."""
        ...

    @property
    def writes(self) -> tuple:
        """What it writes."""
        ...


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
    lifetimes, living = [], []
    for storage, begin in first.items():
        ended = tuple([other for other in living if last[other] < begin])
        living = [other for other in living if last[other] >= begin]
        living.append(storage)
        lifetimes.append(Lifetime(storage, ended))
    return lifetimes


def lay_out(
    lifetimes: list[Lifetime], nbytes: dict[Hashable, int]
) -> tuple[dict[Hashable, int], int]:
    """The offset of each temporary, and the bytes that all of them need.

    In the order of the steps, each gets the smallest gap that it fits in, else room at the end.
    """
    offsets: dict[Hashable, int] = {}
    sizes: dict[Hashable, int] = {}
    gaps: list[tuple[int, int]] = []  # begin and end, in order
    total = 0
    for storage, ended in lifetimes:
        for other in ended:
            _free(gaps, offsets[other], offsets[other] + sizes[other])
        size = sizes[storage] = -(-nbytes[storage] // ALIGNMENT) * ALIGNMENT + ALIGNMENT
        best, place = 0, -1
        for position, (begin, end) in enumerate(gaps):
            if end - begin >= size and (place < 0 or end - begin < best):
                best, place = end - begin, position
        if place < 0:
            if not gaps or gaps[-1][1] != total:
                gaps.append((total, total))
            place = len(gaps) - 1
        begin, end = gaps[place]
        total = max(total, begin + size)
        gaps[place : place + 1] = [(begin + size, end)] if end > begin + size else []
        offsets[storage] = begin
    return offsets, total


def _free(gaps: list[tuple[int, int]], begin: int, end: int) -> None:
    """Add a gap, joined with its neighbours."""
    place = bisect(gaps, (begin, end))
    if place < len(gaps) and gaps[place][0] == end:
        end = gaps.pop(place)[1]
    if place and gaps[place - 1][1] == begin:
        begin = gaps[place - 1][0]
        place -= 1
        gaps[place] = (begin, end)
    else:
        gaps.insert(place, (begin, end))
