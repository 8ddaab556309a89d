"""The safetensors file: eight bytes with the header's length, a JSON header, the tensors' bytes.

The header names each tensor's dtype, shape and place.  Its `__metadata__` is a dict of strings;
in ours "format" is "rushlight", "version" the format's version, "structure" the saved object (see
`structure`) and "checksum" a CRC-32 of everything that matters.  Complex numbers are pairs.  Any
program that reads safetensors reads the tensors.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from rushlight.graph import dtype as dtypes
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import DType
from rushlight.graph.node import input_node
from rushlight.graph.recorder import value_of
from rushlight.graph.spec import spec_of
from rushlight.io.foreign import describe
from rushlight.tensor import Tensor, node_of, wrap

VERSION = 1
_CODES = {
    "F64": dtypes.float64,
    "F32": dtypes.float32,
    "F16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "I64": dtypes.int64,
    "I32": dtypes.int32,
    "I16": dtypes.int16,
    "I8": dtypes.int8,
    "U64": dtypes.uint64,
    "U32": dtypes.uint32,
    "U16": dtypes.uint16,
    "U8": dtypes.uint8,
    "BOOL": dtypes.bool_,
    "C64": dtypes.complex64,
}
_NAMES = {dtype: code for code, dtype in _CODES.items()}
_PARTS = {dtypes.complex64: dtypes.float32, dtypes.complex128: dtypes.float64}
_MOST_HEADER_BYTES = 100_000_000
_OURS = {"structure", "checksum"}


def write(stream: BinaryIO, tensors: dict[str, Tensor], structure: Any) -> None:
    """Write tensors, and the structure that they stand in, to a stream."""
    arrays = {name: _stored(tensor) for name, tensor in tensors.items()}
    order = sorted(arrays, key=lambda name: -arrays[name][1].itemsize)
    entries: dict[str, Any] = {}
    end = 0
    for name in order:
        array, dtype = arrays[name]
        start, end = end, end + array.nbytes
        entries[name] = _entry(_NAMES[dtype], array.shape, start, end)
    metadata = {"format": "rushlight", "version": str(VERSION)}
    metadata["structure"] = json.dumps(structure, separators=(",", ":"), allow_nan=False)
    checksum = _checksum(metadata, entries, (arrays[name][0] for name in order))
    metadata["checksum"] = f"{checksum:08x}"
    header = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    stream.write(len(header).to_bytes(8, "little"))
    stream.write(header)
    for name in order:
        stream.write(memoryview(arrays[name][0]).cast("B") if arrays[name][0].size else b"")


def _entry(code: str, shape: Iterable[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": code, "shape": list(shape), "data_offsets": [start, end]}


def _stored(tensor: Tensor) -> tuple[np.ndarray, DType]:
    """The tensor's bytes as they lie in memory, complex numbers as pairs."""
    spec = tensor._spec
    array = value_of(node_of(tensor)).stored(spec.shape, spec.dtype)
    part = _PARTS.get(spec.dtype)
    if part is None:
        return array, spec.dtype
    return array.view(part.storage).reshape((*spec.shape, 2)), part


def _checksum(metadata: dict, entries: dict, arrays: Iterable[np.ndarray]) -> int:
    described = [metadata.get("version"), metadata.get("structure"), sorted(entries.items())]
    found = zlib.crc32(json.dumps(described, sort_keys=True).encode())
    for array in arrays:
        if array.size:
            found = zlib.crc32(memoryview(array).cast("B"), found)
    return found


def read(stream: BinaryIO, size: int, name: str) -> tuple[dict[str, Tensor], Any]:
    """The tensors of a stream of `size` bytes, and the structure; None for a file not of ours.

    RuntimeError, saying what it looks like, for anything but a whole safetensors file.
    """
    header, begin = _read_header(stream, size, name)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise _corrupt(name, "its header's metadata is no dict")
    ours = metadata.get("format") == "rushlight" or bool(_OURS & metadata.keys())
    _check_entries(header, size - begin, name)
    if ours and metadata.get("version") != str(VERSION):
        raise RuntimeError(
            f"{name} was written in another version of the format.\nExpected: version {VERSION}.\n"
            f"Actual: version {metadata.get('version')}."
        )
    tensors, arrays = {}, []
    for key, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        tensors[key], array = _read_tensor(stream, entry, name)
        arrays.append(array)
    if not ours:
        return tensors, None
    if metadata.get("checksum") != f"{_checksum(metadata, header, arrays):08x}":
        raise _corrupt(name, "its checksum does not fit: some of its bytes have changed")
    return tensors, json.loads(metadata["structure"])


def _read_header(stream: BinaryIO, size: int, name: str) -> tuple[dict[str, Any], int]:
    first = stream.read(8)
    length = int.from_bytes(first, "little")
    if len(first) < 8 or not 2 <= length <= _MOST_HEADER_BYTES:
        raise RuntimeError(describe(first + stream.read(64), size, name))
    raw = stream.read(length)
    if raw[:1] != b"{":
        raise RuntimeError(describe(first + raw[:64], size, name))
    if len(raw) < length:
        raise _truncated(name, 8 + length, size)
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise _corrupt(name, "its header is no valid JSON") from None
    if not isinstance(header, dict):
        raise _corrupt(name, "its header is no dict")
    return header, 8 + length


def _check_entries(entries: dict[str, Any], available: int, name: str) -> None:
    """Every tensor has a place of its size, and the places follow each other to the end."""
    places = []
    for key, entry in entries.items():
        try:
            dtype = _CODES[entry["dtype"]]
            shape, (start, end) = entry["shape"], entry["data_offsets"]
            valid = all(type(n) is int and n >= 0 for n in (*shape, start, end))
            valid = valid and end - start == math.prod(shape) * dtype.itemsize
        except (KeyError, TypeError, ValueError):
            valid = False
        if not valid:
            raise _corrupt(name, f"its header says of tensor {key!r}: {entry!r}"[:300])
        places.append((start, end))
    reached = 0
    for start, end in sorted(places):
        if start != reached:
            raise _corrupt(name, f"its header leaves bytes {reached} to {start} out")
        reached = end
    if reached > available:
        raise _truncated(name, reached, available)
    if reached < available:
        raise _corrupt(name, f"{available - reached} bytes follow its last tensor")


def _read_tensor(stream: BinaryIO, entry: dict[str, Any], name: str) -> tuple[Tensor, np.ndarray]:
    """Read straight into the memory that the tensor keeps."""
    dtype, shape = _CODES[entry["dtype"]], tuple(entry["shape"])
    start, end = entry["data_offsets"]
    buffer = Buffer(end - start)
    array = buffer.stored((end - start,), dtypes.uint8)
    filled = 0
    while filled < end - start:
        count = stream.readinto(memoryview(array)[filled:])
        if not count:
            raise _truncated(name, end, start + filled)
        filled += count
    return wrap(input_node(buffer, spec_of(shape, dtype))), array


def as_complex(tensor: Tensor, dtype: DType) -> Tensor:
    """A tensor of pairs as one of complex numbers."""
    spec = tensor._spec
    pairs = value_of(node_of(tensor)).stored(spec.shape, spec.dtype)
    array = pairs.view(dtype.storage).reshape(spec.shape[:-1])
    return wrap(input_node(Buffer.holding(array, dtype), spec_of(array.shape, dtype)))


def _corrupt(name: str, why: str) -> RuntimeError:
    return RuntimeError(f"{name} is damaged: {why}.\nExpected: a file as rl.save wrote it.")


def _truncated(name: str, wanted: int, found: int) -> RuntimeError:
    return RuntimeError(
        f"{name} is truncated: its end is missing.\nExpected: {wanted} bytes.\nActual: {found}."
    )
