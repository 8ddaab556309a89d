"""The contraction: sums of products over axes that two operands share."""

from __future__ import annotations

from functools import lru_cache

from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec

Axes = tuple[int, ...]


@lru_cache(maxsize=4096)
def _result(a: Spec, b: Spec, attributes: tuple) -> Spec:
    batch_a, batch_b, over_a, over_b = attributes
    batch = [a.shape[axis] for axis in batch_a]
    rows = [n for axis, n in enumerate(a.shape) if axis not in batch_a and axis not in over_a]
    columns = [n for axis, n in enumerate(b.shape) if axis not in batch_b and axis not in over_b]
    return a.with_shape((*batch, *rows, *columns))


def _infer_contract(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    a, b = specs
    batch_a, batch_b, over_a, over_b = attributes
    for left, right in zip((*batch_a, *over_a), (*batch_b, *over_b), strict=True):
        if a.shape[left] != b.shape[right] or a.dtype is not b.dtype:
            raise ValueError(f"contraction of {a} with {b} by {attributes}")
    return _result(a, b, attributes)


CONTRACT = Primitive("contract", "contraction", _infer_contract)


def contract(
    a: Node, b: Node, over_a: Axes, over_b: Axes, batch_a: Axes = (), batch_b: Axes = ()
) -> Node:
    """Sums of products over the axes over_a of a and over_b of b, taken in pairs.

    The result has the batch axes (also in pairs), then a's other axes, then b's other axes.
    float16 and bfloat16 accumulate in float32; integers wrap.
    """
    attributes = batch_a, batch_b, over_a, over_b
    return record(CONTRACT, (a, b), attributes, (), _result(a.spec, b.spec, attributes))
