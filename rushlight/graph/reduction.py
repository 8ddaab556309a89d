"""Primitives that combine the elements along some axes: reductions, running ones, and sorting."""

from __future__ import annotations

from rushlight.graph.dtype import int64
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec


def _infer_reduction(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0].with_shape(_without(specs[0].shape, attributes))


def _infer_position(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return _infer_reduction(specs, attributes, numbers, spec).with_dtype(int64)


def _infer_same(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0]


def _infer_order(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0].with_dtype(int64)


SUM = Primitive("sum", "reduction", _infer_reduction)
PROD = Primitive("prod", "reduction", _infer_reduction)
MAX = Primitive("max", "reduction", _infer_reduction, exact=True)
MIN = Primitive("min", "reduction", _infer_reduction, exact=True)
ARGMAX = Primitive("argmax", "reduction", _infer_position, exact=True)
ARGMIN = Primitive("argmin", "reduction", _infer_position, exact=True)
CUMSUM = Primitive("cumsum", "running", _infer_same)
CUMPROD = Primitive("cumprod", "running", _infer_same)
CUMMAX = Primitive("cummax", "running", _infer_same, exact=True)
CUMMIN = Primitive("cummin", "running", _infer_same, exact=True)
ARGSORT = Primitive("argsort", "sorting", _infer_order, exact=True)


def _without(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([size for axis, size in enumerate(shape) if axis not in axes])


def reduce(primitive: Primitive, x: Node, axes: tuple[int, ...]) -> Node:
    """Reduce over `axes` (sorted, non-negative), which vanish.

    max and min hand NaN on; on bool they are `any` and `all`.  argmax and argmin take one axis
    and give the first place of the extreme (of the first NaN, if there is one) as int64.
    """
    spec = x.spec.with_shape(_without(x.spec.shape, axes))
    if primitive is ARGMAX or primitive is ARGMIN:
        spec = spec.with_dtype(int64)
    return record(primitive, (x,), axes, (), spec)


def sum_(x: Node, axes: tuple[int, ...]) -> Node:
    """The sums over `axes` in x's dtype (bfloat16 and float16 accumulate in float32)."""
    return reduce(SUM, x, axes)


def running(primitive: Primitive, x: Node, axis: int) -> Node:
    """cumsum, cumprod, cummax or cummin along one axis."""
    return record(primitive, (x,), (axis,), (), x.spec)


def argsort(x: Node, axis: int, descending: bool = False) -> Node:
    """The places that sort x along `axis`, stable; NaN counts as the largest."""
    return record(ARGSORT, (x,), (axis, descending), (), x.spec.with_dtype(int64))
