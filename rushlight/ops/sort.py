"""Order: sort, topk and their kin."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import indexing as i
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.node import Node, Origin
from rushlight.graph.spec import spec_of
from rushlight.ops.check import check_axis, check_int, check_tensor, describe, fail
from rushlight.ops.constants import filled
from rushlight.ops.extremes import PlaceAt
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.reduce import keep
from rushlight.ops.results import named
from rushlight.tensor import Tensor

SORTED = Origin("sort", "a place that sort itself found")


def _part(x: Node, axis: int, start: int, size: int) -> Node:
    """`size` elements along an axis from `start`."""
    return m.cut(x, axis, start, size)


class Sort(Operation):
    """Elements in order along an axis, or `size` of them from `start`, and their places."""

    def forward(ctx, x: Node, axis: int, descending: bool, part: tuple | None) -> tuple:
        ctx.axis = axis
        places = r.argsort(x, axis, descending)
        if part is not None:
            places = _part(places, axis, *part)
        ctx.save_values(places)
        return i.gather(x, places, axis, SORTED), places

    def backward(ctx, grad: Tensor, _: Tensor) -> Tensor:
        (places,) = ctx.saved
        shape = ctx.input_spec(0).shape
        zeros = filled(0, spec_of(shape, grad._spec.dtype))
        return zeros.scatter(ctx.axis, places, grad)


class Topk(Sort):
    """The first elements in order."""


def choose(ctx: Any, x: Node, places: Node, axis: int, keepdim: bool) -> tuple[Node, Node]:
    """One element along an axis for each place; the axis vanishes, or stays with size 1."""
    ctx.axis, shape = axis, x.spec.shape
    values = i.gather(x, places, axis, SORTED)
    vanished = tuple([n for at, n in enumerate(shape) if at != axis])
    places, values = m.reshape(places, vanished), m.reshape(values, vanished)
    ctx.save_values(places)
    return keep(values, shape, (axis,), keepdim), keep(places, shape, (axis,), keepdim)


class Chosen(Operation):
    """What `choose` gives: one element along an axis, and its place."""

    def backward(ctx, grad: Tensor, _: Tensor) -> tuple:
        (places,) = ctx.saved
        grad = grad.reshape(places._spec.shape)
        return (PlaceAt.apply((grad, places), ctx.input_spec(0).shape, ctx.axis),)


class Kthvalue(Chosen):
    """The element that `rank` others along an axis are not above, and its place."""

    def forward(ctx, x: Node, axis: int, keepdim: bool, rank: int) -> tuple[Node, Node]:
        places = _part(r.argsort(x, axis), axis, rank, 1)
        return choose(ctx, x, places, axis, keepdim)


def _sorted(
    operation: type, name: str, tensor: Tensor, dim: Any, descending: bool, part: Any = None
) -> tuple[Tensor, Tensor]:
    """Values and places; a 0-d tensor counts as one element."""
    axis = check_axis(name, dim, tensor._spec.rank)
    if tensor._spec.rank:
        return operation.apply((tensor,), axis, descending, part)
    values, places = operation.apply((tensor.reshape(1),), 0, descending, None)
    return values.reshape(()), places.reshape(())


_SORT, _TOPK, _KTHVALUE = named("sort"), named("topk"), named("kthvalue")


@numpy_names
def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool | None = None,
    *,
    out: Any = None,
) -> Any:
    """(values, indices) in order along a dimension; always stable, NaN counts as the largest.

    >>> import rushlight as rl
    >>> rl.sort(rl.tensor([3, 1, 2])).values
    tensor([1, 2, 3])
    """
    check_tensor("sort", "input", input)
    check_options("sort", out=out)
    return _SORT(*_sorted(Sort, "sort", input, dim, descending))


@numpy_names
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> Tensor:
    """The places that put input in order along a dimension, as int64."""
    check_tensor("argsort", "input", input)
    return _sorted(Sort, "argsort", input.detach(), dim, descending)[1]


def msort(input: Tensor) -> Tensor:
    """input in order along its first dimension."""
    return sort(input, 0).values


@numpy_names
def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: Any = None,
) -> Any:
    """(values, indices) of the k largest (or smallest) elements along a dimension, in order.

    RuntimeError if there are fewer than k.

    >>> import rushlight as rl
    >>> rl.topk(rl.tensor([1.0, 3.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    check_tensor("topk", "input", input)
    check_options("topk", out=out)
    k = check_int("topk", "k", k)
    size = _size_along("topk", input, dim)
    if not 0 <= k <= size:
        words = "selected index k out of range"
        fail(RuntimeError, "topk", words, f"k from 0 to {size}", f"k {k}, {describe(input)}")
    if not input._spec.rank and not k:
        return topk(input.reshape(1), 0)
    return _TOPK(*_sorted(Topk, "topk", input, dim, largest, (0, k)))


@numpy_names
def kthvalue(
    input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None
) -> Any:
    """(values, indices) of the k-th smallest element along a dimension, counted from 1."""
    check_tensor("kthvalue", "input", input)
    check_options("kthvalue", out=out)
    spec, size = input._spec, _size_along("kthvalue", input, dim)
    if not 1 <= k <= size:
        words = "kthvalue(): selected number k out of range for dimension " + str(dim)
        fail(RuntimeError, "kthvalue", words, f"k from 1 to {size}", f"k {k}, {describe(input)}")
    return _KTHVALUE(*nth(Kthvalue, input, check_axis("kthvalue", dim, spec.rank), keepdim, k - 1))


def nth(operation: type, tensor: Tensor, axis: int, keepdim: bool, rank: int) -> tuple:
    """One element in order along an axis, and its place; a 0-d tensor counts as one element."""
    if tensor._spec.rank:
        return operation.apply((tensor,), axis, keepdim, rank)
    return operation.apply((tensor.reshape(1),), 0, False, rank)


def _size_along(name: str, tensor: Tensor, dim: Any) -> int:
    axis = check_axis(name, dim, tensor._spec.rank)
    return tensor._spec.shape[axis] if tensor._spec.rank else 1


FUNCTIONS = {f.__name__: f for f in (sort, argsort, msort, topk, kthvalue)}
METHODS = dict(FUNCTIONS)
