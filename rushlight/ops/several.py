"""Several parts of one tensor at once. All are views, whose gradients come back together."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import movement as m
from rushlight.graph.node import Node
from rushlight.ops.check import check_axis, check_int, fail
from rushlight.ops.join import cat, stack
from rushlight.ops.parts import slice_axis
from rushlight.ops.views import Select, Slice
from rushlight.tensor import Tensor


class Split(Operation):
    """Parts of a dimension, one behind the other."""

    materialize = False

    @classmethod
    def apply(cls, tensors: tuple[Tensor], axis: int, sizes: tuple[int, ...]) -> Any:
        """The views."""
        (source,) = tensors
        results = super().apply(tensors, axis, sizes)
        for result, part in zip(results, _parts(source._spec.shape, axis, sizes), strict=True):
            Slice.share(result, source, *part)
        return results

    def forward(ctx, x: Node, axis: int, sizes: tuple[int, ...]) -> tuple[Node, ...]:
        ctx.axis = axis
        return tuple([m.slice_(x, *part) for part in _parts(x.spec.shape, axis, sizes)])

    def backward(ctx, *grads: Tensor | None) -> Tensor:
        return cat(_with_zeros(ctx, grads), ctx.axis)


class Unbind(Operation):
    """The places of a dimension, which vanishes."""

    materialize = False

    @classmethod
    def apply(cls, tensors: tuple[Tensor], axis: int) -> Any:
        """The views."""
        (source,) = tensors
        results = super().apply(tensors, axis)
        for index, result in enumerate(results):
            Select.share(result, source, axis, index)
        return results

    def forward(ctx, x: Node, axis: int) -> tuple[Node, ...]:
        ctx.axis = axis
        shape = x.spec.shape
        rest, parts = (*shape[:axis], *shape[axis + 1 :]), _parts(shape, axis, (1,) * shape[axis])
        return tuple([m.reshape(m.slice_(x, *part), rest) for part in parts])

    def backward(ctx, *grads: Tensor | None) -> Tensor:
        return stack(_with_zeros(ctx, grads), ctx.axis)


def _parts(shape: tuple[int, ...], axis: int, sizes: tuple[int, ...]) -> list[tuple]:
    """The arguments of slices one behind the other."""
    found, start = [], 0
    for size in sizes:
        starts = tuple([start if i == axis else 0 for i in range(len(shape))])
        whole = (*shape[:axis], size, *shape[axis + 1 :])
        found.append((starts, whole, (1,) * len(shape), m.cut_kinds(axis, len(shape))))
        start += size
    return found


def _with_zeros(ctx: Operation, grads: tuple[Tensor | None, ...]) -> list[Tensor]:
    """The gradients, zeros for views that were not used."""
    known = next(grad for grad in grads if grad is not None)
    filled = []
    for grad, spec in zip(grads, ctx.output_specs, strict=True):
        filled.append(known.new_zeros(spec.shape) if grad is None else grad)
    return filled


# ---------------------------------------------------------------------------------------- functions
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All places of a dimension, one view each."""
    shape = input._spec.shape
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    axis = check_axis("unbind", dim, len(shape))
    return Unbind.apply((input,), axis)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of a dimension: of one size (the last may be smaller), or of the given sizes."""
    shape = tensor._spec.shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = check_axis("split", dim, len(shape))
    total = shape[axis]
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = [int(size) for size in split_size_or_sections]
        if sum(sizes) != total or any(size < 0 for size in sizes):
            fail(
                RuntimeError,
                "split",
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's "
                f"size at dimension {axis}), but got split_sizes={sizes}",
                f"non-negative sizes that add up to {total}",
                f"{sizes}, which add up to {sum(sizes)}",
            )
    else:
        size = check_int("split", "split_size", split_size_or_sections)
        if size < 0 or (size == 0 and total):
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={size}"
                if size < 0
                else f"split_size can only be 0 if dimension size is 0, but got dimension size of "
                f"{total}"
            )
        sizes = [min(size, total - at) for at in range(0, total, size)] if total else [0]
    return Split.apply((tensor,), axis, tuple(sizes))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size (the last may be smaller)."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    shape = input._spec.shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    total = shape[check_axis("chunk", dim, len(shape))]
    if not total:
        return split(input, [0] * chunks, dim)
    return split(input, -(-total // chunks), dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of nearly equal size, or parts cut at the given places."""
    if not input._spec.rank:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    total = input.size(dim)
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        small, rest = divmod(total, count)
        sizes = [small + (position < rest) for position in range(count)]
        return split(input, sizes, dim)
    axis = check_axis("tensor_split", dim, input._spec.rank)
    bounds = [slice(None, cut).indices(total)[1] for cut in indices_or_sections]
    parts, start = [], 0
    for end in [*bounds, total]:
        parts.append(slice_axis(input, axis, min(start, total), max(end - start, 0)))
        start = end
    return tuple(parts)


_FUNCTIONS = (unbind, split, chunk, tensor_split)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = {**FUNCTIONS, "split_with_sizes": split}
INPLACE = ()
