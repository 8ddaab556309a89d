"""Primitives between complex numbers and their parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import complex as c
from rushlight.graph.node import Primitive


def _rule(function: Callable[..., np.ndarray]) -> Rule:
    def rule(arrays, attributes, numbers, spec):
        return function(*arrays)

    return rule


def _complex(real: np.ndarray, imaginary: np.ndarray) -> np.ndarray:
    """Made of parts, not by arithmetic: infinity times i has a NaN in it."""
    result = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
    result.real, result.imag = real, imaginary
    return result


def _pairs(x: np.ndarray) -> np.ndarray:
    return np.stack((x.real, x.imag), -1)


RULES: dict[Primitive, Rule] = {
    c.REAL: _rule(np.real),
    c.IMAG: _rule(np.imag),
    c.MODULUS: _rule(lambda x: np.abs(widened(x))),
    c.CONJ: _rule(np.conj),
    c.COMPLEX: _rule(_complex),
    c.PAIRS: _rule(_pairs),
    c.FROM_PAIRS: _rule(lambda x: _complex(x[..., 0], x[..., 1])),
}
