"""The largest and the smallest: max, min, amax, argmax and their kin."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.creation import iota, literal
from rushlight.graph.node import Node, Primitive
from rushlight.ops.check import check_axes, check_axis, check_tensor, describe, fail
from rushlight.ops.compare import maximum, minimum
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.reduce import Axes, Shape, keep, kept_shape, spread, total, without
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


def _mask(places: Node, shape: Shape, axis: int) -> Node:
    """Where along `axis` each place is; places lack the axis."""
    others = without(len(shape), (axis,))
    along = m.expand(iota(shape[axis]), shape, (axis,))
    return e.compare(e.EQ, along, m.expand(places, shape, others))


class PlaceAt(Operation):
    """Values put at one place along an axis, zero elsewhere."""

    def forward(ctx, x: Node, places: Node, shape: Shape, axis: int) -> Node:
        ctx.axis = axis
        ctx.save_inputs(1)
        values = m.expand(x, shape, without(len(shape), (axis,)))
        return e.where(_mask(places, shape, axis), values, literal(0, x.spec.dtype))

    def backward(ctx, grad: Tensor) -> tuple:
        (places,) = ctx.saved
        return PickAt.apply((grad, places), ctx.axis), None


class PickAt(Operation):
    """The value at one place along an axis."""

    def forward(ctx, x: Node, places: Node, axis: int) -> Node:
        ctx.axis = axis
        ctx.save_inputs(1)
        chosen = _mask(places, x.spec.shape, axis)
        return r.sum_(e.where(chosen, x, literal(0, x.spec.dtype)), (axis,))

    def backward(ctx, grad: Tensor) -> tuple:
        (places,) = ctx.saved
        return PlaceAt.apply((grad, places), ctx.input_spec(0).shape, ctx.axis), None


@shown_as("Max")
class MaxAlong(Operation):
    """The extreme along one axis and its place; the gradient goes to that place."""

    def forward(ctx, x: Node, axis: int, keepdim: bool, kinds: tuple) -> tuple[Node, Node]:
        ctx.axis, shape, axes = axis, x.spec.shape, (axis,)
        value, place = kinds
        values, places = r.reduce(value, x, axes), r.reduce(place, x, axes)
        ctx.save_values(places)
        return keep(values, shape, axes, keepdim), keep(places, shape, axes, keepdim)

    def backward(ctx, grad: Tensor, _: Tensor) -> tuple:
        (places,) = ctx.saved
        shape = ctx.input_spec(0).shape
        grad = grad.reshape(places._spec.shape)
        return (PlaceAt.apply((grad, places), shape, ctx.axis),)


@shown_as("Min")
class MinAlong(MaxAlong):
    """The smallest along one axis and its place."""


class Amax(Operation):
    """The extreme over some axes; equal extremes share the gradient evenly."""

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, primitive: Primitive) -> Node:
        ctx.axes = axes
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        return keep(r.reduce(primitive, x, axes), x.spec.shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> tuple:
        x, result = ctx.saved
        shape, axes = x._spec.shape, ctx.axes
        largest = spread(result, shape, axes)
        chosen = ((x == largest) | ((x != x) & (largest != largest))).to(grad.dtype)
        shared = grad.reshape(kept_shape(shape, axes)) / total(chosen, axes, True)
        return (chosen * spread(shared, shape, axes),)


class Amin(Amax):
    """The smallest over some axes."""


class Max(Amax):
    """The largest of all elements."""

    suffix = "Backward1"


class Min(Amax):
    """The smallest of all elements."""

    suffix = "Backward1"


class Place(Operation):
    """The place of the extreme along one axis."""

    differentiable = False

    def forward(ctx, x: Node, axis: int, keepdim: bool, primitive: Primitive) -> Node:
        return keep(r.reduce(primitive, x, (axis,)), x.spec.shape, (axis,), keepdim)


# --------------------------------------------------------------------------------- public functions
def check_not_empty(name: str, tensor: Tensor, axes: Axes | None) -> None:
    """RuntimeError or IndexError where there is nothing to choose from."""
    shape = tensor._spec.shape
    if axes is None and not tensor._spec.size:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
            f"the reduction dim with the 'dim' argument.\nActual: {describe(tensor)}."
        )
    for axis in axes or ():
        if not shape[axis]:
            raise IndexError(
                f"{name}(): Expected reduction dim {axis} to have non-zero size.\n"
                f"Actual: {describe(tensor)}."
            )


def _along(name: str, tensor: Tensor, dim: Any, keepdim: bool, result: Any) -> Any:
    """values and indices along one dimension; a 0-d tensor counts as one element."""
    axis = check_axis(name, dim, tensor._spec.rank)
    check_not_empty(name, tensor, (axis,) if tensor._spec.rank else ())
    operation, kinds = _ALONG[name]
    if not tensor._spec.rank:
        return result(*operation.apply((tensor.reshape(1),), 0, False, kinds))
    return result(*operation.apply((tensor,), axis, keepdim, kinds))


_ALONG = {
    "max": (MaxAlong, (r.MAX, r.ARGMAX)),
    "min": (MinAlong, (r.MIN, r.ARGMIN)),
}


def _extreme(name: str, elementwise: Any, whole: type, primitive: Primitive) -> Any:
    result = named(name)

    @numpy_names
    def extreme(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None
    ) -> Any:
        check_tensor(name, "input", input)
        check_options(name, out=out)
        if isinstance(dim, Tensor) or other is not None:
            return elementwise(input, dim if other is None else other)
        if dim is not None:
            return _along(name, input, dim, keepdim, result)
        check_not_empty(name, input, None)
        return whole.apply((input,), tuple(range(input._spec.rank)), False, primitive)

    extreme.__name__ = extreme.__qualname__ = name
    words = "largest" if name == "max" else "smallest"
    extreme.__doc__ = (
        f"The {words} of all elements; with `dim`, (values, indices) along it; with a second "
        "tensor,\n    the elementwise choice.\n\n    NaN wins.  Among equals `indices` has the "
        "first; the gradient of the whole is shared evenly.\n    RuntimeError or IndexError where "
        "there is nothing to choose from.\n    "
    )
    return extreme


max = _extreme("max", maximum, Max, r.MAX)
min = _extreme("min", minimum, Min, r.MIN)


def _over(name: str, operation: Any, primitive: Primitive, words: str) -> Any:
    @numpy_names
    def over(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Tensor:
        check_tensor(name, "input", input)
        check_options(name, out=out)
        axes = check_axes(name, dim, input._spec.rank)
        check_not_empty(name, input, None if dim == () else axes)
        return operation.apply((input,), axes, keepdim, primitive)

    over.__name__ = over.__qualname__ = name
    over.__doc__ = f"The {words} over some dimensions; equals share the gradient evenly."
    return over


amax = _over("amax", Amax, r.MAX, "largest")
amin = _over("amin", Amin, r.MIN, "smallest")


@numpy_names
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """(min, max) of all elements, or along one dimension."""
    over = () if dim is None else dim
    return _AMINMAX(amin(input, over, keepdim), amax(input, over, keepdim))


_AMINMAX = named("aminmax", "min max")


def _place(name: str, primitive: Primitive, words: str) -> Any:
    @numpy_names
    def place(
        input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None
    ) -> Tensor:
        check_tensor(name, "input", input)
        check_options(name, out=out)
        spec = input._spec
        if dim is None:
            if not spec.size:
                missing = (
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                )
                fail(IndexError, name, missing, "a tensor with elements, or dim=", describe(spec))
            found = Place.apply((input.reshape(-1),), 0, False, primitive)
            return found.reshape((1,) * spec.rank) if keepdim else found
        axis = check_axis(name, dim, spec.rank)
        if not spec.rank:
            return Place.apply((input.reshape(1),), 0, False, primitive)
        check_not_empty(name, input, (axis,))
        return Place.apply((input,), axis, keepdim, primitive)

    place.__name__ = place.__qualname__ = name
    place.__doc__ = (
        f"The place of the {words} element, along `dim` or in the flattened tensor, as int64.\n\n"
        "    Among equals the first; the first NaN, if there is one.\n    "
    )
    return place


argmax = _place("argmax", r.ARGMAX, "largest")
argmin = _place("argmin", r.ARGMIN, "smallest")

_FUNCTIONS = (max, min, amax, amin, aminmax, argmax, argmin)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = dict(FUNCTIONS)
