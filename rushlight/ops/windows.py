"""Sliding windows over the last dimensions, and their adjoint: the ground of conv and pool."""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.graph import movement as m
from rushlight.graph.node import Node
from rushlight.ops.check import fail

Sizes = tuple[int, ...]


class Sliding(NamedTuple):
    """How windows slide: one entry for each spatial dimension."""

    size: Sizes
    stride: Sizes
    low: Sizes
    high: Sizes
    dilation: Sizes

    def counts(self, lengths: Sizes) -> Sizes:
        """How many windows fit into dimensions of these lengths."""
        sides = zip(lengths, *self, strict=True)
        return tuple([(n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, a, b, d in sides])

    def closed(self, lengths: Sizes, counts: Sizes) -> Sliding:
        """The same with a high padding (perhaps negative) by which nothing is left over."""
        sides = zip(lengths, counts, self.size, self.stride, self.low, self.dilation, strict=True)
        high = tuple([(c - 1) * s + d * (k - 1) + 1 - n - a for n, c, k, s, a, d in sides])
        return self._replace(high=high)


def pad_spatial(x: Node, fill: Node, low: Sizes, high: Sizes) -> Node:
    """`x` with the last dimensions padded; negative padding crops."""
    if not any(low) and not any(high):
        return x
    lead = (0,) * (x.spec.rank - len(low))
    kinds = ((m.WHOLE,) * len(lead), m.around(low, high))
    return m.pad(x, fill, (*lead, *low), (*lead, *high), kinds=sum(kinds, ()))


def windows(x: Node, slides: Sliding) -> Node:
    """Windows over the last dimensions of a padded x: these become counts, then window places.

    A window of one place is a slice, and windows that lie side by side are a reshape.
    """
    first = x.spec.rank - len(slides.size)
    for i, (size, stride, dilation) in enumerate(
        zip(slides.size, slides.stride, slides.dilation, strict=True)
    ):
        x = _window(x, first + i, size, stride, dilation)
    return x


def _window(x: Node, axis: int, size: int, stride: int, dilation: int) -> Node:
    shape = x.spec.shape
    if size == 1:
        count = (shape[axis] - 1) // stride + 1
        return m.reshape(_cut(x, axis, count, stride), (*_with(shape, axis, count), 1))
    if size == stride and dilation == 1:
        count = shape[axis] // size
        x = _cut(x, axis, count * size, 1)
        x = m.reshape(x, (*shape[:axis], count, size, *shape[axis + 1 :]))
        order = (*range(axis + 1), *range(axis + 2, x.spec.rank), axis + 1)
        return m.permute(x, order)
    return m.window(x, axis, size, stride, dilation)


def _with(shape: Sizes, axis: int, size: int) -> Sizes:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _cut(x: Node, axis: int, size: int, step: int) -> Node:
    """The first elements of a dimension, every step-th."""
    shape = x.spec.shape
    if shape[axis] == size:
        return x
    steps = tuple([step if i == axis else 1 for i in range(len(shape))])
    kinds = m.cut_kinds(axis, len(shape), m.STEPS)
    return m.slice_(x, (0,) * len(shape), _with(shape, axis, size), steps, kinds)


def folded(x: Node, zero: Node, lengths: Sizes, slides: Sliding) -> Node:
    """The sums of overlapping windows, cropped to `lengths`: the adjoint of pad and windows."""
    rank = len(slides.size)
    first = x.spec.rank - 2 * rank
    counts = x.spec.shape[first : first + rank]
    slides = slides.closed(lengths, counts)
    for i in reversed(range(rank)):
        whole = lengths[i] + slides.low[i] + slides.high[i]
        x = _fold(x, zero, first + i, whole, slides.size[i], slides.stride[i], slides.dilation[i])
    back = [tuple([-n for n in side]) for side in (slides.low, slides.high)]
    return pad_spatial(x, zero, *back)


def _fold(
    x: Node, zero: Node, axis: int, length: int, size: int, stride: int, dilation: int
) -> Node:
    shape = x.spec.shape
    if size == 1:
        rank = x.spec.rank - 1
        x = m.reshape(x, shape[:-1])
        gaps = tuple([stride - 1 if i == axis else 0 for i in range(rank)])
        kinds = m.cut_kinds(axis, rank, m.BETWEEN)
        return m.pad(x, zero, (0,) * rank, (0,) * rank, gaps, kinds) if stride > 1 else x
    if size == stride and dilation == 1:
        last = x.spec.rank - 1
        x = m.permute(x, (*range(axis + 1), last, *range(axis + 1, last)))
        return m.reshape(x, (*shape[:axis], length, *shape[axis + 1 : -1]))
    return m.fold(x, axis, length, stride, dilation)


def per_dimension(operation: str, name: str, value: Any, rank: int) -> Sizes:
    """A number, or one for each spatial dimension, as a tuple of `rank` integers."""
    if isinstance(value, (tuple, list)):
        found = tuple([int(item) for item in value])
        if len(found) == 1:
            found *= rank
        if len(found) != rank:
            fail(
                RuntimeError,
                operation,
                f"expected {name} to be a single integer value or a list of {rank} values to "
                f"match the convolution dimensions, but got {name}={list(found)}",
                f"one integer or {rank}",
                f"{list(found)}",
            )
        return found
    if not hasattr(value, "__index__"):
        raise TypeError(
            f"{operation}(): argument '{name}' must be tuple of ints, not {type(value).__name__}"
        )
    return (value.__index__(),) * rank
