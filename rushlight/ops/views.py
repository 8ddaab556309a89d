"""Views: the same storage under other shapes, orders and bounds.

A view shares its tensor's storage: a write to either shows in both.  Each view is an operation
with four parts: `forward` records the movement, `layout` says where the elements lie (PyTorch's
logical strides), `put` writes a part back into the whole, `backward` moves the gradient back.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from rushlight.autograd.operation import Operation, ViewOperation
from rushlight.graph import movement as p
from rushlight.graph.creation import literal
from rushlight.graph.node import Node
from rushlight.size import contiguous_strides
from rushlight.tensor import Tensor, wrap

Shape = tuple[int, ...]
Strides = tuple[int, ...]
Layout = tuple[Shape, Strides, int]


@lru_cache(maxsize=4096)
def reshaped_strides(shape: Shape, strides: Strides, new: Shape) -> Strides | None:
    """The strides that show the same storage under another shape, or None if none do.

    The dimensions fall into groups that the reshape merges and splits; a group can be shown if
    its old dimensions lie evenly behind each other.
    """
    if 0 in shape:
        return contiguous_strides(new)
    result: list[int] = []
    first_old = first_new = 0
    for old_count, new_count in p.reshape_groups(shape, new):
        old = range(first_old, first_old + old_count)
        sizes = new[first_new : first_new + new_count]
        first_old, first_new = first_old + old_count, first_new + new_count
        kept = [(shape[axis], strides[axis]) for axis in old if shape[axis] != 1]
        for (_, outer), (size, inner) in pairwise(kept):
            if outer != size * inner:
                return None
        step = kept[-1][1] if kept else 1
        result += [step * inner for inner in contiguous_strides(sizes)]
    return tuple(result)


class View(ViewOperation):
    """The same elements under another shape."""

    def forward(ctx, x: Node, shape: Shape) -> Node:
        ctx.shape = x.spec.shape
        return p.reshape(x, shape)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad.reshape(ctx.shape)

    @staticmethod
    def layout(shape: Shape, strides: Strides, offset: int, new: Shape) -> Layout:
        found = reshaped_strides(shape, strides, new)
        return new, found, offset

    @staticmethod
    def put(whole: Node, part: Node, shape: Shape) -> Node:
        return p.reshape(part, whole.spec.shape)


class Squeeze(View):
    """Dimensions of size 1 taken away."""


class Unsqueeze(View):
    """A dimension of size 1 put in."""


class Permute(ViewOperation):
    """The dimensions in another order."""

    def forward(ctx, x: Node, axes: tuple[int, ...]) -> Node:
        ctx.axes = axes
        return p.permute(x, axes)

    def backward(ctx, grad: Tensor) -> Tensor:
        return Permute.apply((grad,), inverse(ctx.axes))

    @staticmethod
    def layout(shape: Shape, strides: Strides, offset: int, axes: tuple[int, ...]) -> Layout:
        moved = tuple(shape[axis] for axis in axes)
        return moved, tuple(strides[axis] for axis in axes), offset

    @staticmethod
    def put(whole: Node, part: Node, axes: tuple[int, ...]) -> Node:
        return p.permute(part, inverse(axes))


class Transpose(Permute):
    """Two dimensions exchanged."""


class T(Permute):
    """The rows of a matrix as columns."""


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    result = [0] * len(axes)
    for position, axis in enumerate(axes):
        result[axis] = position
    return tuple(result)


class Expand(ViewOperation):
    """Dimensions of size 1 repeated, and new ones put in front, without a copy."""

    def forward(ctx, x: Node, shape: Shape) -> Node:
        ctx.shape = x.spec.shape
        return p.expand(x, shape)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad.sum_to_size(ctx.shape)

    @staticmethod
    def layout(shape: Shape, strides: Strides, offset: int, new: Shape) -> Layout:
        added = len(new) - len(shape)
        pairs = zip(shape, strides, new[added:], strict=True)
        kept = [0 if n == 1 and want != 1 else step for n, step, want in pairs]
        return new, (*(0,) * added, *kept), offset

    @staticmethod
    def put(whole: Node, part: Node, shape: Shape) -> Node:
        first = tuple(0 for _ in shape)
        added = len(shape) - whole.spec.rank
        sizes = (*(min(1, n) for n in shape[:added]), *whole.spec.shape)
        return p.reshape(p.slice_(part, first, sizes), whole.spec.shape)


class Slice(ViewOperation):
    """Every step-th element of each dimension, from a start."""

    def forward(
        ctx, x: Node, starts: Shape, sizes: Shape, steps: Shape, kinds: p.Kinds = None
    ) -> Node:
        ctx.arguments = starts, sizes, steps, kinds
        ctx.whole = x.spec.shape
        return p.slice_(x, starts, sizes, steps, kinds)

    def backward(ctx, grad: Tensor) -> Tensor:
        return SliceBack.apply((grad,), ctx.whole, *ctx.arguments)

    @staticmethod
    def layout(
        shape: Shape,
        strides: Strides,
        offset: int,
        starts: Shape,
        sizes: Shape,
        steps: Shape,
        kinds: p.Kinds = None,
    ) -> Layout:
        offset += sum(start * step for start, step in zip(starts, strides, strict=True))
        return sizes, tuple(a * b for a, b in zip(strides, steps, strict=True)), offset

    @staticmethod
    def put(
        whole: Node,
        part: Node,
        starts: Shape,
        sizes: Shape,
        steps: Shape,
        kinds: p.Kinds = None,
    ) -> Node:
        if whole.spec.shape == sizes and set(steps) <= {1}:
            return part
        return p.update(whole, part, starts, steps, kinds)


class Select(ViewOperation):
    """One place of one dimension, which vanishes."""

    def forward(ctx, x: Node, axis: int, index: int) -> Node:
        ctx.arguments = axis, index
        ctx.whole = shape = x.spec.shape
        return p.reshape(p.cut(x, axis, index, 1), (*shape[:axis], *shape[axis + 1 :]))

    def backward(ctx, grad: Tensor) -> Tensor:
        axis, index = ctx.arguments
        starts, sizes = _one_place(ctx.whole, axis, index)
        part = View.apply((grad,), sizes)
        kinds = p.cut_kinds(axis, len(sizes))
        return SliceBack.apply((part,), ctx.whole, starts, sizes, (1,) * len(sizes), kinds)

    @staticmethod
    def layout(shape: Shape, strides: Strides, offset: int, axis: int, index: int) -> Layout:
        rest = (*shape[:axis], *shape[axis + 1 :])
        return rest, (*strides[:axis], *strides[axis + 1 :]), offset + index * strides[axis]

    @staticmethod
    def put(whole: Node, part: Node, axis: int, index: int) -> Node:
        starts, sizes = _one_place(whole.spec.shape, axis, index)
        kinds = p.cut_kinds(axis, len(sizes))
        return p.update(whole, p.reshape(part, sizes), starts, None, kinds)


def _one_place(shape: Shape, axis: int, index: int) -> tuple[Shape, Shape]:
    starts = tuple([index if i == axis else 0 for i in range(len(shape))])
    return starts, tuple([1 if i == axis else n for i, n in enumerate(shape)])


_PADDING = {p.WHOLE: p.WHOLE, p.RUN: p.AROUND, p.STEPS: p.BETWEEN}


class SliceBack(Operation):
    """Zeros with a part put where a slice would take it: the adjoint of Slice (a copy)."""

    def forward(
        ctx,
        x: Node,
        whole: Shape,
        starts: Shape,
        sizes: Shape,
        steps: Shape,
        kinds: p.Kinds = None,
    ) -> Node:
        ctx.arguments = starts, sizes, steps, kinds
        fill = literal(0, x.spec.dtype)
        kinds = kinds or p.steps_taken(steps, len(steps))
        if min(steps, default=1) < 1 or 0 in sizes:
            return p.update(p.expand(fill, whole), x, starts, steps, kinds)
        interior = tuple([step - 1 for step in steps])
        ends = zip(whole, starts, sizes, steps, strict=True)
        high = tuple([n - start - (count - 1) * step - 1 for n, start, count, step in ends])
        return p.pad(x, fill, starts, high, interior, tuple([_PADDING[kind] for kind in kinds]))

    def backward(ctx, grad: Tensor) -> Tensor:
        return Slice.apply((grad,), *ctx.arguments)


class Diagonal(ViewOperation):
    """The elements where two dimensions have equal places, as the last dimension."""

    def forward(ctx, x: Node, offset: int, axis1: int, axis2: int) -> Node:
        ctx.arguments = offset, axis1, axis2
        ctx.whole = x.spec.shape
        order, rows, columns, start, count = _diagonal_plan(x.spec.shape, offset, axis1, axis2)
        moved = p.permute(x, order)
        flat = p.reshape(moved, (*moved.spec.shape[:-2], rows * columns))
        lead = flat.spec.shape[:-1]
        zeros, ones = (0,) * len(lead), (1,) * len(lead)
        return p.slice_(flat, (*zeros, start), (*lead, count), (*ones, columns + 1))

    def backward(ctx, grad: Tensor) -> Tensor:
        spec = ctx.input_spec(0)
        zeros = wrap(p.expand(literal(0, spec.dtype), spec.shape))
        from rushlight.autograd.inplace import CopySlices

        return CopySlices.apply((zeros, grad), ((Diagonal, ctx.arguments),))

    @staticmethod
    def layout(
        shape: Shape, strides: Strides, start: int, offset: int, axis1: int, axis2: int
    ) -> Layout:
        order, _, _, _, count = _diagonal_plan(shape, offset, axis1, axis2)
        step = strides[axis1] + strides[axis2]
        first = strides[axis2] * offset if offset > 0 else -strides[axis1] * offset
        lead = order[:-2]
        sizes = (*(shape[axis] for axis in lead), count)
        return sizes, (*(strides[axis] for axis in lead), step), start + first

    @staticmethod
    def put(whole: Node, part: Node, offset: int, axis1: int, axis2: int) -> Node:
        order, rows, columns, start, _ = _diagonal_plan(whole.spec.shape, offset, axis1, axis2)
        moved = p.permute(whole, order)
        flat = p.reshape(moved, (*moved.spec.shape[:-2], rows * columns))
        rank = flat.spec.rank
        starts = (*(0,) * (rank - 1), start)
        flat = p.update(flat, part, starts, (*(1,) * (rank - 1), columns + 1))
        return p.permute(p.reshape(flat, moved.spec.shape), inverse(order))


def _diagonal_plan(shape: Shape, offset: int, axis1: int, axis2: int) -> tuple:
    order = tuple([axis for axis in range(len(shape)) if axis not in (axis1, axis2)])
    rows, columns = shape[axis1], shape[axis2]
    count = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    start = offset if offset >= 0 else -offset * columns
    return (*order, axis1, axis2), rows, columns, start if count else 0, count


class Unfold(ViewOperation):
    """Windows along a dimension, their places as a new last dimension (Tensor.unfold)."""

    def forward(ctx, x: Node, axis: int, size: int, step: int) -> Node:
        ctx.arguments = axis, step
        ctx.length = x.spec.shape[axis]
        return p.window(x, axis, size, step)

    def backward(ctx, grad: Tensor) -> Tensor:
        axis, step = ctx.arguments
        return FoldWindows.apply((grad,), axis, ctx.length, step)

    @staticmethod
    def layout(
        shape: Shape, strides: Strides, offset: int, axis: int, size: int, step: int
    ) -> Layout:
        count = (shape[axis] - size) // step + 1
        sizes = (*shape[:axis], count, *shape[axis + 1 :], size)
        steps = (*strides[:axis], strides[axis] * step, *strides[axis + 1 :], strides[axis])
        return sizes, steps, offset

    @staticmethod
    def put(whole: Node, part: Node, axis: int, size: int, step: int) -> Node:
        raise RuntimeError(
            "Expected a tensor whose elements lie apart to write to.\n"
            "Actual: windows made by unfold, which may overlap; write to the tensor itself."
        )


class FoldWindows(Operation):
    """The sums of overlapping windows: the adjoint of Unfold (a copy)."""

    def forward(ctx, x: Node, axis: int, length: int, step: int) -> Node:
        ctx.arguments = axis, x.spec.shape[-1], step
        return p.fold(x, axis, length, step)

    def backward(ctx, grad: Tensor) -> Tensor:
        return Unfold.apply((grad,), *ctx.arguments)
