"""Products, powers and exponentials of matrices; products of vectors."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import inf
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import linalg as p
from rushlight.graph import movement as m
from rushlight.graph.dtype import int64
from rushlight.graph.node import Node
from rushlight.ops.check import broadcast, check_axis, check_tensor, describe, fail
from rushlight.ops.complex import conj
from rushlight.ops.join import cat
from rushlight.ops.linalg.checks import (
    check_numbers,
    check_same_dtype,
    check_square,
    identity_like,
)
from rushlight.ops.linalg.solve import inverse_of
from rushlight.ops.matmul import matmul
from rushlight.ops.operands import operands
from rushlight.ops.options import check_options
from rushlight.ops.parts import diagonal as diagonal_of
from rushlight.ops.results import shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgMatrixExp")
class MatrixExp(Operation):
    """exp a = the sum of aᵏ / k!: its derivative stands in the corner of exp [[aᴴ, g], [0, aᴴ]].

    Al-Mohy and Higham 2009, "Computing the Fréchet derivative of the matrix exponential".
    """

    def forward(ctx, a: Node) -> Node:
        ctx.save_inputs(0)
        return p.exponential(a)

    def backward(ctx, grad: Tensor) -> Tensor:
        (a,) = ctx.saved
        n, adjoint = a._spec.shape[-1], a.mH
        rows = cat((adjoint, grad), -1), cat((adjoint * 0, adjoint), -1)
        return MatrixExp.apply((cat(rows, -2),))[..., :n, n:]


@shown_as("LinalgCross")
class Cross(Operation):
    """The cross product along one axis of 3: d/da = b x g, d/db = g x a."""

    def forward(ctx, a: Node, b: Node, axis: int) -> Node:
        ctx.axis = axis
        ctx.save_inputs(0, 1)
        first = e.mul(_turned(a, axis, 1), _turned(b, axis, 2))
        return e.sub(first, e.mul(_turned(a, axis, 2), _turned(b, axis, 1)))

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = [conj(value) for value in ctx.saved]
        return Cross.apply((b, grad), ctx.axis), Cross.apply((grad, a), ctx.axis)


def _turned(x: Node, axis: int, by: int) -> Node:
    return m.concat((m.cut(x, axis, by, 3 - by), m.cut(x, axis, 0, by)), axis)


def matrix_exp(input: Tensor) -> Tensor:
    """The exponentials of (*, n, n) matrices: the sums of inputᵏ / k!.

    >>> import rushlight as rl
    >>> rl.linalg.matrix_exp(rl.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return MatrixExp.apply((check_square("linalg.matrix_exp", input, low_precision=True),))


def matrix_power(input: Tensor, n: int, *, out: Any = None) -> Tensor:
    """The product of n equal (*, k, k) matrices; a negative n takes the inverse, 0 the identity.

    >>> import rushlight as rl
    >>> rl.linalg.matrix_power(rl.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    name = "linalg.matrix_power"
    check_tensor(name, "input", input)
    check_options(name, out=out)
    if not isinstance(n, int):
        raise TypeError(f"{name}(): argument 'n' must be int, not {type(n).__name__}")
    shape = input._spec.shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        check_square(name, input)
    if n == 0:
        return input.clone().copy_(identity_like(input))
    factor = inverse_of(check_square(name, input), name) if n < 0 else input
    count, result = abs(n), None
    while count:
        if count & 1:
            result = factor if result is None else matmul(result, factor)
        count >>= 1
        factor = matmul(factor, factor) if count else factor
    return result.clone() if n == 1 else result


def multi_dot(tensors: Any, *, out: Any = None) -> Tensor:
    """The product of two or more matrices, in the order that takes the least work.

    The first may be a vector, which counts as a row, and the last one, which counts as a column.

    >>> import rushlight as rl
    >>> rl.linalg.multi_dot([rl.ones(2, 3), rl.ones(3, 4), rl.ones(4)])
    tensor([12., 12.])
    """
    name = "linalg.multi_dot"
    check_options(name, out=out)
    tensors = _check_chain(name, tensors)
    first, last = tensors[0]._spec.rank == 1, tensors[-1]._spec.rank == 1
    tensors[0] = tensors[0].unsqueeze(0) if first else tensors[0]
    tensors[-1] = tensors[-1].unsqueeze(-1) if last else tensors[-1]
    for i, (a, b) in enumerate(pairwise(tensors)):
        if a._spec.shape[1] != b._spec.shape[0]:
            words = f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and "
            words += f"{list(b.shape)} cannot be multiplied"
            fail(RuntimeError, name, words, "sizes that fit", f"{describe(a)}, {describe(b)}")
    sizes = (*[x._spec.shape[0] for x in tensors], tensors[-1]._spec.shape[1])
    result = _product(tensors, *cheapest_splits(sizes))
    result = result.squeeze(0) if first else result
    return result.squeeze(-1) if last else result


def _check_chain(name: str, tensors: Any) -> list[Tensor]:
    tensors = list(tensors)
    if len(tensors) < 2:
        words = f"multi_dot(): expected at least 2 tensors but got {len(tensors)}"
        fail(RuntimeError, name, words, "two tensors or more", f"{len(tensors)}")
    for place, tensor in enumerate(tensors):
        check_tensor(name, "tensors", tensor)
        ends = place in (0, len(tensors) - 1)
        if tensor._spec.rank not in ((1, 2) if ends else (2,)):
            which = "the first and last tensors" if ends else f"tensor {place}"
            wanted = "1D or 2D" if ends else "2D"
            words = f"multi_dot(): {which} must be {wanted} but got {tensor._spec.rank}D"
            fail(RuntimeError, name, words, wanted, describe(tensor))
    return tensors


@lru_cache(maxsize=1024)
def cheapest_splits(sizes: tuple[int, ...]) -> tuple:
    """Where to split a chain of products: (place, of the left part, of the right part), nested.

    Matrix i has sizes[i] rows and sizes[i + 1] columns; () is a single matrix.
    """
    count = len(sizes) - 1
    best: dict[tuple[int, int], tuple[float, tuple]] = {(i, i + 1): (0, ()) for i in range(count)}
    for length in range(2, count + 1):
        for start in range(count - length + 1):
            stop, least = start + length, (inf, ())
            for split in range(start + 1, stop):
                left, right = best[start, split], best[split, stop]
                work = left[0] + right[0] + sizes[start] * sizes[split] * sizes[stop]
                if work < least[0]:
                    least = work, (split - start, left[1], right[1])
            best[start, stop] = least
    return best[0, count][1]


def _product(tensors: list[Tensor], *splits: Any) -> Tensor:
    if not splits:
        return tensors[0]
    place, left, right = splits
    return matmul(_product(tensors[:place], *left), _product(tensors[place:], *right))


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Any = None) -> Tensor:
    """The sums of conj(x) * y along a dimension; the others broadcast.

    >>> import rushlight as rl
    >>> rl.linalg.vecdot(rl.tensor([[1.0, 2.0], [3.0, 4.0]]), rl.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    name = "linalg.vecdot"
    for argument, value in (("x", x), ("y", y)):
        check_numbers(name, check_tensor(name, argument, value), low_precision=True)
    check_options(name, out=out)
    check_same_dtype(name, x, y, "x", "y")
    return (conj(x) * y).sum(dim)


def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Any = None) -> Tensor:
    """The cross products of vectors of 3, which lie along a dimension; the others broadcast.

    >>> import rushlight as rl
    >>> rl.linalg.cross(rl.tensor([1.0, 0.0, 0.0]), rl.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    name = "linalg.cross"
    check_tensor(name, "input", input)
    check_tensor(name, "other", other)
    check_options(name, out=out)
    if input._spec.rank != other._spec.rank:
        words = f"{name}: inputs must have the same number of dimensions."
        fail(RuntimeError, name, words, "equal ranks", f"{describe(input)}, {describe(other)}")
    axis = check_axis(name, dim, input._spec.rank)
    sizes = input._spec.shape[axis], other._spec.shape[axis]
    if sizes != (3, 3):
        words = f"{name}: inputs dimension {dim} must have length 3. Got {sizes[0]} and {sizes[1]}"
        fail(RuntimeError, name, words, "vectors of 3", f"{describe(input)}, {describe(other)}")
    a, b, dtype = operands(input, other, name)
    shape = broadcast(a._spec.shape, b._spec.shape, name)
    return Cross.apply((a.to(dtype).expand(shape), b.to(dtype).expand(shape)), axis)


def vander(x: Tensor, *, N: int | None = None, out: Any = None) -> Tensor:
    """The powers 0 to N - 1 of each element of x, along a new last dimension.

    N is x's last size unless given; RuntimeError below 2.

    >>> import rushlight as rl
    >>> rl.linalg.vander(rl.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 1., 1.],
            [1., 2., 4.],
            [1., 3., 9.]])
    """
    name = "linalg.vander"
    check_tensor(name, "x", x)
    check_options(name, out=out)
    x = x if x._spec.rank else x.unsqueeze(0)
    count = x._spec.shape[-1] if N is None else int(N)
    if count <= 1:
        fail(RuntimeError, name, "N must be greater than 1.", "N from 2 on", f"N {count}")
    column = (x if x._spec.dtype.is_differentiable else x.to(int64)).unsqueeze(-1)
    repeated = column.expand((*x._spec.shape, count - 1))
    return cat((column * 0 + 1, repeated.cumprod(-1)), -1)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, which are the last two dimensions, as a view.

    >>> import rushlight as rl
    >>> rl.linalg.diagonal(rl.eye(2))
    tensor([1., 1.])
    """
    check_tensor("linalg.diagonal", "A", A)
    return diagonal_of(A, offset, dim1, dim2)


FUNCTIONS = {"matrix_exp": matrix_exp, "matrix_power": matrix_power}
METHODS = dict(FUNCTIONS)
