"""Windows of large files of token ids, for language models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rushlight.data import arrays
from rushlight.data.dataset import Dataset
from rushlight.data.files.cache import Cache
from rushlight.data.files.mapped import Layout, begins_as_numpy, map_array, numpy_layout, raw_layout
from rushlight.data.files.paths import files_of
from rushlight.data.files.rows import checked_index, checked_indices

_OPEN_FILES = 128
"""A mapped file holds a handle, of which a process has not many."""
_TOGETHER = 1 << 16
"""So many tokens are gathered at a time: they stay in the processor's cache."""


class TokenDataset(Dataset[tuple]):
    """Windows of `length` token ids: a sample is `(inputs, targets)`, the targets one further on.

    `tokens` is a file, a folder, a pattern or a list of these; or an array.  Files are `.npy`, or
    raw numbers of `dtype` (uint16) after `offset` bytes, as nanoGPT writes them; they are mapped
    into memory, so only the windows that are asked for are read.  Window i starts at token
    i * `stride` (default: `length`, so that each token is a target once); windows do not reach
    from one file into the next.  Samples and batches are int64.

    Ids are checked as they are read: a negative one, or one not below `vocab_size` where that is
    given, is a ValueError that says where it is.  A damaged file, ids that are no integers, and
    files too short for a window are a ValueError too.

    For random windows from every place: `stride=1`, and
    `RandomSampler(dataset, replacement=True, num_samples=...)`.

    >>> windows = TokenDataset(np.arange(10), length=4)
    >>> len(windows)
    2
    >>> [part.tolist() for part in windows[1]]
    [[4, 5, 6, 7], [5, 6, 7, 8]]
    """

    def __init__(
        self,
        tokens: Any,
        length: int,
        *,
        dtype: Any = None,
        stride: int | None = None,
        vocab_size: int | None = None,
        offset: int = 0,
    ):
        for name, value in (("length", length), ("stride", length if stride is None else stride)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} should be a positive integer, but got {value!r}")
        self.length = length
        self.stride = length if stride is None else stride
        self.vocab_size = vocab_size
        self._array, self._files = _opened(tokens, dtype, offset)
        if self._array is None:
            sizes = [layout.shape[0] for _, layout in self._files]
        else:
            sizes = [len(self._array)]
        counts = [max(0, (size - 1 - length) // self.stride + 1) for size in sizes]
        self._ends = np.cumsum(counts)
        self._windows = Cache(_OPEN_FILES)
        if not len(self):
            raise ValueError(f"{max(sizes)} tokens are less than one window of {length} + 1")

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        number, place = self._place(checked_index(index, len(self)))
        found = self._part(number)[place]
        self._check(found[None], number, np.array([place]))
        return found[:-1].astype(np.int64), found[1:].astype(np.int64)

    def __getbatch__(self, indices: list) -> list | None:
        """The batch that `default_collate` would make of these samples, by one gather a file."""
        if type(self).__getitem__ is not TokenDataset.__getitem__:
            return None
        try:
            places = checked_indices(indices, len(self))
        except (TypeError, ValueError, IndexError):
            return None  # reading them one by one says which is wrong
        shape = (len(places), self.length)
        inputs, first = arrays.empty(shape, np.dtype(np.int64))
        targets, second = arrays.empty(shape, np.dtype(np.int64))
        for rows, found in self._found(places):
            inputs[rows] = found[:, :-1]
            targets[rows] = found[:, 1:]
        return [first, second]

    def _found(self, places: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
        """The windows of a batch a part at a time, with the rows where they belong."""
        if len(self._ends) == 1 and len(places) * self.length <= _TOGETHER:
            yield ..., self._gathered(0, places)
            return
        step = max(1, _TOGETHER // self.length)
        numbers = np.searchsorted(self._ends, places, side="right")
        starts = places - np.where(numbers > 0, self._ends[numbers - 1], 0)
        for number in np.unique(numbers).tolist():
            rows = np.flatnonzero(numbers == number)
            for first in range(0, len(rows), step):
                some = rows[first : first + step]
                yield some, self._gathered(number, starts[some])

    def _gathered(self, number: int, starts: np.ndarray) -> np.ndarray:
        found = self._part(number)[starts]
        self._check(found, number, starts)
        return found

    def _place(self, index: int) -> tuple[int, int]:
        number = int(np.searchsorted(self._ends, index, side="right"))
        return number, index - (int(self._ends[number - 1]) if number else 0)

    def _part(self, number: int) -> np.ndarray:
        """All windows of a file, as an array that overlaps itself."""
        return self._windows.get(number, lambda: (self._overlapping(number), 1))

    def _overlapping(self, number: int) -> np.ndarray:
        ids = map_array(*self._files[number]) if self._array is None else self._array
        count = (len(ids) - 1 - self.length) // self.stride + 1
        step = ids.strides[0]
        shape, strides = (count, self.length + 1), (step * self.stride, step)
        return as_strided(ids, shape, strides, writeable=False)

    def _check(self, found: np.ndarray, number: int, starts: np.ndarray) -> None:
        problem = None
        if self.vocab_size is not None and found.max() >= self.vocab_size:
            problem = found >= self.vocab_size
        elif found.dtype.kind == "i" and found.min() < 0:
            problem = found < 0
        elif found.dtype == np.uint64 and found.max() >> 63:
            problem = found >> 63 != 0
        if problem is None:
            return
        row, column = np.unravel_index(problem.argmax(), problem.shape)
        where = "the array" if self._array is not None else self._files[number][0]
        bound = "" if self.vocab_size is None else f" and less than {self.vocab_size}"
        raise ValueError(
            f"{where} holds the token id {found[row, column]} at position "
            f"{int(starts[row]) * self.stride + int(column)}; ids are not negative{bound}"
        )


def _opened(tokens: Any, dtype: Any, offset: int) -> tuple[Any, list[tuple[str, Layout]]]:
    """An array, or files with their layouts."""
    if arrays.is_array(tokens):
        # A memory map stays one: it is pickled as the name of its file.
        array = tokens if isinstance(tokens, np.ndarray) else arrays.to_array(tokens)
        _check_ids("the array", array.dtype, array.shape)
        return array, []
    raw = np.dtype(np.uint16 if dtype is None else dtype)
    files = []
    for path in files_of(tokens, (".bin", ".npy")):
        numpy = path.endswith(".npy") or begins_as_numpy(path)
        layout = numpy_layout(path) if numpy else raw_layout(path, raw, offset)
        _check_ids(path, layout.dtype, layout.shape)
        if numpy and dtype is not None and layout.dtype != raw:
            raise ValueError(f"{path} holds {layout.dtype}, but dtype={raw} was given")
        files.append((path, layout))
    return None, files


def _check_ids(where: str, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    if dtype.kind not in "iu" or len(shape) != 1:
        raise ValueError(
            f"token ids should be integers on one axis, but {where} holds {dtype} of shape {shape}"
        )


def write_tokens(
    path: str | os.PathLike, tokens: Iterable[Any] | np.ndarray, dtype: Any = np.uint16
) -> int:
    """Write token ids as the raw numbers that `TokenDataset` reads; returns how many.

    `tokens` is an array, or yields arrays or lists one after the other, of which one at a time
    is in memory.  An id that `dtype` cannot hold is a ValueError.  The file is there as a whole
    or, after an error, not at all.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "train.bin")
    >>> write_tokens(path, ([i, i + 1] for i in range(100)))
    200
    >>> TokenDataset(path, length=3)[0][1].tolist()
    [1, 1, 2]
    """
    from rushlight.io.write import replace_file

    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        raise ValueError(f"token ids are integers, but dtype is {kind}")
    if os.fspath(path).endswith(".npy"):
        raise ValueError(f"{path} would be no .npy file: raw numbers are written; name it .bin")
    parts: Any = [tokens] if arrays.is_array(tokens) else tokens
    count = 0

    def pieces() -> Iterator[memoryview]:
        nonlocal count
        for part in parts:
            ids = _fitting(arrays.to_array(part), kind, count)
            count += ids.size
            yield ids.data.cast("B")

    replace_file(path, pieces())
    return count


def _fitting(ids: np.ndarray, dtype: np.dtype, position: int) -> np.ndarray:
    ids = ids.reshape(-1)
    if not ids.size:
        return np.empty(0, dtype)
    limits = np.iinfo(dtype)
    if ids.dtype.kind not in "iu":
        raise ValueError(f"token ids are integers, but {ids.dtype} came at position {position}")
    wrong = (ids < 0) | (ids > limits.max)
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(f"token id {ids[place]} at position {position + place} is no {dtype}")
    return np.ascontiguousarray(ids, dtype)
