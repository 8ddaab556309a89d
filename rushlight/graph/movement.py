"""Primitives that move elements and compute nothing: index maps from the result to the operand."""

from __future__ import annotations

from functools import lru_cache

from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec, spec_of

WHOLE, RUN, STEPS, BACKWARDS = "whole", "run", "steps", "backwards"
"""What a slice or an update takes of a dimension: structure, by which engines know the dimensions
that go through untouched and the elements that lie side by side."""

AROUND, BETWEEN = "around", "between"
"""What a pad puts into a dimension that is not WHOLE: only more around it, or anything."""


def _infer_reshape(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    if specs[0].size != spec.size or reshape_groups(specs[0].shape, spec.shape) != attributes:
        raise ValueError(f"reshape of {specs[0]} to {spec} by {attributes}")
    return specs[0].with_shape(spec.shape)


def _infer_permute(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    shape = specs[0].shape
    if sorted(attributes) != list(range(len(shape))):
        raise ValueError(f"permute of {specs[0]} by {attributes}")
    return specs[0].with_shape(tuple(shape[axis] for axis in attributes))


def _infer_expand(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    for axis, size in zip(attributes, specs[0].shape, strict=True):
        if size not in (1, spec.shape[axis]):
            raise ValueError(f"expand of {specs[0]} to {spec} by {attributes}")
    return specs[0].with_shape(spec.shape)


def _infer_pad(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    rank = specs[0].rank
    low, high, interior = numbers[:rank], numbers[rank : 2 * rank], numbers[2 * rank :]
    if _padding(tuple(low), tuple(high), tuple(interior)) != attributes:
        raise ValueError(f"pad of {specs[0]} by {attributes}, numbers {numbers}")
    return specs[0].with_shape(padded_shape(specs[0].shape, low, high, interior))


def _infer_slice(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    rank = specs[0].rank
    starts, steps = numbers[:rank], numbers[rank:]
    for start, step, size, whole in zip(starts, steps, spec.shape, specs[0].shape, strict=True):
        if size and not (0 <= start < whole and 0 <= start + (size - 1) * step < whole):
            raise ValueError(f"slice of {specs[0]} to {spec}, starts {starts}, steps {steps}")
    if _taken(specs[0].shape, spec.shape, tuple(starts), tuple(steps)) != attributes:
        raise ValueError(f"slice of {specs[0]} to {spec} by {attributes}")
    return specs[0].with_shape(spec.shape)


def _infer_update(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    _infer_slice(specs[:1], attributes, numbers, specs[1])
    if specs[1].dtype is not specs[0].dtype:
        raise ValueError(f"update of {specs[0]} by {specs[1]}")
    return specs[0]


def _infer_window(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    (axis,), (stride, dilation), size = attributes, numbers, spec.shape[-1]
    count = (specs[0].shape[axis] - dilation * (size - 1) - 1) // stride + 1
    shape = specs[0].shape
    return specs[0].with_shape((*shape[:axis], count, *shape[axis + 1 :], size))


def _infer_fold(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    if _infer_window((spec,), attributes, numbers, specs[0]).shape != specs[0].shape:
        raise ValueError(f"fold of {specs[0]} to {spec} by {attributes} {numbers}")
    return spec


def _infer_concat(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    (axis,), shape = attributes, specs[0].shape
    for other in specs:
        around = (*other.shape[:axis], shape[axis], *other.shape[axis + 1 :])
        if around != shape or other.dtype is not specs[0].dtype:
            raise ValueError(f"concatenation of {specs} along {axis}")
    total = sum(other.shape[axis] for other in specs)
    return specs[0].with_shape((*shape[:axis], total, *shape[axis + 1 :]))


RESHAPE = Primitive("reshape", "movement", _infer_reshape, exact=True)
PERMUTE = Primitive("permute", "movement", _infer_permute, exact=True)
EXPAND = Primitive("expand", "movement", _infer_expand, exact=True)
PAD = Primitive("pad", "movement", _infer_pad, exact=True)
SLICE = Primitive("slice", "movement", _infer_slice, exact=True)
UPDATE = Primitive("update", "movement", _infer_update, exact=True)
WINDOW = Primitive("window", "movement", _infer_window, exact=True)
FOLD = Primitive("fold", "movement", _infer_fold)
CONCAT = Primitive("concat", "movement", _infer_concat, exact=True)


@lru_cache(maxsize=4096)
def reshape_groups(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Which dimensions a reshape merges or splits: (old count, new count) of each group in order.

    Groups are as small as sizes allow: (2, 3, 4) to (6, 4) is ((2, 1), (1, 1)).
    """
    groups, i, j = [], 0, 0
    if 0 in old or 0 in new:
        return ((len(old), len(new)),)
    while i < len(old) or j < len(new):
        first_i, first_j, left, right = i, j, 1, 1
        if i < len(old) and j < len(new):
            left, right, i, j = old[i], new[j], i + 1, j + 1
        elif i < len(old):
            left, i = old[i], i + 1
        else:
            right, j = new[j], j + 1
        while left != right:
            if left < right:
                left, i = left * old[i], i + 1
            else:
                right, j = right * new[j], j + 1
        groups.append((i - first_i, j - first_j))
    return tuple(groups)


def reshape(x: Node, shape: tuple[int, ...]) -> Node:
    """The elements in C order under another shape."""
    if x.spec.shape == shape:
        return x
    groups = reshape_groups(x.spec.shape, shape)
    return record(RESHAPE, (x,), groups, (), x.spec.with_shape(shape))


def permute(x: Node, axes: tuple[int, ...]) -> Node:
    """Dimension i of the result is dimension axes[i] of x."""
    shape = x.spec.shape
    spec = x.spec.with_shape(tuple([shape[axis] for axis in axes]))
    return record(PERMUTE, (x,), axes, (), spec)


def expand(x: Node, shape: tuple[int, ...], axes: tuple[int, ...] | None = None) -> Node:
    """Repeat x: its dimension i is dimension axes[i] of the result, of that size or of size 1.

    Without `axes`, x's dimensions are the last ones, as in broadcasting.
    """
    old = x.spec.shape
    if old == shape:
        return x
    if axes is None:
        axes = tuple(range(len(shape) - len(old), len(shape)))
    return record(EXPAND, (x,), axes, (), x.spec.with_shape(shape))


def padded_shape(shape: tuple, low: tuple, high: tuple, interior: tuple) -> tuple[int, ...]:
    """The sizes after padding."""
    sides = zip(shape, low, high, interior, strict=True)
    return tuple(a + n + b + max(n - 1, 0) * between for n, a, b, between in sides)


def pad(x: Node, fill: Node, low: tuple, high: tuple, interior: tuple | None = None) -> Node:
    """Put `fill` (rank 0) around each dimension, and `interior` of it between neighbours."""
    interior = interior or (0,) * x.spec.rank
    spec = x.spec.with_shape(padded_shape(x.spec.shape, low, high, interior))
    return record(PAD, (x, fill), _padding(low, high, interior), (*low, *high, *interior), spec)


@lru_cache(maxsize=4096)
def _padding(low: tuple, high: tuple, interior: tuple) -> tuple[str, ...]:
    kinds = []
    for before, after, between in zip(low, high, interior, strict=True):
        around = BETWEEN if between or before < 0 or after < 0 else AROUND
        kinds.append(around if before or after or between else WHOLE)
    return tuple(kinds)


def slice_(x: Node, starts: tuple, sizes: tuple, steps: tuple | None = None) -> Node:
    """Every steps[i]-th element from starts[i], sizes[i] of them; a step may be negative."""
    steps = steps or (1,) * len(starts)
    taken = _taken(x.spec.shape, sizes, starts, steps)
    return record(SLICE, (x,), taken, (*starts, *steps), x.spec.with_shape(sizes))


def update(x: Node, part: Node, starts: tuple, steps: tuple | None = None) -> Node:
    """x with the elements that `slice_` would take replaced by those of `part`."""
    steps = steps or (1,) * len(starts)
    taken = _taken(x.spec.shape, part.spec.shape, starts, steps)
    return record(UPDATE, (x, part), taken, (*starts, *steps), x.spec)


@lru_cache(maxsize=4096)
def _taken(whole: tuple, sizes: tuple, starts: tuple, steps: tuple) -> tuple[str, ...]:
    kinds = []
    for count, size, start, step in zip(whole, sizes, starts, steps, strict=True):
        kind = RUN if step == 1 else STEPS if step > 0 else BACKWARDS
        kinds.append(WHOLE if (size, start, step) == (count, 0, 1) else kind)
    return tuple(kinds)


def window(x: Node, axis: int, size: int, stride: int, dilation: int = 1) -> Node:
    """Sliding windows along `axis`: result[.., i, .., k] is x[.., i * stride + k * dilation, ..].

    The axis becomes the number of windows; the places in a window are a new last dimension.
    """
    shape = x.spec.shape
    count = (shape[axis] - dilation * (size - 1) - 1) // stride + 1
    spec = x.spec.with_shape((*shape[:axis], count, *shape[axis + 1 :], size))
    return record(WINDOW, (x,), (axis,), (stride, dilation), spec)


def fold(x: Node, axis: int, length: int, stride: int, dilation: int = 1) -> Node:
    """The sums of overlapping windows, adjoint of `window`: added in order of the window place."""
    shape = x.spec.shape
    spec = x.spec.with_shape((*shape[:axis], length, *shape[axis + 1 : -1]))
    return record(FOLD, (x,), (axis,), (stride, dilation), spec)


def concat(parts: tuple[Node, ...], axis: int) -> Node:
    """The parts behind each other along `axis`."""
    shape = parts[0].spec.shape
    total = sum([part.spec.shape[axis] for part in parts])
    spec = spec_of((*shape[:axis], total, *shape[axis + 1 :]), parts[0].spec.dtype)
    return record(CONCAT, parts, (axis,), (), spec)
