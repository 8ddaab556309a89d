"""What datasets of rows in files share: how a row becomes a sample, alone or in a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.data.dataset import Dataset
from rushlight.data.located import Located, describe
from rushlight.data.metering import stage
from rushlight.data.randomness import current_source

Transform = Callable[[Any], Any] | None


class RowDataset(Dataset[Any]):
    """A dataset whose subclass defines `__len__`, `row(index)` and, if it can, `rows(indices)`.

    `transform` makes a sample of a row.
    """

    transform: Transform = None

    def row(self, index: int) -> Any:
        """One row."""
        raise NotImplementedError(f"{type(self).__name__} must define row")

    def rows(self, indices: Sequence[int]) -> list:
        """Several rows."""
        return [self.row(index) for index in indices]

    def __getitem__(self, index: int) -> Any:
        row = self.row(index)
        return row if self.transform is None else self._transform(row)

    def _transform(self, row: Any) -> Any:
        with stage("transform"):
            return self.transform(row)  # type: ignore[misc]

    def __getitems__(self, indices: Sequence[int]) -> list:
        if type(self).__getitem__ is not RowDataset.__getitem__:
            return [self[index] for index in indices]
        rows = self.rows(indices)
        if self.transform is None:
            return rows
        return self._transformed(indices, rows)

    def _transformed(self, indices: Sequence[int], rows: list) -> list:
        """Samples of rows; what the transform draws belongs to each sample's index."""
        samples: list = []
        given = iter(rows)
        one = _Once(lambda _: self._transform(next(given)))
        with Located(lambda: describe("transforming", indices[len(samples)], self)):
            source = current_source()
            if source is None:
                samples += [one[index] for index in indices]
            else:
                source.read(one, indices, samples)
        return samples

    @property
    def is_plain(self) -> bool:
        """Whether samples are rows, so that a batch may be gathered."""
        return self.transform is None and type(self).__getitem__ is RowDataset.__getitem__


class _Once:
    """What `Source.read` takes for a dataset."""

    def __init__(self, read: Callable[[Any], Any]):
        self.read = read

    def __getitem__(self, index: Any) -> Any:
        return self.read(index)


def checked_index(index: Any, length: int) -> int:
    """The index from the start; IndexError where there is none, TypeError if it is no integer."""
    if isinstance(index, slice) or not hasattr(index, "__index__"):
        raise TypeError(f"an index should be an integer, but got {index!r}; read several by Subset")
    try:
        return range(length)[index]
    except IndexError:
        raise IndexError(f"index {index} is out of range for {length} rows") from None


def checked_indices(indices: Any, length: int) -> np.ndarray:
    """The indices from the start, as an array; IndexError names the first that is not there."""
    places = np.array(indices, np.intp)
    if not places.size or places.view(np.uintp).max() < length:  # a negative one is very large
        return places
    wrong = (places < -length) | (places >= length)
    if wrong.any():
        found = int(places[wrong.argmax()])
        raise IndexError(f"index {found} is out of range for {length} rows")
    return np.where(places < 0, places + length, places)
