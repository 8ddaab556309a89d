"""Arrays of numbers in MATLAB's files of version 5, as their public format description has them.

A file is a header of 128 bytes and a row of elements, each with its type and length in front; an
element may be compressed. Cells, structures, objects, texts and sparse arrays are passed over.
"""

from __future__ import annotations

import math
import mmap
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

_HEADER, _MATRIX, _COMPRESSED = 128, 14, 15
_INT32, _UINT32 = 5, 6
_MOST_UNFOLDED = 1040
"""No byte compressed by deflate stands for more."""
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_STORED |= {12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"}
_CLASSES |= {14: "i8", 15: "u8"}
_COMPLEX = 0x0800


class _Element(NamedTuple):
    kind: int
    data: memoryview
    end: int


def read_mat(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of numbers in a file, by name; they have at least two axes, as in MATLAB.

    A file of another kind, or one that is damaged, is a ValueError that names it.
    """
    with open(path, "rb") as file:
        start = file.read(_HEADER)
        if len(start) < _HEADER or start[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
            raise ValueError(
                f"{path} is not a MATLAB file of version 5: expected 00 01 49 4d at 124, but "
                f"found {start[124:128].hex(' ') or 'nothing'}"
            )
        order = "<" if start[126:128] == b"IM" else ">"
        # It is closed when the last slice of it is gone, which an error may hold.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return _Reader(Path(path), order).arrays(memoryview(mapped)[_HEADER:])


class _Reader:
    """Reads the elements of one file."""

    def __init__(self, path: Path, order: str):
        self._path = path
        self._order = order

    def arrays(self, data: memoryview) -> dict[str, np.ndarray]:
        """The arrays of all elements."""
        found: dict[str, np.ndarray] = {}
        place = 0
        while place < len(data):
            element = self._element(data, place, padded=False)
            kind, inner, place = element
            if kind == _COMPRESSED:
                kind, inner, _ = self._unfolded(inner)
            if kind == _MATRIX:
                found |= self._matrix(inner)
        return found

    def _damaged(self, words: str) -> ValueError:
        return ValueError(f"{self._path} is damaged: {words}")

    def _number(self, data: memoryview) -> int:
        return int.from_bytes(data, "little" if self._order == "<" else "big")

    def _element(self, data: memoryview, place: int, padded: bool = True) -> _Element:
        """The element at a place; small ones have type and length in one number."""
        if place + 8 > len(data):
            raise self._damaged("it ends within an element")
        kind, length = (self._number(data[place + n : place + n + 4]) for n in (0, 4))
        start = place + 8
        if kind >> 16:
            kind, length, start = kind & 0xFFFF, kind >> 16, place + 4
            end = place + 8
        else:
            end = start + (-(-length // 8) * 8 if padded or kind != _COMPRESSED else length)
        if start + length > len(data) or (start == place + 4 and length > 4):
            raise self._damaged(f"an element of {length} bytes is longer than what is there")
        return _Element(kind, data[start : start + length], end)

    def _unfolded(self, packed: memoryview) -> _Element:
        """The element that was compressed."""
        stream = zlib.decompressobj()
        try:
            tag = stream.decompress(packed, 8)
            length = self._number(memoryview(tag)[4:8])
            if length > _MOST_UNFOLDED * len(packed):
                raise self._damaged(f"an element of {length} bytes is longer than what is there")
            content = stream.decompress(stream.unconsumed_tail, length) if length else b""
        except zlib.error as problem:
            raise self._damaged(str(problem)) from None
        return self._element(memoryview(tag + content), 0)

    def _matrix(self, data: memoryview) -> dict[str, np.ndarray]:
        """Name and numbers of an array; nothing for one of another kind."""
        flags = self._element(data, 0)
        if flags.kind != _UINT32 or len(flags.data) != 8:
            raise self._damaged("an array has no flags")
        word = self._number(flags.data[:4])
        if word & 0xFF not in _CLASSES or word & _COMPLEX:
            return {}
        sizes = self._element(data, flags.end)
        name = self._element(data, sizes.end)
        numbers = self._element(data, name.end)
        stored = _STORED.get(numbers.kind)
        if sizes.kind != _INT32 or len(sizes.data) % 4 or stored is None:
            raise self._damaged("an array has neither shape nor numbers")
        shape = np.frombuffer(sizes.data, f"{self._order}i4").tolist()
        if not 2 <= len(shape) <= 32 or min(shape) < 0:
            raise self._damaged(f"an array has the shape {shape}")
        dtype = np.dtype(f"{self._order}{stored}")
        least = math.prod(size for size in shape if size) * dtype.itemsize
        if math.prod(shape) * dtype.itemsize != len(numbers.data) or least >= 1 << 62:
            raise self._damaged(f"an array of shape {shape} has {len(numbers.data)} bytes")
        array = np.frombuffer(numbers.data, dtype).astype(_CLASSES[word & 0xFF])
        return {bytes(name.data).decode("latin-1"): array.reshape(shape, order="F")}
