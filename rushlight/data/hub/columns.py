"""Columns of Arrow tables: rows at any places, without joining the chunks they lie in.

Arrow's own `take` copies a column of many chunks as a whole, which a file larger than memory
does not allow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.data.optional import needed

NUMBERS = {
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "bool": "bool",
}
"""Arrow's types of plain numbers, and NumPy's names for them."""
TEXTS = ("string", "large_string", "binary", "large_binary")
LISTS = ("list<", "large_list<", "fixed_size_list<")


class ArrowColumn:
    """One column: its values at any places as numbers, as pieces of memory, or as Arrow's array.

    `kind` is "number", "text", "list" (of numbers) or "other"; `dtype` that of the numbers.
    """

    def __init__(self, column: Any):
        self.chunks = [chunk for chunk in column.chunks if len(chunk)]
        self.ends = np.cumsum([len(chunk) for chunk in self.chunks], dtype=np.int64)
        self.kind, self.dtype = _kind_of(column.type)
        self.is_bytes = "binary" in str(column.type)
        self._memory: _Memory | None = None
        self._bodies: list = []
        if not column.null_count:
            self._look_into(str(column.type))

    def _look_into(self, name: str) -> None:
        """Find where the values lie, for types whose memory NumPy can read."""
        if self.kind == "number":
            self._memory = _Memory.of(self.chunks, self.ends, self.dtype)
        elif self.kind == "text":
            bodies = [chunk.buffers()[2] for chunk in self.chunks]
            self._bodies = [memoryview(b"" if body is None else body) for body in bodies]
        elif not name.startswith("fixed") and self.kind == "list" and self.dtype != np.bool_:
            values = [chunk.values for chunk in self.chunks]
            if not any(part.null_count for part in values):
                self._bodies = [part.to_numpy() for part in values]
        if self._bodies:
            offsets = np.dtype(np.int64 if name.startswith("large") else np.int32)
            self._memory = _Memory.of(self.chunks, self.ends, offsets)

    def _chunk_of(self, places: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.ends, places, side="right")

    def numbers(self, places: np.ndarray) -> np.ndarray | None:
        """The numbers at these places; None where one is missing."""
        if self._memory is not None and not self._bodies:
            return self._memory.read(places, self._chunk_of(places))
        found = self.taken(places)
        return None if found.null_count else found.to_numpy(zero_copy_only=False)

    def pieces(self, places: np.ndarray) -> list | None:
        """The bytes of texts or the numbers of lists, where they lie; None where one is missing."""
        if self._memory is None or not self._bodies:
            return None
        which = self._chunk_of(places)
        begins = self._memory.read(places, which).tolist()
        ends = self._memory.read(places + 1, which).tolist()
        bodies = self._bodies
        return [
            bodies[chunk][begin:end]
            for chunk, begin, end in zip(which.tolist(), begins, ends, strict=True)
        ]

    def taken(self, places: np.ndarray) -> Any:
        """The values at these places, as one Arrow array."""
        which = self._chunk_of(places)
        if len(places) > 1 and (np.diff(places) == 1).all():
            pieces = self._run(int(places[0]), int(places[-1]) + 1, which)
        else:
            inside = places - np.where(which > 0, self.ends[which - 1], 0)
            pairs = zip(which.tolist(), inside.tolist(), strict=True)
            pieces = [self.chunks[chunk].slice(place, 1) for chunk, place in pairs]
        return needed("pyarrow", "a column of Arrow", "arrow").concat_arrays(pieces)

    def _run(self, start: int, stop: int, which: np.ndarray) -> list:
        pieces = []
        for chunk in range(int(which[0]), int(which[-1]) + 1):
            begin = int(self.ends[chunk - 1]) if chunk else 0
            first = max(0, start - begin)
            pieces.append(self.chunks[chunk].slice(first, stop - begin - first))
        return pieces


def _kind_of(arrow_type: Any) -> tuple[str, np.dtype]:
    name = str(arrow_type)
    if name in NUMBERS:
        return "number", np.dtype(NUMBERS[name])
    if name in TEXTS:
        return "text", np.dtype(object)
    if name.startswith(LISTS) and str(arrow_type.value_type) in NUMBERS:
        return "list", np.dtype(NUMBERS[str(arrow_type.value_type)])
    return "other", np.dtype(object)


class _Memory:
    """The memory of all chunks as one array of numbers, so that NumPy gathers in one call.

    Between the chunks lies memory that is none of ours; no index leads there.
    """

    def __init__(self, chunks: list, address: int, count: int, dtype: np.dtype):
        self.chunks = chunks  # kept while the array is
        self.shifts = np.empty(0, np.int64)
        self.bits = dtype == np.bool_
        self.__array_interface__ = {
            "data": (address, True),
            "shape": (count,),
            "typestr": np.dtype(np.uint8 if self.bits else dtype).str,
            "version": 3,
        }
        self.array = np.asarray(self)

    @classmethod
    def of(cls, chunks: list, ends: np.ndarray, dtype: np.dtype) -> _Memory | None:
        """The memory of chunks without missing values; None where it cannot be one array."""
        if not chunks:
            return None
        width = 1 if dtype == np.bool_ else dtype.itemsize
        units = 8 if dtype == np.bool_ else 1  # Arrow keeps eight truth values in a byte
        buffers = [chunk.buffers()[1] for chunk in chunks]
        lengths = np.array([len(chunk) for chunk in chunks], np.int64)
        offsets = np.array([chunk.offset for chunk in chunks], np.int64)
        sizes = np.array([buffer.size for buffer in buffers], np.int64)
        addresses = np.array([buffer.address for buffer in buffers], np.int64)
        lowest = int(addresses.min())
        away = addresses - lowest
        if (away % width).any() or (offsets + lengths > sizes // width * units).any():
            return None
        count = int((away + sizes).max()) // width
        memory = cls(chunks, lowest, count, dtype)
        memory.shifts = away // width * units + offsets - (ends - lengths)
        return memory

    def read(self, places: np.ndarray, which: np.ndarray) -> np.ndarray:
        """The numbers at places, of which each lies in this chunk."""
        index = places + self.shifts[which]
        if not self.bits:
            return self.array[index]
        return (self.array[index >> 3] >> (index & 7).astype(np.uint8) & 1).astype(bool)
