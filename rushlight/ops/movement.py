"""Moving elements without computing: shapes, orders, parts. Most results are views."""

from __future__ import annotations

import math
from typing import Any

from rushlight.ops.check import broadcast, check_axis, check_shape, describe, fail
from rushlight.ops.views import (
    Diagonal,
    Expand,
    Permute,
    Select,
    Slice,
    Squeeze,
    T,
    Transpose,
    Unfold,
    Unsqueeze,
    View,
    reshaped_strides,
)
from rushlight.tensor import Tensor


def complete_shape(operation: str, tensor: Tensor, sizes: tuple) -> tuple[int, ...]:
    """The sizes with -1 filled in; RuntimeError if they do not hold the tensor's elements."""
    shape = check_shape(operation, sizes)
    count = tensor._spec.size
    unknown = shape.count(-1)
    known = math.prod(size for size in shape if size != -1)
    if unknown > 1:
        raise RuntimeError("only one dimension can be inferred")
    if any(size < -1 for size in shape):
        wrong = min(shape)
        raise RuntimeError(f"invalid shape dimension {wrong}")
    if unknown and not known:
        raise RuntimeError(
            f"cannot reshape tensor of {count} elements into shape {list(shape)} because the "
            "unspecified dimension size -1 can be any value and is ambiguous"
        )
    if count != known if not unknown else count % known:
        fail(
            RuntimeError,
            operation,
            f"shape '{list(shape)}' is invalid for input of size {count}",
            f"sizes whose product is {count}",
            f"sizes {list(shape)} for a tensor of shape {list(tensor.shape)}",
        )
    return tuple(count // known if size == -1 else size for size in shape)


def view(self: Tensor, *shape: Any) -> Tensor:
    """The same storage under another shape; -1 is worked out.

    Raises RuntimeError where the strides do not allow it: then `reshape` copies.
    """
    new = complete_shape("view", self, shape)
    if not self._chain and self._strides is None:
        return View.apply((self,), new)
    strides, _ = self._layout()
    if reshaped_strides(self._spec.shape, strides, new) is None:
        fail(
            RuntimeError,
            "view",
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
            "dimensions to merge that lie behind each other in memory",
            f"shape {list(self.shape)}, strides {list(strides)}, to shape {list(new)}",
        )
    return View.apply((self,), new)


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements under another shape: a view where strides allow it, else a copy.

    >>> import rushlight as rl
    >>> rl.arange(4).reshape(2, -1)
    tensor([[0, 1],
            [2, 3]])
    """
    new = complete_shape("reshape", input, shape)
    if not input._chain and input._strides is None:
        return View.apply((input,), new)
    if reshaped_strides(input._spec.shape, input._layout()[0], new) is None:
        input = input.contiguous()
    return View.apply((input,), new)


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """The same storage under the shape of `other`."""
    return view(self, other.shape)


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """The elements under the shape of `other`."""
    return reshape(self, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim to end_dim merged into one."""
    shape = input._spec.shape
    first = check_axis("flatten", start_dim, len(shape))
    last = check_axis("flatten", end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, 1)
    if first == last:
        return input
    merged = math.prod(shape[first : last + 1])
    return reshape(input, (*shape[:first], merged, *shape[last + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input, -1)


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several; one of the sizes may be -1."""
    shape = input._spec.shape
    axis = check_axis("unflatten", dim, len(shape))
    sizes = check_shape("unflatten", (tuple(sizes),))
    if -1 in sizes:
        known = math.prod(size for size in sizes if size != -1)
        sizes = tuple(shape[axis] // known if size == -1 else size for size in sizes)
    if math.prod(sizes) != shape[axis]:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({shape[axis]}) in the input tensor"
        )
    return view(input, (*shape[:axis], *sizes, *shape[axis + 1 :]))


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of size 1: all, or those named."""
    shape = input._spec.shape
    if dim is None:
        axes = range(len(shape))
    else:
        dims = dim if isinstance(dim, (tuple, list)) else (dim,)
        axes = [check_axis("squeeze", axis, len(shape)) for axis in dims]
    new = tuple([n for axis, n in enumerate(shape) if axis not in axes or n != 1])
    return Squeeze.apply((input,), new)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a dimension of size 1 put in at `dim`."""
    shape = input._spec.shape
    axis = check_axis("unsqueeze", dim, len(shape) + 1)
    return Unsqueeze.apply((input,), (*shape[:axis], 1, *shape[axis:]))


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in the order `dims`."""
    dims = check_shape("permute", dims)
    rank = input._spec.rank
    axes = tuple([check_axis("permute", axis, rank) for axis in dims])
    if len(axes) != rank:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {rank} is not equal "
            f"to len(dims) = {len(axes)}"
        )
    if len(set(axes)) != rank:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return Permute.apply((input,), axes)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    rank = input._spec.rank
    a, b = check_axis("transpose", dim0, rank), check_axis("transpose", dim1, rank)
    axes = list(range(rank))
    if rank:
        axes[a], axes[b] = b, a
    return Transpose.apply((input,), tuple(axes))


def t(input: Tensor) -> Tensor:
    """A matrix with rows and columns exchanged; vectors and numbers stay."""
    rank = input._spec.rank
    if rank > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")
    return T.apply((input,), tuple(reversed(range(rank))))


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places; the rest keep their order."""
    rank = input._spec.rank
    sources = source if isinstance(source, (tuple, list)) else (source,)
    targets = destination if isinstance(destination, (tuple, list)) else (destination,)
    if len(sources) != len(targets):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(sources)} dims) should contain the same number of dims as destination "
            f"({list(targets)} dims)"
        )
    sources = [check_axis("movedim", axis, rank) for axis in sources]
    targets = [check_axis("movedim", axis, rank) for axis in targets]
    if len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        raise RuntimeError("movedim: repeated dim in `source` or `destination`")
    rest = iter([axis for axis in range(rank) if axis not in sources])
    placed = dict(zip(targets, sources, strict=True))
    axes = tuple([placed[i] if i in placed else next(rest) for i in range(rank)])
    return Permute.apply((input,), axes)


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Dimensions of size 1 repeated, new ones in front, without a copy; -1 keeps a size."""
    new = check_shape("expand", sizes)
    shape = input._spec.shape
    added = len(new) - len(shape)
    if added < 0:
        raise RuntimeError(
            f"expand(Tensor{list(shape)}, size={list(new)}): the number of sizes provided "
            f"({len(new)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(shape)})"
        )
    full = []
    for position, size in enumerate(new):
        old = shape[position - added] if position >= added else 1
        if size == -1:
            if position < added:
                raise RuntimeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, "
                    f"non-existing dimension {position}"
                )
            size = old
        elif old not in (1, size):
            fail(
                RuntimeError,
                "expand",
                f"The expanded size of the tensor ({size}) must match the existing size ({old}) "
                f"at non-singleton dimension {position}.",
                "a size that equals the tensor's, where that is not 1",
                f"target sizes {list(new)}, tensor {describe(input)}",
            )
        full.append(size)
    return Expand.apply((input,), tuple(full))


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Expanded to the shape of `other`."""
    return expand(self, other.shape)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """Expanded to `size`."""
    return expand(input, size)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that all shapes broadcast to."""
    from rushlight.tensor import Size

    result: tuple[int, ...] = ()
    for shape in shapes:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        result = broadcast(result, shape, "broadcast_shapes")
    return Size(result)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = broadcast_shapes(*[tensor._spec.shape for tensor in tensors])
    return tuple(expand(tensor, shape) for tensor in tensors)


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Summed over the dimensions that broadcasting repeated, down to `size`."""
    new = check_shape("sum_to_size", size)
    shape = self._spec.shape
    added = len(shape) - len(new)
    if added < 0 or any(n not in (1, m) for n, m in zip(new, shape[added:], strict=True)):
        raise RuntimeError(
            f"size {list(new)} is not expandable to size {list(shape)}.\nIn sum_to_size."
        )
    repeated = [added + axis for axis, n in enumerate(new) if n == 1 and shape[added + axis] != 1]
    axes = (*range(added), *repeated)
    result = self.sum(axes) if axes else self
    return result if result._spec.shape == new else View.apply((result,), new)


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


_VIEWS = (view_as, reshape_as, expand_as, sum_to_size, view, unfold)
_FUNCTIONS = (reshape, flatten, ravel, unflatten, squeeze, unsqueeze, permute, transpose, t)
_FUNCTIONS += (movedim, broadcast_to, select, narrow, diagonal, unbind, split, chunk, tensor_split)
FUNCTIONS = {
    **{function.__name__: function for function in _FUNCTIONS},
    **{"swapaxes": transpose, "swapdims": transpose, "moveaxis": movedim, "adjoint": None},
    **{"broadcast_tensors": broadcast_tensors, "broadcast_shapes": broadcast_shapes},
}
FUNCTIONS["adjoint"] = lambda input: transpose(input, -2, -1)
METHODS = {
    **{name: f for name, f in FUNCTIONS.items() if not name.startswith("broadcast_s")},
    **{function.__name__: function for function in (*_VIEWS, expand)},
    "split_with_sizes": split,
    "T": property(lambda self: Permute.apply((self,), tuple(reversed(range(self.dim()))))),
    "mT": property(lambda self: transpose(self, -2, -1)),
    "H": property(lambda self: transpose(self, -2, -1)),
    "mH": property(lambda self: transpose(self, -2, -1)),
}
INPLACE = ()
