"""Opening a shard for reading: a local file, a web address, or any file system of fsspec.

What is far away is read by a `Reconnecting` file, which opens its connection anew where it broke.
"""

from __future__ import annotations

import gzip
import http.client
import io
import os
import stat
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, BinaryIO

from .errors import ShardError
from .urls import file_system, local_path

BUFFER = 1 << 18
RETRIES = 5
TIMEOUT = 60.0
"""Seconds that a web server may be silent."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_AGENT = {"User-Agent": "rushlight", "Accept-Encoding": "identity"}
_BUSY = (408, 425, 429)
sleep = time.sleep


def open_shard(
    url: str, offset: int = 0, options: dict | None = None, retries: int = RETRIES
) -> BinaryIO:
    """The bytes of a tar, unpacked if it is compressed, from an offset on."""
    path = local_path(url)
    file: Any = open_local(path) if path is not None else _open_remote(url, options, retries)
    try:
        if is_compressed(file):
            file = io.BufferedReader(gzip.GzipFile(fileobj=file), BUFFER)  # type: ignore[type-var]
        if offset:
            go_to(file, offset)
    except BaseException:
        file.close()
        raise
    return file


def is_compressed(file: Any) -> bool:
    """Whether a file that has just been opened begins as gzip's do."""
    return file.peek(2)[:2] == b"\x1f\x8b"


def open_local(path: str, buffer: int = BUFFER) -> io.BufferedReader:
    """A local file; a pipe or a device is a ShardError."""
    kind = os.stat(path).st_mode
    if not stat.S_ISREG(kind):  # a pipe would let the reader wait for ever
        raise ShardError("it is a folder, a device or a pipe, and no file", path)
    return open(path, "rb", buffering=buffer)


def _open_remote(url: str, options: dict | None, retries: int) -> BinaryIO:
    connect: Callable[[int], Connection]
    if url.startswith(("http://", "https://")) and not options:
        connect = WebConnector(url)
    else:
        system, path = file_system(url, options)
        connect = FileSystemConnector(system, path)
    return io.BufferedReader(Reconnecting(url, connect, retries), BUFFER)


def go_to(file: BinaryIO, offset: int) -> None:
    """Stand at an offset: at once where the file can, else by reading up to it."""
    if file.seekable():
        file.seek(offset)
        return
    left = offset - file.tell()
    while left > 0:
        part = file.read(min(left, BUFFER))
        if not part:
            return  # whoever reads next finds the end
        left -= len(part)


class Connection:
    """An open file far away: `read`, `close`, its size if known, and whether parts can be had."""

    def __init__(self, file: Any, size: int | None, has_parts: bool):
        self.file, self.size, self.has_parts = file, size, has_parts
        self.read, self.close = file.read, file.close


class FileSystemConnector:
    """Opens a path of one of fsspec's file systems at an offset."""

    def __init__(self, system: Any, path: str):
        self.system, self.path = system, path

    def __call__(self, offset: int) -> Connection:
        """The file, read from there on."""
        file = self.system.open(self.path, "rb")
        has_parts = file.seekable()
        if offset:
            if not has_parts:
                file.close()
                raise io.UnsupportedOperation("its file system cannot go to a place in a file")
            file.seek(offset)
        size = getattr(file, "size", None)
        return Connection(file, size if isinstance(size, int) else None, has_parts)


class WebConnector:
    """Asks a web server for a file from an offset on; the file must still be the same one."""

    def __init__(self, url: str):
        self.url = url
        self.tag: str | None = None

    def __call__(self, offset: int) -> Connection:
        """The file, read from there on."""
        headers = _AGENT | {"Range": f"bytes={offset}-"}
        if offset and self.tag is not None:
            headers["If-Range"] = self.tag
        try:
            response = self._ask(headers)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416:  # nothing from there on
                    return Connection(io.BytesIO(), offset, True)
                raise
        if offset and response.status != 206:
            response.close()
            raise io.UnsupportedOperation(
                "the web server serves no parts of it, or it has changed meanwhile"
            )
        tag = response.headers.get("ETag")
        self.tag = (
            tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
        )
        length = response.headers.get("Content-Length", "")
        size = offset + int(length) if length.isdigit() else None
        says_so = response.headers.get("Accept-Ranges") == "bytes"
        return Connection(response, size, says_so or response.status == 206)

    def _ask(self, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(self.url, headers=headers)
        return urllib.request.urlopen(request, timeout=TIMEOUT)


class Reconnecting(io.RawIOBase):
    """A file whose broken connection is opened again, after ever longer waits.

    When it has broken `retries` times without a byte in between, or cannot be opened where it
    broke, a ShardError says how far it came.
    """

    def __init__(self, url: str, connect: Callable[[int], Connection], retries: int):
        self.url, self.connect, self.retries = url, connect, retries
        self.offset = self._faults = 0
        self._open: Connection | None = None
        self._has_parts: bool | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Whether parts of it can be had."""
        if self._has_parts is None:
            self._with_patience(self._connection)
        return bool(self._has_parts)

    def tell(self) -> int:
        """Bytes read so far."""
        return self.offset

    def seek(self, offset: int, whence: int = 0) -> int:
        """Read on from another place."""
        if whence == 1:
            offset += self.offset
        elif whence != 0:
            raise io.UnsupportedOperation("seek from the end")
        if offset != self.offset:
            self._disconnect()
            self.offset = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next."""
        data = self._with_patience(lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        self.offset += len(data)
        self._faults = 0
        return len(data)

    def _read(self, count: int) -> bytes:
        connection = self._connection()
        data = connection.read(count)
        if not data and connection.size is not None and self.offset < connection.size:
            raise EOFError(f"it ended after {self.offset} of {connection.size} bytes")
        return data

    def _connection(self) -> Connection:
        if self._open is None:
            self._open = self.connect(self.offset)
            self._has_parts = self._open.has_parts
        return self._open

    def _with_patience(self, work: Callable[[], Any]) -> Any:
        while True:
            try:
                return work()
            except io.UnsupportedOperation as error:
                raise ShardError(f"it cannot be read on: {error}", self.url, self.offset) from error
            except transient() as error:
                self._disconnect()
                self._faults += 1
                if is_final(error) or self._faults > self.retries:
                    tries = f" {self._faults} times" if self._faults > 1 else ""
                    reason = f"reading it failed{tries}: {type(error).__name__}: {error}"
                    raise ShardError(reason, self.url, self.offset) from error
                sleep(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._faults - 1)))

    def _disconnect(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """End the connection."""
        self._disconnect()
        super().close()


def transient() -> tuple[type[Exception], ...]:
    """What broken connections raise."""
    kinds: tuple[type[Exception], ...] = (OSError, EOFError, http.client.HTTPException)
    web = sys.modules.get("aiohttp")
    return kinds if web is None else (*kinds, web.ClientError)


def is_final(error: Exception) -> bool:
    """Whether trying again cannot help."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in _BUSY
    return isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
