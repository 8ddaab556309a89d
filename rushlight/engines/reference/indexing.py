"""Primitives that read and write at places which other values name."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import indexing as i
from rushlight.graph.node import Primitive

_COMBINE = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def _check(places: np.ndarray, dimension: int, size: int, least: int) -> None:
    """Every place lies in [least, size)."""
    outside = (places < least) | (places >= size)
    if outside.any():
        first = places[outside].flat[0]
        words = f"index {first} is out of bounds for dimension {dimension} with size {size}"
        raise i.IndexOutOfRange(words)


def _check_all(x: np.ndarray, places: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    for dimension, each in enumerate(places):
        size = x.shape[dimension]
        _check(each, dimension, size, -size)
    return tuple(places)


def _written(x: np.ndarray, places: tuple, part: np.ndarray, mode: str) -> np.ndarray:
    """A copy of x with `part` at the places; sums and products round once."""
    if mode == "set":
        result = x.copy()
        result[places] = part
        return result
    result = widened(x).copy()
    _COMBINE[mode].at(result, places, widened(part))
    return result


def _take(arrays, attributes, numbers, spec):
    x, *places = arrays
    return x[_check_all(x, places)]


def _put(arrays, attributes, numbers, spec):
    x, part, *places = arrays
    return _written(x, _check_all(x, places), part, attributes[0])


def _grid(places: np.ndarray, axis: int) -> tuple[np.ndarray, ...]:
    """The full index of each element of `places`, which names the one along `axis`."""
    grid = list(np.ogrid[tuple(slice(size) for size in places.shape)])
    grid[axis] = places
    return tuple(grid)


def _gather(arrays, attributes, numbers, spec):
    (x, places), (axis,) = arrays, attributes
    _check(places, axis, x.shape[axis], 0)
    return x[_grid(places, axis)]


def _scatter(arrays, attributes, numbers, spec):
    (x, places, part), (axis, mode) = arrays, attributes
    _check(places, axis, x.shape[axis], 0)
    return _written(x, _grid(places, axis), part, mode)


RULES: dict[Primitive, Rule] = {
    i.TAKE: _take,
    i.PUT: _put,
    i.GATHER: _gather,
    i.SCATTER: _scatter,
}
