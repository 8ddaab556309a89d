"""Memory that processes share, handed to a process that starts as an open file."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

from rushlight.data.workers import memory

_SHARED = "/dev/shm"


class SharedMemoryError(OSError):
    """There is too little shared memory for the batches of a loader."""


class SharedFile:
    """Memory that processes share; it has the same content in a process that is given it.

    On Linux it has no name that could outlive the processes, it counts as memory of the process
    and not as part of `/dev/shm`, and other processes get it as an open file while they start.
    Elsewhere it is a file that they find by its path.
    """

    def __init__(self, size: int = 0):
        self.handle, self.name = _nameless(), ""
        if self.handle < 0:
            folder = _SHARED if os.path.isdir(_SHARED) else None
            self.handle, self.name = tempfile.mkstemp(prefix="rushlight-", dir=folder)
        try:
            if size:
                self.grow(size)
        except BaseException:
            self.close()
            raise

    def grow(self, size: int) -> None:
        """Make room; a shortage shows now, not as SIGBUS in the middle of a batch."""
        if not self.name:
            had = memory.available()
            if had is not None and size > had:
                raise SharedMemoryError(errno.ENOMEM, _shortage(size, had))
        if not hasattr(os, "posix_fallocate"):
            os.truncate(self.handle, size)
            return
        try:
            os.posix_fallocate(self.handle, 0, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                raise
            free = self._free()
            raise SharedMemoryError(error.errno, _shortage(size, free, self.name)) from None

    def _free(self) -> int | None:
        if not self.name:
            return memory.available()
        free = os.statvfs(Path(self.name).parent)
        return free.f_bavail * free.f_frsize

    def map(self, private: bool = False) -> mmap.mmap:
        """The memory; what is written to a private mapping nobody else sees."""
        access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
        return mmap.mmap(self.handle, 0, access=access)

    def close(self) -> None:
        """Let go of it; the memory stays until the last process that maps it does so too."""
        if self.handle >= 0:
            os.close(self.handle)
        if self.name:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.name)
        self.handle, self.name = -1, ""

    def __reduce__(self) -> tuple:
        if self.name:
            return _named, (self.name,)
        from multiprocessing import reduction  # only a process that starts others needs it

        return _inherited, (reduction.DupFd(self.handle),)


def _nameless() -> int:
    try:
        return os.memfd_create("rushlight")
    except (AttributeError, OSError):  # another system, or a sandbox that forbids it
        return -1


def _inherited(handle: Any) -> SharedFile:
    """The file in a process that got it while it started."""
    file = SharedFile.__new__(SharedFile)
    file.handle, file.name = handle.detach(), ""
    return file


def _named(name: str) -> SharedFile:
    """The file in a process that finds it by its path, which it does not own."""
    file = SharedFile.__new__(SharedFile)
    file.handle, file.name = os.open(name, os.O_RDWR | getattr(os, "O_BINARY", 0)), ""
    return file


def _shortage(size: int, had: int | None, name: str = "") -> str:
    place, flag = ("this process may use", "--memory") if not name else (name, "--shm-size")
    if name:
        place = f"{Path(name).parent} has room for"
    return (
        f"the loader's batches need {size} bytes of shared memory, but {place} {had} more. Use "
        "fewer workers, a smaller prefetch_factor, smaller batches or threads; a Docker container "
        f'gets more with "{flag}"'
    )
