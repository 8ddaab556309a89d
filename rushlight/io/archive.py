"""A zip archive of records: checked as a whole before any of it is used."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import NamedTuple

from rushlight.graph.buffer import Buffer
from rushlight.io.file import Damaged, Refused
from rushlight.io.source import Source

_LOCAL = struct.Struct("<4s5H3I2H")
_FREE = 256 << 20  # what an archive may always unpack to
_MOST_TIMES = 64  # beyond that, how many times its own size
_PROBLEMS = (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError)
_PROBLEMS += (OverflowError, EOFError)
_CHANGED = (
    "the checksum of {name!r} does not match: some bytes were changed, or it was written without "
    "checksums (mmap=True compares none)."
)


class Record(NamedTuple):
    """Where a record lies in the file."""

    name: str
    start: int
    stored: int
    length: int
    compressed: bool
    checksum: int


class Archive:
    """The records of a zip archive, by name.

    Damaged or Refused if two records have one name or share bytes, if a name leads out of the
    archive or differs between the two places where it stands, or if a record is encrypted, lies
    outside the file, or unpacks to much more than it takes.
    """

    def __init__(self, source: Source):
        self._source = source
        found, end = _directory(source)
        self.records: dict[str, Record] = {}
        for info in found:
            if info.filename.endswith("/") and not info.file_size:
                continue
            if info.filename in self.records:
                raise Damaged(f"two records have the name {info.filename!r}.")
            self.records[info.filename] = _record(source, info, end)
        self._check_places()
        self._check_sizes()

    def read(self, name: str, check: bool = True) -> bytes:
        """A record as bytes, unpacked if it is compressed."""
        record = self.find(name)
        data = self._source.read(record.start, record.stored)
        if record.compressed:
            data = _unpack(record, data)
        if check and zlib.crc32(data) != record.checksum:
            raise Damaged(_CHANGED.format(name=name))
        return data

    def memory(self, name: str, alignment: int, check: bool) -> Buffer:
        """A record as memory for tensors; `check` reads it whole to compare its checksum."""
        record = self.find(name)
        if record.compressed:
            raise Refused(f"{name!r} is compressed, and torch.save compresses nothing.")
        buffer = self._source.memory(record.start, record.stored, alignment)
        data = memoryview(buffer.memory)[buffer.offset : buffer.offset + buffer.nbytes]
        if check and zlib.crc32(data) != record.checksum:
            raise Damaged(_CHANGED.format(name=name))
        return buffer

    def find(self, name: str) -> Record:
        """The record of that name; Damaged if there is none."""
        if name not in self.records:
            raise Damaged(f"it has no record {name!r}.")
        return self.records[name]

    def _check_places(self) -> None:
        end, before = 0, ""
        for record in sorted(self.records.values(), key=lambda record: record.start):
            if record.start < end:
                raise Damaged(f"the records {before!r} and {record.name!r} share bytes.")
            end, before = record.start + record.stored, record.name

    def _check_sizes(self) -> None:
        unpacked = sum(record.length for record in self.records.values())
        most = max(_FREE, _MOST_TIMES * self._source.size)
        if unpacked > most:
            raise Refused(
                f"its {self._source.size:,} bytes unpack to {unpacked:,}; at most {most:,} are "
                "unpacked."
            )


def _directory(source: Source) -> tuple[list[zipfile.ZipInfo], int]:
    """What the archive lists, and where the list begins."""
    try:
        with zipfile.ZipFile(source.file()) as archive:
            return archive.infolist(), archive.start_dir
    except _PROBLEMS as reason:
        raise Damaged(f"its zip directory cannot be read: {reason}.") from None


def _record(source: Source, info: zipfile.ZipInfo, end: int) -> Record:
    name = info.filename
    _check_name(info)
    if info.flag_bits & 0x1:
        raise Refused(f"{name!r} is encrypted.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"{name!r} is compressed in a way that is not read.")
    compressed = info.compress_type == zipfile.ZIP_DEFLATED
    if not compressed and info.compress_size != info.file_size:
        raise Damaged(f"{name!r} has {info.compress_size:,} and {info.file_size:,} bytes at once.")
    start = _beginning(source, info)
    if start + info.compress_size > end:
        raise Damaged(f"{name!r} reaches past the end of the records.")
    return Record(name, start, info.compress_size, info.file_size, compressed, info.CRC)


def _check_name(info: zipfile.ZipInfo) -> None:
    parts = info.orig_filename.replace("\\", "/").split("/")
    outside = parts[0] == "" or ":" in parts[0] or ".." in parts or "\0" in info.orig_filename
    if outside or "\\" in info.orig_filename:
        raise Refused(f"the record name {info.orig_filename!r} is a path to elsewhere.")


def _beginning(source: Source, info: zipfile.ZipInfo) -> int:
    """Where the bytes of a record begin, behind a header that must name it once more."""
    place = info.header_offset
    mark, *_, name_length, extra_length = _LOCAL.unpack(source.read(place, _LOCAL.size))
    name = source.read(place + _LOCAL.size, name_length)
    coded = "utf-8" if info.flag_bits & 0x800 else "cp437"
    if mark != b"PK\3\4" or name.decode(coded, "replace") != info.orig_filename:
        raise Damaged(f"there is no record {info.filename!r} where the zip directory says.")
    return place + _LOCAL.size + name_length + extra_length


def _unpack(record: Record, data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-15)
    try:
        found = unpacker.decompress(data, record.length + 1)
    except zlib.error as reason:
        raise Damaged(f"{record.name!r} cannot be unpacked: {reason}.") from None
    if len(found) != record.length or not unpacker.eof:
        raise Damaged(f"{record.name!r} does not unpack to {record.length:,} bytes as it says.")
    return found
