"""NumPy's `.npy` and `.npz` files, read and written as tensors; no pickles in them."""

from __future__ import annotations

import io
import math
import tokenize
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy

from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import bfloat16, bool_, from_numpy_dtype
from rushlight.graph.node import input_node
from rushlight.graph.recorder import value_of
from rushlight.graph.spec import spec_of
from rushlight.io.archive import Archive
from rushlight.io.file import Damaged, Refused, check_bools
from rushlight.io.source import Source
from rushlight.io.zip_write import Part, archive_parts
from rushlight.tensor import Tensor, node_of, wrap

BEGINNING = b"\x93NUMPY"
_LONGEST_HEADER = 4096
_PROBLEMS = (ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError)
_PROBLEMS += (tokenize.TokenError,)
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npy(source: Source) -> Tensor:
    """The tensor of a `.npy` file; its numbers stay in the file if that is mapped."""
    beginning = source.read(0, min(source.size, _LONGEST_HEADER + 16))
    file = io.BytesIO(beginning)
    shape, by_columns, numpy_dtype = _header(file)
    try:
        dtype = from_numpy_dtype(numpy_dtype)
    except TypeError:
        raise Refused(
            f"NumPy numbers of dtype {numpy_dtype!s:.60}, which Rushlight lacks."
        ) from None
    start, count = file.tell(), math.prod(shape)
    if source.size - start != count * dtype.itemsize:
        raise Damaged(
            f"an array of shape {shape} and dtype {numpy_dtype} takes {count * dtype.itemsize:,} "
            f"bytes, but {source.size - start:,} are there."
        )
    memory = source.memory(start, source.size - start, dtype.itemsize)
    if (by_columns and len(shape) > 1) or not numpy_dtype.isnative:
        bits = memory.stored((count,), dtype).view(numpy_dtype)
        memory = Buffer.holding(bits.reshape(shape, order="F" if by_columns else "C"), dtype)
    if dtype is bool_:
        check_bools(memory.stored(shape, dtype), "the array")
    return wrap(input_node(memory, spec_of(shape, dtype)))


def read_npz(archive: Archive) -> dict[str, Tensor]:
    """The tensors of a `.npz` file by name."""
    result = {}
    for name in archive.records:
        if not name.endswith(".npy"):
            raise Refused(f"the record {name!r} is no array.")
        result[name[: -len(".npy")]] = read_npy(Source(archive.read(name)))
    return result


def numpy_parts(value: Any) -> Iterator[Part]:
    """The parts of a `.npy` file for a tensor or array, of a `.npz` file for a dict of them.

    TypeError for anything else, and for bfloat16, which NumPy lacks.
    """
    if not isinstance(value, Mapping):
        return iter(_npy(value, "the value"))
    if not all(type(name) is str for name in value):
        raise TypeError("save(): Expected names that are texts for a file of NumPy arrays.")
    records = [(f"{name}.npy", b"".join(_npy(item, name))) for name, item in value.items()]
    return archive_parts(records)


def _npy(value: Any, name: str) -> list[Part]:
    if not isinstance(value, (Tensor, np.ndarray, np.generic)):
        raise TypeError(
            "save(): Expected a tensor or an array, or a dict of them, for a file of NumPy arrays."
            f"\nActual: {name} is of type {type(value).__name__}."
        )
    if isinstance(value, Tensor) and value.dtype is bfloat16:
        raise TypeError(f"save(): NumPy has no bfloat16\nActual: {name}. Call .float() first.")
    if isinstance(value, Tensor):
        node = node_of(value)
        value = value_of(node).stored(node.spec.shape, node.spec.dtype)
    array = np.asarray(value, order="C")
    if array.dtype.hasobject:
        raise TypeError(f"save(): Expected numbers.\nActual: {name} holds Python objects.")
    header = io.BytesIO()
    npy.write_array_header_1_0(header, npy.header_data_from_array_1_0(array))
    return [header.getvalue(), array.reshape(-1).view(np.uint8).data]


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        read = _HEADERS.get(npy.read_magic(file))
        if read is None:
            raise Damaged("it has a version of the format that is not read.")
        shape, by_columns, dtype = read(file, max_header_size=_LONGEST_HEADER)
    except _PROBLEMS:
        raise Damaged("its header cannot be read.") from None
    if len(shape) > 64 or any(type(n) is not int or not 0 <= n < 1 << 62 for n in shape):
        raise Damaged(f"its shape has {len(shape)} sizes, or sizes that are none.")
    if math.prod(n for n in shape if n) >= 1 << 62:
        raise Damaged(f"its shape is {shape}.")
    return shape, by_columns, dtype
