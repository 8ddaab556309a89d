"""Convolution and its gradients: for each tap, one matrix product for all samples and places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import convolution as c
from rushlight.graph.convolution import Filters, Sizes
from rushlight.graph.node import Primitive


def _taps(filters: Filters, counts: Sizes) -> Iterator[tuple[Sizes, tuple[slice, ...]]]:
    """Every tap, and the places of the padded input that it meets."""
    for tap in product(*[range(size) for size in filters.size]):
        axes = zip(tap, counts, filters.stride, filters.dilation, strict=True)
        spans = [slice(k * d, k * d + (count - 1) * s + 1, s) for k, count, s, d in axes]
        yield tap, tuple(spans)


def _padded_lengths(filters: Filters, counts: Sizes) -> Sizes:
    """What all windows together cover."""
    axes = zip(counts, *filters[:3], strict=True)
    return tuple([(count - 1) * s + (k - 1) * d + 1 for count, k, s, d in axes])


def _overlap(low: Sizes, lengths: Sizes, padded: Sizes) -> tuple[tuple, tuple]:
    """Which slices of the padded input and of the input are the same places."""
    inside, outside = [], []
    for before, length, whole in zip(low, lengths, padded, strict=True):
        first, last = max(0, before), max(0, min(whole, before + length))
        inside.append(slice(first, max(first, last)))
        outside.append(slice(first - before, max(first, last) - before))
    return tuple(inside), tuple(outside)


def _padded(x: np.ndarray, filters: Filters, low: Sizes, counts: Sizes) -> np.ndarray:
    lengths = _padded_lengths(filters, counts)
    result = np.zeros((*x.shape[:3], *lengths), x.dtype)
    inside, outside = _overlap(low, x.shape[3:], lengths)
    result[(..., *inside)] = x[(..., *outside)]
    return result


def _flat(x: np.ndarray) -> np.ndarray:
    """All places in one dimension."""
    return x.reshape((*x.shape[:3], -1))


def _convolve(arrays, attributes, numbers, spec):
    x, w = (widened(array) for array in arrays)
    (filters,), counts = attributes, spec.shape[3:]
    padded = _padded(x, filters, numbers, counts)
    result = np.zeros(_flat(np.empty(spec.shape, bool)).shape, x.dtype)
    for tap, spans in _taps(filters, counts):
        result += np.matmul(w[(..., *tap)], _flat(padded[(..., *spans)]))
    return result.reshape(spec.shape)


def _convolve_input(arrays, attributes, numbers, spec):
    g, w = (widened(array) for array in arrays)
    (filters,), counts = attributes, g.shape[3:]
    lengths = _padded_lengths(filters, counts)
    padded = np.zeros((*spec.shape[:3], *lengths), g.dtype)
    for tap, spans in _taps(filters, counts):
        part = np.matmul(w[(..., *tap)].swapaxes(-1, -2), _flat(g))
        padded[(..., *spans)] += part.reshape((*spec.shape[:3], *counts))
    result = np.zeros(spec.shape, g.dtype)
    inside, outside = _overlap(numbers, spec.shape[3:], lengths)
    result[(..., *outside)] = padded[(..., *inside)]
    return result


def _convolve_filter(arrays, attributes, numbers, spec):
    x, g = (widened(array) for array in arrays)
    (filters,), counts = attributes, g.shape[3:]
    padded = _padded(x, filters, numbers, counts)
    result = np.zeros(spec.shape, x.dtype)
    for tap, spans in _taps(filters, counts):
        products = np.matmul(_flat(g), _flat(padded[(..., *spans)]).swapaxes(-1, -2))
        result[(..., *tap)] = products.sum(0)
    return result


RULES: dict[Primitive, Rule] = {
    c.CONVOLVE: _convolve,
    c.CONVOLVE_INPUT: _convolve_input,
    c.CONVOLVE_FILTER: _convolve_filter,
}
