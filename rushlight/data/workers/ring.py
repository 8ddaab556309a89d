"""A ring of shared memory: slots that workers fill, leased to the batches that lie in them."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np

_SHARED = "/dev/shm"
_has_nameless = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")


class SharedMemoryError(OSError):
    """There is too little shared memory for the batches of a loader."""


class SharedFile:
    """Memory that processes share, under the path by which they find it.

    On Linux it has no name that could outlive the processes, and `/dev/shm` may be small.
    """

    def __init__(self, size: int):
        self.handle, self.path, self._name = -1, "", ""
        if _has_nameless:
            self.handle = os.memfd_create("rushlight")
            self.path = f"/proc/{os.getpid()}/fd/{self.handle}"
        else:
            folder = _SHARED if os.path.isdir(_SHARED) else None
            self.handle, self._name = tempfile.mkstemp(prefix="rushlight-", dir=folder)
            self.path = self._name
        try:
            self._reserve(max(1, size))
        except BaseException:
            self.close()
            raise

    def _reserve(self, size: int) -> None:
        """A shortage shows now, not as SIGBUS in the middle of a batch."""
        if not hasattr(os, "posix_fallocate"):
            os.truncate(self.handle, size)
            return
        try:
            os.posix_fallocate(self.handle, 0, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                raise
            raise SharedMemoryError(error.errno, _shortage(size)) from None

    def close(self) -> None:
        """Let go of it; the memory stays until the last process that maps it does so too."""
        if self.handle >= 0:
            os.close(self.handle)
        if self._name:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._name)
        self.handle, self._name = -1, ""


def _shortage(size: int) -> str:
    folder = Path(_SHARED if os.path.isdir(_SHARED) else tempfile.gettempdir())
    free = os.statvfs(folder)
    return (
        f"the loader's batches need {size} bytes of shared memory, but {folder} has "
        f"{free.f_bavail * free.f_frsize} free. Use fewer workers, a smaller prefetch_factor or "
        'smaller batches; in Docker give the container more with "--shm-size" or "--memory"'
    )


def map_file(path: str, private: bool = False) -> mmap.mmap:
    """The memory of a shared file; what is written to private memory nobody else sees."""
    with open(path, "r+b") as file:
        access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
        return mmap.mmap(file.fileno(), 0, access=access)


class Ring:
    """Slots of one size; a slot is free again when nothing refers to what lies in it."""

    def __init__(self, slot_bytes: int, count: int):
        self.slot_bytes, self.count = slot_bytes, count
        self.file = SharedFile(slot_bytes * count)
        self.memory = map_file(self.file.path)
        self._free = list(range(count))
        self._leases: dict[int, Any] = {}

    def take(self) -> int | None:
        """A free slot for a worker to fill; None if all are in use."""
        return self._free.pop() if self._free else None

    def give_back(self, slot: int) -> None:
        """The slot was not needed."""
        self._free.append(slot)

    def lease(self, slot: int, places: list[tuple[int, int]]) -> list[np.ndarray]:
        """The buffers in a slot; it is free when the last array over them is gone."""
        start = slot * self.slot_bytes
        whole = np.frombuffer(self.memory, np.uint8, self.slot_bytes, start)

        def ended(_: Any, slot: int = slot) -> None:
            self._leases.pop(slot, None)
            self._free.append(slot)

        self._leases[slot] = weakref.ref(whole, ended)
        return [whole[offset : offset + size] for offset, size in places]
