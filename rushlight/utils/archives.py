"""Archives unpacked without trust: nothing lands outside the folder or grows without bound."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_CHUNK = 1 << 20
_FREE, _TIMES, _ENTRY = 64 << 20, 100, 4096
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
_DAMAGE += (ValueError, OverflowError, struct.error, NotImplementedError)
_ODD = (None, errno.EINVAL)  # what decoders raise, and a seek to nowhere
_CLASHES = (FileExistsError, NotADirectoryError, IsADirectoryError)  # of two names within it
_DRIVE = re.compile(r"[A-Za-z]:")

_OPENERS: dict[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}
_ALIASES = {".tgz": ".tar.gz", ".tbz": ".tar.bz2", ".tbz2": ".tar.bz2", ".txz": ".tar.xz"}


def extract_archive(
    from_path: str | os.PathLike,
    to_path: str | os.PathLike | None = None,
    remove_finished: bool = False,
) -> str | Path:
    """Unpack an archive, or a compressed file, and say where: `.tar`, `.zip`, `.gz`, `.bz2`, `.xz`.

    The ending of the name decides; tar files may be compressed (`.tar.gz`, `.tgz`, ...). An
    archive's files go to the folder `to_path`, or to the archive's own; a compressed file loses
    its last ending. All of it appears at the end or, after an error, nothing. `remove_finished`
    deletes the archive afterwards.

    Refused by a RuntimeError are: names that lead out of the folder, links, devices, damaged
    archives, and those that unfold to more than 64 MiB and 100 times their size.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(Path(folder) / "a.zip", "w") as archive:
    ...         archive.writestr("b/c.txt", "hello")
    ...     _ = extract_archive(Path(folder) / "a.zip")
    ...     (Path(folder) / "b" / "c.txt").read_text()
    'hello'
    """
    archive = Path(from_path)
    name, kind, compression = _kind_of(archive)
    folder = archive.parent if to_path is None else Path(to_path).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    budget = _Budget(archive)
    with _beside(folder) as place, _readable(archive):
        if kind == ".tar":
            _unpack_tar(archive, compression, place, budget)
        elif kind == ".zip":
            _unpack_zip(archive, place, budget)
        else:
            with _OPENERS[compression](archive) as packed:
                budget.copy(packed, place / name)
    if remove_finished:
        archive.unlink()
    result = folder if kind else folder / name
    return os.fspath(result) if isinstance(from_path, str) else result


def _kind_of(archive: Path) -> tuple[str, str, str]:
    """The name without its ending, the kind of archive and that of compression, which may be ''."""
    if not archive.suffixes:
        raise RuntimeError(
            f"File '{archive}' has no suffixes that could be used to detect the archive type and "
            "compression."
        )
    last = _ALIASES.get(archive.suffix, archive.suffix)
    name = archive.name[: -len(archive.suffix)] + last
    compression = Path(name).suffix if Path(name).suffix in _OPENERS else ""
    name = name[: len(name) - len(compression)]
    kind = Path(name).suffix if Path(name).suffix in (".tar", ".zip") else ""
    if not (kind or compression) or (kind == ".zip" and compression):
        known = sorted({*_OPENERS, *_ALIASES, ".tar", ".zip"})
        raise RuntimeError(
            f"Unknown compression or archive type: '{archive.suffix}'.\nKnown suffixes are: "
            f"'{known}'."
        )
    return name, kind, compression


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except (*_DAMAGE, OSError) as problem:
        of_archive = not isinstance(problem, OSError) or isinstance(problem, _CLASHES)
        if not of_archive and problem.errno not in _ODD:
            raise
        words = str(problem) or type(problem).__name__
        raise RuntimeError(f"{archive} is damaged: {words}") from problem


# ------------------------------------------------------------------------------------- what is read
class _Budget:
    """How many bytes an archive may still unfold to."""

    def __init__(self, archive: Path):
        self._archive = archive
        self._most = self._left = _FREE + _TIMES * archive.stat().st_size

    def spend(self, nbytes: int) -> None:
        """Count bytes; RuntimeError if they are too many."""
        self._left -= nbytes
        if self._left < 0:
            raise RuntimeError(
                f"{self._archive} is refused: it unfolds to more than {self._most:,} bytes, "
                f"{_TIMES} times its size and more"
            )

    def copy(self, source: IO[bytes], path: Path) -> None:
        """Write all of a file."""
        with open(path, "wb") as file:
            while chunk := source.read(_CHUNK):
                self.spend(len(chunk))
                file.write(chunk)


class _Bounded:
    """A stream that is counted while it is read."""

    def __init__(self, stream: IO[bytes], budget: _Budget):
        self._stream = stream
        self._budget = budget

    def read(self, length: int) -> bytes:
        """The next bytes."""
        found = self._stream.read(length)
        self._budget.spend(len(found))
        return found


class _Entry(tarfile.TarInfo):
    """An entry whose header must be whole; tarfile takes a damaged one for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """The next entry."""
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as problem:
            raise tarfile.ReadError(str(problem)) from problem


def _unpack_tar(archive: Path, compression: str, place: Path, budget: _Budget) -> None:
    with _OPENERS.get(compression, open)(archive, "rb") as file:
        stream = _Bounded(file, _Budget(archive))
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Entry) as tar:
            for member in tar:
                path = _path_of(archive, member.name, place)
                budget.spend(_ENTRY)
                if member.isdir():
                    path.mkdir(parents=True, exist_ok=True)
                elif member.isreg() and not member.issparse():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    budget.copy(tar.extractfile(member), path)
                else:
                    raise _refusal(archive, member.name, "is no file and no folder")


def _unpack_zip(archive: Path, place: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            path = _path_of(archive, entry.filename, place)
            budget.spend(_ENTRY)
            mode = stat.S_IFMT(entry.external_attr >> 16)
            if entry.flag_bits & 1:
                raise _refusal(archive, entry.filename, "is encrypted")
            elif entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            elif mode in (0, stat.S_IFREG):
                path.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(entry) as source:
                    budget.copy(source, path)
            else:
                raise _refusal(archive, entry.filename, "is no file and no folder")


def _path_of(archive: Path, name: str, place: Path) -> Path:
    """Where an entry goes, which is within the folder."""
    outside = name.startswith("/") or ".." in name.split("/") or _DRIVE.match(name)
    if outside or "\\" in name or "\0" in name:
        raise _refusal(archive, name, "leads out of the folder")
    return place / name


def _refusal(archive: Path, name: str, reason: str) -> RuntimeError:
    return RuntimeError(
        f"{archive} is refused: its entry {name[:200]!r} {reason}\nExpected: files and folders "
        "within the one that it is unpacked to.\nNothing was unpacked."
    )


# ---------------------------------------------------------------------------------- what is written
@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder, whose contents move to `folder` at the end if all goes well."""
    place = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
    try:
        yield place
        _move(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _move(source: Path, goal: Path) -> None:
    """Move what a folder contains into another, which may have some of it already."""
    with os.scandir(source) as entries:
        for entry in list(entries):
            there = goal / entry.name
            try:
                os.replace(entry.path, there)
            except OSError:
                # A folder that is there, perhaps since another process unpacked the same.
                if not (entry.is_dir(follow_symlinks=False) and there.is_dir()):
                    raise
                _move(Path(entry.path), there)
