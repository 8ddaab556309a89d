"""Primitives that move elements and compute nothing, but for the sums of `fold`."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import movement as m
from rushlight.graph.node import Primitive


def _reshape(arrays, attributes, numbers, spec):
    return arrays[0].reshape(spec.shape)


def _permute(arrays, attributes, numbers, spec):
    return arrays[0].transpose(attributes)


def _expand(arrays, attributes, numbers, spec):
    (x,) = arrays
    in_order = sorted(range(x.ndim), key=attributes.__getitem__)
    sizes = [1] * spec.rank
    for axis, size in zip(attributes, x.shape, strict=True):
        sizes[axis] = size
    return np.broadcast_to(x.transpose(in_order).reshape(sizes), spec.shape)


def _pad(arrays, attributes, numbers, spec):
    x, fill = arrays
    rank = x.ndim
    low, between = numbers[:rank], numbers[2 * rank :]
    result = np.full(spec.shape, fill, x.dtype)
    kept, places = [], []
    for size, start, gap, whole in zip(x.shape, low, between, spec.shape, strict=True):
        step = gap + 1
        # negative padding crops: keep the elements whose place is inside
        first = max(0, -(start // step))
        last = min(size, -((start - whole) // step))
        kept.append(slice(first, max(first, last)))
        places.append(_span(start + first * step, max(0, last - first), step))
    result[tuple(places)] = x[tuple(kept)]
    return result


def _span(start: int, size: int, step: int) -> slice:
    """The slice of `size` elements from `start`, every `step`-th, also backwards."""
    if size == 0:
        return slice(0, 0)
    stop = start + size * step
    return slice(start, stop if stop >= 0 else None, step)


def _spans(numbers: tuple, sizes: tuple[int, ...]) -> tuple[slice, ...]:
    rank = len(sizes)
    bounds = zip(numbers[:rank], sizes, numbers[rank:], strict=True)
    return tuple(_span(start, size, step) for start, size, step in bounds)


def _slice(arrays, attributes, numbers, spec):
    return arrays[0][_spans(numbers, spec.shape)]


def _update(arrays, attributes, numbers, spec):
    x, part = arrays
    result = x.copy()
    result[_spans(numbers, part.shape)] = part
    return result


def _window(arrays, attributes, numbers, spec):
    (x,), (axis,), (stride, dilation) = arrays, attributes, numbers
    starts = stride * np.arange(spec.shape[axis])
    places = starts[:, None] + dilation * np.arange(spec.shape[-1])
    return np.moveaxis(np.take(x, places, axis), axis + 1, -1)


def _fold(arrays, attributes, numbers, spec):
    (axis,), (stride, dilation) = attributes, numbers
    x = np.moveaxis(widened(arrays[0]), axis, 0)
    count, size = x.shape[0], x.shape[-1]
    result = np.zeros(spec.shape, x.dtype)
    along = np.moveaxis(result, axis, 0)
    for place in range(size):
        along[_span(place * dilation, count, stride)] += x[..., place]
    return result


def _concat(arrays, attributes, numbers, spec):
    return np.concatenate(arrays, attributes[0])


RULES: dict[Primitive, Rule] = {
    m.RESHAPE: _reshape,
    m.PERMUTE: _permute,
    m.EXPAND: _expand,
    m.PAD: _pad,
    m.SLICE: _slice,
    m.UPDATE: _update,
    m.WINDOW: _window,
    m.FOLD: _fold,
    m.CONCAT: _concat,
}
