"""Values that run along a dimension: cumulative sums, products and extremes."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.creation import iota, literal
from rushlight.graph.dtype import DType, bool_, int64
from rushlight.graph.node import Node, Primitive
from rushlight.ops.check import check_axis, check_tensor
from rushlight.ops.compare import where
from rushlight.ops.constants import constant, filled
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.places import holds_anywhere
from rushlight.ops.reduce import summed_dtype, widened
from rushlight.ops.results import named
from rushlight.tensor import Tensor, modes


def _run(primitive: Primitive, x: Node, axis: int) -> Node:
    """A running primitive; a 0-d value is one element."""
    if x.spec.rank:
        return r.running(primitive, x, axis)
    return m.reshape(r.running(primitive, m.reshape(x, (1,)), 0), ())


def _backwards(tensor: Tensor, axis: int) -> Tensor:
    """Sums from each element to the last."""
    if not tensor._spec.rank:
        return tensor
    return tensor.flip(axis).cumsum(axis).flip(axis)


class Cumsum(Operation):
    """Sums from the first element to each."""

    def forward(ctx, x: Node, axis: int, dtype: DType) -> Node:
        ctx.axis = axis
        return _run(r.CUMSUM, e.cast(x, dtype), axis)

    def backward(ctx, grad: Tensor) -> Tensor:
        return _backwards(grad, ctx.axis)


class Cumprod(Operation):
    """Products from the first element to each.

    d/dx_k sums grad_i times result_i / x_k over i >= k.  From the first zero on results vanish:
    the zero itself gets the products with it replaced by 1, what follows gets nothing.
    """

    def forward(ctx, x: Node, axis: int, dtype: DType) -> Node:
        ctx.axis = axis
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        return _run(r.CUMPROD, e.cast(x, dtype), axis)

    def backward(ctx, grad: Tensor) -> Tensor:
        x, result = [widened(value) for value in ctx.saved]
        grad = widened(grad)
        axis, zero = ctx.axis, x == 0
        if modes.grad and holds_anywhere(zero, unseen=True):
            return _multiplied_out(x.conj(), grad, axis)
        zeros = zero.cumsum(axis)
        first = zero & (zeros == 1)
        replaced = where(first, constant(1, x._spec.dtype), x)
        divisor = where(zero, constant(1, x._spec.dtype), x).conj()
        before = _backwards(grad * result.conj(), axis) / divisor
        at_first = _backwards(grad * cumprod(replaced, axis).conj(), axis)
        return where(first, at_first, where(zeros == 0, before, 0))


def _multiplied_out(x: Tensor, grad: Tensor, axis: int) -> Tensor:
    """The gradient of cumprod without a division: a table of products of all but one."""
    from rushlight.ops.ranges import arange, eye

    if not x._spec.rank:
        return grad
    x, grad = x.movedim(axis, -1), grad.movedim(axis, -1)
    size = x.shape[-1]
    one = constant(1, x._spec.dtype)
    table = where(eye(size, dtype=bool_), one, x.unsqueeze(-2)).cumprod(-1)
    places = arange(size)
    later = places.unsqueeze(-1) <= places
    return where(later, table * grad.unsqueeze(-2), 0).sum(-1).movedim(-1, axis)


class Cummax(Operation):
    """The extreme from the first element to each, and the last place that has it."""

    def forward(ctx, x: Node, axis: int, primitive: Primitive) -> tuple[Node, Node]:
        ctx.axis = axis
        values = _run(primitive, x, axis)
        places = _places(x, values, axis)
        ctx.save_values(places)
        return values, places

    def backward(ctx, grad: Tensor, _: Tensor) -> Tensor:
        (places,) = ctx.saved
        if not grad._spec.rank:
            return grad
        return filled(0, grad._spec).scatter_add(ctx.axis, places, grad)


class Cummin(Cummax):
    """The smallest so far."""


def _places(x: Node, values: Node, axis: int) -> Node:
    """Where the running extreme was last reached: the largest place so far that equals it."""
    if not x.spec.rank:
        return literal(0, int64)
    reached = e.compare(e.EQ, x, values)
    if x.spec.dtype.is_floating_point:
        reached = e.binary(e.OR, reached, e.compare(e.NE, x, x))
    along = m.expand(iota(x.spec.shape[axis]), x.spec.shape, (axis,))
    return r.running(r.CUMMAX, e.where(reached, along, literal(0, int64)), axis)


def _summed(name: str, operation: type[Operation], words: str) -> Any:
    @numpy_names
    def run(input: Tensor, dim: int, *, dtype: DType | None = None, out: Any = None) -> Tensor:
        check_tensor(name, "input", input)
        if out is not None:
            check_options(name, out=out)
        axis = check_axis(name, dim, input._spec.rank)
        return operation.apply((input,), axis, summed_dtype(name, input, dtype))

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"{words} up to each element along one dimension; integers become int64."
    return run


cumsum = _summed("cumsum", Cumsum, "The sums")
cumprod = _summed("cumprod", Cumprod, "The products")


def _running_extreme(name: str, operation: type, primitive: Primitive, words: str) -> Any:
    result = named(name)

    @numpy_names
    def run(input: Tensor, dim: int, *, out: Any = None) -> Any:
        check_tensor(name, "input", input)
        check_options(name, out=out)
        axis = check_axis(name, dim, input._spec.rank)
        return result(*operation.apply((input,), axis, primitive))

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"(values, indices) of the {words} up to each element; the last of equals."
    return run


cummax = _running_extreme("cummax", Cummax, r.CUMMAX, "largest")
cummin = _running_extreme("cummin", Cummin, r.CUMMIN, "smallest")


FUNCTIONS = {f.__name__: f for f in (cumsum, cumprod, cummax, cummin)}
METHODS = dict(FUNCTIONS)
INPLACE = ("cumsum", "cumprod")
