"""Primitives that combine the elements along some axes.

Sums and products of floating-point numbers accumulate in double precision and round once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import reduction as r
from rushlight.graph.node import Primitive


def _accumulated(combine: np.ufunc) -> Rule:
    def rule(arrays, axes, numbers, spec):
        x = widened(arrays[0])
        return combine.reduce(x, axis=axes, dtype=x.dtype)

    return rule


def _extreme(combine: np.ufunc, name: str) -> Rule:
    def rule(arrays, axes, numbers, spec):
        (x,) = arrays
        _check_not_empty(x, axes, name)
        return combine.reduce(x, axis=axes) if spec.size else np.empty(spec.shape, x.dtype)

    return rule


def _place(find: Callable[..., np.ndarray], name: str) -> Rule:
    def rule(arrays, axes, numbers, spec):
        (x,) = arrays
        _check_not_empty(x, axes, name)
        return find(x, axis=axes[0])

    return rule


def _check_not_empty(x: np.ndarray, axes: tuple[int, ...], name: str) -> None:
    for axis in axes:
        if x.shape[axis] == 0:
            words = f"{name}(): Expected reduction dim {axis} to have non-zero size."
            raise IndexError(words)


def _running(combine: np.ufunc) -> Rule:
    def rule(arrays, attributes, numbers, spec):
        x = widened(arrays[0])
        return combine.accumulate(x, axis=attributes[0], dtype=x.dtype)

    return rule


def _argsort(arrays, attributes, numbers, spec):
    (x,), (axis, descending) = arrays, attributes
    if not descending:
        return np.argsort(x, axis, stable=True)
    # sorted backwards and read backwards, so that equal elements keep their order
    backwards = np.argsort(np.flip(x, axis), axis, stable=True)
    return x.shape[axis] - 1 - np.flip(backwards, axis)


RULES: dict[Primitive, Rule] = {
    r.SUM: _accumulated(np.add),
    r.PROD: _accumulated(np.multiply),
    r.MAX: _extreme(np.maximum, "max"),
    r.MIN: _extreme(np.minimum, "min"),
    r.ARGMAX: _place(np.argmax, "argmax"),
    r.ARGMIN: _place(np.argmin, "argmin"),
    r.CUMSUM: _running(np.add),
    r.CUMPROD: _running(np.multiply),
    r.CUMMAX: _running(np.maximum),
    r.CUMMIN: _running(np.minimum),
    r.ARGSORT: _argsort,
}
