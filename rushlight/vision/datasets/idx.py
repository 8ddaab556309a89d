"""Files in the IDX format, which MNIST and its kin come in."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

_GZIP = b"\x1f\x8b"
_MOST_UNFOLDED = 1040
"""No byte compressed by deflate stands for more."""
_IDX_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> np.ndarray:
    """Read an array from a file in the IDX format of MNIST, plain or compressed by gzip.

    The file's element type gives the dtype. A file that is no IDX file, is damaged, or is
    shorter or longer than its header says is a ValueError that names it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path).tolist()
    [5, 0, 4]
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not packed:
            return _read(path, file, size)
        try:
            return _read(path, gzip.GzipFile(fileobj=file), _MOST_UNFOLDED * size)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def _read(path: str | Path, file: IO[bytes] | gzip.GzipFile, most: int) -> np.ndarray:
    """The array of an open file that has no more than `most` bytes."""
    dtype, shape = _read_header(path, file)
    needed = dtype.itemsize * math.prod(shape)
    memory = np.empty(min(needed, most), np.uint8)
    present = _fill(memory, file)
    rest = file.read(1)  # which also compares the checksum of a gzip file
    if present != needed or rest:
        problem = "truncated" if present < needed else "too long"
        more = "" if present < needed else "more than "
        raise ValueError(
            f"{path} is {problem}: an IDX array of shape {shape} and type {dtype.name} "
            f"needs {needed} bytes after the header, but {more}{present} are there"
        )
    array = memory.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _fill(memory: np.ndarray, file: Any) -> int:
    """Read into the memory, and say how many bytes came."""
    view, present = memoryview(memory), 0
    while present < len(view) and (count := file.readinto(view[present:])):
        present += count
    return present


def _read_header(
    path: str | Path, file: IO[bytes] | gzip.GzipFile
) -> tuple[np.dtype, tuple[int, ...]]:
    """Type and shape of the array."""
    start = file.read(4)
    known = len(start) == 4 and start[:2] == b"\0\0" and start[2] in _IDX_DTYPES
    if not known:
        found = start.hex(" ") or "nothing"
        raise ValueError(
            f"{path} is not an IDX file: expected 00 00, a type from 08 to 0e and the number "
            f"of axes at its start, but found {found}"
        )
    length = 4 * start[3]
    sizes = file.read(length)
    if len(sizes) < length:
        raise ValueError(f"{path} is truncated: it ends within its header of {4 + length} bytes")
    return np.dtype(_IDX_DTYPES[start[2]]), struct.unpack(f">{start[3]}I", sizes)
