"""Row groups as a stream: each worker decodes its own groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.data.files.group_order import WindowOrder, check_part
from rushlight.data.files.groups import fitting_window
from rushlight.data.lanes import LanedDataset
from rushlight.data.randomness import Source, current_source, drawing_from

_TOGETHER = 256
"""So many rows are read at a time."""


class GroupStream(LanedDataset[Any]):
    """The rows of a `ParquetDataset` or `ArrowDataset` as a stream, each row once an epoch.

    The order is that of `GroupShuffleSampler`, or that of the files without `shuffle`: a function
    of `seed` and the epoch.  It is cut into as many stretches as there are processes
    (`num_replicas`), and each of them into `lanes`, which a loader takes in turn and shares out to
    its workers: worker processes then decode each group once between them, while as map-style data
    they would all decode all groups.  Batches do not depend on the number of workers, and a
    loader's state goes on from where it was.  With one lane the rows come one stretch from
    beginning to end.  The budget of the dataset holds for each worker process.

    >>> class Rows:
    ...     group_sizes = [3, 3]
    ...     def __getitem__(self, index):
    ...         return index * 10
    >>> list(GroupStream(Rows(), shuffle=False, lanes=1))
    [0, 10, 20, 30, 40, 50]
    """

    def __init__(
        self,
        dataset: Any,
        shuffle: bool = True,
        window: int | None = None,
        lanes: int = 4,
        seed: int = 0,
        num_replicas: int = 1,
        rank: int = 0,
    ):
        if not isinstance(lanes, int) or lanes < 1:
            raise ValueError(f"lanes should be a positive integer, but got {lanes!r}")
        self.dataset = dataset
        self.sizes = np.asarray(dataset.group_sizes, np.int64)
        self.shuffle = shuffle
        self.window = fitting_window(dataset, lanes) if window is None else window
        self.lanes, self.seed = lanes, seed
        self.num_replicas, self.rank = num_replicas, rank
        check_part(num_replicas, rank, self.window)

    def lane_count(self) -> int:
        """How many lanes there are."""
        return self.lanes

    def _bounds(self, first: int, last: int) -> range:
        rows, parts = int(self.sizes.sum()), self.num_replicas * self.lanes
        return range(first * rows // parts, last * rows // parts)

    def __len__(self) -> int:
        first = self.rank * self.lanes
        return len(self._bounds(first, first + self.lanes))

    def lane(self, number: int, epoch: int) -> Iterator[Any]:
        """The rows of one lane in one epoch."""
        order: Sequence[int] = range(int(self.sizes.sum()))
        if self.shuffle:
            order = WindowOrder(self.sizes, self.window, self.seed, epoch)
        part = self.rank * self.lanes + number
        return _Lane(self.dataset, order, self._bounds(part, part + 1))

    def fingerprint(self) -> dict[str, Any]:
        """What a loader's state must fit beside the length."""
        order = [self.seed, self.window] if self.shuffle else None
        return {
            "dataset": f"GroupStream of {type(self.dataset).__name__}",
            "rows": int(self.sizes.sum()),
            "order": order,
            "lanes": self.lanes,
            "part": [self.rank, self.num_replicas],
        }


class _Lane(Iterator[Any]):
    def __init__(self, dataset: Any, order: Sequence[int], bounds: range):
        self.dataset, self.order, self.bounds = dataset, order, bounds
        self.position = 0
        self._read: list = []

    def __next__(self) -> Any:
        if not self._read:
            places = self.bounds[self.position : self.position + _TOGETHER]
            if not places:
                raise StopIteration
            self._read = self._rows(list(self.order[places.start : places.stop]))[::-1]
        self.position += 1
        return self._read.pop()

    def _rows(self, indices: list[int]) -> list:
        read = getattr(self.dataset, "__getitems__", None)
        if not callable(read):
            return [self.dataset[index] for index in indices]
        mine = current_source()
        if mine is None or getattr(self.dataset, "transform", None) is None:
            return read(indices)
        # How many rows are read at a time must not show in what is drawn elsewhere.
        with drawing_from(Source(mine.seed, mine.epoch)):
            return read(indices)

    def state_dict(self) -> dict[str, int]:
        """How many rows have been given."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where the state was taken."""
        position = state["position"]
        if type(position) is not int or not 0 <= position <= len(self.bounds):
            raise ValueError(f"no position among {len(self.bounds)} rows: {position!r}")
        self.position, self._read = position, []
