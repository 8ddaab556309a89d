"""Elements in other places: triangles, rolls, flips, rotations. The results are copies."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as p
from rushlight.graph.creation import iota, literal, number
from rushlight.graph.dtype import int64
from rushlight.graph.node import Node
from rushlight.ops.check import check_axis, check_tensor, fail
from rushlight.ops.movement import reshape, transpose
from rushlight.tensor import Tensor


class Tril(Operation):
    """The part of matrices on and below a diagonal; 0 elsewhere."""

    def forward(ctx, x: Node, diagonal: int, upper: bool) -> Node:
        ctx.arguments = diagonal, upper
        rank, (rows, columns) = x.spec.rank, x.spec.shape[-2:]
        row = p.expand(iota(rows), (rows, columns), (0,))
        column = p.expand(iota(columns), (rows, columns), (1,))
        edge = e.add(row, number(diagonal, int64))
        kept = e.compare(e.GE if upper else e.LE, column, edge)
        kept = p.expand(kept, x.spec.shape, (rank - 2, rank - 1))
        return e.where(kept, x, literal(0, x.spec.dtype))

    def backward(ctx, grad: Tensor) -> Tensor:
        return type(ctx).apply((grad,), *ctx.arguments)


class Triu(Tril):
    """The part of matrices on and above a diagonal; 0 elsewhere."""


class Roll(Operation):
    """Elements moved along dimensions, those that leave at one end come back at the other."""

    def forward(ctx, x: Node, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Node:
        ctx.arguments = shifts, axes
        for shift, axis in zip(shifts, axes, strict=True):
            size = x.spec.shape[axis]
            cut = -shift % size if size else 0
            if cut:
                x = p.concat((p.cut(x, axis, cut, size - cut), p.cut(x, axis, 0, cut)), axis)
        return x

    def backward(ctx, grad: Tensor) -> Tensor:
        shifts, axes = ctx.arguments
        return Roll.apply((grad,), tuple([-shift for shift in shifts]), axes)


class Flip(Operation):
    """The order along some dimensions turned round."""

    def forward(ctx, x: Node, axes: tuple[int, ...]) -> Node:
        ctx.axes = axes
        shape = x.spec.shape
        starts = tuple([max(n - 1, 0) if axis in axes else 0 for axis, n in enumerate(shape)])
        steps = tuple([-1 if axis in axes else 1 for axis in range(len(shape))])
        kinds = tuple([p.BACKWARDS if step < 0 else p.WHOLE for step in steps])
        return p.slice_(x, starts, shape, steps, kinds)

    def backward(ctx, grad: Tensor) -> Tensor:
        return Flip.apply((grad,), ctx.axes)


def _check_matrix(operation: str, input: Any) -> None:
    check_tensor(operation, "input", input)
    if input.dim() < 2:
        words = f"{operation}: input tensor must have at least 2 dimensions"
        fail(RuntimeError, operation, words, "a matrix, or matrices", f"shape {list(input.shape)}")


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, on and below a diagonal; the rest is 0.

    >>> import rushlight as rl
    >>> rl.tril(rl.ones(2, 3))
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    _check_matrix("tril", input)
    return Tril.apply((input,), int(diagonal), False)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, on and above a diagonal; the rest is 0."""
    _check_matrix("triu", input)
    return Triu.apply((input,), int(diagonal), True)


def _tuple(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved by `shifts` along `dims`, round the end; without dims, in flat order.

    >>> import rushlight as rl
    >>> rl.roll(rl.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    shifts = _tuple(shifts)
    dims = () if dims is None else _tuple(dims)
    if not dims:
        if len(shifts) != 1:
            raise RuntimeError(
                f"shifts and dimensions must align. shifts: {len(shifts)}, dims: {len(dims)}"
            )
        flat = Roll.apply((reshape(input, -1),), shifts, (0,))
        return reshape(flat, input.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims: {len(dims)}"
        )
    axes = tuple([check_axis("roll", dim, input.dim()) for dim in dims])
    return Roll.apply((input,), shifts, axes)


def flip(input: Tensor, *axes: Any, dims: Any = ()) -> Tensor:
    """The order along each of `dims` turned round; a copy, as in PyTorch."""
    dims = axes or _tuple(dims)
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = tuple(dims[0])
    axes = tuple([check_axis("flip", dim, input.dim()) for dim in dims])
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {axes} appears multiple times in the list of dims of flip")
    return Flip.apply((input,), axes) if input.dim() else input.clone()


def fliplr(input: Tensor) -> Tensor:
    """The columns in the other order."""
    if input.dim() < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The rows in the other order."""
    if input.dim() < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by 90 degrees k times, in the plane of two dimensions from first to second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.dim() < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.dim()}")
    first, second = [check_axis("rot90", dim, input.dim()) for dim in dims]
    if first == second:
        raise RuntimeError("expected rotation dims to be different")
    k %= 4
    if k == 2:
        return flip(input, first, second)
    if k == 1:
        return transpose(flip(input, second), first, second)
    return flip(transpose(input, first, second), second) if k else input.clone()


FUNCTIONS = {f.__name__: f for f in (tril, triu, roll, flip, fliplr, flipud, rot90)}
METHODS = FUNCTIONS
INPLACE = ("tril", "triu")
