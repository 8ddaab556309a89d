"""Values as bytes, with their arrays apart: what travels between processes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays

ALIGNMENT = 64


class _Packer(pickle.Pickler):
    """Takes tensors apart into arrays, so that their numbers travel without a copy."""

    def reducer_override(self, value: Any) -> Any:
        kind = arrays.tensor_type()
        if type(value) is not kind or kind is np.ndarray:
            return NotImplemented
        array = arrays.plain_array(value)
        return NotImplemented if array is None else (_tensor, (array,))


def _tensor(array: np.ndarray) -> Any:
    return arrays.from_array(array, owned=True)


def pack(value: Any) -> tuple[bytes, list[memoryview]]:
    """A value as bytes, and the memory of its arrays."""
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    _Packer(file, protocol=5, buffer_callback=buffers.append).dump(value)
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
    """Which part of a value cannot be pickled, by its path of attributes."""
    parts = getattr(value, "__dict__", None)
    for part, inner in (parts or {}).items():
        try:
            pack(inner)
        except Exception as error:  # whatever a user's __reduce__ raises
            return (
                why_not(inner, f"{name}.{part}")
                if hasattr(inner, "__dict__")
                else (f"{name}.{part} ({type(inner).__name__}): {error}")
            )
    return f"{name} ({type(value).__name__})"
