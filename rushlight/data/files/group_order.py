"""Orders over groups of rows: shuffled, and yet a group is used for a while before the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data.files.groups import fitting_window
from rushlight.data.order import random_stream
from rushlight.data.sampler import OrderedSampler


class WindowOrder(Sequence[int]):
    """Groups in random order, and the rows of each `window` of them in random order.

    An item is computed without those of the windows before it.
    """

    def __init__(self, sizes: np.ndarray, window: int, seed: int, epoch: int):
        self.sizes, self.window, self.seed, self.epoch = sizes, window, seed, epoch
        self.groups = random_stream(seed, epoch).permutation(len(sizes))
        self.firsts = np.cumsum(sizes) - sizes
        starts = np.arange(0, len(sizes), window)
        self.ends = np.cumsum(np.add.reduceat(sizes[self.groups], starts)) if len(sizes) else sizes
        self._cached = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def _rows(self, number: int) -> np.ndarray:
        if self._cached[0] != number:
            first = number * self.window
            groups = self.groups[first : first + self.window].tolist()
            rows = [np.arange(self.sizes[group]) + self.firsts[group] for group in groups]
            stream = random_stream(self.seed, self.epoch, number + 1)
            self._cached = number, stream.permutation(np.concatenate(rows))
        return self._cached[1]

    def __getitem__(self, index: Any) -> Any:
        places = range(len(self))[index]
        if isinstance(places, int):
            return self._read(places, places + 1)[0]
        if places.step == 1:
            return self._read(places.start, places.stop)
        return [self[place] for place in places]

    def _read(self, start: int, stop: int) -> list[int]:
        items: list[int] = []
        while start < stop:
            number = int(np.searchsorted(self.ends, start, side="right"))
            rows = self._rows(number)
            place = start - int(self.ends[number]) + len(rows)
            part = rows[place : place + stop - start].tolist()
            items += part
            start += len(part)
        return items


class _Part(Sequence[int]):
    """`count` items of an order from `start` on; what lies behind its end is its beginning."""

    def __init__(self, order: Sequence[int], start: int, count: int):
        self.order, self.start, self.count = order, start, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: Any) -> Any:
        places = range(self.count)[index]
        if isinstance(places, int):
            return self.order[(self.start + places) % len(self.order)]
        if places.step != 1 or self.start + places.stop > len(self.order):
            return [self[place] for place in places]
        return list(self.order[self.start + places.start : self.start + places.stop])


class GroupShuffleSampler(OrderedSampler[int]):
    """Shuffles a dataset of row groups so that each group need be decoded only once.

    The groups come in random order, and the rows of `window` groups at a time are shuffled among
    each other; by default as many as fit twice into the dataset's budget, 16 at most.  The larger
    the window, the nearer to a shuffle of all rows.  `dataset` is a `ParquetDataset`, an
    `ArrowDataset`, or the sizes of its groups.

    Each of `num_replicas` processes takes one stretch of the order, so it decodes only its own
    groups: equally many rows, the first ones once more where it does not come out even, or with
    `drop_last` the last ones left out.  The order is then a function of `seed` and the epoch.

    >>> sampler = GroupShuffleSampler([4, 4, 4], window=1)
    >>> order = list(sampler)
    >>> sorted(order) == list(range(12)), {row // 4 for row in order[:4]} in ({0}, {1}, {2})
    (True, True)
    """

    def __init__(
        self,
        dataset: Any,
        window: int | None = None,
        generator: Any = None,
        num_replicas: int = 1,
        rank: int = 0,
        seed: int = 0,
        drop_last: bool = False,
    ):
        self.sizes = np.asarray(getattr(dataset, "group_sizes", dataset), np.int64)
        self.window = fitting_window(dataset) if window is None else window
        self.generator = generator
        self.num_replicas, self.rank = num_replicas, rank
        self.seed, self.drop_last = seed, drop_last
        self.draws = num_replicas == 1
        check_part(num_replicas, rank, self.window)

    def fingerprint(self) -> dict[str, Any]:
        """What a loader's state must fit."""
        part = {} if self.draws else {"part": [self.rank, self.num_replicas, self.seed]}
        return {"groups": len(self.sizes), "window": self.window, **part}

    def order(self, seed: int, epoch: int) -> Sequence[int]:
        """Give the rows of one seed and epoch."""
        if self.num_replicas == 1:
            return WindowOrder(self.sizes, self.window, seed, epoch)
        whole = WindowOrder(self.sizes, self.window, self.seed, epoch)
        return _Part(whole, self.rank * len(self), len(self))

    def __len__(self) -> int:
        rows = int(self.sizes.sum())
        return rows // self.num_replicas if self.drop_last else -(-rows // self.num_replicas)


def check_part(num_replicas: int, rank: int, window: int) -> None:
    """ValueError for a part of the data that is none, and for a window of nothing."""
    if not 0 <= rank < num_replicas:
        raise ValueError(
            f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
        )
    if window < 1:
        raise ValueError(f"window should be at least 1 group, but got {window}")
