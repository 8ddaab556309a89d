"""Reading and writing at places along some dimensions, as operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import indexing as p
from rushlight.graph.dtype import int64
from rushlight.graph.movement import expand, permute
from rushlight.graph.node import Node
from rushlight.ops.check import broadcast
from rushlight.ops.constants import constant
from rushlight.ops.views import inverse
from rushlight.tensor import Tensor

Axes = tuple[int, ...]


def _order(rank: int, axes: Axes) -> tuple[Axes, int]:
    """The dimensions with the indexed ones first, and where those of the result belong."""
    rest = [axis for axis in range(rank) if axis not in axes]
    adjacent = axes == tuple(range(axes[0], axes[0] + len(axes)))
    return (*axes, *rest), axes[0] if adjacent else 0


def _moved(x: Node, axes: Axes) -> Node:
    """`x` with dimensions in another order."""
    return x if axes == tuple(range(len(axes))) else permute(x, axes)


def _back(rank: int, places_rank: int, position: int) -> Axes:
    """The order that brings the dimensions of places, which are first, to `position`."""
    first = range(places_rank, places_rank + position)
    return (*first, *range(places_rank), *range(places_rank + position, rank))


def _spread(places: tuple[Node, ...]) -> tuple[Node, ...]:
    """Places in int64 and in one shape."""
    shape = places[0].spec.shape
    for place in places[1:]:
        shape = broadcast(shape, place.spec.shape, "index")
    return tuple([expand(e.cast(place, int64), shape) for place in places])


class Index(Operation):
    """x at places along some dimensions."""

    def forward(ctx, x: Node, *rest: Any) -> Node:
        *places, axes, where_from = rest
        ctx.arguments = axes, where_from
        ctx.save_inputs(*range(1, len(places) + 1))
        order, position = _order(x.spec.rank, axes)
        places = _spread(places)
        taken = p.take(_moved(x, order), places, where_from)
        return _moved(taken, _back(taken.spec.rank, places[0].spec.rank, position))

    def backward(ctx, grad: Tensor) -> tuple:
        zeros = constant(0, grad.dtype).expand(ctx.input_spec(0).shape)
        axes, where_from = ctx.arguments
        tensors = (zeros, grad, *ctx.saved)
        result = IndexPut.apply(tensors, axes, "add", where_from)
        return result, *([None] * len(ctx.saved))


class IndexPut(Operation):
    """x with values written or added at places along some dimensions."""

    def forward(ctx, x: Node, values: Node, *rest: Any) -> Node:
        *places, axes, mode, where_from = rest
        ctx.arguments = axes, where_from
        ctx.mode = mode
        ctx.save_inputs(*range(2, len(places) + 2))
        order, position = _order(x.spec.rank, axes)
        places = _spread(places)
        moved = _moved(x, order)
        first = places[0].spec.rank
        shape = (*places[0].spec.shape, *moved.spec.shape[len(axes) :])
        back = _back(len(shape), first, position)
        part = expand(values, tuple([shape[axis] for axis in back]))
        result = p.put(moved, _moved(part, inverse(back)), places, mode, where_from)
        return _moved(result, inverse(order))

    def backward(ctx, grad: Tensor) -> tuple:
        axes, where_from = ctx.arguments
        places = ctx.saved
        whole = part = None
        if ctx.needs(0):
            whole = grad
            if ctx.mode == "set":
                zero = constant(0, grad.dtype)
                whole = IndexPut.apply((grad, zero, *places), axes, "set", where_from)
        if ctx.needs(1):
            part = Index.apply((grad, *places), axes, where_from)
        return whole, part, *([None] * len(places))


class CopyBackwards(Operation):
    """A tensor overwritten by a value that broadcasts to its shape."""

    suffix = ""

    def forward(ctx, whole: Node, value: Node) -> Node:
        return expand(e.cast(value, whole.spec.dtype), whole.spec.shape)

    def backward(ctx, grad: Tensor) -> tuple:
        return None, grad


def result_shape(shape: tuple, axes: Axes, places: list[tuple]) -> tuple[int, ...]:
    """The shape of what an index with places of these shapes along these dimensions reads."""
    order, position = _order(len(shape), axes)
    rest = [shape[axis] for axis in order[len(axes) :]]
    return (*rest[:position], *np.broadcast_shapes(*places), *rest[position:])
