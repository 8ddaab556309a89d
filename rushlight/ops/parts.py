"""Parts of a tensor along a dimension: places, ranges, diagonals, windows. All are views."""

from __future__ import annotations

from typing import Any

from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.ops.movement import reshape
from rushlight.ops.views import Diagonal, Select, Slice, Unfold
from rushlight.tensor import Tensor


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One place of one dimension, which vanishes."""
    shape = input._spec.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = check_axis("select", dim, len(shape))
    index = int(index)
    if not -shape[axis] <= index < shape[axis]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension "
            f"{axis}"
        )
    return Select.apply((input,), axis, index % shape[axis])


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` places of one dimension from `start` on."""
    shape = check_tensor("narrow", "input", input)._spec.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = check_axis("narrow", dim, len(shape))
    if isinstance(start, Tensor) and (start.dim() or start._spec.dtype.kind not in "iu"):
        words = "start must be an 0-dim integral Tensor."
        fail(RuntimeError, "narrow", words, "a whole number", describe(start))
    start = int(start)
    size = shape[axis]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start += size if start < 0 else 0
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_axis(input, axis, start, length)


def slice_axis(input: Tensor, axis: int, start: int, length: int, step: int = 1) -> Tensor:
    """`length` places of a dimension (counted from 0) from `start`, every step-th."""
    shape = input._spec.shape
    starts = tuple([start if i == axis else 0 for i in range(len(shape))])
    sizes = tuple([length if i == axis else n for i, n in enumerate(shape)])
    steps = tuple([step if i == axis else 1 for i in range(len(shape))])
    return Slice.apply((input,), starts, sizes, steps)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements with equal places in two dimensions, as the last dimension."""
    rank = input._spec.rank
    a, b = check_axis("diagonal", dim1, rank), check_axis("diagonal", dim2, rank)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply((input,), offset, a, b)


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` along a dimension, every `step`; places in them come last."""
    shape = self._spec.shape
    axis = check_axis("unfold", dimension, len(shape))
    length = shape[axis] if shape else 1
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {length} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    source = self if shape else reshape(self, 1)
    result = Unfold.apply((source,), axis, size, step)
    return result if shape else result.select(0, 0)


_FUNCTIONS = (select, narrow, diagonal)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = {**FUNCTIONS, "unfold": unfold}
INPLACE = ()
