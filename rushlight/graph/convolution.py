"""Convolution and its two gradients: three primitives, closed under differentiation.

With x the input, w the filters and y = convolve(x, w), the sum of y * g is linear in each of x, w
and g, and its derivative by any of them is one of the three.  Operands are in groups: x is
[samples, groups, channels, *lengths], w [groups, outputs, channels, *size], y and g
[samples, groups, outputs, *counts], with one to three spatial dimensions.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec

Sizes = tuple[int, ...]


class Filters(NamedTuple):
    """How filters lie over their input: one entry for each spatial dimension."""

    size: Sizes
    stride: Sizes
    dilation: Sizes
    quick: bool = False
    """Whether an engine may take Winograd's way, which is quicker and less precise."""


def _result(x: Spec, w: Spec, counts: Sizes) -> Spec:
    return x.with_shape((*x.shape[:2], w.shape[1], *counts))


def _input(g: Spec, w: Spec, lengths: Sizes) -> Spec:
    return g.with_shape((*g.shape[:2], w.shape[2], *lengths))


def _filter(x: Spec, g: Spec, size: Sizes) -> Spec:
    return x.with_shape((g.shape[1], g.shape[2], x.shape[2], *size))


def _infer_convolve(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    x, w = specs
    _check(x, w, (x.shape[1:3], w.shape[3:]), (w.shape[:3:2], attributes[0].size))
    return _result(x, w, spec.shape[3:])


def _infer_input(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    g, w = specs
    _check(g, w, (g.shape[1:3], w.shape[3:]), (w.shape[:2], attributes[0].size))
    return _input(g, w, spec.shape[3:])


def _infer_filter(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    x, g = specs
    _check(x, g, x.shape[:2], g.shape[:2])
    return _filter(x, g, attributes[0].size)


def _check(a: Spec, b: Spec, left: tuple, right: tuple) -> None:
    if left != right or a.dtype is not b.dtype or a.rank != b.rank:
        raise ValueError(f"convolution of {a} with {b}")


CONVOLVE = Primitive("convolve", "convolution", _infer_convolve)
CONVOLVE_INPUT = Primitive("convolve_input", "convolution", _infer_input)
CONVOLVE_FILTER = Primitive("convolve_filter", "convolution", _infer_filter)


def convolve(x: Node, w: Node, filters: Filters, low: Sizes, counts: Sizes) -> Node:
    """y[n, g, o, p] is the sum over c and k of x[n, g, c, p * stride + k * dilation - low] * w.

    Where that is outside x, there are zeros: `low` is the padding before it, and `counts` say how
    far it goes behind.  float16 and bfloat16 accumulate in float32; integers wrap.
    """
    return record(CONVOLVE, (x, w), (filters,), low, _result(x.spec, w.spec, counts))


def convolve_input(g: Node, w: Node, filters: Filters, low: Sizes, lengths: Sizes) -> Node:
    """The gradient of `convolve` in x, which has these lengths: the transposed convolution."""
    return record(CONVOLVE_INPUT, (g, w), (filters,), low, _input(g.spec, w.spec, lengths))


def convolve_filter(x: Node, g: Node, filters: Filters, low: Sizes) -> Node:
    """The gradient of `convolve` in w."""
    return record(CONVOLVE_FILTER, (x, g), (filters,), low, _filter(x.spec, g.spec, filters.size))
