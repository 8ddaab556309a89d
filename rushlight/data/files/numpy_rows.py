"""Rows of memory-mapped `.npy` files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.files.mapped import MappedArray
from rushlight.data.files.rows import RowDataset, Transform, checked_index, checked_indices


class NumpyDataset(RowDataset):
    """Rows of `.npy` files of equal length: given by position tuples, given by name dicts.

    The files are mapped into memory: only the rows that are asked for are read, and worker
    processes are sent the paths.  `transform` makes a sample of a row.  An archive (`.npz`), an
    array of Python objects, a file cut short or of another kind, and arrays of different lengths
    are a ValueError.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> path = os.path.join(folder, "squares.npy")
    >>> np.save(path, np.arange(5) ** 2)
    >>> NumpyDataset(square=path)[3]
    {'square': np.int64(9)}
    """

    def __init__(
        self,
        *paths: str | os.PathLike,
        transform: Transform = None,
        **named: str | os.PathLike,
    ):
        if bool(paths) == bool(named):
            raise ValueError("give files either by position (tuples) or by name (dicts)")
        self.names = tuple(named) or None
        self.columns = [MappedArray(path) for path in paths or named.values()]
        self.transform = transform
        for column in self.columns:
            if not column.layout.shape:
                raise ValueError(f"{column.path} holds one number and no rows")
        lengths = {column.path: column.layout.shape[0] for column in self.columns}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"files of different lengths: {lengths}")

    def __len__(self) -> int:
        return self.columns[0].layout.shape[0]

    def row(self, index: int) -> tuple | dict:
        """Copies of one row of each file."""
        place = checked_index(index, len(self))
        return self._named([_copied(column.array[place]) for column in self.columns])

    def _named(self, values: list) -> tuple | dict:
        return tuple(values) if self.names is None else dict(zip(self.names, values, strict=True))

    def __getbatch__(self, indices: list) -> list | dict | None:
        """The batch that `default_collate` would make of these samples, by one gather a file."""
        if not self.is_plain or any(c.layout.dtype.kind not in "biufc" for c in self.columns):
            return None
        try:
            places = checked_indices(indices, len(self))
            batch = self._named([_gathered(column.array, places) for column in self.columns])
        except (TypeError, ValueError, IndexError):
            return None  # reading them one by one says which is wrong
        return list(batch) if isinstance(batch, tuple) else batch


def _copied(row: Any) -> Any:
    """The row in memory and in this machine's order of bytes, so that it may be written to."""
    if not isinstance(row, np.ndarray):
        return row
    return np.array(row, row.dtype.newbyteorder("="))


def _gathered(column: np.ndarray, places: np.ndarray) -> Any:
    if not column.flags.c_contiguous or not column.dtype.isnative:
        # NumPy's take would first copy all of the file.
        rows = np.ascontiguousarray(column[places], column.dtype.newbyteorder("="))
        return arrays.from_array(rows, owned=True)
    array, tensor = arrays.empty((len(places), *column.shape[1:]), column.dtype)
    np.take(column, places, axis=0, out=array, mode="wrap")  # checked: nothing to buffer
    return tensor
