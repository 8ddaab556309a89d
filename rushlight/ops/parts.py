"""Parts of a tensor along a dimension: places, ranges, diagonals, windows. All are views."""

from __future__ import annotations

from typing import Any

from rushlight.ops.check import check_axis, fail
from rushlight.ops.movement import reshape
from rushlight.ops.views import Diagonal, Select, Slice, Unfold
from rushlight.tensor import Tensor


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One place of one dimension, which vanishes."""
    shape = input._spec.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = check_axis("select", dim, len(shape))
    index = int(index)
    if not -shape[axis] <= index < shape[axis]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension "
            f"{axis}"
        )
    return Select.apply((input,), axis, index % shape[axis])


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` places of one dimension from `start` on."""
    shape = input._spec.shape
    axis = check_axis("narrow", dim, len(shape))
    start = int(start)
    size = shape[axis]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start += size if start < 0 else 0
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_axis(input, axis, start, length)


def slice_axis(input: Tensor, axis: int, start: int, length: int, step: int = 1) -> Tensor:
    """`length` places of a dimension (counted from 0) from `start`, every step-th."""
    shape = input._spec.shape
    starts = tuple([start if i == axis else 0 for i in range(len(shape))])
    sizes = tuple([length if i == axis else n for i, n in enumerate(shape)])
    steps = tuple([step if i == axis else 1 for i in range(len(shape))])
    return Slice.apply((input,), starts, sizes, steps)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements with equal places in two dimensions, as the last dimension."""
    rank = input._spec.rank
    a, b = check_axis("diagonal", dim1, rank), check_axis("diagonal", dim2, rank)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply((input,), offset, a, b)


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` along a dimension, every `step`; places in them come last."""
    shape = self._spec.shape
    axis = check_axis("unfold", dimension, len(shape))
    length = shape[axis] if shape else 1
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {length} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    source = self if shape else reshape(self, 1)
    result = Unfold.apply((source,), axis, size, step)
    return result if shape else result.select(0, 0)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All places of a dimension, one view each."""
    shape = input._spec.shape
    if not shape:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    axis = check_axis("unbind", dim, len(shape))
    return tuple([Select.apply((input,), axis, index) for index in range(shape[axis])])


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
        size = int(split_size_or_sections)
        if size < 0 or (size == 0 and total):
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={size}"
                if size < 0
                else f"split_size can only be 0 if dimension size is 0, but got dimension size of "
                f"{total}"
            )
        sizes = [min(size, total - at) for at in range(0, total, size)] if total else [0]
    parts, start = [], 0
    for size in sizes:
        parts.append(slice_axis(tensor, axis, start, size))
        start += size
    return tuple(parts)


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


_FUNCTIONS = (select, narrow, diagonal, unbind, split, chunk, tensor_split)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = {**FUNCTIONS, "unfold": unfold, "split_with_sizes": split}
INPLACE = ()
