"""Primitives over sliding windows: one pass over whole arrays for each place of a window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import pooling as p
from rushlight.graph.node import Primitive
from rushlight.graph.pooling import Windows


def _overlaps(windows: Windows, lengths: tuple, counts: tuple) -> Iterator[tuple]:
    """For each place of a window: the slices of the operand and of the windows that have it."""
    for place in product(*[range(size) for size in windows.size]):
        operand, windowed = [], []
        for k, n, count, stride, low, dilation in zip(
            place, lengths, counts, windows.stride, windows.low, windows.dilation, strict=True
        ):
            offset = k * dilation - low
            first = max(0, -(offset // stride))
            last = min(count, (n - 1 - offset) // stride + 1)
            begin = first * stride + offset
            number = max(0, last - first)
            operand.append(slice(begin, begin + number * stride, stride) if number else slice(0))
            windowed.append(slice(first, first + number))
        yield (..., *operand), (..., *windowed)


def _max_pool(arrays, attributes, numbers, spec):
    (x,), (which, windows) = arrays, attributes
    rank = len(windows.size)
    lengths, counts = x.shape[-rank:], spec.shape[-rank:]
    plane = np.arange(prod(lengths)).reshape(lengths)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    values = np.full(spec.shape, lowest, x.dtype)
    places = np.full(spec.shape, -1, np.int64)
    for operand, windowed in _overlaps(windows, lengths, counts):
        new, old = x[operand], values[windowed]
        better = (new > old) | (new != new) | (places[windowed] < 0)
        values[windowed] = np.where(better, new, old)
        places[windowed] = np.where(better, plane[operand], places[windowed])
    return values if which == "value" else places


def _sum_pool(arrays, attributes, numbers, spec):
    (x,), (windows,) = arrays, attributes
    rank, wide = len(windows.size), widened(x)
    result = np.zeros(spec.shape, wide.dtype)
    for operand, windowed in _overlaps(windows, x.shape[-rank:], spec.shape[-rank:]):
        result[windowed] += wide[operand]
    return result


def _spread_sum(arrays, attributes, numbers, spec):
    (x,), (windows,) = arrays, attributes
    rank, wide = len(windows.size), widened(x)
    result = np.zeros(spec.shape, wide.dtype)
    for operand, windowed in _overlaps(windows, spec.shape[-rank:], x.shape[-rank:]):
        result[operand] += wide[windowed]
    return result


def _spread(arrays, attributes, numbers, spec):
    (x, places), (rank,) = arrays, attributes
    planes, length = prod(spec.shape[:-rank]), prod(spec.shape[-rank:])
    result = np.zeros((planes, length), widened(x).dtype)
    places, x = places.reshape(planes, -1), x.reshape(planes, -1)
    inside = (places >= 0) & (places < length)
    np.add.at(result, (np.nonzero(inside)[0], places[inside]), x[inside])
    return result.reshape(spec.shape)


RULES: dict[Primitive, Rule] = {
    p.MAX_POOL: _max_pool,
    p.SUM_POOL: _sum_pool,
    p.SPREAD_SUM: _spread_sum,
    p.SPREAD: _spread,
}
