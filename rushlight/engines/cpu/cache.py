"""Object code kept on disk, shared by processes.

A file holds the object code of one or more kernels under the hash of each (hard links, where the
file system has them).  Its first bytes are a checksum of the rest, so an entry that is damaged or
half-written is noticed, removed and built anew.  Files are written beside and then renamed.  The
folder is `RUSHLIGHT_CACHE`, or `rushlight` in the user's cache folder; `RUSHLIGHT_CACHE=off` keeps
nothing.  A folder that others may write to is not used: it would run their code.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

MOST_BYTES = 256 << 20
_MAGIC = b"rushlight object 1\n"
_DIGEST = hashlib.sha256().digest_size


def folder() -> Path | None:
    """The folder in use, made if it is missing; None if there is no safe one."""
    named = os.environ.get("RUSHLIGHT_CACHE", "")
    if named.lower() == "off":
        return None
    place = Path(named).expanduser() if named else _user_cache() / "rushlight"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.stat()
    except (OSError, RuntimeError):
        return None
    if os.name == "posix" and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    return place


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def read(name: str) -> tuple[list[str], bytes] | None:
    """The names of the kernels in the entry `name`, and their object code; None if not there."""
    place = folder()
    if place is None:
        return None
    path = place / name
    try:
        content = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST
    digest, payload = content[len(_MAGIC) : start], content[start:]
    if content[: len(_MAGIC)] != _MAGIC or hashlib.sha256(payload).digest() != digest:
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the oldest are evicted first
    names, _, code = payload.partition(b"\n")
    return names.decode().split(), code


def write(names: list[str], code: bytes) -> None:
    """Keep the object code of these kernels; a full or read-only disk keeps nothing."""
    place = folder()
    if place is None:
        return
    payload = " ".join(names).encode() + b"\n" + code
    content = _MAGIC + hashlib.sha256(payload).digest() + payload
    try:
        _evict(place, len(content))
        first = place / names[0]
        _write_whole(first, content)
        for name in names[1:]:
            _link(first, place / name, content)
    except OSError:
        return


def _write_whole(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix="new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _link(first: Path, path: Path, content: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    try:
        os.link(first, path)
    except FileExistsError:  # another process was faster, with the same code
        return
    except OSError:
        _write_whole(path, content)


def _evict(place: Path, coming: int) -> None:
    """Remove the entries used longest ago until the new one fits."""
    entries, total, counted = [], coming, set()
    with os.scandir(place) as listing:
        for entry in listing:
            status = entry.stat()
            entries.append((status.st_mtime, status.st_ino, status.st_size, entry.path))
            if status.st_ino not in counted:
                counted.add(status.st_ino)
                total += status.st_size
    if total <= MOST_BYTES:
        return
    gone = set()
    for _, inode, size, path in sorted(entries):
        if total <= MOST_BYTES * 3 // 4 and inode not in gone:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
        if inode not in gone:
            gone.add(inode)
            total -= size
