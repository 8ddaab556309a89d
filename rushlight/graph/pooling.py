"""Primitives that combine the elements of sliding windows, and their adjoints.

Windows slide over the last dimensions of a value, one to three; the others are planes.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.graph.dtype import int64
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec

Sizes = tuple[int, ...]


class Windows(NamedTuple):
    """How windows slide: one entry for each dimension; places outside the operand are left out."""

    size: Sizes
    stride: Sizes
    low: Sizes
    """By how much the first window begins before the operand."""
    dilation: Sizes


def _check(planes: Spec, windowed: Spec, rank: int) -> None:
    if planes.shape[:-rank] != windowed.shape[:-rank] or planes.rank != windowed.rank:
        raise ValueError(f"windows over the last {rank} dimensions: {planes} and {windowed}")


def _infer_max(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    which, windows = attributes
    _check(specs[0], spec, len(windows.size))
    return spec.with_dtype(specs[0].dtype if which == "value" else int64)


def _infer_sum(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    _check(specs[0], spec, len(attributes[0].size))
    return spec.with_dtype(specs[0].dtype)


def _infer_spread(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    _check(specs[0], spec, attributes[0])
    if specs[0].shape != specs[1].shape or specs[1].dtype is not int64:
        raise ValueError(f"{specs[0]} spread to the places {specs[1]}")
    return spec.with_dtype(specs[0].dtype)


MAX_POOL = Primitive("max_pool", "pooling", _infer_max, exact=True, siblings=True)
SUM_POOL = Primitive("sum_pool", "pooling", _infer_sum)
SPREAD_SUM = Primitive("spread_sum", "pooling", _infer_sum)
SPREAD = Primitive("spread", "pooling", _infer_spread)


def _shape(x: Node, last: Sizes) -> Sizes:
    return (*x.spec.shape[: -len(last)], *last)


def max_pool(x: Node, counts: Sizes, windows: Windows) -> Node:
    """The largest element of each window: NaN, if the window has one."""
    spec = x.spec.with_shape(_shape(x, counts))
    return record(MAX_POOL, (x,), ("value", windows), (), spec)


def max_places(x: Node, counts: Sizes, windows: Windows) -> Node:
    """Where in its plane, in C order, each window has its first largest element or its last NaN.

    It is -1 for a window that has no element.
    """
    spec = x.spec.with_shape(_shape(x, counts)).with_dtype(int64)
    return record(MAX_POOL, (x,), ("place", windows), (), spec)


def sum_pool(x: Node, counts: Sizes, windows: Windows) -> Node:
    """The sum of each window; halves accumulate in float32."""
    return record(SUM_POOL, (x,), (windows,), (), x.spec.with_shape(_shape(x, counts)))


def spread_sum(x: Node, lengths: Sizes, windows: Windows) -> Node:
    """Each element added to all places of its window: the adjoint of sum_pool."""
    return record(SPREAD_SUM, (x,), (windows,), (), x.spec.with_shape(_shape(x, lengths)))


def spread(x: Node, places: Node, lengths: Sizes) -> Node:
    """Each element added to one place of its plane, in C order: the adjoint of taking them.

    Elements whose place is outside the plane are left out.
    """
    spec = x.spec.with_shape(_shape(x, lengths))
    return record(SPREAD, (x, places), (len(lengths),), (), spec)
