"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import math
from typing import Any

from rushlight.dtypes import as_dtype
from rushlight.graph.dtype import DType
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_axes, check_axis, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.linalg.checks import check_matrix, check_numbers, check_square
from rushlight.ops.linalg.singular import values_of
from rushlight.ops.linalg.solve import Inverse
from rushlight.ops.norms import vector_norm as norm_of_vectors
from rushlight.ops.options import check_options, numpy_names
from rushlight.tensor import Tensor

Order = int | float | str | None
_NUMBERS = (1, -1, 2, -2, math.inf, -math.inf)


@numpy_names
def vector_norm(
    input: Tensor,
    ord: float = 2,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """(sum of |x|^ord)^(1/ord) of all elements, or over some dimensions.

    Infinity is the largest |x|, minus infinity the smallest, 0 counts what is not 0.  `dtype` is
    what it is computed in.  RuntimeError for integers.

    >>> import rushlight as rl
    >>> rl.linalg.vector_norm(rl.tensor([3.0, 4.0]))
    tensor(5.)
    """
    name = "linalg.vector_norm"
    check_tensor(name, "input", input)
    check_options(name, out=out)
    axes = check_axes(name, dim, input._spec.rank)
    order = ord.item() if isinstance(ord, Tensor) else ord
    dtype = as_dtype(name, dtype)
    if input._spec.dtype.is_complex:
        input, dtype = (input if dtype is None else input.to(dtype)).abs(), None
    return norm_of_vectors(name, input, order, axes, keepdim, dtype)


@in_float32
@numpy_names
def matrix_norm(
    input: Tensor,
    ord: Order = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """The norm of matrices, which are two dimensions of input.

    "fro" is the root of the sum of squares, "nuc" the sum of singular values; 2 and -2 are the
    largest and the smallest singular value; 1 and -1 the largest and the smallest sum of |x| over a
    column, infinity and minus infinity over a row.  RuntimeError for other orders.

    >>> import rushlight as rl
    >>> rl.linalg.matrix_norm(rl.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    name = "linalg.matrix_norm"
    rows, columns = _matrix_axes(name, input, dim)
    check_options(name, out=out)
    if dtype is not None:
        input = input.to(as_dtype(name, dtype))
    if ord == "fro":
        return vector_norm(input, 2, (rows, columns), keepdim)
    if isinstance(ord, str) and ord != "nuc":
        words = f"{name}: Order {ord} not supported."
        fail(RuntimeError, name, words, "'fro', 'nuc', or a number", repr(ord))
    if ord != "nuc" and ord not in _NUMBERS:
        words = f"{name}: Order {ord} not supported."
        fail(RuntimeError, name, words, "1, 2, infinity, or their negatives", repr(ord))
    if ord == "nuc" or abs(ord) == 2:
        return _of_singular_values(check_numbers(name, input), ord, rows, columns, keepdim)
    along = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = vector_norm(input, 1, along[0], True)
    found = _extreme(sums, ord, along[1])
    return found if keepdim else found.squeeze((rows, columns))


def _extreme(sizes: Tensor, ord: float, axis: int) -> Tensor:
    """The largest size along an axis, which stays, or for a negative order the smallest.

    The largest of none is 0.
    """
    if ord < 0:
        return sizes.amin(axis, True)
    return sizes.amax(axis, True) if sizes.shape[axis] else sizes.sum(axis, True)


def _matrix_axes(name: str, input: Tensor, dim: Any) -> tuple[int, int]:
    check_tensor(name, "input", input)
    rank = input._spec.rank
    if rank < 2:
        words = f"{name}: The input tensor A must have at least 2 dimensions."
        fail(RuntimeError, name, words, "a matrix, or a batch of matrices", describe(input))
    check_numbers(name, input, low_precision=True)
    dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dim) != 2:
        words = f"{name}: dim must be a 2-tuple. Got {list(dim)}"
        fail(RuntimeError, name, words, "two dimensions", f"dim {dim}")
    rows, columns = [check_axis(name, axis, rank) for axis in dim]
    if rows == columns:
        words = f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})"
        fail(RuntimeError, name, words, "two dimensions", f"dim {dim}")
    return rows, columns


def _of_singular_values(input: Tensor, ord: Any, rows: int, columns: int, keepdim: bool) -> Tensor:
    matrix = input.movedim((rows, columns), (-2, -1))
    values = values_of(matrix, "linalg.matrix_norm")
    if ord == "nuc":
        found = values.sum(-1)
    else:
        found = _extreme(values, ord, -1).squeeze(-1)
    if not keepdim:
        return found
    shape = input._spec.shape
    return found.reshape([1 if i in (rows, columns) else n for i, n in enumerate(shape)])


@numpy_names
def norm(
    input: Tensor,
    ord: Order = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    out: Any = None,
    dtype: DType | None = None,
) -> Tensor:
    """A norm of vectors or of matrices.

    With one dimension in `dim` it is `vector_norm`, with two and an order `matrix_norm`; without
    `dim` and with an order, input itself is a vector or a matrix; without an order it is the root
    of the sum of squares.

    >>> import rushlight as rl
    >>> rl.linalg.norm(rl.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
    tensor(4.)
    """
    name = "linalg.norm"
    check_tensor(name, "input", input)
    axes = (dim,) if isinstance(dim, int) else None if dim is None else tuple(dim)
    options = {"dtype": dtype, "out": out}
    if ord is None:
        return vector_norm(input, 2, axes, keepdim, **options)
    if axes is not None and len(axes) not in (1, 2):
        words = f"{name}: If dim is specified, it must be of length 1 or 2. Got {list(axes)}"
        fail(RuntimeError, name, words, "one or two dimensions", f"dim {dim}")
    rank = input._spec.rank
    if axes is None and rank not in (1, 2):
        words = f"{name}: If dim is not specified but ord is, the input must be 1D or 2D. "
        fail(RuntimeError, name, f"{words}Got {rank}D.", "a vector or a matrix", describe(input))
    if (rank if axes is None else len(axes)) == 2:
        return matrix_norm(input, ord, (0, 1) if axes is None else axes, keepdim, **options)
    if isinstance(ord, str):
        words = f"{name}: Order {ord} not supported for vectors"
        fail(RuntimeError, name, words, "a number", repr(ord))
    return vector_norm(input, ord, axes, keepdim, **options)


@in_float32
def cond(input: Tensor, p: Order = None, *, out: Any = None) -> Tensor:
    """The condition number: the norm of a matrix times that of its inverse.

    p is an order of `matrix_norm`; None and 2 are the largest singular value by the smallest, -2
    the reverse, and take matrices that are not square.  It is infinite for singular matrices.

    >>> import rushlight as rl
    >>> rl.linalg.cond(rl.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    name = "linalg.cond"
    check_matrix(name, input, out)
    if p is None or p in (2, -2):
        values = values_of(input, name)
        if not values._spec.shape[-1]:
            return values.new_zeros(tuple(values._spec.shape[:-1]))
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    if not isinstance(p, str) and p not in _NUMBERS:
        words = f"{name}: got an invalid norm type: {p}"
        fail(RuntimeError, name, words, "an order of matrix_norm", repr(p))
    if isinstance(p, str) and p not in ("fro", "nuc"):
        words = f"{name} got an invalid norm type: {p}"
        fail(RuntimeError, name, words, "'fro', 'nuc', or a number", repr(p))
    check_square(name, input)
    if not input._spec.size:
        return real_norm_of_nothing(input)
    inverse, info = Inverse.apply((input,), "", None)
    singular = info != 0
    inverse = where(singular[..., None, None], 0, inverse)
    product = matrix_norm(input, p) * matrix_norm(inverse, p)
    return where(singular, math.inf, product)


def real_norm_of_nothing(matrix: Tensor) -> Tensor:
    """The condition numbers of empty matrices: 0."""
    like = matrix.abs() if matrix._spec.dtype.is_complex else matrix
    return like.new_zeros(tuple(matrix._spec.shape[:-2]))
