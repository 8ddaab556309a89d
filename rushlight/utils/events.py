"""TensorBoard's event files: records with checksums, each a small message.

The messages are protocol buffers, written here field by field; `tensorboard/compat/proto` in
TensorBoard's sources has their names and numbers (event, summary, histogram, tensor).
"""

from __future__ import annotations

import struct
from typing import IO

_MASK = 0xA282EAD8
_DOUBLE, _VARINT, _BYTES, _FLOAT = 1, 0, 2, 5


def _table() -> list[int]:
    """The remainders of CRC-32C, whose polynomial is not the one that zlib has."""
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ 0x82F63B78 * (number & 1)
        table.append(number)
    return table


_REMAINDERS = _table()


def checksum(data: bytes) -> int:
    """The masked CRC-32C that guards a record.

    >>> hex(checksum(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _REMAINDERS[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def write_record(file: IO[bytes], data: bytes) -> None:
    """One record: its length, the length's checksum, the data, the data's checksum."""
    length = struct.pack("<Q", len(data))
    file.write(length + struct.pack("<I", checksum(length)))
    file.write(data + struct.pack("<I", checksum(data)))


# ------------------------------------------------------------------------------ fields of messages
def varint(number: int) -> bytes:
    """A whole number, seven bits a byte."""
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def whole(field: int, number: int) -> bytes:
    """A field with a whole number."""
    return varint(field << 3 | _VARINT) + varint(number)


def double(field: int, number: float) -> bytes:
    """A field with a double."""
    return varint(field << 3 | _DOUBLE) + struct.pack("<d", number)


def single(field: int, number: float) -> bytes:
    """A field with a float."""
    return varint(field << 3 | _FLOAT) + struct.pack("<f", number)


def nested(field: int, data: bytes | str) -> bytes:
    """A field with a text, bytes or another message."""
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | _BYTES) + varint(len(data)) + data


def doubles(field: int, numbers: list[float]) -> bytes:
    """A field with many doubles."""
    return nested(field, struct.pack(f"<{len(numbers)}d", *numbers))


# ---------------------------------------------------------------------------------------- messages
def event(time: float, step: int | None, value: bytes) -> bytes:
    """An event with one summary value."""
    number = b"" if step is None else whole(2, step)
    return double(1, time) + number + nested(5, nested(1, value))


def first_event(time: float) -> bytes:
    """What every file begins with: the version of the format."""
    return double(1, time) + nested(3, "brain.Event:2")


def scalar(tag: str, number: float) -> bytes:
    """A number."""
    return nested(1, tag) + single(2, number)


def image(tag: str, height: int, width: int, channels: int, png: bytes) -> bytes:
    """A picture."""
    size = whole(1, height) + whole(2, width) + whole(3, channels)
    return nested(1, tag) + nested(4, size + nested(4, png))


def histogram(tag: str, edges: list[float], counts: list[float], sums: tuple[float, ...]) -> bytes:
    """A histogram; `sums` are least, greatest, number, sum and sum of squares."""
    found = b"".join(double(field, number) for field, number in enumerate(sums, 1))
    return nested(1, tag) + nested(5, found + doubles(6, edges) + doubles(7, counts))


def text(tag: str, words: str) -> bytes:
    """A text, as a tensor of one string for the plugin of texts."""
    metadata = nested(1, nested(1, "text"))
    shape = nested(2, nested(2, whole(1, 1)))
    tensor = whole(1, 7) + shape + nested(8, words)
    return nested(1, tag) + nested(9, metadata) + nested(8, tensor)
