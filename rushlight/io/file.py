"""A safetensors file: put together from a structure and arrays, checked and taken apart."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rushlight.graph import dtype as kinds

VERSION = "1"
_METADATA = "__metadata__"
LARGEST_HEADER = 100_000_000  # readers of safetensors refuse more
_BEGINNING = b'{"__metadata__":{"checksum":"'
_DIGITS = slice(8 + len(_BEGINNING), 16 + len(_BEGINNING))
_NO_DIGITS = b"0" * 8
_BAD_HEADER = "its header, a table in JSON, cannot be read."

CODES = {
    "BOOL": kinds.bool_,
    "U8": kinds.uint8,
    "U16": kinds.uint16,
    "U32": kinds.uint32,
    "U64": kinds.uint64,
    "I8": kinds.int8,
    "I16": kinds.int16,
    "I32": kinds.int32,
    "I64": kinds.int64,
    "F16": kinds.float16,
    "BF16": kinds.bfloat16,
    "F32": kinds.float32,
    "F64": kinds.float64,
    "C64": kinds.complex64,
}


class Damaged(Exception):  # noqa: N818 - never leaves this package
    """What is wrong with a file, in words."""


class Refused(Damaged):
    """What a file asks for that is not given to files."""


class Stored(NamedTuple):
    """An array as it lies in the file: `array` holds the bits of `dtype`'s storage."""

    dtype: kinds.DType
    array: np.ndarray


# --------------------------------------------------------------------------------------- to a file
def assemble(structure: str, stored: Mapping[str, Stored]) -> list[bytes | memoryview]:
    """The parts of a file, to be written one after the other; the arrays are not copied."""
    # Wide numbers first, so that each lies at a multiple of its size.
    names = sorted(stored, key=lambda name: -stored[name].dtype.itemsize)
    metadata = {"checksum": _NO_DIGITS.decode(), "rushlight": VERSION, "structure": structure}
    header = _header(metadata, {name: stored[name] for name in names})
    numbers = [_bytes_of(stored[name].array) for name in names]
    checksum = zlib.crc32(header)
    for part in numbers:
        checksum = zlib.crc32(part, checksum)
    digits = b"%08x" % checksum
    return [header[: _DIGITS.start] + digits + header[_DIGITS.stop :], *numbers]


def plain_parts(stored: Mapping[str, Stored], metadata: Any) -> list[bytes | memoryview]:
    """The parts of a safetensors file of arrays alone."""
    names = sorted(stored, key=lambda name: -stored[name].dtype.itemsize)
    header = _header(metadata, {name: stored[name] for name in names})
    return [header, *(_bytes_of(stored[name].array) for name in names)]


def _header(metadata: Any, stored: Mapping[str, Stored]) -> bytes:
    table: dict = {} if metadata is None else {_METADATA: metadata}
    code_of = {dtype: code for code, dtype in CODES.items()}
    start = 0
    for name, (dtype, array) in stored.items():
        end = start + array.nbytes
        shape = list(array.shape)
        table[name] = {"dtype": code_of[dtype], "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LARGEST_HEADER:
        raise ValueError(
            f"save(): Expected at most {LARGEST_HEADER:,} bytes of names, texts and numbers beside "
            f"the tensors.\nActual: {len(text):,} bytes. Save long lists of numbers as arrays."
        )
    return len(text).to_bytes(8, "little") + text


def _bytes_of(array: np.ndarray) -> memoryview:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.reshape(-1).view(np.uint8).data


# ------------------------------------------------------------------------------------- from a file
def take_apart(data: bytes) -> tuple[str | None, dict[str, Stored]]:
    """The structure and the arrays of a file; no structure if another program wrote it.

    Raises Damaged if anything is not as it must be.
    """
    table = _table(data)
    metadata = table.pop(_METADATA, None)
    structure = None
    if _is_ours(data, metadata):
        _check(data)
        version, structure = metadata.get("rushlight"), metadata.get("structure")
        if version != VERSION or structure is None:
            raise Damaged(f"it has format {version}; this version of Rushlight reads {VERSION}.")
    return structure, _arrays(data, list(table))


def _table(data: bytes) -> dict:
    """The header, after a look at whether all of the file is there."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 + length:
        raise Damaged(
            f"the header says that it has {length:,} bytes, but only {len(data) - 8:,} are there."
        )
    table = read_table(data[8 : 8 + length])
    try:
        ends = [entry["data_offsets"][1] for name, entry in table.items() if name != _METADATA]
        expected = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, LookupError, AttributeError):
        raise Damaged(_BAD_HEADER) from None
    if len(data) < expected:
        raise Damaged(f"the file ends after {len(data):,} of {expected:,} bytes.")
    return table


def read_table(header: bytes) -> dict:
    """The header of a safetensors file; Damaged if it is no table, or names something twice."""
    try:
        table = json.loads(header.decode(), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        raise Damaged(_BAD_HEADER) from None
    if type(table) is not dict:
        raise Damaged(_BAD_HEADER)
    return table


def _without_twins(pairs: list[tuple[str, Any]]) -> dict:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise Damaged("its header has one name twice.")
    return table


def check_places(table: dict, nbytes: int) -> None:
    """Damaged unless the entries of a header share out all bytes, without gap or overlap."""
    try:
        places = sorted(tuple(entry["data_offsets"]) for entry in table.values())
        groups = [*(entry["shape"] for entry in table.values()), *places]
        whole = all(type(n) is int and n >= 0 for group in groups for n in group)
        ends = [0, *(end for _, end in places)]
        joined = all(start == end for (start, _), end in zip(places, ends, strict=False))
    except (TypeError, ValueError, LookupError, AttributeError):
        raise Damaged(_BAD_HEADER) from None
    if not whole or not joined or ends[-1] != nbytes:
        raise Damaged(f"its tensors do not share out its {nbytes:,} bytes without gap or overlap.")


def check_bools(array: np.ndarray, name: str) -> None:
    """Damaged if a bool is neither 0 nor 1, which compiled code need not bear."""
    if array.size and array.reshape(-1).view(np.uint8).max() > 1:
        raise Damaged(f"{name} has bools that are neither 0 nor 1.")


def _is_ours(data: bytes, metadata: object) -> bool:
    """Whether `save` wrote this; two signs, so that damage to one does not hide the other."""
    named = isinstance(metadata, dict) and "rushlight" in metadata
    return named or data[8 : _DIGITS.start] == _BEGINNING


def _check(data: bytes) -> None:
    view = memoryview(data)
    checksum = zlib.crc32(view[: _DIGITS.start])
    checksum = zlib.crc32(_NO_DIGITS, checksum)
    checksum = zlib.crc32(view[_DIGITS.stop :], checksum)
    if data[8 : _DIGITS.start] != _BEGINNING or data[_DIGITS] != b"%08x" % checksum:
        raise Damaged("the checksum does not match: some bytes were changed after it was saved.")


def _arrays(data: bytes, names: list[str]) -> dict[str, Stored]:
    """Each array in memory of its own, in the header's order."""
    import safetensors

    try:
        found = dict(safetensors.deserialize(data))
    except safetensors.SafetensorError as reason:
        raise Damaged(f"{reason}.") from None
    return {name: _stored(name, found.pop(name)) for name in names}


def _stored(name: str, entry: dict) -> Stored:
    dtype = CODES.get(entry["dtype"])
    if dtype is None:
        raise Damaged(f"{name!r} has numbers of kind {entry['dtype']}, which Rushlight lacks.")
    little = dtype.storage.newbyteorder("<")
    try:
        array = np.frombuffer(entry["data"], little).reshape(entry["shape"])
    except ValueError:
        raise Damaged(f"{name!r} has the shape {entry['shape']!s:.80}.") from None
    if dtype is kinds.bool_:
        check_bools(array, repr(name))
    return Stored(dtype, array.astype(dtype.storage, copy=False))
