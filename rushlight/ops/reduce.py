"""Sums, means, products and other values of many elements."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.dtypes import as_dtype
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import DType, bool_, float32, int64, uint8
from rushlight.graph.node import Node
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_axes, check_axis, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.places import holds_anywhere
from rushlight.ops.promotion import get_default_dtype
from rushlight.ops.results import shown_as
from rushlight.tensor import Tensor, modes

Axes = tuple[int, ...]
Shape = tuple[int, ...]


@lru_cache(maxsize=4096)
def without(rank: int, axes: Axes) -> Axes:
    """The axes that remain."""
    return tuple([axis for axis in range(rank) if axis not in axes])


@lru_cache(maxsize=4096)
def kept_shape(shape: Shape, axes: Axes) -> Shape:
    """The shape with size 1 at the reduced axes."""
    return tuple([1 if axis in axes else size for axis, size in enumerate(shape)])


def keep(x: Node, shape: Shape, axes: Axes, keepdim: bool) -> Node:
    """A reduction's result, with its axes back at size 1 if they are kept."""
    return m.reshape(x, kept_shape(shape, axes)) if keepdim else x


@lru_cache(maxsize=4096)
def count_of(shape: Shape, axes: Axes) -> int:
    """How many elements fall into one result."""
    return math.prod([shape[axis] for axis in axes])


def wide(x: Node) -> Node:
    """16-bit floating point numbers in float32, in which their sums are taken."""
    dtype = x.spec.dtype
    return e.cast(x, float32) if dtype.is_floating_point and dtype.itemsize == 2 else x


def widened(tensor: Tensor) -> Tensor:
    """What `wide` is to nodes: backward computes as forward does, the walk casts its result."""
    dtype = tensor._spec.dtype
    return tensor.to(float32) if dtype.is_floating_point and dtype.itemsize == 2 else tensor


class Expand(Operation):
    """A reduction's result repeated along the axes that it lost."""

    def forward(ctx, x: Node, shape: Shape, axes: Axes) -> Node:
        ctx.axes = axes
        if x.spec.rank == len(shape):
            ctx.keepdim = True
            return m.expand(x, shape)
        ctx.keepdim = False
        return m.expand(x, shape, without(len(shape), axes))

    def backward(ctx, grad: Tensor) -> Tensor:
        return total(grad, ctx.axes, ctx.keepdim)


def spread(tensor: Tensor, shape: Shape, axes: Axes) -> Tensor:
    """A reduced tensor, its axes kept or gone, in the shape it was reduced from."""
    return Expand.apply((tensor,), shape, axes)


class Sum(Operation):
    """The sum over some axes."""

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, dtype: DType) -> Node:
        ctx.axes = axes
        return keep(r.sum_(e.cast(x, dtype), axes), x.spec.shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> Tensor:
        return spread(grad, ctx.input_spec(0).shape, ctx.axes)


@shown_as("Sum")
class SumAlong(Sum):
    """The sum over axes that the caller named."""

    suffix = "Backward1"


def total(tensor: Tensor, axes: Axes, keepdim: bool = False) -> Tensor:
    """The sum over sorted axes, without checks."""
    return Sum.apply((tensor,), axes, keepdim, tensor._spec.dtype)


class Mean(Operation):
    """The mean over some axes; 16-bit dtypes are summed in float32."""

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, dtype: DType) -> Node:
        ctx.axes = axes
        added = r.sum_(wide(e.cast(x, dtype)), axes)
        count = number(count_of(x.spec.shape, axes), added.spec.dtype)
        mean = e.cast(e.div(added, count), dtype)
        return keep(mean, x.spec.shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> Tensor:
        shape = ctx.input_spec(0).shape
        return spread(grad / count_of(shape, ctx.axes), shape, ctx.axes)


@shown_as("Mean")
class MeanAlong(Mean):
    """The mean over axes that the caller named."""

    suffix = "Backward1"


class Prod(Operation):
    """The product over some axes.

    d/dx_i is the product of the others: result / x_i, or where x_i is the one zero, the product
    with x_i replaced by 1.  A gradient to be differentiated again multiplies the others out where
    there are zeros.
    """

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, dtype: DType) -> Node:
        ctx.axes = axes
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        return keep(r.reduce(r.PROD, e.cast(x, dtype), axes), x.spec.shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> Tensor:
        x, result = [widened(value) for value in ctx.saved]
        grad, shape, axes = widened(grad), x._spec.shape, ctx.axes
        zero = x == 0
        if modes.grad and holds_anywhere(zero, unseen=True):
            return spread(grad, shape, axes) * _others(x, axes).conj()
        filled = where(zero, constant(1, x._spec.dtype), x)
        zeros = spread(count_nonzero(x == 0, axes), shape, axes) if axes else count_nonzero(zero)
        product = spread(Prod.apply((filled,), axes, False, x._spec.dtype), shape, axes)
        at_zero = where(zeros == 1, product, 0)
        others = where(zero, at_zero, spread(result, shape, axes) / filled)
        return spread(grad, shape, axes) * others.conj()


@shown_as("Prod")
class ProdAlong(Prod):
    """The product over an axis that the caller named."""

    suffix = "Backward1"


def _others(x: Tensor, axes: Axes) -> Tensor:
    """For each element the product of the others, multiplied out."""
    shape = x._spec.shape
    order = (*without(len(shape), axes), *axes)
    moved = x.permute(order)
    flat = moved.reshape((*moved.shape[: len(shape) - len(axes)], -1))
    size = flat.shape[-1]
    from rushlight.ops.ranges import eye

    one = constant(1, x._spec.dtype)
    table = where(eye(size, dtype=bool_), one, flat.unsqueeze(-2))
    products = Prod.apply((table,), (table.dim() - 1,), False, x._spec.dtype)
    back = tuple(order.index(axis) for axis in range(len(shape)))
    return products.reshape(moved.shape).permute(back)


class Logsumexp(Operation):
    """log(sum(exp(x))) with the largest element taken out first."""

    def forward(ctx, x: Node, axes: Axes, keepdim: bool) -> Node:
        ctx.axes = axes
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        shape, dtype, others = x.spec.shape, x.spec.dtype, without(x.spec.rank, axes)
        x = wide(x)
        largest = r.reduce(r.MAX, x, axes)
        infinite = e.compare(e.EQ, e.unary(e.ABS, largest), literal(math.inf, x.spec.dtype))
        shift = e.where(infinite, literal(0.0, x.spec.dtype), largest)
        powers = e.unary(e.EXP, e.sub(x, m.expand(shift, shape, others)))
        logarithm = e.unary(e.LOG, r.sum_(powers, axes))
        return keep(e.cast(e.add(logarithm, shift), dtype), shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> Tensor:
        x, result = [widened(value) for value in ctx.saved]
        shape, axes = x._spec.shape, ctx.axes
        finite = where(result.abs() == math.inf, 0, result)
        return spread(widened(grad), shape, axes) * (x - spread(finite, shape, axes)).exp()


class Extent(Operation):
    """Whether all, or any, of the elements are true."""

    differentiable = False

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, primitive: Any) -> Node:
        shape, truth = x.spec.shape, e.cast(x, bool_)
        if 0 in [shape[axis] for axis in axes]:
            remaining = tuple([shape[axis] for axis in without(len(shape), axes)])
            found = m.expand(literal(primitive is r.MIN, bool_), remaining)
        else:
            found = r.reduce(primitive, truth, axes)
        kept = keep(found, shape, axes, keepdim)
        return e.cast(kept, uint8) if x.spec.dtype is uint8 else kept


class Count(Operation):
    """How many elements are not zero."""

    differentiable = False

    def forward(ctx, x: Node, axes: Axes) -> Node:
        return r.sum_(e.cast(e.cast(x, bool_), int64), axes)


# --------------------------------------------------------------------------------- public functions
def summed_dtype(operation: str, tensor: Tensor, dtype: Any) -> DType:
    """The dtype of a sum or product: int64 for integers and bool unless given."""
    if dtype is not None:
        return as_dtype(operation, dtype)
    have = tensor._spec.dtype
    return have if have.is_floating_point or have.is_complex else int64


@numpy_names
def sum(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """The sum of all elements, or over some dimensions.

    Integers and bool are summed as int64 unless `dtype` says otherwise.

    >>> import rushlight as rl
    >>> rl.sum(rl.tensor([[1, 2], [3, 4]]), dim=0)
    tensor([4, 6])
    """
    check_tensor("sum", "input", input)
    if out is not None:
        check_options("sum", out=out)
    axes = check_axes("sum", dim, input._spec.rank)
    operation = Sum if dim is None else SumAlong
    return operation.apply((input,), axes, keepdim, summed_dtype("sum", input, dtype))


@numpy_names
def mean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """The mean of all elements, or over some dimensions; RuntimeError for integers.

    >>> import rushlight as rl
    >>> rl.mean(rl.tensor([1.0, 2.0]))
    tensor(1.5000)
    """
    check_tensor("mean", "input", input)
    if out is not None:
        check_options("mean", out=out)
    dtype = as_dtype("mean", dtype) or input._spec.dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        fail(
            RuntimeError,
            "mean",
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {dtype.name}",
            "a floating point tensor, or dtype=rl.float32",
            describe(input),
        )
    axes = check_axes("mean", dim, input._spec.rank)
    operation = Mean if dim is None else MeanAlong
    return operation.apply((input,), axes, keepdim, dtype)


@in_float32
@numpy_names
def prod(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    out: Any = None,
) -> Tensor:
    """The product of all elements, or over one dimension; integers multiply as int64."""
    check_tensor("prod", "input", input)
    if out is not None:
        check_options("prod", out=out)
    dtype = summed_dtype("prod", input, dtype)
    if dim is None:
        return Prod.apply((input,), check_axes("prod", None, input._spec.rank), keepdim, dtype)
    axis = check_axis("prod", dim, input._spec.rank)
    axes = (axis,) if input._spec.rank else ()
    return ProdAlong.apply((input,), axes, keepdim, dtype)


@numpy_names
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """log(sum(exp(input))) over some dimensions, without overflow.

    >>> import rushlight as rl
    >>> rl.logsumexp(rl.tensor([100.0, 100.0]), 0)
    tensor(100.6931)
    """
    check_tensor("logsumexp", "input", input)
    if out is not None:
        check_options("logsumexp", out=out)
    axes = check_axes("logsumexp", dim, input._spec.rank)
    if input._spec.dtype.is_complex:
        return _complex_logsumexp(input, axes, keepdim)
    if not input._spec.dtype.is_floating_point:
        input = input.to(get_default_dtype())
    if not count_of(input._spec.shape, axes):
        return input.exp().sum(dim, keepdim).log()
    return Logsumexp.apply((input,), axes, keepdim)


def _complex_logsumexp(input: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    if not count_of(input._spec.shape, axes):
        return input.exp().sum(axes, keepdim).log()
    largest = input.real.detach().amax(axes, keepdim=True)
    shift = where(largest.isfinite(), largest, 0)
    found = (input - shift).exp().sum(axes, keepdim=True).log() + shift
    return found if keepdim or not axes else found.squeeze(axes)


def _extent(name: str, primitive: Any, words: str) -> Any:
    @numpy_names
    def extent(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Tensor:
        check_tensor(name, "input", input)
        if out is not None:
            check_options(name, out=out)
        axes = () if dim == () else check_axes(name, dim, input._spec.rank)
        return Extent.apply((input,), axes, keepdim, primitive)

    extent.__name__ = extent.__qualname__ = name
    extent.__doc__ = f"Whether {words} true, of all elements or over some dimensions, as bool."
    return extent


all = _extent("all", r.MIN, "all elements are")
any = _extent("any", r.MAX, "any element is")


@numpy_names
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not 0, of all or over some dimensions, as int64."""
    check_tensor("count_nonzero", "input", input)
    return Count.apply((input,), check_axes("count_nonzero", dim, input._spec.rank))


@numpy_names
def nansum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The sum with NaN counted as 0."""
    return sum(where(input == input, input, 0), dim, keepdim, dtype=dtype)


@numpy_names
def nanmean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The mean of what is not NaN."""
    counted = sum(input == input, dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / counted


_FUNCTIONS = (sum, mean, prod, logsumexp, all, any, count_nonzero, nansum, nanmean)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = dict(FUNCTIONS)
