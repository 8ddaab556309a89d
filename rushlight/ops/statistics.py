"""Values in the middle: median, mode, quantile."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.buffer import Buffer
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import int64
from rushlight.graph.indexing import gather
from rushlight.graph.node import Node, input_node
from rushlight.graph.recorder import value_of
from rushlight.graph.spec import spec_of
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.extremes import check_not_empty
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.results import named, shown_as
from rushlight.ops.sort import SORTED, Chosen, choose
from rushlight.tensor import Tensor


class Median(Chosen):
    """The lower of the middle elements along an axis, and its place; NaN if there is one.

    With `ignoring` the middle of the elements that are not NaN.
    """

    suffix = "Backward1"

    def forward(ctx, x: Node, axis: int, keepdim: bool, ignoring: bool) -> tuple[Node, Node]:
        shape, axes = x.spec.shape, (axis,)
        size, floating = shape[axis], x.spec.dtype.is_floating_point
        order = r.argsort(x, axis)
        vanished = tuple([n for at, n in enumerate(shape) if at != axis])
        rank = m.expand(number((size - 1) // 2, int64), vanished)
        if floating:
            holes = r.sum_(e.cast(e.compare(e.NE, x, x), int64), axes)
            rank = _rank_among(size, holes, ignoring)
        one = tuple([1 if at == axis else n for at, n in enumerate(shape)])
        places = gather(order, m.reshape(rank, one), axis, SORTED)
        return choose(ctx, x, places, axis, keepdim)


def _rank_among(size: int, holes: Node, ignoring: bool) -> Node:
    """Which element in order is the median, given how many NaN stand at the end."""
    if ignoring:
        counted = e.sub(number(size - 1, int64), holes)
        half = e.binary(e.FLOOR_DIV, counted, literal(2, int64))
        return e.binary(e.MAXIMUM, half, literal(0, int64))
    last, middle = number(size - 1, int64), number((size - 1) // 2, int64)
    return e.where(e.compare(e.GT, holes, literal(0, int64)), last, middle)


@shown_as("Median")
class WholeMedian(Median):
    """The median of all elements."""

    suffix = "Backward0"


_RESULTS = {name: named(name) for name in ("median", "nanmedian", "mode")}


def _median(name: str, ignoring: bool, words: str) -> Any:
    @numpy_names
    def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        check_tensor(name, "input", input)
        if dim is None:
            if not input._spec.size:
                return input.sum() / 0
            return WholeMedian.apply((input.reshape(-1),), 0, False, ignoring)[0]
        axis = check_axis(name, dim, input._spec.rank)
        if not input._spec.rank:
            return _RESULTS[name](*Median.apply((input.reshape(1),), 0, False, ignoring))
        check_not_empty(name, input, (axis,))
        return _RESULTS[name](*Median.apply((input,), axis, keepdim, ignoring))

    median.__name__ = median.__qualname__ = name
    median.__doc__ = (
        f"The lower median{words} of all elements; with `dim`, (values, indices) along it."
    )
    return median


median = _median("median", False, " (NaN if there is one)")
nanmedian = _median("nanmedian", True, ", NaN left out,")


class Mode(Chosen):
    """The most frequent element along an axis, the smallest of several, and its last place."""

    def forward(ctx, x: Node, axis: int, keepdim: bool) -> tuple[Node, Node]:
        shape = x.spec.shape
        array = np.moveaxis(value_of(x).values(x.spec), axis, -1)
        rows = array.reshape(-1, shape[axis])
        found = [_mode(row) for row in rows]
        places = np.asarray(found, np.int64).reshape(array.shape[:-1])
        node = input_node(Buffer.holding(places, int64), spec_of(places.shape, int64))
        one = tuple([1 if at == axis else n for at, n in enumerate(shape)])
        return choose(ctx, x, m.reshape(node, one), axis, keepdim)


def _mode(row: np.ndarray) -> int:
    elements, counts = np.unique(row, return_counts=True)
    return int(np.flatnonzero(row == elements[counts.argmax()])[-1])


@numpy_names
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the most frequent elements along a dimension; a sync point."""
    check_tensor("mode", "input", input)
    axis = check_axis("mode", dim, input._spec.rank)
    if not input._spec.rank:
        return _RESULTS["mode"](*Mode.apply((input.reshape(1),), 0, False))
    check_not_empty("mode", input, (axis,))
    return _RESULTS["mode"](*Mode.apply((input,), axis, keepdim))


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _between(ordered: Tensor, places: Tensor, interpolation: str) -> Tensor:
    """Elements at places that may lie between two, along the last dimension."""
    low = places.floor()
    high = places.ceil()
    if interpolation == "nearest":
        low = high = places.round()
    elif interpolation == "lower":
        high = low
    elif interpolation == "higher":
        low = high
    below = ordered.gather(-1, low.long())
    if low is high:
        return below
    above = ordered.gather(-1, high.long())
    share = places - low if interpolation == "linear" else (high != low).to(below.dtype) * 0.5
    return below + (above - below) * share.to(below.dtype)


def _quantile(name: str, ignoring: bool, words: str) -> Any:
    @in_float32
    @numpy_names
    def quantile(
        input: Tensor,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
        out: Any = None,
    ) -> Tensor:
        check_tensor(name, "input", input)
        check_options(name, out=out)
        _check_quantile(name, input, q, interpolation)
        rank = input._spec.rank
        moved = input.reshape(-1) if dim is None or not rank else input.movedim(dim, -1)
        ordered = moved.sort(-1).values
        levels = q if isinstance(q, Tensor) else input.new_tensor(float(q))
        places = _levels(ordered, levels.reshape(-1), ignoring)
        found = _between(ordered, places, interpolation)
        if not ignoring:
            broken = (moved != moved).any(-1, keepdim=True)
            found = where(broken, math.nan, found)
        found = found.movedim(-1, 0)
        if keepdim and rank:
            found = (
                found.unsqueeze(dim % rank + 1)
                if dim is not None
                else found.reshape((-1, *(1,) * rank))
            )
        return found if isinstance(q, Tensor) and q.dim() else found.squeeze(0)

    quantile.__name__ = quantile.__qualname__ = name
    quantile.__doc__ = (
        f"The elements{words} below which shares q lie, of all or along one dimension.\n\n"
        "    q is a number or a tensor of them, which become the first dimension.  RuntimeError "
        "for q outside\n    [0, 1] and for integers.\n    "
    )
    return quantile


def _levels(ordered: Tensor, levels: Tensor, ignoring: bool) -> Tensor:
    """For each row the places of the levels, of those elements that count."""
    shape = (*ordered.shape[:-1], levels.numel())
    if not ignoring:
        return (levels * (ordered.shape[-1] - 1)).expand(shape)
    counted = (ordered == ordered).sum(-1, keepdim=True)
    return (levels * (counted - 1).clamp(min=0)).expand(shape)


def _check_quantile(name: str, input: Tensor, q: Any, interpolation: str) -> None:
    spec = input._spec
    if spec.dtype.name not in ("float32", "float64"):
        words = f"{name}() input tensor must be either float or double dtype"
        fail(RuntimeError, name, words, "float32 or float64", describe(spec))
    if isinstance(q, Tensor) and q.dim() > 1:
        words = f"{name}() q must be a scalar or 1D tensor"
        fail(RuntimeError, name, words, "a number or 1-d tensor", describe(q))
    if isinstance(q, Tensor) and q.dtype is not spec.dtype:
        words = f"{name}() q tensor must be same dtype as the input tensor"
        fail(RuntimeError, name, words, spec.dtype.name, describe(q))
    if interpolation not in _INTERPOLATIONS:
        words = f"{name}() interpolation must be one of {', '.join(_INTERPOLATIONS)}"
        fail(RuntimeError, name, words, "one of them", repr(interpolation))
    if not isinstance(q, Tensor) and not 0 <= q <= 1:
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
    if not spec.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")


quantile = _quantile("quantile", False, "")
nanquantile = _quantile("nanquantile", True, ", NaN left out,")

FUNCTIONS = {f.__name__: f for f in (median, nanmedian, mode, quantile, nanquantile)}
METHODS = dict(FUNCTIONS)
