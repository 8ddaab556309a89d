"""Where the samples of a tar begin: found by a pass over its headers, or kept beside it."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np

from .errors import ShardError
from .opening import is_compressed, open_local
from .samples import Samples
from .tar import TarStream

SUFFIX = ".index"
_MAGIC = b"RLTARIX1"
_HEAD = struct.Struct("<8sqq")
_TAIL = struct.Struct("<I")
_SMALL = 1 << 13
"""Bytes read at a time: mostly a header, and little of the data behind it."""


def find_samples(path: str, limit: int) -> np.ndarray:
    """Where each sample begins, and where the last ends; a ShardError as in reading."""
    with open_local(path, _SMALL) as file:
        if is_compressed(file):
            raise ShardError("a compressed tar has no index; unpack it, or use ShardDataset", path)
        samples = Samples(TarStream(file, path, limit), payload=False)
        starts = [samples.start for _ in samples]
        end = samples.next
    return np.array([*starts, end], np.int64)


def save_index(path: str, offsets: np.ndarray) -> None:
    """Keep the offsets in a file beside the tar; it appears whole or not at all."""
    body = _HEAD.pack(_MAGIC, os.path.getsize(path), len(offsets))
    body += np.ascontiguousarray(offsets, "<i8").tobytes()
    aside = f"{path}{SUFFIX}.{os.getpid()}.part"
    Path(aside).write_bytes(body + _TAIL.pack(zlib.crc32(body)))
    os.replace(aside, path + SUFFIX)


def load_index(path: str) -> np.ndarray | None:
    """The offsets from the file beside a tar; None if there is none that fits."""
    try:
        data = Path(path + SUFFIX).read_bytes()
        size = os.path.getsize(path)
    except OSError:
        return None
    if len(data) < _HEAD.size + _TAIL.size:
        return None
    magic, tar_size, count = _HEAD.unpack_from(data)
    body, tail = data[: -_TAIL.size], data[-_TAIL.size :]
    whole = len(body) == _HEAD.size + 8 * count and _TAIL.unpack(tail)[0] == zlib.crc32(body)
    if magic != _MAGIC or tar_size != size or count < 1 or not whole:
        return None
    offsets = np.frombuffer(body, "<i8", count, _HEAD.size).astype(np.int64)
    rises = (np.diff(offsets) > 0).all() and offsets[0] >= 0 and offsets[-1] <= size
    return offsets if rises else None
