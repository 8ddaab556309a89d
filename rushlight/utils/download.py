"""Files fetched from the network: resumed after a break, checked, and never seen half written."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: two processes may fetch the same file there
    fcntl = None  # type: ignore[assignment]

_CHUNK = 1 << 16
_TRIES = 5  # that bring less than _PROGRESS, before an address is given up
_PROGRESS = 1 << 20
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_WORD_AFTER = 5.0
_TRY_AGAIN = (408, 425, 429)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_PAST_THE_END = re.compile(r"bytes \*/(\d+)")


class DownloadError(RuntimeError, urllib.error.URLError):
    """No address gave the file; the message says what each answered and where the file belongs.

    It is a RuntimeError and a URLError, the two that torchvision raises.
    """

    def __init__(self, message: str):
        RuntimeError.__init__(self, message)
        self.reason = message

    def __str__(self) -> str:
        return self.reason


class _Failed(Exception):  # noqa: N818 - never leaves this module
    """Why one address does not give the file."""


class _Broken(_Failed):
    """Why it did not this time; the next try may go on from here."""


def download(
    urls: str | Sequence[str],
    path: str | os.PathLike,
    *,
    md5: str | None = None,
    size: int | None = None,
    timeout: float = 30.0,
    progress: bool = True,
) -> Path:
    """Fetch a file from the first of `urls` that gives it whole, and say where it is.

    A file at `path` that fits `md5` and `size` is not fetched again. Otherwise the bytes go to
    `.NAME.part` beside it, which takes the name in one step when all are there and checked. After
    a break the rest is asked for; with `md5` also what an earlier call left is gone on from.
    Several processes fetch a file once: the others wait. `timeout` is how many seconds the other
    side may be silent. A bar is drawn on a terminal unless `progress` is False.

    If no address gives the file, a `DownloadError` says what each of them answered.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder) / "source.txt"
    ...     _ = source.write_text("rushlight")
    ...     download(source.as_uri(), Path(folder) / "copy.txt", size=9).read_text()
    'rushlight'
    """
    goal = Path(path).expanduser()
    urls = [urls] if isinstance(urls, str) else list(urls)
    if is_whole(goal, md5, size):
        return goal
    goal.parent.mkdir(parents=True, exist_ok=True)
    with _held(goal) as part:
        if is_whole(goal, md5, size):  # another process has just fetched it
            return goal
        if md5 is None:
            part.clear()  # nothing would tell whether it belongs to this file
        answers = []
        for url in urls:
            try:
                _Transfer(url, part, md5, size, timeout, progress).run()
            except _Failed as reason:
                answers.append(f"  {url}: {reason}")
                continue
            part.publish(goal)
            return goal
        raise DownloadError(_report(goal, md5, size, answers, part.size))


def is_whole(path: str | os.PathLike, md5: str | None = None, size: int | None = None) -> bool:
    """Whether there is a file of that size with that checksum.

    >>> is_whole("no-such-file")
    False
    """
    if not os.path.isfile(path):
        return False
    if size is not None and os.path.getsize(path) != size:
        return False
    return md5 is None or md5_of(path) == md5.lower()


def md5_of(path: str | os.PathLike, chunk_size: int = 1 << 20) -> str:
    """The MD5 checksum of a file, as 32 hexadecimal digits.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     md5_of(file.name)
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def _report(goal: Path, md5: str | None, size: int | None, answers: list, kept: int) -> str:
    of_size = "" if size is None else f" of {size:,} bytes"
    checked = "" if md5 is None else f" with the MD5 checksum {md5}"
    lines = [
        f"cannot download {goal.name}",
        f"Expected: a file{of_size}{checked} from one of these addresses.",
        "Actual:",
        *answers,
        f"Without network, fetch it elsewhere and put it at {goal}",
    ]
    if kept:
        lines.append(f"{kept:,} bytes are kept; the next call goes on from there.")
    return "\n".join(lines)


# ---------------------------------------------------------------------------------- the unfinished
class _Part:
    """What has come so far, in a file that only one process writes."""

    def __init__(self, path: Path, file: Any):
        self.path = path
        self.file = file

    @property
    def size(self) -> int:
        """How many bytes are there."""
        self.file.flush()
        return os.fstat(self.file.fileno()).st_size

    def clear(self) -> None:
        """Begin anew."""
        self.file.truncate(0)

    def publish(self, goal: Path) -> None:
        """Give it its name; it is there whole, or not at all."""
        self.file.flush()
        os.fsync(self.file.fileno())
        if fcntl is None:
            self.file.close()  # Windows renames no open file
        os.replace(self.path, goal)

    def close(self) -> None:
        """Let others write; nothing is left of a file of which nothing came."""
        if not self.file.closed:
            if self.size == 0 and self._is_current():
                self.path.unlink()
            self.file.close()

    def _is_current(self) -> bool:
        """Whether the name still stands for this file, which another may have published."""
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self.file.fileno()))


@contextmanager
def _held(goal: Path) -> Iterator[_Part]:
    """The unfinished file of a goal, once no other process writes it."""
    path = goal.with_name(f".{goal.name}.part")
    while True:
        part = _Part(path, open(path, "ab"))  # noqa: SIM115 - closed by whoever has the lock
        try:
            _lock(part.file, goal)
            if part._is_current():
                yield part
                return
        finally:
            part.close()


def _lock(file: Any, goal: Path) -> None:
    """Wait until no other process holds the file; a lock ends with its process."""
    began, warned = time.monotonic(), False
    while fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:  # some network file systems know no locks
            return
        if not warned and time.monotonic() - began > _WORD_AFTER:
            warned = True
            warnings.warn(f"waiting for another process that downloads {goal}", stacklevel=5)


# ------------------------------------------------------------------------------------ one address
class _Transfer:
    """The way of one file from one address."""

    def __init__(
        self,
        url: str,
        part: _Part,
        md5: str | None,
        size: int | None,
        timeout: float,
        progress: bool,
    ):
        self._url = url
        self._part = part
        self._md5 = md5
        self._size = size
        self._timeout = timeout
        self._progress = progress
        self._validator: str | None = None
        self._resumed = part.size > 0
        self._started_anew = False

    def run(self) -> None:
        """Bring all of it; _Failed if that cannot be done."""
        if self._md5 is None:
            self._part.clear()
        tries = 0
        while True:
            before = self._part.size
            try:
                self._stream()
                self._check()
                return
            except _Broken as reason:
                tries = 0 if self._part.size - before >= _PROGRESS else tries + 1
                if tries >= _TRIES:
                    raise _Failed(f"{reason} ({tries} times)") from None
            time.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])

    def _check(self) -> None:
        """Whether what came is what was wanted."""
        part = self._part
        if is_whole(part.path, self._md5, self._size):
            return
        size, found = part.size, md5_of(part.path)
        with open(part.path, "rb") as file:
            beginning = file.read(24)
        part.clear()
        again = self._resumed and not self._started_anew
        self._started_anew = True
        kind = _Broken if again else _Failed  # the parts may be of different files
        raise kind(f"gave {size:,} bytes with the MD5 checksum {found}, beginning {beginning!r}")

    def _stream(self) -> None:
        """Ask for what is missing, and write it."""
        start = self._part.size
        if start and self._md5 is None and self._validator is None:
            self._part.clear()  # another version of the file may have come meanwhile
            start = 0
        response = self._ask(start)
        if response is None:
            return
        with response:
            total = self._begin(response, start)
            self._copy(response, total)
        if total is not None and self._part.size < total:
            raise _Broken(f"broke off after {self._part.size:,} of {total:,} bytes")

    def _ask(self, start: int) -> Any:
        """The response; None if the part is the whole file already."""
        headers = {"User-Agent": "rushlight", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self._validator is not None:
                headers["If-Range"] = self._validator
        try:
            request = urllib.request.Request(self._url, headers=headers)
            return urllib.request.urlopen(request, timeout=self._timeout)
        except urllib.error.HTTPError as answer:
            with answer:
                return self._refused(answer, start)
        except urllib.error.URLError as problem:
            kind = _Broken if isinstance(problem.reason, ConnectionResetError) else _Failed
            raise kind(f"no connection: {problem.reason}") from None
        except (ValueError, http.client.InvalidURL) as problem:
            raise _Failed(str(problem)) from None
        except (OSError, http.client.HTTPException) as problem:
            raise _Broken(f"no answer: {_words(problem)}") from None

    def _refused(self, answer: urllib.error.HTTPError, start: int) -> None:
        words = f"HTTP {answer.code} {answer.reason}"
        if answer.code == 416 and start:
            whole = _PAST_THE_END.fullmatch(answer.headers.get("Content-Range", ""))
            if whole and int(whole[1]) == start:
                return
            self._part.clear()
            raise _Broken(words)
        if answer.code >= 500 or answer.code in _TRY_AGAIN:
            raise _Broken(words)
        raise _Failed(words)

    def _begin(self, response: Any, start: int) -> int | None:
        """How many bytes the whole file has, as far as the answer tells."""
        length = _length(response)
        if start and getattr(response, "status", None) == 206:
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if not found or int(found[1]) != start:
                self._part.clear()
                raise _Broken("answered with another part of the file than was asked for")
            self._resumed, total = True, None if length is None else start + length
            if found[2].isdigit():
                total = int(found[2])
        else:
            self._part.clear()  # it does not know of parts, or the file has changed
            self._resumed, total = False, length
        self._check_size(total)
        etag = response.headers.get("ETag", "")
        self._validator = etag if etag.startswith('"') else None
        return total

    def _check_size(self, total: int | None) -> None:
        if total is None:
            return
        if self._size is not None and total != self._size:
            raise _Failed(f"offers {total:,} bytes, where {self._size:,} were expected")
        free = shutil.disk_usage(self._part.path.parent).free
        missing = total - self._part.size
        if missing > free:
            words = f"{missing:,} bytes are to come, and {free:,} are free"
            raise OSError(errno.ENOSPC, words, str(self._part.path))

    def _copy(self, response: Any, total: int | None) -> None:
        from tqdm import tqdm

        part, limit = self._part, self._size if total is None else total
        read = getattr(response, "read1", response.read)
        size = part.size
        shown = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
        shown["disable"] = None if self._progress else True  # None: on a terminal alone
        name = part.path.name[1 : -len(".part")]
        with tqdm(total=total, initial=size, desc=name, **shown) as bar:
            while True:
                try:
                    chunk = read(_CHUNK)
                except (OSError, http.client.HTTPException) as problem:
                    raise _Broken(f"broke off after {size:,} bytes: {_words(problem)}") from None
                if not chunk:
                    return
                size += len(chunk)
                if limit is not None and size > limit:
                    part.clear()
                    raise _Failed(f"gave more than the {limit:,} bytes that it should have")
                part.file.write(chunk)
                bar.update(len(chunk))


def _length(response: Any) -> int | None:
    """The bytes that an answer announces, if it does."""
    if "Transfer-Encoding" in response.headers:
        return None
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _words(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
