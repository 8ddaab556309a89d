"""PNG files, written without another package."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def encode(pixels: np.ndarray) -> bytes:
    r"""The bytes of a PNG file for uint8 pixels of shape (height, width, channels).

    One channel is grey, two are grey and alpha, three RGB, four RGBA; others are a ValueError.

    >>> encode(np.zeros((2, 3, 1), np.uint8))[:4]
    b'\x89PNG'
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in _COLOUR_TYPES:
        raise ValueError(
            "Expected uint8 pixels of shape (height, width, 1 to 4 channels).\n"
            f"Actual: {pixels.dtype} of shape {pixels.shape}."
        )
    height, width, channels = pixels.shape
    header = struct.pack(">2I5B", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with "no filter"
    rows[:, 1:] = pixels.reshape(height, width * channels)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
