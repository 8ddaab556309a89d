"""Nested containers as JSON, with names in the places of tensors.

Numbers, strings, booleans, None and lists are themselves; all else is an object with one word
that says what it is: {"dict": [[key, value], ...]}, {"tuple": [...]}, {"tensor": name}, ...
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from typing import Any

import numpy as np

from rushlight.device import device
from rushlight.graph.dtype import DType, find_dtype
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Size, Tensor, alias_of

_PLAIN = (str, int, bool, type(None))
_SEQUENCES = {"tuple": tuple, "size": Size, "set": set, "frozenset": frozenset}
_MAPPINGS = {"dict": dict, "ordered": OrderedDict, "counter": Counter}
_WORDS = {kind: word for word, kind in (*_SEQUENCES.items(), *_MAPPINGS.items())}


class Encoder:
    """Takes an object apart into JSON and tensors by name."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._names: dict[tuple, str] = {}
        self._inside: set[int] = set()

    def encode(self, value: Any, place: str = "obj", path: tuple = ()) -> Any:
        """The JSON of a value; TypeError, naming the place, for what cannot be saved."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if isinstance(value, np.generic):
            return self.encode(value.item(), place, path)
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is complex:
            return {"complex": [repr(value.real), repr(value.imag)]}
        if isinstance(value, Tensor):
            return self._encode_tensor(value, path)
        if kind is DType:
            return {"dtype": value.name}
        if kind is device:
            return {"device": str(value)}
        if kind is list or kind in _WORDS:
            return self._encode_container(value, place, path)
        raise TypeError(_explain_type(value, place))

    def _encode_container(self, value: Any, place: str, path: tuple) -> Any:
        if id(value) in self._inside:
            raise ValueError(f"Expected an object without cycles.\nActual: {place} holds itself.")
        self._inside.add(id(value))
        word = _WORDS.get(type(value))
        if word in _MAPPINGS:
            pairs = [
                [
                    self._encode_key(key, place),
                    self.encode(item, f"{place}[{key!r}]", (*path, str(key))),
                ]
                for key, item in value.items()
            ]
            coded: Any = {word: pairs}
            metadata = getattr(value, "_metadata", None)
            if metadata is not None:
                coded["metadata"] = self.encode(metadata, f"{place}._metadata")
        else:
            items = [
                self.encode(item, f"{place}[{number}]", (*path, str(number)))
                for number, item in enumerate(value)
            ]
            coded = items if word is None else {word: items}
        self._inside.discard(id(value))
        return coded

    def _encode_key(self, key: Any, place: str) -> Any:
        if type(key) in (*_PLAIN, float, complex, tuple, frozenset) or isinstance(key, np.generic):
            return self.encode(key, f"a key of {place}")
        raise TypeError(_explain_type(key, f"a key of {place}"))

    def _encode_tensor(self, tensor: Tensor, path: tuple) -> dict[str, Any]:
        """A name; tensors that share all their memory, such as tied weights, share one."""
        cell = tensor._cell
        owner = tensor if cell is None else cell
        identity = id(owner), tuple(tensor.shape), *tensor._layout()
        name = self._names.get(identity)
        if name is None:
            name = self._names[identity] = self._free_name(".".join(path) or "tensor")
            self.tensors[name] = tensor
        coded: dict[str, Any] = {"tensor": name}
        if tensor.dtype.is_complex:
            coded["dtype"] = tensor.dtype.name
        if tensor.requires_grad:
            coded["requires_grad"] = True
        if isinstance(tensor, Parameter):
            coded["parameter"] = True
        return coded

    def _free_name(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.tensors or name == "__metadata__":
            name, number = f"{wanted}#{number}", number + 1
        return name


def _explain_type(value: Any, place: str) -> str:
    hint = ""
    if isinstance(value, np.ndarray):
        hint = " Make a tensor of it: rl.from_numpy(array)."
    elif hasattr(value, "state_dict"):
        hint = " Save what it holds: its state_dict()."
    return (
        f"cannot save {place}\n"
        "Expected: tensors, numbers, strings, None, and dicts, lists, tuples and sets of them.\n"
        f"Actual: {type(value).__module__}.{type(value).__qualname__}.{hint}"
    )


class Decoder:
    """Puts an object together again."""

    def __init__(self, tensors: dict[str, Tensor]):
        self._tensors = tensors
        self._given: set[str] = set()

    def decode(self, coded: Any) -> Any:
        """The value that was coded; KeyError, TypeError or ValueError for what none of ours is."""
        if isinstance(coded, list):
            return [self.decode(item) for item in coded]
        if not isinstance(coded, dict):
            return coded
        if "tensor" in coded:
            return self._decode_tensor(coded)
        word = next(iter(coded))
        inner = coded[word]
        if word in _SEQUENCES:
            return _SEQUENCES[word](self.decode(item) for item in inner)
        if word in _MAPPINGS:
            pairs = [(self.decode(key), self.decode(item)) for key, item in inner]
            result = _MAPPINGS[word](dict(pairs))
            if "metadata" in coded:
                result._metadata = self.decode(coded["metadata"])
            return result
        if word == "complex":
            return complex(*map(float, inner))
        makers = {"float": float, "dtype": find_dtype, "device": device}
        return makers[word](inner)

    def _decode_tensor(self, coded: dict[str, Any]) -> Tensor:
        name = coded["tensor"]
        tensor = self._tensors[name]
        if name in self._given:
            tensor = alias_of(tensor)  # tied when saved, tied again
        self._given.add(name)
        wants_grad = coded.get("requires_grad", False)
        if coded.get("parameter"):
            return Parameter(tensor, requires_grad=wants_grad)
        return tensor.requires_grad_() if wants_grad else tensor
