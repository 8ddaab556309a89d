"""Moving elements without computing: shapes and orders. Most results are views."""

from __future__ import annotations

import math
from typing import Any

from rushlight.ops.check import broadcast, check_axis, check_shape, describe, fail
from rushlight.ops.views import (
    Expand,
    Permute,
    Squeeze,
    T,
    Transpose,
    Unsqueeze,
    View,
    reshaped_strides,
)
from rushlight.size import Size
from rushlight.tensor import Tensor


def complete_shape(operation: str, tensor: Tensor, sizes: tuple) -> tuple[int, ...]:
    """The sizes with -1 filled in; RuntimeError if they do not hold the tensor's elements."""
    shape = check_shape(operation, sizes)
    count = tensor._spec.size
    if math.prod(shape) == count and min(shape, default=0) >= 0:
        return shape
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
    if isinstance(source, int) is not isinstance(destination, int):
        raise TypeError(
            "movedim() received an invalid combination of arguments: source and destination must "
            f"both be ints or both sequences, not {source!r} and {destination!r}"
        )
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


_VIEWS = (view_as, reshape_as, expand_as, sum_to_size, view)
_FUNCTIONS = (reshape, flatten, ravel, unflatten, squeeze, unsqueeze, permute, transpose, t)
_FUNCTIONS += (movedim, broadcast_to)
FUNCTIONS = {
    **{function.__name__: function for function in _FUNCTIONS},
    "swapaxes": transpose,
    "swapdims": transpose,
    "moveaxis": movedim,
    "broadcast_tensors": broadcast_tensors,
    "broadcast_shapes": broadcast_shapes,
}
METHODS = {
    **{name: f for name, f in FUNCTIONS.items() if not name.startswith("broadcast_s")},
    **{function.__name__: function for function in (*_VIEWS, expand)},
    "T": property(lambda self: Permute.apply((self,), tuple(reversed(range(self.dim()))))),
    "mT": property(lambda self: transpose(self, -2, -1)),
}
INPLACE = ()
