"""Arrays that lie in files: mapped into memory, so that only what is used is read."""

from __future__ import annotations

import io
import math
import mmap
import os
import sys
import tokenize
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy

NUMPY = b"\x93NUMPY"
ZIP = b"PK\x03\x04"
_LONGEST_HEADER = 1 << 16
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_PROBLEMS = (ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError)
_PROBLEMS += (tokenize.TokenError,)


@dataclass(frozen=True)
class Layout:
    """Where in a file of `size` bytes an array lies, and of what kind it is."""

    size: int
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool = False

    @property
    def nbytes(self) -> int:
        """How many bytes its numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


def numpy_layout(path: str) -> Layout:
    """The layout of a `.npy` file; ValueError for anything else, and for one cut short."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        beginning = file.read(_LONGEST_HEADER)
    if beginning.startswith(ZIP):
        raise ValueError(
            f"{path} is an .npz archive, whose members may be compressed and so cannot be read in "
            "part: save each array by numpy.save to a .npy file"
        )
    if not beginning.startswith(NUMPY):
        raise ValueError(f"{path} is no .npy file: it begins with {beginning[:6]!r}")
    layout = _parsed(path, size, io.BytesIO(beginning))
    if layout.dtype.hasobject:
        raise ValueError(
            f"{path} holds Python objects as a pickle, which could run any code and is not read"
        )
    if size - layout.start != layout.nbytes:
        raise ValueError(
            f"{path} is damaged: an array of shape {layout.shape} and dtype {layout.dtype} takes "
            f"{layout.nbytes:,} bytes, but {size - layout.start:,} are there"
        )
    return layout


def _parsed(path: str, size: int, file: io.BytesIO) -> Layout:
    try:
        version = npy.read_magic(file)
        shape, by_columns, dtype = _HEADERS[version](file)
    except KeyError:
        raise ValueError(f"{path} is of version {version} of .npy; 1.0 and 2.0 are read") from None
    except _PROBLEMS as error:
        raise ValueError(f"{path} is damaged: its header cannot be read ({error})") from error
    if any(length < 0 for length in shape):
        raise ValueError(f"{path} is damaged: its shape is {shape}")
    return Layout(size, file.tell(), shape, dtype, by_columns and len(shape) > 1)


def raw_layout(path: str, dtype: np.dtype, start: int = 0) -> Layout:
    """The layout of a file that is nothing but numbers after `start` bytes."""
    size = os.path.getsize(path)
    count, rest = divmod(size - start, dtype.itemsize)
    if rest or size < start:
        raise ValueError(
            f"{path} is no file of {dtype} numbers: its {size:,} bytes less {start:,} at the start "
            f"are no multiple of {dtype.itemsize}"
        )
    return Layout(size, start, (count,), dtype)


def begins_as_numpy(path: str) -> bool:
    """Whether a file begins as `.npy` files do."""
    with open(path, "rb") as file:
        return file.read(len(NUMPY)) == NUMPY


def map_array(path: str, layout: Layout) -> np.ndarray:
    """The array in a file, to be read only; ValueError if the file has another size by now."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size != layout.size:
            raise ValueError(f"{path} has changed: it had {layout.size:,} bytes, now {size:,}")
        if not layout.nbytes:
            return np.empty(layout.shape, layout.dtype)
        memory = map_bytes(file)
    count = math.prod(layout.shape)
    numbers = np.frombuffer(memory, layout.dtype, count, layout.start)
    return numbers.reshape(layout.shape, order="F" if layout.by_columns else "C")


def map_bytes(file: Any) -> mmap.mmap:
    """The bytes of an open file; the file need not stay open."""
    if sys.version_info >= (3, 13):
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ, trackfd=False)
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class MappedArray:
    """An array in a file, mapped when it is first used; it is pickled as its path and layout."""

    def __init__(self, path: str | os.PathLike, layout: Layout | None = None):
        self.path = os.path.abspath(os.fspath(path))
        self.layout = numpy_layout(self.path) if layout is None else layout
        self._array: np.ndarray | None = None

    def __reduce__(self) -> Any:
        return MappedArray, (self.path, self.layout)

    @property
    def array(self) -> np.ndarray:
        """The array; what is used of it is read."""
        if self._array is None:
            self._array = map_array(self.path, self.layout)
        return self._array
