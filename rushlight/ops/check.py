"""Checks of arguments, and the errors they raise: what was expected, what came, in what operation.

The first line is PyTorch's wording where programs may look for it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NoReturn

from rushlight.graph.dtype import DType
from rushlight.graph.spec import Spec
from rushlight.tensor import Tensor


def fail(kind: type[Exception], operation: str, words: str, expected: str, actual: str) -> NoReturn:
    """Raise an error that says what was expected, what came, and in which operation."""
    raise kind(f"{words}\nExpected: {expected}\nActual: {actual}\nIn {operation}.")


def describe(value: Any) -> str:
    """A short account of an argument: dtype and shape of a tensor, else its repr."""
    if isinstance(value, Tensor):
        value = value._spec
    if isinstance(value, Spec):
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, DType):
        return value.name
    return f"{type(value).__name__} {value!r}"


def check_tensor(operation: str, argument: str, value: Any) -> Tensor:
    """The value if it is a tensor, else TypeError."""
    if isinstance(value, Tensor):
        return value
    raise TypeError(
        f"{operation}(): argument '{argument}' must be Tensor, not {type(value).__name__}"
    )


@lru_cache(maxsize=65536)
def broadcast(a: tuple[int, ...], b: tuple[int, ...], operation: str) -> tuple[int, ...]:
    """The shape that two shapes broadcast to; RuntimeError if they do not."""
    rank = max(len(a), len(b))
    left, right = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    result = []
    for axis, (m, n) in enumerate(zip(left, right, strict=True)):
        if m != n and m != 1 and n != 1:
            fail(
                RuntimeError,
                operation,
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at "
                f"non-singleton dimension {axis}",
                "shapes that are equal, or 1, in each dimension counted from the last",
                f"a {list(a)}, b {list(b)}",
            )
        result.append(n if m == 1 else m)
    return tuple(result)


def check_axis(operation: str, axis: int, rank: int) -> int:
    """The axis counted from 0; IndexError if there is none."""
    if not isinstance(axis, int):
        if hasattr(axis, "__index__"):
            axis = axis.__index__()
        else:
            raise TypeError(f"{operation}(): argument 'dim' must be int, not {type(axis).__name__}")
    span = max(rank, 1)
    if not -span <= axis < span:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got "
            f"{axis})\nIn {operation}, on a tensor of {rank} dimensions."
        )
    return axis % span


def check_axes(operation: str, axes: Any, rank: int) -> tuple[int, ...]:
    """Sorted axes counted from 0; None or () means all; RuntimeError for one given twice."""
    if axes is None:
        return tuple(range(rank))
    if isinstance(axes, int) or not hasattr(axes, "__iter__"):
        return (check_axis(operation, axes, rank),) if rank else _check_scalar(operation, axes)
    found = [check_axis(operation, axis, rank) for axis in axes]
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim {found} appears multiple times in the list of dims of {operation}")
    if not found or not rank:
        return tuple(range(rank))
    return tuple(sorted(found))


def _check_scalar(operation: str, axis: Any) -> tuple[int, ...]:
    check_axis(operation, axis, 0)
    return ()


_INTEGERS = {int}


def check_shape(operation: str, sizes: tuple) -> tuple[int, ...]:
    """Sizes given as one sequence or one by one, as a tuple of integers; -1 is let through."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    elif len(sizes) == 1 and isinstance(sizes[0], Tensor) and sizes[0].dim() == 1:
        sizes = tuple(sizes[0].tolist())
    if {*map(type, sizes)} <= _INTEGERS:
        return tuple(sizes)
    result = []
    for position, size in enumerate(sizes):
        if isinstance(size, bool) or not hasattr(size, "__index__"):
            if isinstance(size, Tensor):
                size = int(size.item())
            else:
                raise TypeError(
                    f"{operation}(): argument 'size' (position 1) must be tuple of ints, but found "
                    f"element of type {type(size).__name__} at pos {position}"
                )
        result.append(int(size.__index__()))
    return tuple(result)


def check_int(operation: str, argument: str, value: Any) -> int:
    """The value if it is a whole number, else TypeError."""
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return value.__index__()
    raise TypeError(f"{operation}(): argument {argument!r} must be int, not {type(value).__name__}")


def check_floating(operation: str, tensor: Tensor) -> None:
    """RuntimeError unless the tensor holds floating point or complex numbers."""
    dtype = tensor._spec.dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        fail(
            RuntimeError,
            operation,
            f'"{operation}" not implemented for {dtype.name!r}',
            "a floating point tensor",
            describe(tensor),
        )
