"""What is saved, as a structure for JSON and arrays by name."""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn

import numpy as np

from rushlight.device import device
from rushlight.graph import dtype as kinds
from rushlight.graph.recorder import value_of
from rushlight.io.file import CODES, Stored
from rushlight.size import Size
from rushlight.storage import Cell
from rushlight.tensor import Tensor, node_of

Place = tuple[Any, ...]

_KEYS = (str, int, float, bool, type(None))


def encode(value: Any) -> tuple[Any, dict[str, Stored]]:
    """The structure and the arrays; TypeError and ValueError name the place that is wrong."""
    encoder = _Encoder()
    return encoder.encode(value, ()), encoder.stored


def show(place: Place) -> str:
    """A place in what is saved, as a person would write it."""
    keys = (json.dumps(key) if isinstance(key, str) else repr(key) for key in place)
    return "checkpoint" + "".join(f"[{key}]" for key in keys)


def refuse(value: Any, place: Place) -> NoReturn:
    """TypeError for an object that is no data."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    raise TypeError(
        "save(): Expected tensors, arrays, numbers, texts, bytes, None, and dicts, lists, tuples "
        f"and sets of them.\nActual: {show(place)} is of type {name}.\nObjects of other classes "
        "are refused, since only code could build them again: save their numbers, such as their "
        "state_dict()."
    )


def check_key(part: Any, key: Any, place: Place) -> None:
    """TypeError for a key of a dict that is no plain value."""
    if type(part) is tuple:
        for inner in part:
            check_key(inner, key, place)
    elif type(part) not in _KEYS:
        raise TypeError(
            "save(): Expected dict keys that are texts, numbers, bools, None or tuples of them.\n"
            f"Actual: the key {key!r}, with a {type(part).__name__}, in {show(place)}."
        )


class Open:
    """The containers that are being written just now."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def check(self, value: Any, place: Place) -> None:
        """ValueError if a container lies in itself."""
        if id(value) in self._open:
            raise ValueError(
                "save(): Expected lists and dicts that do not contain themselves.\n"
                f"Actual: {show(place)} is one that it lies in."
            )

    @contextmanager
    def within(self, value: Any, place: Place) -> Iterator[None]:
        """Write what a container holds; ValueError if it lies in itself."""
        self.check(value, place)
        self._open.add(id(value))
        yield
        self._open.remove(id(value))


class Ties:
    """Under which names storages were saved, and by which view each was seen."""

    def __init__(self) -> None:
        self._known: dict[Cell, list[tuple[tuple, Any]]] = {}

    def find(self, value: Tensor) -> Any:
        """The name of what was saved already of the same storage, seen by the same view."""
        for chain, name in self._known.get(value._cell, ()):
            if chain == value._chain:
                return name
        return None

    def keep(self, value: Tensor, name: Any) -> None:
        """Remember under which name a tensor's numbers are saved."""
        if value._cell is not None:
            self._known.setdefault(value._cell, []).append((value._chain, name))


class _Encoder:
    """One `save`: what was found so far."""

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        self._numbers: dict[int, int] = {}
        self._ties = Ties()
        self._open = Open()

    def encode(self, value: Any, place: Place) -> Any:
        """A value as JSON knows it."""
        if isinstance(value, np.generic):
            return self._scalar(value, place)
        way = _ways().get(type(value))
        if way is None:
            refuse(value, place)
        return way(self, value, place)

    # ---------------------------------------------------------------------------- plain values
    def _same(self, value: Any, place: Place) -> Any:
        return value

    def _float(self, value: float, place: Place) -> Any:
        return value if math.isfinite(value) else {"float": str(value)}

    def _complex(self, value: complex, place: Place) -> Any:
        return {"complex": [self._float(part, place) for part in (value.real, value.imag)]}

    def _dtype(self, value: kinds.DType, place: Place) -> Any:
        return {"dtype": value.name}

    def _device(self, value: device, place: Place) -> Any:
        return {"device": str(value)}

    # ------------------------------------------------------------------------------ containers
    def _list(self, value: list, place: Place) -> Any:
        with self._open.within(value, place):
            return [self.encode(item, (*place, index)) for index, item in enumerate(value)]

    def _tuple(self, value: tuple, place: Place) -> Any:
        return {type(value).__name__: self._list(value, place)}

    def _set(self, value: set | frozenset, place: Place) -> Any:
        return {type(value).__name__: [self.encode(item, place) for item in value]}

    def _ordered_dict(self, value: OrderedDict, place: Place) -> Any:
        result = self._dict(value, place)
        metadata = getattr(value, "_metadata", None)
        if metadata is not None:
            result["metadata"] = self.encode(metadata, (*place, "_metadata"))
        return result

    def _dict(self, value: dict, place: Place) -> Any:
        with self._open.within(value, place):
            for key in value:
                check_key(key, key, place)
            pairs = [(key, self.encode(item, (*place, key))) for key, item in value.items()]
        if all(type(key) is str for key in value):
            return {type(value).__name__: dict(pairs)}
        return {type(value).__name__: [[self.encode(key, place), item] for key, item in pairs]}

    # ----------------------------------------------------------------------- arrays and tensors
    def _tensor(self, value: Tensor, place: Place) -> Any:
        return self._any_tensor("tensor", value, place, usual=False)

    def _parameter(self, value: Tensor, place: Place) -> Any:
        return self._any_tensor("parameter", value, place, usual=True)

    def _buffer(self, value: Any, place: Place) -> Any:
        result = self._any_tensor("buffer", value, place, usual=False)
        if not value.persistent and "again" not in result:
            result["persistent"] = False
        return result

    def _any_tensor(self, kind: str, value: Tensor, place: Place, usual: bool) -> dict:
        if (again := self._seen(value)) is not None:
            return again
        node = node_of(value)
        dtype = node.spec.dtype
        name = self._ties.find(value)
        if name is None:
            name = self._put(value_of(node).stored(node.spec.shape, dtype), dtype, place)
            self._ties.keep(value, name)
        result: dict[str, Any] = {kind: name}
        if value.requires_grad != usual:
            result["requires_grad"] = value.requires_grad
        return result | _note(dtype)

    def _array(self, value: np.ndarray, place: Place) -> Any:
        if (again := self._seen(value)) is not None:
            return again
        dtype = dtype_of(value, place)
        return {"array": self._put(np.asarray(value), dtype, place)} | _note(dtype)

    def _scalar(self, value: np.generic, place: Place) -> Any:
        dtype = dtype_of(value, place)
        return {"scalar": self._put(np.asarray(value), dtype, place)} | _note(dtype)

    def _bytes(self, value: bytes, place: Place) -> Any:
        return {"bytes": self._put(np.frombuffer(value, np.uint8), kinds.uint8, place)}

    def _seen(self, value: Any) -> dict | None:
        """A reference to this very object, if it occurred before; else count it."""
        if id(value) in self._numbers:
            return {"again": self._numbers[id(value)]}
        self._numbers[id(value)] = len(self._numbers)
        return None

    def _put(self, array: np.ndarray, dtype: kinds.DType, place: Place) -> str:
        """Store bits under a name like their place; returns the name."""
        wanted = ".".join(str(key) for key in place) or "checkpoint"
        wanted = wanted.encode(errors="replace").decode()
        name, count = wanted, 1
        while name in self.stored or name == "__metadata__":
            count += 1
            name = f"{wanted}#{count}"
        array = np.asarray(array, order="C")
        if dtype.is_complex:
            real = kinds.float32 if dtype is kinds.complex64 else kinds.float64
            parts = array.astype(dtype.storage, copy=False).reshape(*array.shape, 1)
            self.stored[name] = Stored(real, parts.view(real.storage))
        else:
            self.stored[name] = Stored(dtype, array)
        return name


@cache
def _ways() -> dict[type, Callable]:
    """How each type is encoded; modules are imported when something is saved."""
    from rushlight.nn.parameter import Buffer, Parameter

    plain = (type(None), bool, int, str)
    containers = {list: _Encoder._list, tuple: _Encoder._tuple, Size: _Encoder._tuple}
    containers |= {set: _Encoder._set, frozenset: _Encoder._set, dict: _Encoder._dict}
    containers |= {Counter: _Encoder._dict, OrderedDict: _Encoder._ordered_dict}
    numbers = {float: _Encoder._float, complex: _Encoder._complex, bytes: _Encoder._bytes}
    names = {kinds.DType: _Encoder._dtype, device: _Encoder._device}
    arrays = {np.ndarray: _Encoder._array, np.memmap: _Encoder._array}
    tensors = {Tensor: _Encoder._tensor, Parameter: _Encoder._parameter, Buffer: _Encoder._buffer}
    return dict.fromkeys(plain, _Encoder._same) | containers | numbers | names | arrays | tensors


def _note(dtype: kinds.DType) -> dict:
    return {"dtype": dtype.name} if dtype.is_complex else {}


def dtype_of(value: np.ndarray | np.generic, place: Place) -> kinds.DType:
    """The dtype of a NumPy value; TypeError for those that no tensor holds."""
    try:
        return kinds.from_numpy_dtype(value.dtype)
    except TypeError:
        names = ", ".join(dtype.name for dtype in CODES.values() if dtype is not kinds.bfloat16)
        raise TypeError(
            f"save(): Expected NumPy arrays of one of {names}, complex128.\n"
            f"Actual: {show(place)} has dtype {value.dtype}."
        ) from None
