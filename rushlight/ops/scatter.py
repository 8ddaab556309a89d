"""Reading and writing along one dimension at places that differ for every element."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import indexing as p
from rushlight.graph.creation import number
from rushlight.graph.dtype import int64
from rushlight.graph.movement import RUN, expand
from rushlight.graph.node import Node, Origin
from rushlight.ops.check import broadcast, check_axis, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant, filled
from rushlight.ops.operands import NUMBERS
from rushlight.ops.places import check_integer_index, check_places, origin
from rushlight.ops.views import Slice
from rushlight.tensor import Tensor, wrap


class Gather(Operation):
    """x at places along one dimension."""

    def forward(ctx, x: Node, index: Node, axis: int, where_from: Origin) -> Node:
        ctx.arguments = axis, where_from
        ctx.save_inputs(1)
        return p.gather(x, e.cast(index, int64), axis, where_from)

    def backward(ctx, grad: Tensor) -> tuple:
        (index,) = ctx.saved
        axis, where_from = ctx.arguments
        zeros = filled(0, ctx.input_spec(0).with_dtype(grad.dtype))
        return Scatter.apply((zeros, index, grad), axis, "add", where_from), None


class Scatter(Operation):
    """x with values written or added at places along one dimension; values as many as places."""

    def forward(ctx, x: Node, index: Node, part: Node, axis: int, mode: str, at: Origin) -> Node:
        ctx.arguments = axis, mode, at
        ctx.save_inputs(1)
        part = expand(part, index.spec.shape)
        return p.scatter(x, e.cast(index, int64), part, axis, mode, at)

    def backward(ctx, grad: Tensor) -> tuple:
        (index,) = ctx.saved
        axis, mode, at = ctx.arguments
        whole = part = None
        if ctx.needs(0):
            whole = grad
            if mode == "set":
                whole = Scatter.apply((grad, index, constant(0, grad.dtype)), axis, "set", at)
        if ctx.needs(2):
            part = Gather.apply((grad, index), axis, at)
        return whole, None, part


class ScatterReduce(Operation):
    """x with values multiplied in, or compared for the largest or smallest, along one dimension.

    Elements that tie for the extreme share its gradient.
    """

    def forward(ctx, x: Node, index: Node, part: Node, axis: int, mode: str, at: Origin) -> Node:
        ctx.arguments = axis, mode, at
        ctx.save_inputs(0, 1, 2)
        ctx.save_outputs(0)
        return p.scatter(x, e.cast(index, int64), part, axis, mode, at)

    def backward(ctx, grad: Tensor) -> tuple:
        x, index, part, result = ctx.saved
        axis, mode, at = ctx.arguments
        backward = _product_grads if mode == "multiply" else _extreme_grads
        whole, piece = backward(grad, x, index, part, result, (axis, mode, at))
        return whole, None, piece


def _extreme_grads(
    grad: Tensor, x: Tensor, index: Tensor, part: Tensor, result: Tensor, arguments: tuple
) -> tuple[Tensor, Tensor]:
    axis, _, at = arguments
    chosen = (x == result).to(grad.dtype)
    equal = (part == Gather.apply((result, index), axis, at)).to(grad.dtype)
    ties = Scatter.apply((chosen, index, equal), axis, "add", at)
    shared = grad / ties
    return chosen * shared, equal * Gather.apply((shared, index), axis, at)


def _product_grads(
    grad: Tensor, x: Tensor, index: Tensor, part: Tensor, result: Tensor, arguments: tuple
) -> tuple[Tensor, Tensor]:
    """Each factor gets the product of the others; a factor of 0 that is alone needs care."""
    axis, _, at = arguments
    whole = where(x == 0, 1, x)
    whole = grad * ScatterReduce.apply((whole, index, part), *arguments) / whole
    zero = part == 0
    count = Scatter.apply((filled(0, x._spec), index, zero.to(x.dtype)), axis, "add", at)
    alone = zero & (Gather.apply((count, index), axis, at) == 1)
    others = ScatterReduce.apply((x, index, where(alone, 1, part)), *arguments)
    single = Gather.apply((grad * others, index), axis, at)
    plain = Gather.apply((grad * result, index), axis, at) / where(zero, 1, part)
    return whole, where(alone, single, plain)


# ------------------------------------------------------------------------------------------- checks
def _check(
    operation: str, input: Any, dim: int, index: Any, source: Tensor | None = None
) -> tuple[Tensor, int, Tensor]:
    """The input with at least one dimension, the dimension, and the index likewise."""
    check_tensor(operation, "input", input)
    index = check_integer_index(operation, index)
    axis = check_axis(operation, dim, input.dim())
    if index.numel() and max(index.dim(), 1) != max(input.dim(), 1):
        fail(
            RuntimeError,
            operation,
            "Index tensor must have the same number of dimensions as input tensor",
            f"an index of {input.dim()} dimensions",
            describe(index),
        )
    wide = input if input.dim() else input.reshape((1,))
    index = index if index.dim() else index.reshape((1,))
    _check_sizes(operation, wide, axis, index, source)
    check_places(index, wide.shape[axis], axis, operation)
    return wide, axis, index


def _check_sizes(
    operation: str, input: Tensor, axis: int, index: Tensor, source: Tensor | None
) -> None:
    if not index.numel():
        return
    for dimension, (have, want) in enumerate(zip(index.shape, input.shape, strict=True)):
        if have > want and dimension != axis:
            words = f"Size does not match at dimension {dimension} expected index"
            words += f" {list(index.shape)} to be no larger than self {list(input.shape)}"
            words += f" apart from dimension {axis}"
            expected = f"an index of at most {want} places in dimension {dimension}"
            fail(RuntimeError, operation, words, expected, describe(index))
    if source is None:
        return
    shape = source.shape or (1,)
    if len(shape) != index.dim() or any(a > b for a, b in zip(index.shape, shape, strict=True)):
        words = f"Expected index {list(index.shape)} to be no larger than src {list(shape)}"
        fail(RuntimeError, operation, words, "a source that covers the index", describe(source))


def _part(operation: str, input: Tensor, index: Tensor, source: Tensor) -> Tensor:
    """The part of the source that the index covers."""
    if source._spec.dtype is not input._spec.dtype:
        words = f"{operation}(): Expected self.dtype to be equal to src.dtype"
        fail(RuntimeError, operation, words, input.dtype.name, describe(source))
    source = source if source.dim() else source.reshape((1,))
    shape = index._spec.shape
    if source._spec.shape == shape:
        return source
    return Slice.apply((source,), (0,) * len(shape), shape, (1,) * len(shape), (RUN,) * len(shape))


# ---------------------------------------------------------------------------------------- functions
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """result[i, j, k] = input[i, index[i, j, k], k] for dim 1, and so on.

    The index has as many dimensions as the input, and sizes up to the input's but along `dim`;
    IndexError for a place outside, negative ones included.

    >>> import rushlight as rl
    >>> rl.gather(rl.tensor([[1, 2], [3, 4]]), 1, rl.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    wide, axis, places = _check("gather", input, dim, index)
    if not index.numel():
        return input.new_zeros(index.shape)
    result = Gather.apply((wide, places), axis, origin("gather"))
    return result if index.dim() else result.reshape(())


_REDUCE = {"add": "add", "multiply": "multiply"}


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: Any = None,
) -> Tensor:
    """input with src[i, j, k] written to [i, index[i, j, k], k] for dim 1, and so on.

    `src` is a tensor that covers the index, or one number (also as `value`); `reduce` "add" or
    "multiply" combines instead of replacing.

    >>> import rushlight as rl
    >>> rl.scatter(rl.zeros(3), 0, rl.tensor([2, 0]), rl.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    src = value if src is None else src
    if isinstance(src, NUMBERS):
        src = wrap(number(src, input._spec.dtype)).expand(index.shape)
    if reduce is not None:
        if reduce not in _REDUCE:
            raise RuntimeError("reduce argument must be either add or multiply.")
        mode = {"add": "sum", "multiply": "prod"}[reduce]
        return scatter_reduce(input, dim, index, src, mode)
    return _scatter("scatter", input, dim, index, src, "set")


def _scatter(name: str, input: Tensor, dim: int, index: Tensor, src: Tensor, mode: str) -> Tensor:
    check_tensor(name, "src", src)
    wide, axis, index = _check(name, input, dim, index, src)
    if not index.numel():
        return input.clone()
    part = _part(name, input, index, src)
    operation = Scatter if mode in ("set", "add") else ScatterReduce
    result = operation.apply((wide, index, part), axis, mode, origin(name))
    return result if input.dim() else result.reshape(())


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input with src[i, j, k] added at [i, index[i, j, k], k] for dim 1, and so on."""
    return _scatter("scatter_add", input, dim, index, src, "add")


_MODES = {"sum": "add", "prod": "multiply", "mean": "add", "amax": "maximum", "amin": "minimum"}


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input combined with src at places along `dim`, by "sum", "prod", "mean", "amax" or "amin".

    With `include_self=False` places that are written to start from nothing.
    """
    if reduce not in _MODES:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}."
        )
    name = "scatter_reduce"
    start = input
    if not include_self:
        start = _scatter(name, input, dim, index, _start(reduce, input, index), "set")
    result = _scatter(name, start, dim, index, src, _MODES[reduce])
    if reduce != "mean":
        return result
    ones = filled(1, input._spec)
    count = ones
    if not include_self:
        count = _scatter(name, ones, dim, index, _start(reduce, ones, index), "set")
    more = filled(1, input._spec.with_shape(index._spec.shape))
    count = _scatter(name, count, dim, index, more, "add").clamp(min=1)
    return result / count if input.dtype.is_floating_point else result // count


def _start(reduce: str, input: Tensor, index: Tensor) -> Tensor:
    """What changes nothing under the reduction, in the shape of the index."""
    dtype = input._spec.dtype
    if reduce in ("amax", "amin"):
        return extreme(dtype, reduce == "amin").expand(index.shape)
    return constant(int(reduce == "prod"), dtype).expand(index.shape)


def extreme(dtype: Any, largest: bool) -> Tensor:
    """The largest or smallest value of a dtype."""
    if dtype.is_floating_point:
        return constant(float("inf") if largest else -float("inf"), dtype)
    if dtype.name == "bool":
        return constant(largest, dtype)
    bits = 8 * dtype.itemsize - dtype.is_signed
    lowest = -(2**bits) if dtype.is_signed else 0
    return constant(2**bits - 1 if largest else lowest, dtype)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """input at `indices` along `dim`; both broadcast in the other dimensions.

    Negative places count from the end.
    Without `dim` the input is read as one dimension.
    """
    indices = check_integer_index("take_along_dim", indices)
    if dim is None:
        input, indices, dim = input.reshape((-1,)), indices.reshape((-1,)), 0
    if input.dim() != indices.dim():
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.dim()} dimensions for input, and {indices.dim()} dimensions for "
            "indices"
        )
    axis = check_axis("take_along_dim", dim, input.dim())
    have, want = list(input.shape), list(indices.shape)
    along, count, have[axis], want[axis] = have[axis], want[axis], 1, 1
    shape = list(broadcast(tuple(have), tuple(want), "take_along_dim"))
    indices = where(indices < 0, indices + along, indices)
    wide = input.expand((*shape[:axis], along, *shape[axis + 1 :]))
    return gather(wide, axis, indices.expand((*shape[:axis], count, *shape[axis + 1 :])))


FUNCTIONS = {
    **{f.__name__: f for f in (gather, scatter, scatter_add, scatter_reduce, take_along_dim)},
}
METHODS = FUNCTIONS
INPLACE = ("scatter", "scatter_add", "scatter_reduce")
