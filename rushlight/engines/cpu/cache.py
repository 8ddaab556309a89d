"""What is kept on disk between processes: compiled code, and what is known about it.

    place = store()                       # None if nothing is kept
    place.write(["k12", "k34"], content)  # one content under several names
    names, content = place.read("k12")    # None if it is not there

An entry is one file under each of its names (hard links, where the file system has them).  It
begins with a checksum of the rest, and the rest with the names, so an entry that is damaged,
half-written or misplaced is noticed, removed and made anew.  Files are written beside and then
renamed, and nothing is locked: any number of processes may share a folder.

The folder is `RUSHLIGHT_CACHE`, or `rushlight` in the user's cache folder; `RUSHLIGHT_CACHE=off`
keeps nothing.  What was used longest ago is removed when `RUSHLIGHT_CACHE_SIZE` (256M) is full.
The folder must be the user's own: one in which others could write is not used, since it would
run their code.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

DEFAULT_BYTES = 256 << 20
_MAGIC = b"rushlight entry 2\n"
_DIGEST = hashlib.sha256().digest_size
_BLOCK = 4096  # what a file takes at least, and is rounded up to
_STALE_SECONDS = 3600
_BEGUN = "new-"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

_warned: set[Path] = set()


class Usage(NamedTuple):
    """What a cache folder holds."""

    entries: int
    nbytes: int


def name_of(kind: str, text: str) -> str:
    """The name of the entry about a text; the kind is one letter."""
    return kind + hashlib.sha256(text.encode()).hexdigest()[:40]


def store() -> Store | None:
    """The cache folder in use, made if it is missing; None if nothing can or may be kept."""
    place = folder()
    if place is None:
        return None
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.stat()
    except OSError:
        return None
    reason = _why_unsafe(status)
    if reason is None:
        return Store(place)
    if place not in _warned:
        _warned.add(place)
        warnings.warn(
            f"compiled kernels are not kept: the cache folder {place} {reason}\n"
            "Expected: a folder that belongs to this user alone (chmod 700), "
            "or RUSHLIGHT_CACHE naming another.",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


def folder() -> Path | None:
    """The folder that the environment names, there or not; None for `RUSHLIGHT_CACHE=off`."""
    named = os.environ.get("RUSHLIGHT_CACHE", "")
    if named.lower() == "off":
        return None
    try:
        return Path(named).expanduser() if named else _user_cache() / "rushlight"
    except RuntimeError:  # a user without a home
        return None


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _why_unsafe(status: os.stat_result) -> str | None:
    if not stat.S_ISDIR(status.st_mode):
        return "is not a folder"
    if os.name != "posix":
        return None  # by default a Windows profile is the user's alone
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    return "may be written to by other users" if status.st_mode & 0o022 else None


def most_bytes() -> int:
    """How many bytes the folder may hold."""
    text = os.environ.get("RUSHLIGHT_CACHE_SIZE", "")
    if not text:
        return DEFAULT_BYTES
    found = re.fullmatch(r"(\d+) ?([KMG]?)(iB|B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(
            "Expected RUSHLIGHT_CACHE_SIZE to be a number of bytes, or one of K, M or G, as 256M."
            f"\nActual: {text}."
        )
    return int(found[1]) * _UNITS[found[2].upper()]


class Store:
    """A cache folder."""

    def __init__(self, place: Path):
        self.place = place

    def read(self, name: str) -> tuple[list[str], bytes] | None:
        """All names of an entry, and its content; None if there is none that is sound."""
        path = self.place / name
        try:
            whole = path.read_bytes()
        except OSError:
            return None
        start = len(_MAGIC) + _DIGEST
        digest, payload = whole[len(_MAGIC) : start], whole[start:]
        sound = whole[: len(_MAGIC)] == _MAGIC and hashlib.sha256(payload).digest() == digest
        first, _, content = payload.partition(b"\n")
        names = first.decode().split() if sound else []
        if name not in names:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the oldest are removed first
        return names, content

    def write(self, names: Sequence[str], content: bytes) -> None:
        """Keep an entry; where nothing can be written, nothing is kept."""
        payload = " ".join(names).encode() + b"\n" + content
        whole = _MAGIC + hashlib.sha256(payload).digest() + payload
        most = most_bytes()
        if len(whole) > most:
            return
        with contextlib.suppress(OSError):
            _make_room(self.place, names[0], len(whole), most)
            first = self.place / names[0]
            _write_whole(first, whole)
            for name in names[1:]:
                _link(first, self.place / name, whole)

    def usage(self) -> Usage:
        """How many entries there are, and how many bytes they take."""
        files = _files(self.place)
        return Usage(len({file.inode for file in files}), _total(files))

    def clear(self) -> None:
        """Remove every entry, and nothing else that may be in the folder."""
        for file in _files(self.place):
            with contextlib.suppress(OSError):
                os.unlink(file.path)


def _write_whole(path: Path, whole: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=_BEGUN, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(whole)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _link(first: Path, path: Path, whole: bytes) -> None:
    try:
        os.link(first, path)
    except FileExistsError:  # another process was faster, with the same code
        return
    except OSError:
        _write_whole(path, whole)


class _File(NamedTuple):
    """A file of ours in the folder; the oldest sorts first."""

    used: float
    inode: int
    nbytes: int
    path: str


_ENTRY = re.compile(r"[a-z][0-9a-f]{40}|" + _BEGUN + ".*")


def _files(place: Path) -> list[_File]:
    """What is ours in a folder; what a killed process left half-written is removed."""
    found, now = [], time.time()
    with os.scandir(place) as listing:
        for entry in listing:
            if not _ENTRY.fullmatch(entry.name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
                if entry.name.startswith(_BEGUN) and now - status.st_mtime > _STALE_SECONDS:
                    os.unlink(entry.path)
                    continue
            except OSError:  # another process has just removed it
                continue
            nbytes = -(-status.st_size // _BLOCK) * _BLOCK
            found.append(_File(status.st_mtime, entry.inode(), nbytes, entry.path))
    return found


def _total(files: list[_File]) -> int:
    return sum({file.inode: file.nbytes for file in files}.values())


_written: dict[Path, int] = {}
"""For each folder, how many bytes this process has written since it last looked at its size."""


def _make_room(place: Path, name: str, coming: int, most: int) -> None:
    """Remove the entries used longest ago, if the new one would not fit.

    A look at a large folder takes longer than writing to it, so it is taken for one entry in 16,
    chosen by its name, and after a 16th of what fits.
    """
    _written[place] = _written.get(place, 0) + coming + _BLOCK
    if name[-1] == "0" or _written[place] > most // 16:
        _remove_oldest(place, most, coming)
        _written[place] = 0


def _remove_oldest(place: Path, most: int, coming: int) -> None:
    """Make room for an entry, and some more."""
    files = _files(place)
    total = _total(files)
    if total + coming <= most:
        return
    gone: set[int] = set()
    for file in sorted(files):
        if file.inode not in gone:
            if total + coming <= most * 3 // 4:
                break
            gone.add(file.inode)
            total -= file.nbytes
        with contextlib.suppress(OSError):
            os.unlink(file.path)
