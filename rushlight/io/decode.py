"""A structure and arrays by name, as what was saved."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from typing import Any

import numpy as np

from rushlight.device import device
from rushlight.graph import dtype as kinds
from rushlight.graph.buffer import Buffer as Memory
from rushlight.graph.node import input_node
from rushlight.graph.spec import spec_of
from rushlight.io.file import Damaged, Stored
from rushlight.size import Size
from rushlight.tensor import Tensor, alias_of, wrap

_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def decode(structure: str, stored: dict[str, Stored]) -> Any:
    """What was saved; Damaged if the structure makes no sense."""
    try:
        return _Decoder(stored).decode(json.loads(structure))
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError):
        # RecursionError is a RuntimeError.
        raise Damaged("its structure, a description in JSON, makes no sense.") from None


def decode_plain(stored: dict[str, Stored]) -> dict[str, Tensor]:
    """The tensors of a file that another program wrote; empties `stored` on the way."""
    return {name: _tensor_of(stored.pop(name)) for name in list(stored)}


def _tensor_of(found: Stored) -> Tensor:
    memory = Memory.holding(found.array, found.dtype)
    return wrap(input_node(memory, spec_of(found.array.shape, found.dtype)))


class _Decoder:
    """One `load`: what was made so far."""

    def __init__(self, stored: dict[str, Stored]):
        self._stored = stored
        self._tensors: dict[str, Tensor] = {}
        self._made: list[Any] = []

    def decode(self, value: Any) -> Any:
        """A value of JSON as what was saved."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if isinstance(value, dict):
            (kind, content), *notes = value.items()
            return _WAYS[kind](self, content, **dict(notes))
        return value

    # --------------------------------------------------------------- plain values and containers
    def _float(self, name: str) -> float:
        return _FLOATS[name]

    def _complex(self, parts: list) -> complex:
        real, imaginary = self.decode(parts)
        return complex(real, imaginary)

    def _dtype(self, name: str) -> kinds.DType:
        return kinds.find_dtype(name)

    def _device(self, name: str) -> device:
        return device(name)

    def _tuple(self, items: list) -> tuple:
        return tuple(self.decode(items))

    def _size(self, items: list) -> Size:
        return Size(self.decode(items))

    def _dict(self, items: dict | list) -> dict:
        if isinstance(items, dict):
            return {key: self.decode(item) for key, item in items.items()}
        return {self.decode(key): self.decode(item) for key, item in items}

    def _ordered_dict(self, items: dict | list, metadata: Any = None) -> OrderedDict:
        result = OrderedDict(self._dict(items))
        if metadata is not None:
            result._metadata = self.decode(metadata)
        return result

    def _counter(self, items: dict | list) -> Counter:
        return Counter(self._dict(items))

    def _set(self, items: list) -> set:
        return set(self.decode(items))

    def _frozenset(self, items: list) -> frozenset:
        return frozenset(self.decode(items))

    # ----------------------------------------------------------------------- arrays and tensors
    def _tensor(self, name: str, requires_grad: bool = False, dtype: str | None = None) -> Tensor:
        return self._keep(self._own_or_tied(name, dtype).requires_grad_(requires_grad))

    def _parameter(self, name: str, requires_grad: bool = True, dtype: str | None = None) -> Any:
        from rushlight.nn.parameter import Parameter

        return self._keep(Parameter(self._own_or_tied(name, dtype), requires_grad))

    def _buffer(
        self,
        name: str,
        requires_grad: bool = False,
        dtype: str | None = None,
        persistent: bool = True,
    ) -> Any:
        from rushlight.nn.parameter import Buffer

        result = Buffer(self._own_or_tied(name, dtype), persistent=persistent)
        return self._keep(result.requires_grad_(requires_grad))

    def _array(self, name: str, dtype: str | None = None) -> np.ndarray:
        return self._keep(self._take(name, dtype).array)

    def _scalar(self, name: str, dtype: str | None = None) -> np.generic:
        return self._take(name, dtype).array[()]

    def _bytes(self, name: str) -> bytes:
        return self._take(name, None).array.tobytes()

    def _again(self, number: int) -> Any:
        return self._made[number]

    def _keep(self, value: Any) -> Any:
        self._made.append(value)
        return value

    def _own_or_tied(self, name: str, dtype: str | None) -> Tensor:
        """The tensor of that name; from the second time on, one that shares its storage."""
        if name in self._tensors:
            return alias_of(self._tensors[name])
        self._tensors[name] = _tensor_of(self._take(name, dtype))
        return self._tensors[name]

    def _take(self, name: str, dtype: str | None) -> Stored:
        """The stored bits, which are then no longer held here; complex ones put together."""
        found = self._stored.pop(name)
        if dtype is None:
            return found
        whole = kinds.find_dtype(dtype)
        return Stored(whole, found.array.view(whole.storage)[..., 0])


_WAYS = {
    "dict": _Decoder._dict,
    "OrderedDict": _Decoder._ordered_dict,
    "Counter": _Decoder._counter,
    "tuple": _Decoder._tuple,
    "set": _Decoder._set,
    "frozenset": _Decoder._frozenset,
    "Size": _Decoder._size,
    "float": _Decoder._float,
    "complex": _Decoder._complex,
    "dtype": _Decoder._dtype,
    "device": _Decoder._device,
    "tensor": _Decoder._tensor,
    "parameter": _Decoder._parameter,
    "buffer": _Decoder._buffer,
    "array": _Decoder._array,
    "scalar": _Decoder._scalar,
    "bytes": _Decoder._bytes,
    "again": _Decoder._again,
}
