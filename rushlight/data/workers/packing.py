"""Values as bytes, with their arrays apart: what travels between processes."""

from __future__ import annotations

import io
import mmap
import os
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays

ALIGNMENT = 64


class _Packer(pickle.Pickler):
    """Takes tensors apart into arrays, so that their numbers travel without a copy."""

    maps_files = False

    def reducer_override(self, value: Any) -> Any:
        if type(value) is np.memmap:
            found = _place_in_file(value) if self.maps_files else None
            return (_plain, (value.view(np.ndarray),)) if found is None else (_mapped, found)
        if type(value) is np.ndarray:
            order = _order_in_memory(value)
            return NotImplemented if order is None else (_turned, (value.transpose(order), order))
        kind = arrays.tensor_type()
        if type(value) is not kind or kind is np.ndarray:
            return NotImplemented
        array = arrays.plain_array(value)
        return NotImplemented if array is None else (_tensor, (array,))


def _tensor(array: np.ndarray) -> Any:
    return arrays.from_array(array, owned=True)


def _order_in_memory(array: np.ndarray) -> tuple[int, ...] | None:
    """The axes from far apart to close, where that alone puts the array's numbers in order.

    Images with their channels last often lie in memory with the channels first. As they are,
    pickle would copy them.
    """
    if array.flags.forc or array.dtype.hasobject:
        return None
    order = tuple(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))
    return order if array.transpose(order).flags.c_contiguous else None


def _turned(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return array.transpose(np.argsort(order))


def _place_in_file(array: np.memmap) -> tuple | None:
    """Where a memory map can be opened again; None if it holds what its file does not."""
    kept = array.flags.c_contiguous and array.mode != "c" and array._mmap is not None
    if not kept or not array.size or not array.filename or not os.path.exists(array.filename):
        return None
    mapped_from = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY
    begin = np.frombuffer(array._mmap, np.uint8).ctypes.data
    place = mapped_from + array.ctypes.data - begin
    return str(array.filename), array.dtype, array.mode == "r", place, array.shape


def _mapped(path: str, dtype: np.dtype, only_read: bool, place: int, shape: tuple) -> np.memmap:
    """The map again; what a worker writes into it stays its own, as with any array."""
    return np.memmap(path, dtype, "r" if only_read else "c", place, shape)


def _plain(array: np.ndarray) -> np.ndarray:
    return array


def pack(value: Any, maps_files: bool = False) -> tuple[bytes, list[memoryview]]:
    """A value as bytes, and the memory of its arrays.

    With `maps_files` a memory map is mapped again where it is unpacked; else it travels as an
    array, for in a batch there may be more of them than files that can be open.
    """
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    packer = _Packer(file, protocol=5, buffer_callback=buffers.append)
    packer.maps_files = maps_files
    packer.dump(value)
    return file.getvalue(), [buffer.raw() for buffer in buffers]


def unpack(packed: bytes, buffers: Sequence[Any]) -> Any:
    """The value again; its arrays lie in these buffers."""
    return pickle.loads(packed, buffers=buffers)


def lay_out(buffers: Sequence[memoryview]) -> tuple[list[tuple[int, int]], int]:
    """Where each buffer lies one behind the other, as (offset, bytes), and how long they are."""
    places, offset = [], 0
    for buffer in buffers:
        places.append((offset, buffer.nbytes))
        offset += -(-buffer.nbytes // ALIGNMENT) * ALIGNMENT
    return places, offset


def why_not(value: Any, name: str = "dataset") -> str:
    """Which part of a value cannot be pickled, by its path of attributes and keys."""
    for part, inner in _parts(value):
        try:
            pack(inner)
        except Exception as error:  # whatever a user's __reduce__ raises
            if any(True for _ in _parts(inner)):
                return why_not(inner, name + part)
            return f"{name}{part} ({type(inner).__name__}): {error}"
    return f"{name} ({type(value).__name__}){_reason(value)}"


def _reason(value: Any) -> str:
    try:
        pack(value)
    except Exception as error:  # whatever a user's __reduce__ raises
        return f": {error}"
    return ""


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value is made of: attributes, items, entries."""
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", inner) for key, inner in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{place}]", inner) for place, inner in enumerate(value))
    if not callable(value) or not hasattr(value, "__qualname__"):
        yield from ((f".{key}", inner) for key, inner in getattr(value, "__dict__", {}).items())
