"""The contraction, as one matrix product for each place of the batch axes."""

from __future__ import annotations

from math import prod

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph.contraction import CONTRACT
from rushlight.graph.node import Primitive


def _contract(arrays, attributes, numbers, spec):
    a, b = (widened(x) for x in arrays)
    batch_a, batch_b, over_a, over_b = attributes
    free_a, free_b = _others(a, batch_a + over_a), _others(b, batch_b + over_b)
    left = _as_matrices(a, batch_a, free_a, over_a)
    right = _as_matrices(b, batch_b, over_b, free_b)
    return np.matmul(left, right).reshape(spec.shape)


def _others(x: np.ndarray, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axis for axis in range(x.ndim) if axis not in axes)


def _as_matrices(x: np.ndarray, *groups: tuple[int, ...]) -> np.ndarray:
    """The array with one dimension for each group of axes."""
    sizes = [prod(x.shape[axis] for axis in group) for group in groups]
    return x.transpose(sum(groups, ())).reshape(sizes)


RULES: dict[Primitive, Rule] = {CONTRACT: _contract}
