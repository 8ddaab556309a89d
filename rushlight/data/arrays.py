"""What the data package knows of tensors: a type, its conversions and three hooks.

Nothing here imports the tensor; the tensor package registers itself. With nothing registered
NumPy arrays take the tensor's place.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np


def _keep(array: np.ndarray, owned: bool) -> np.ndarray:
    return array


def _do_nothing() -> None:
    pass


def _entropy(generator: Any) -> int:
    if generator is not None:
        kind = type(generator).__name__
        raise TypeError(f"generator must be a random generator or None, but got {kind}")
    return secrets.randbits(63)


def _unforeseen() -> tuple[int, int]:
    return secrets.randbits(63), 0


def _never_seeded(generator: Any) -> tuple[int, int]:
    return 0, 0


@dataclass(frozen=True)
class Registry:
    """All that is registered, as one immutable value; the defaults are plain NumPy."""

    kind: type = np.ndarray
    to_array: Callable[[Any], np.ndarray] = np.asarray
    from_array: Callable[[np.ndarray, bool], Any] = _keep
    stack: Callable[[Sequence[Any]], Any] | None = None
    immediate: Callable[[], AbstractContextManager] = nullcontext
    batch_drawn: Callable[[], None] = _do_nothing
    draw_seed: Callable[[Any], int] = _entropy
    draw_place: Callable[[], tuple[int, int]] = _unforeseen
    seeding: Callable[[Any], tuple[int, int]] = _never_seeded
    empty: Callable[[tuple[int, ...], np.dtype], tuple[np.ndarray, Any]] | None = None
    gather: Callable[[Sequence[Any], np.ndarray], list | None] | None = None


_registry = Registry()


def register_array_type(
    kind: type,
    to_array: Callable[[Any], np.ndarray],
    from_array: Callable[[np.ndarray, bool], Any],
    stack: Callable[[Sequence[Any]], Any] | None = None,
) -> None:
    """Make `kind` the tensor type that samples may hold and that batches are made of.

    `to_array(tensor)` gives its values as an array, without a copy where it can.
    `from_array(array, owned)` makes a tensor; `owned` says that nobody else can write the
    memory, so that it may be adopted without a copy. A dtype without a tensor is a TypeError.
    `stack(tensors)` joins tensors of one shape on a new first axis, promoting their dtypes;
    without it they are joined as arrays.
    """
    _register(kind=kind, to_array=to_array, from_array=from_array, stack=stack)


def register_hooks(**hooks: Callable) -> None:
    """Register what surrounds loading; a hook left out stays as it is.

    `immediate()` gives the context in which dataset, transform and collate code runs.
    `batch_drawn()` is called when a batch is asked for, before anything is read.
    `draw_seed(generator)` draws a seed of 0 to 2**63 - 1 from a generator of the framework,
    or from the default one for None; any other object is a TypeError.
    `draw_place()` takes a seed and an offset from the default generator, never the same twice.
    `seeding(generator)` tells the seed it started from last, and how often it has been seeded.
    `empty(shape, dtype)` gives an array to fill and the tensor that it becomes.
    `gather(fields, places)` gives rows of tensors and arrays, or None where it cannot.
    """
    _register(**hooks)


def _register(**changes: Any) -> None:
    global _registry
    _registry = replace(_registry, **changes)


def is_array(value: Any) -> bool:
    """Tell whether `value` is a NumPy array or a tensor."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def is_tensor(value: Any) -> bool:
    """Tell whether `value` is of the registered type."""
    return isinstance(value, _registry.kind)


def to_array(value: Any) -> np.ndarray:
    """Give a tensor, an array, a number or a nested list as a NumPy array."""
    if isinstance(value, _registry.kind):
        return _registry.to_array(value)
    return np.asarray(value)


def from_array(array: np.ndarray, owned: bool = False) -> Any:
    """Make a tensor of an array; `owned` says that nobody else can write its memory."""
    return _registry.from_array(array, owned)


def empty(shape: tuple[int, ...], dtype: Any) -> tuple[np.ndarray, Any]:
    """An array to fill, and the tensor that it becomes."""
    if _registry.empty is not None:
        return _registry.empty(shape, np.dtype(dtype))
    array = np.empty(shape, dtype)
    return array, from_array(array, owned=True)


def gather(fields: Sequence[Any], places: np.ndarray) -> list | None:
    """The rows at these places (int64) of tensors and arrays, each field as a tensor.

    None where a field has no plain rows; IndexError for a row that is not there.
    """
    if _registry.gather is not None:
        return _registry.gather(fields, places)
    batch = []
    for field in fields:
        if type(field) is not np.ndarray:
            return None
        array, tensor = empty((len(places), *field.shape[1:]), field.dtype)
        take(field, places, array)
        batch.append(tensor)
    return batch


def take(rows: np.ndarray, places: np.ndarray, result: np.ndarray) -> None:
    """Copy rows into an array; IndexError for one that is not there."""
    count = len(rows)
    if places.size and not (-count <= places.min() and places.max() < count):
        raise IndexError(f"index out of range for {count} samples")
    np.take(rows, places, axis=0, out=result, mode="wrap")  # checked: nothing to buffer


def stack_arrays(values: Sequence[np.ndarray]) -> Any:
    """Join arrays of one shape and dtype into one tensor, on a new first axis."""
    count, first = len(values), values[0]
    result, tensor = empty((count, *first.shape), first.dtype)
    if first.ndim:
        np.concatenate(values, out=result.reshape(count * first.shape[0], *first.shape[1:]))
    else:
        result[...] = values
    return tensor


def stack(values: Sequence[Any]) -> Any:
    """Join tensors or arrays of one shape into one tensor, on a new first axis."""
    if _registry.stack is not None:
        tensors = [value if is_tensor(value) else from_array(value) for value in values]
        return _registry.stack(tensors)
    return from_array(np.stack([to_array(value) for value in values]), owned=True)


def immediate() -> AbstractContextManager:
    """Give the context in which the user's loading code runs."""
    return _registry.immediate()


def batch_drawn() -> None:
    """Tell the framework that a batch has been asked for."""
    _registry.batch_drawn()


def draw_seed(generator: Any = None) -> int:
    """Draw a seed from a generator of the framework or of NumPy; None is the default one."""
    if hasattr(generator, "integers"):
        return int(generator.integers(2**63))
    return _registry.draw_seed(generator)


def draw_place() -> tuple[int, int]:
    """A seed and an offset of the default generator, which nobody else gets."""
    return _registry.draw_place()


def seeding(generator: Any = None) -> tuple[int, int]:
    """The seed a generator started from last, and how often it has been seeded."""
    if hasattr(generator, "integers"):
        return 0, id(generator)
    return _registry.seeding(generator)


def tensor_type() -> type:
    """The registered type."""
    return _registry.kind


def plain_array(tensor: Any) -> np.ndarray | None:
    """A tensor's numbers, if they and their dtype are all that it is; else None."""
    array = _registry.to_array(tensor)
    name = getattr(tensor.dtype, "name", None)
    plain = name == _name_of(array.dtype) and not getattr(tensor, "requires_grad", False)
    return array if plain else None


@lru_cache(maxsize=64)
def _name_of(dtype: np.dtype) -> str:
    return dtype.name  # NumPy makes the text anew each time
