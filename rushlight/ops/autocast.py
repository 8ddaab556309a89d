"""What `autocast` does to operations: some compute in a narrow dtype, some in float32.

The decorators mark public functions.  Outside of `autocast` they only look whether it is on.
Which function is marked how is PyTorch's list for the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from rushlight.graph.dtype import DType, float32, float64
from rushlight.ops.convert import cast
from rushlight.tensor import Tensor, modes

Marked = TypeVar("Marked", bound=Callable[..., Any])


class Casting:
    """An `autocast` that is on: its dtype, and the casts of leaves that it has made."""

    def __init__(self, dtype: DType, is_caching: bool):
        self.dtype = dtype
        self.is_caching = is_caching
        self.cached: dict[tuple, tuple[Tensor, Tensor]] = {}

    def cast(self, value: Any, dtype: DType) -> Any:
        """A tensor of floats in another dtype, also within a list; float64 stays."""
        if isinstance(value, (list, tuple)) and any(isinstance(item, Tensor) for item in value):
            return type(value)([self.cast(item, dtype) for item in value])
        if not isinstance(value, Tensor):
            return value
        given = value._spec.dtype
        if given is dtype or given is float64 or not given.is_floating_point:
            return value
        keeps = self.is_caching and dtype is self.dtype and given is float32
        if not (keeps and value.requires_grad and value.is_leaf):
            return cast(value, dtype)
        key = id(value), value._version, modes.grad
        found = self.cached.get(key)
        if found is None:
            found = self.cached[key] = value, cast(value, dtype)
        return found[1]


def _casting(function: Marked, choose: Callable[[Casting, tuple], DType | None]) -> Marked:
    @functools.wraps(function)
    def decided(*args: Any, **kwargs: Any) -> Any:
        casting = modes.autocast
        if casting is None:
            return function(*args, **kwargs)
        dtype = choose(casting, args)
        modes.autocast = None  # what the function is made of computes as it says
        try:
            if dtype is not None:
                args = tuple([casting.cast(value, dtype) for value in args])
                kwargs = {name: casting.cast(value, dtype) for name, value in kwargs.items()}
            return function(*args, **kwargs)
        finally:
            modes.autocast = casting

    return decided  # type: ignore[return-value]


def lowered(function: Marked) -> Marked:
    """Mark a function that computes in `autocast`'s dtype."""
    return _casting(function, lambda casting, args: casting.dtype)


def in_float32(function: Marked) -> Marked:
    """Mark a function that computes in float32 under `autocast`."""
    return _casting(function, lambda casting, args: float32)


def promoted(function: Marked) -> Marked:
    """Mark a function that computes in the widest dtype of its tensors under `autocast`."""
    return _casting(function, lambda casting, args: _widest(args))


def left_alone(function: Marked) -> Marked:
    """Mark a function that `autocast` does not touch, though it is made of some that it does."""
    return _casting(function, lambda casting, args: None)


def _widest(args: tuple) -> DType | None:
    found = [value._spec.dtype for value in args if isinstance(value, Tensor)]
    floats = [dtype for dtype in found if dtype.is_floating_point]
    return float32 if float32 in floats else None
