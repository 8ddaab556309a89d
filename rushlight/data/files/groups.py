"""Data sets that come in groups of rows: a group is decoded as a whole, and kept for a while."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.files.cache import Cache
from rushlight.data.files.rows import RowDataset, Transform, checked_index, checked_indices
from rushlight.data.located import Located

BUDGET = 512 << 20
_MOST_ROWS = 1 << 62


class GroupDataset(RowDataset):
    """Rows as dicts, read in groups; a subclass defines `decode(group)`.

    `group_sizes` says how many rows each group has.  `kinds` gives (dtype, shape) of a row of each
    column, or None where no batch can be gathered.
    """

    group_sizes: np.ndarray
    _places: np.ndarray
    """Of each group, which file it is in, and where."""
    kinds: dict[str, tuple[np.dtype, tuple[int, ...]] | None]

    def __init__(self, budget: int, transform: Transform):
        self.budget = budget
        self.transform = transform
        counts = self.group_sizes.tolist()
        if min(counts, default=0) < 0 or sum(counts) >= _MOST_ROWS:
            raise ValueError(
                f"the files are damaged: groups of {min(counts)} to {max(counts)} rows"
            )
        self._ends = np.cumsum(self.group_sizes)
        self._groups = Cache(budget)

    @cached_property
    def largest_group(self) -> int:
        """How many bytes the largest group takes, if all are like the first."""
        if not len(self):
            return 0
        first = int(self.group_sizes.argmax() if self.group_sizes[0] == 0 else 0)
        size = sum(column.nbytes(range(0)) for column in self._columns(first).values())
        return size * int(self.group_sizes.max()) // int(self.group_sizes[first])

    def of_groups(self, groups: slice | Sequence[int]) -> GroupDataset:
        """The rows of some groups alone: to train on some and validate on the others."""
        part = copy.copy(self)
        part.__dict__.pop("largest_group", None)
        part.group_sizes, part._places = self.group_sizes[groups], self._places[groups]
        GroupDataset.__init__(part, self.budget, self.transform)
        return part

    def decode(self, group: int) -> tuple[dict[str, Any], int]:
        """The columns of one group, and how many bytes they take."""
        raise NotImplementedError(f"{type(self).__name__} must define decode")

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def place_of(self, group: int) -> str:
        """Where a group is, for messages."""
        return f"group {group}"

    def _columns(self, group: int) -> dict[str, Any]:
        return self._groups.get(group, lambda: self._decoded(group))

    def _decoded(self, group: int) -> tuple[dict[str, Any], int]:
        columns, size = self.decode(group)
        check_budget(self.place_of(group), size, self.budget)
        return columns, size

    def _by_group(
        self, places: np.ndarray
    ) -> Iterator[tuple[int, dict[str, Any], np.ndarray, Any]]:
        """Each group needed, its columns, the rows in it, and where they belong."""
        groups = np.searchsorted(self._ends, places, side="right")
        firsts = self._ends - self.group_sizes
        order = np.argsort(groups, kind="stable")
        sorted_groups = groups[order]
        cuts = (np.flatnonzero(sorted_groups[1:] != sorted_groups[:-1]) + 1).tolist()
        stops = [*cuts, len(order)] if len(order) else []
        for start, stop in zip([0, *cuts], stops, strict=False):
            chosen = order[start:stop]
            group = int(sorted_groups[start])
            yield group, self._columns(group), places[chosen] - firsts[group], chosen

    def row(self, index: int) -> dict[str, Any]:
        """One row; its group is decoded, unless it was of late."""
        return self.rows([checked_index(index, len(self))])[0]

    def rows(self, indices: Sequence[int]) -> list:
        """Rows of a batch, group by group."""
        places = checked_indices(indices, len(self))
        rows: list = [None] * len(places)
        for group, columns, within, chosen in self._by_group(places):
            with Located(lambda group=group: f"in {self.place_of(group)}"):
                values = [column.rows(within) for column in columns.values()]
            for place, row in zip(chosen.tolist(), zip(*values, strict=True), strict=True):
                rows[place] = dict(zip(columns, row, strict=True))
        return rows

    def __getbatch__(self, indices: list) -> dict | None:
        """The batch that `default_collate` would make of these samples, by gathers."""
        if not self.is_plain or not all(self.kinds.values()):
            return None
        try:
            places = checked_indices(indices, len(self))
        except (TypeError, ValueError, IndexError):
            return None  # reading them one by one says which is wrong
        made = {
            name: arrays.empty((len(places), *kind[1]), kind[0])
            for name, kind in self.kinds.items()
            if kind is not None
        }
        for _, columns, within, chosen in self._by_group(places):
            for name, column in columns.items():
                if not column.has_all(within):
                    return None  # collating says where a value is missing
                made[name][0][chosen] = column.values[within]
        return {name: tensor for name, (_, tensor) in made.items()}


def check_budget(place: str, size: int, budget: int) -> None:
    """ValueError for a group that does not fit."""
    if size > budget:
        raise ValueError(
            f"{place} takes {size:,} bytes, more than the budget of {budget:,}: raise budget=, "
            "ask for fewer columns, or write smaller groups"
        )


def fitting_window(dataset: Any, parts: int = 1) -> int:
    """How many groups may be shuffled together by each of `parts` readers, of at most 16.

    Two windows fit into the budget, since reading ahead goes from one into the next.
    """
    largest = getattr(dataset, "largest_group", 0)
    if not largest:
        return 16
    return max(1, min(16, dataset.budget // (2 * parts * largest)))
