"""Primitives that move elements and compute nothing: index maps from the result to the operand."""

from __future__ import annotations

from functools import lru_cache

from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec, spec_of

WHOLE, RUN, STEPS, BACKWARDS = "whole", "run", "steps", "backwards"
"""What a slice or an update takes of a dimension: structure, by which engines know the dimensions
that go through untouched and the elements that lie side by side.  It is what the operation says,
never what its numbers happen to be."""

AROUND, BETWEEN = "around", "between"
"""What a pad puts into a dimension that is not WHOLE: only more around it, or anything."""

Kinds = tuple[str, ...] | None
_FITS = {
    WHOLE: lambda step: step == 1,
    RUN: lambda step: step == 1,
    STEPS: lambda step: step > 0,
    BACKWARDS: lambda step: step < 0,
}


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
    for kind, before, after, between in zip(attributes, low, high, interior, strict=True):
        ends = (before, after, between)
        if (kind == WHOLE and any(ends)) or (kind == AROUND and (between or min(ends) < 0)):
            raise ValueError(f"pad of {specs[0]} by {attributes}, numbers {numbers}")
    return specs[0].with_shape(padded_shape(specs[0].shape, low, high, interior))


def _infer_slice(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    rank = specs[0].rank
    starts, steps = numbers[:rank], numbers[rank:]
    for start, step, size, whole in zip(starts, steps, spec.shape, specs[0].shape, strict=True):
        if size and not (0 <= start < whole and 0 <= start + (size - 1) * step < whole):
            raise ValueError(f"slice of {specs[0]} to {spec}, starts {starts}, steps {steps}")
    sides = zip(attributes, starts, steps, spec.shape, specs[0].shape, strict=True)
    for kind, start, step, size, whole in sides:
        if not _FITS[kind](step) or (kind == WHOLE and (start or size != whole)):
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


def pad(
    x: Node, fill: Node, low: tuple, high: tuple, interior: tuple | None = None, kinds: Kinds = None
) -> Node:
    """Put `fill` (rank 0) around each dimension, and `interior` of it between neighbours.

    `kinds` says what each dimension gets; by default AROUND, or BETWEEN if there is an interior
    or negative padding.
    """
    if kinds is None:
        kinds = (BETWEEN,) * x.spec.rank if interior else around(low, high)
    interior = interior or (0,) * x.spec.rank
    spec = x.spec.with_shape(padded_shape(x.spec.shape, low, high, interior))
    return record(PAD, (x, fill), kinds, (*low, *high, *interior), spec)


def around(low: tuple, high: tuple) -> tuple[str, ...]:
    """What padding without an interior is: only its sign is structure."""
    ends = zip(low, high, strict=True)
    return tuple([AROUND if a >= 0 and b >= 0 else BETWEEN for a, b in ends])


def slice_(
    x: Node, starts: tuple, sizes: tuple, steps: tuple | None = None, kinds: Kinds = None
) -> Node:
    """Every steps[i]-th element from starts[i], sizes[i] of them; a step may be negative.

    `kinds` says what is taken of each dimension; by default a RUN if no steps are given.
    """
    kinds = kinds or steps_taken(steps, len(starts))
    steps = steps or (1,) * len(starts)
    return record(SLICE, (x,), kinds, (*starts, *steps), x.spec.with_shape(sizes))


def update(
    x: Node, part: Node, starts: tuple, steps: tuple | None = None, kinds: Kinds = None
) -> Node:
    """x with the elements that `slice_` would take replaced by those of `part`."""
    kinds = kinds or steps_taken(steps, len(starts))
    steps = steps or (1,) * len(starts)
    return record(UPDATE, (x, part), kinds, (*starts, *steps), x.spec)


def steps_taken(steps: tuple | None, rank: int) -> tuple[str, ...]:
    """What steps are as structure: only their sign, and whether there are any."""
    if steps is None:
        return (RUN,) * rank
    return tuple([STEPS if step > 0 else BACKWARDS for step in steps])


def cut(x: Node, axis: int, start: int, size: int) -> Node:
    """`size` elements of one dimension from `start` on; the others whole."""
    shape = x.spec.shape
    starts = tuple([start if i == axis else 0 for i in range(len(shape))])
    sizes = (*shape[:axis], size, *shape[axis + 1 :])
    return slice_(x, starts, sizes, None, cut_kinds(axis, len(shape)))


def cut_kinds(axis: int, rank: int, kind: str = RUN) -> tuple[str, ...]:
    """What a slice of one dimension takes of each."""
    return tuple([kind if i == axis else WHOLE for i in range(rank)])


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
