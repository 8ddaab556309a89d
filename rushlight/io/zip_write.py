"""A zip archive of records as torch.save lays it out: nothing compressed, numbers aligned."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

Part = bytes | memoryview

_ALIGNMENT = 64
_LIMIT = _ELSEWHERE = 0xFFFFFFFF  # from here on a size stands in an extra field of 64 bits
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LARGE_END = struct.Struct("<4sQ2H2I4Q")
_LARGE_PLACE = struct.Struct("<4sIQI")
_VERSION, _LARGE_VERSION = 20, 45
_UTF8 = 0x800
_DATE = 0x21  # the first of January 1980, so that the same contents give the same file


def archive_parts(records: Iterable[tuple[str, Part]]) -> Iterator[Part]:
    """The parts of an archive of these records, to be written one after the other."""
    at, listed = 0, []
    for name, data in records:
        size = memoryview(data).nbytes
        checksum = zlib.crc32(data)
        header = _local_header(name.encode(), size, checksum, at)
        yield header
        yield data
        listed.append(_central_header(name.encode(), size, checksum, at))
        at += len(header) + size
    directory = b"".join(listed)
    yield directory
    yield _ending(len(listed), len(directory), at)


def _local_header(name: bytes, size: int, checksum: int, at: int) -> bytes:
    large = size >= _LIMIT
    extra = struct.pack("<2H2Q", 1, 16, size, size) if large else b""
    length = _LOCAL.size + len(name) + len(extra) + 4
    padding = -(at + length) % _ALIGNMENT
    extra += struct.pack("<2s H", b"FB", padding) + b"Z" * padding
    shown = _ELSEWHERE if large else size
    version = _LARGE_VERSION if large else _VERSION
    numbers = (version, _UTF8, 0, 0, _DATE, checksum, shown, shown, len(name), len(extra))
    return _LOCAL.pack(b"PK\3\4", *numbers) + name + extra


def _central_header(name: bytes, size: int, checksum: int, at: int) -> bytes:
    wide = [size, size] if size >= _LIMIT else []
    wide += [at] if at >= _LIMIT else []
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = _LARGE_VERSION if wide else _VERSION
    shown = _shown(size)
    start = (version, version, _UTF8, 0, 0, _DATE, checksum, shown, shown)
    rest = (len(name), len(extra), 0, 0, 0, 0, _shown(at))
    return _CENTRAL.pack(b"PK\1\2", *start, *rest) + name + extra


def _shown(number: int) -> int:
    return number if number < _LIMIT else _ELSEWHERE


def _ending(count: int, length: int, at: int) -> bytes:
    large = b""
    if at >= _LIMIT or count >= 0xFFFF or length >= _LIMIT:
        versions = (_LARGE_VERSION, _LARGE_VERSION)
        large = _LARGE_END.pack(b"PK\6\6", 44, *versions, 0, 0, count, count, length, at)
        large += _LARGE_PLACE.pack(b"PK\6\7", 0, at + length, 1)
    shown = min(count, 0xFFFF)
    numbers = (0, 0, shown, shown, _shown(length), _shown(at), 0)
    return large + _END.pack(b"PK\5\6", *numbers)
