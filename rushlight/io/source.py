"""The bytes of a file: in memory, on disk, or mapped into memory."""

from __future__ import annotations

import mmap
import os
from io import BytesIO
from typing import IO

import numpy as np

from rushlight.graph.buffer import Buffer
from rushlight.io.file import Damaged


class Source:
    """Bytes in memory; what is read is seen in place."""

    def __init__(self, data: bytes | mmap.mmap):
        self._data = data
        self.size = len(data)

    def read(self, start: int, length: int) -> bytes:
        """A part as bytes; Damaged if the file ends before it does."""
        self._check(start, length)
        return bytes(self._data[start : start + length])

    def memory(self, start: int, length: int, alignment: int) -> Buffer:
        """A part as memory for a tensor; copied only where numbers would lie askew."""
        self._check(start, length)
        found = np.frombuffer(self._data, np.uint8, length, start)
        if found.ctypes.data % alignment or found.flags.writeable:
            found = found.copy()
        return Buffer.around(found)

    def file(self) -> IO[bytes]:
        """The whole as a file to read from."""
        return BytesIO(self._data)

    def _check(self, start: int, length: int) -> None:
        if start < 0 or length < 0 or start + length > self.size:
            raise Damaged(f"it has {self.size:,} bytes, but says that {length:,} lie at {start:,}.")


class FileSource(Source):
    """A file on disk; each part is read when it is asked for, into memory of its own."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.size = os.fstat(file.fileno()).st_size

    def read(self, start: int, length: int) -> bytes:
        """A part as bytes; Damaged if the file ends before it does."""
        self._check(start, length)
        self._file.seek(start)
        return self._complete(self._file.read(length), length)

    def memory(self, start: int, length: int, alignment: int) -> Buffer:
        """A part as memory for a tensor, read from disk."""
        self._check(start, length)
        buffer = Buffer(length)
        found = np.ndarray((length,), np.uint8, buffer.memory, buffer.offset)
        self._file.seek(start)
        self._complete(found[: self._file.readinto(found)], length)
        return buffer

    def file(self) -> IO[bytes]:
        """The file itself."""
        return self._file

    def _complete(self, found: bytes | np.ndarray, length: int) -> bytes | np.ndarray:
        if len(found) < length:
            raise Damaged(f"the file ends after {len(found):,} of {length:,} bytes.")
        return found


class MappedSource(Source):
    """A file that the system maps into memory; parts are read from disk when they are used."""

    def __init__(self, file: IO[bytes]):
        super().__init__(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._file = file

    def file(self) -> IO[bytes]:
        """The file itself."""
        return self._file
