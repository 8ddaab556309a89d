"""The blocks that stand before a tar's members, read without trust.

The formats are POSIX's ustar and pax, and GNU's names that do not fit:
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

BLOCK = 512
ZEROS = bytes(BLOCK)
_MODULUS = 65521
FILES = frozenset(b"0\x007")
EXTENSIONS = frozenset(b"xgLK")
FOLDER = ord("5")
_REFUSED = {
    "1": "a hard link",
    "2": "a symbolic link",
    "3": "a character device",
    "4": "a block device",
    "6": "a named pipe",
    "S": "a sparse file",
    "M": "the rest of a file from another volume",
    "V": "the label of a volume",
    "D": "a list of a folder's files",
}
_OTHERS = {
    b"PK\3\4": "a zip file",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\x1f\x8b": "compressed with gzip, twice",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PAR1": "a Parquet file",
    b"<": "a page of HTML or XML",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
}


class Refusal(Exception):  # noqa: N818 - never leaves this package
    """Why a tar is not read on."""


class Header(NamedTuple):
    """One block: what kind of member follows, its name, and its size in bytes."""

    name: str
    size: int
    kind: int


def parse_header(block: bytes) -> Header:
    """Read one block; a Refusal says what is wrong with it."""
    _check_sum(block)
    size = number(block[124:136], "size")
    name = block[:100].split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    return Header(as_text(name), size, block[156])


def refused_kind(kind: int) -> str:
    """What a member is that is no file."""
    return _REFUSED.get(chr(kind), f"a member of the unknown kind {chr(kind)!r}")


def what_else(block: bytes) -> str:
    """What a file is that does not begin as a tar."""
    for begin, name in _OTHERS.items():
        if block.startswith(begin):
            return f"; it looks like {name}"
    return ""


def as_text(name: bytes) -> str:
    """A name; bytes that are no UTF-8 stay recognisable."""
    return name.decode("utf-8", "surrogateescape")


def _check_sum(block: bytes) -> None:
    stated = number(block[148:156], "checksum")
    total = _sum(block) - _sum(block[148:156]) + 8 * 32
    if (stated - total) % _MODULUS == 0:
        return
    rest = block[:148] + block[156:]
    total = sum(rest) + 8 * 32
    signed = total - 256 * sum(byte > 127 for byte in rest)  # as some old programs add
    if stated != signed:
        raise Refusal(f"the header's checksum is {stated}, but its bytes add up to {total}")


def _sum(data: bytes) -> int:
    """The sum of bytes modulo 65521, which is the low half of Adler's checksum: one quick call."""
    return zlib.adler32(data, 0) & 0xFFFF


def number(field: bytes, name: str) -> int:
    """A number of a header: octal digits, or binary where the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=False) - (0x80 << 8 * (len(field) - 1))
        if field[0] & 0x40:
            raise Refusal(f"the {name} is negative")
        return value
    digits = field.strip(b"\0 ")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise Refusal(f"the {name} is {field!r}, no octal number")
    return int(digits, 8)


def pax_records(data: bytes) -> dict[str, bytes]:
    """The records of an extended header: `length keyword=value` lines."""
    records, place = {}, 0
    while place < len(data) and data[place] != 0:
        space = data.find(b" ", place, place + 8)
        digits = data[place:space]
        if space < 0 or not digits.isdigit():
            raise Refusal(f"a record of an extended header has no length at byte {place}")
        end = place + int(digits)
        keyword, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= space + 2 or not equals or data[end - 1] != 10:
            raise Refusal(f"a record of an extended header is broken at byte {place}")
        records[as_text(keyword)] = value
        place = end
    return records
