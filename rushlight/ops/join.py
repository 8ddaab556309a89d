"""Putting tensors together: cat, stack, repeat and their kin. The results are copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as p
from rushlight.graph.dtype import DType
from rushlight.graph.node import Node
from rushlight.ops.at_once import stacked, values_at_once
from rushlight.ops.check import check_axis, check_shape, describe, fail
from rushlight.ops.movement import reshape, unsqueeze
from rushlight.ops.parts import slice_axis
from rushlight.ops.promotion import promote_types
from rushlight.tensor import Tensor


class Cat(Operation):
    """Tensors behind each other along one dimension."""

    def forward(ctx, *values: Any) -> Node:
        *parts, axis, dtype = values
        ctx.axis = axis
        return p.concat(tuple([e.cast(part, dtype) for part in parts]), axis)

    def backward(ctx, grad: Tensor) -> tuple:
        result, start = [], 0
        for position, spec in enumerate(ctx.input_specs):
            size = spec.shape[ctx.axis]
            needed = ctx.needs(position)
            result.append(slice_axis(grad, ctx.axis, start, size) if needed else None)
            start += size
        return tuple(result)


def _common_dtype(tensors: Sequence[Tensor]) -> DType:
    dtype = tensors[0]._spec.dtype
    for tensor in tensors:
        dtype = promote_types(dtype, tensor._spec.dtype)
    return dtype


def _check_tensors(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    tensors = list(tensors)
    if not tensors:
        raise (ValueError if name == "cat" else RuntimeError)(
            f"{name} expects a non-empty TensorList"
            if name == "stack"
            else f"{name}(): expected a non-empty list of Tensors"
        )
    for position, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"expected Tensor as element {position} in argument 0, but got "
                f"{type(tensor).__name__}"
            )
    return tensors


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors behind each other along an existing dimension; dtypes are promoted.

    Raises RuntimeError unless they agree in all other sizes (1-d empty tensors are skipped).

    >>> import rushlight as rl
    >>> rl.cat([rl.zeros(2), rl.ones(1)])
    tensor([0., 0., 1.])
    """
    tensors = _check_tensors("cat", tensors)
    dtype = _common_dtype(tensors)
    kept = [tensor for tensor in tensors if tensor._spec.shape != (0,)] or tensors[:1]
    first = kept[0]._spec.shape
    if not first:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    axis = check_axis("cat", dim, len(first))
    for position, tensor in enumerate(kept):
        shape = tensor._spec.shape
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
            )
        differs = [i for i, n in enumerate(shape) if i != axis and n != first[i]]
        if differs:
            fail(
                RuntimeError,
                "cat",
                f"Sizes of tensors must match except in dimension {axis}. Expected size "
                f"{first[differs[0]]} but got size {shape[differs[0]]} for tensor number "
                f"{position} in the list.",
                f"{list(first)}, except in dimension {axis}",
                f"tensor number {position} is {describe(tensor)}",
            )
    return Cat.apply(tuple(kept), axis, dtype)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors behind each other along a new dimension; RuntimeError for unequal shapes.

    >>> import rushlight as rl
    >>> rl.stack([rl.zeros(2), rl.ones(2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    tensors = _check_tensors("stack", tensors)
    first = tensors[0]._spec.shape
    axis = check_axis("stack", dim, len(first) + 1)
    for position, tensor in enumerate(tensors):
        if tensor._spec.shape != first:
            fail(
                RuntimeError,
                "stack",
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(tensor.shape)} at entry {position}",
                f"tensors of shape {list(first)}",
                f"entry {position} is {describe(tensor)}",
            )
    values = values_at_once(tensors) if axis == 0 else None
    if values is not None:
        return stacked(values, tensors[0]._spec.dtype)
    return cat([unsqueeze(tensor, axis) for tensor in tensors], axis)


def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """Copies of the tensor, repeats[i] of them along dimension i; new dimensions in front."""
    counts = check_shape("repeat", repeats)
    shape = self._spec.shape
    if len(counts) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    if any(count < 0 for count in counts):
        raise RuntimeError(f"Trying to create tensor with negative dimension in {list(counts)}")
    full = (1,) * (len(counts) - len(shape)) + shape
    split = reshape(self, [size for n in full for size in (1, n)])
    grown = split.expand(
        [size for count, n in zip(counts, full, strict=True) for size in (count, n)]
    )
    copied = grown.clone()
    return reshape(copied, [count * n for count, n in zip(counts, full, strict=True)])


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Copies of the tensor along its last dimensions, as NumPy's tile."""
    counts = check_shape("tile", dims)
    missing = input._spec.rank - len(counts)
    return repeat(input, (*(1,) * max(missing, 0), *counts))


def atleast_1d(*tensors: Any) -> Any:
    """The tensors, numbers as one dimension."""
    return _at_least(tensors, lambda t: reshape(t, 1) if t.dim() == 0 else t)


def atleast_2d(*tensors: Any) -> Any:
    """The tensors with at least two dimensions, new ones in front."""
    return _at_least(tensors, lambda t: t if t.dim() > 1 else reshape(t, (1, -1)))


def atleast_3d(*tensors: Any) -> Any:
    """The tensors with at least three dimensions."""

    def grow(t: Tensor) -> Tensor:
        if t.dim() > 2:
            return t
        return unsqueeze(t, -1) if t.dim() == 2 else reshape(t, (1, -1, 1))

    return _at_least(tensors, grow)


def _at_least(tensors: tuple, grow: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return grow(tensors[0])
    if len(tensors) == 1:
        tensors = tuple(tensors[0])
    return tuple(grow(tensor) for tensor in tensors)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Behind each other along the second dimension, or the first of 1-d tensors."""
    tensors = atleast_1d(_check_tensors("hstack", tensors))
    return cat(tensors, 0 if tensors[0].dim() == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Behind each other as rows."""
    return cat(atleast_2d(_check_tensors("vstack", tensors)), 0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Behind each other along the third dimension."""
    return cat(atleast_3d(_check_tensors("dstack", tensors)), 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """1-d tensors as the columns of a matrix, matrices behind each other."""
    tensors = _check_tensors("column_stack", tensors)
    return hstack([reshape(t, (-1, 1)) if t.dim() < 2 else t for t in tensors])


_FUNCTIONS = (cat, stack, tile, atleast_1d, atleast_2d, atleast_3d, hstack, vstack, dstack)
FUNCTIONS = {function.__name__: function for function in (*_FUNCTIONS, column_stack)}
FUNCTIONS |= {"concat": cat, "concatenate": cat, "row_stack": vstack}
METHODS = {"repeat": repeat, "tile": tile}
