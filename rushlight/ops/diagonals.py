"""Diagonals put in and taken out, and copies of a tensor with a part replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.autograd.inplace import CopySlices
from rushlight.dtypes import as_dtype
from rushlight.graph.dtype import DType, int64
from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.ops.constants import filled
from rushlight.ops.options import check_options
from rushlight.ops.parts import diagonal, select, slice_axis
from rushlight.ops.views import Diagonal
from rushlight.tensor import Tensor, from_array


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with this vector as its diagonal, or the diagonal of a matrix (a copy).

    >>> import rushlight as rl
    >>> rl.diag(rl.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    rank = check_tensor("diag", "input", input).dim()
    if rank == 1:
        return diag_embed(input, diagonal)
    if rank != 2:
        words = f"diag(): Supports 1D or 2D tensors. Got {rank}D"
        fail(RuntimeError, "diag", words, "a vector or a matrix", describe(input))
    return Diagonal.apply((input,), int(diagonal), 0, 1).clone()


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices whose diagonals are the last dimension of the input; 0 elsewhere.

    `dim1` and `dim2` say where the matrices' dimensions go; `offset` counts diagonals upwards.
    """
    shape = check_tensor("diag_embed", "input", input)._spec.shape
    rank = len(shape) + 1
    first, second = [check_axis("diag_embed", dim, rank) for dim in (dim1, dim2)]
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    check_axis("diag_embed", -1, len(shape))
    size = (shape[-1] if shape else 1) + abs(offset)
    sizes = list(shape[:-1])
    for axis in sorted((first, second)):
        sizes.insert(axis, size)
    zeros = filled(0, input._spec.with_shape(tuple(sizes)))
    part = input if shape else input.reshape(1)
    return CopySlices.apply((zeros, part), ((Diagonal, (int(offset), first, second)),))


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of the input on one diagonal."""
    return diag_embed(check_tensor("diagflat", "input", input).reshape(-1), offset)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    >>> import rushlight as rl
    >>> rl.trace(rl.eye(3))
    tensor(3.)
    """
    rank = check_tensor("trace", "input", input).dim()
    if rank != 2:
        words = f"trace: expected a matrix, but got tensor with dim {rank}"
        fail(RuntimeError, "trace", words, "a matrix", describe(input))
    return diagonal(input).sum()


# ---------------------------------------------------------- parts put into copies
def _replaced(name: str, input: Tensor, src: Any, part: Tensor) -> Tensor:
    """The input with the elements that `part`, a view of it, shows replaced."""
    check_tensor(name, "src", src)
    if src._spec.shape != part._spec.shape:
        words = "expected src to have a size equal to the slice of self. src size = "
        words += f"{list(src.shape)}, slice size = {list(part.shape)}"
        fail(RuntimeError, name, words, f"src of shape {list(part.shape)}", describe(src))
    if src._spec.dtype is not input._spec.dtype:
        src = src.to(input._spec.dtype)
    return CopySlices.apply((input, src), part._chain[len(input._chain) :])


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy of input with `src` on one diagonal, which it must fit.

    >>> import rushlight as rl
    >>> rl.diagonal_scatter(rl.zeros(2, 2), rl.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_tensor("diagonal_scatter", "input", input)
    return _replaced("diagonal_scatter", input, src, diagonal(input, offset, dim1, dim2))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of input with `src` at one place of a dimension."""
    check_tensor("select_scatter", "input", input)
    return _replaced("select_scatter", input, src, select(input, dim, index))


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy of input with `src` at every step-th place of a dimension from start to end."""
    check_tensor("slice_scatter", "input", input)
    if step < 1:
        raise RuntimeError("slice step must be positive")
    axis = check_axis("slice_scatter", dim, input.dim())
    first, last, step = slice(start, end, step).indices(input.shape[axis])
    count = max(0, -(-(last - first) // step))
    part = slice_axis(input, axis, first if count else 0, count, step)
    return _replaced("slice_scatter", input, src, part)


def tril_indices(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
    """The rows and columns of the lower triangle's places, a (2, count) int64 tensor."""
    return _triangle("tril_indices", np.tril_indices(row, offset, col), **options)


def triu_indices(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
    """The rows and columns of the upper triangle's places, a (2, count) int64 tensor."""
    return _triangle("triu_indices", np.triu_indices(row, offset, col), **options)


def _triangle(
    name: str, places: tuple, *, dtype: DType = int64, device: Any = None, layout: Any = None
) -> Tensor:
    check_options(name, layout=layout, device=device)
    return from_array(np.stack(places), as_dtype(name, dtype))


_FUNCTIONS = (diag, diag_embed, diagflat, trace)
_FUNCTIONS += (diagonal_scatter, select_scatter, slice_scatter)
METHODS: dict[str, Any] = {function.__name__: function for function in _FUNCTIONS}
FUNCTIONS = METHODS | {"tril_indices": tril_indices, "triu_indices": triu_indices}
