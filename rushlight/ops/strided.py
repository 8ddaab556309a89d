"""Tensors by strides: `as_strided`, tensors made with strides, and `resize_`.

A tensor's storage is, as everywhere here, logical: the elements of the whole that it is a view of,
in the order of its strides.  `as_strided` looks them up there by a gather, so it costs a copy.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.inplace import CopySlices
from rushlight.autograd.operation import Operation, ViewOperation
from rushlight.graph import elementwise as e
from rushlight.graph import indexing as i
from rushlight.graph import movement as m
from rushlight.graph.creation import iota, literal, number
from rushlight.graph.dtype import int64
from rushlight.graph.node import Node, Origin
from rushlight.ops.check import check_shape, check_tensor, describe, fail
from rushlight.ops.convert import Clone
from rushlight.ops.creation import empty
from rushlight.ops.places import is_unseen
from rushlight.ops.views import inverse
from rushlight.size import contiguous_strides
from rushlight.tensor import Tensor, node_of, wrap

Shape = tuple[int, ...]
_CHECKED = Origin("as_strided", "a place that was checked when it was recorded")


def _flat(x: Node, order: Shape | None) -> Node:
    """The elements as they lie in storage."""
    return m.reshape(x if order is None else m.permute(x, order), (x.spec.size,))


def _shaped(flat: Node, shape: Shape, order: Shape | None) -> Node:
    """What `_flat` took apart."""
    if order is None:
        return m.reshape(flat, shape)
    moved = m.reshape(flat, tuple([shape[axis] for axis in order]))
    return m.permute(moved, inverse(order))


def _places(size: Shape, stride: Shape, offset: int) -> Node:
    """Where in storage each element lies, all in one dimension."""
    places = m.expand(number(offset, int64), size)
    for axis, (count, step) in enumerate(zip(size, stride, strict=True)):
        along = e.mul(iota(count), number(step, int64))
        places = e.add(places, m.expand(along, size, (axis,)))
    return m.reshape(places, (math.prod(size),))


class AsStrided(ViewOperation):
    """Elements of a whole's storage by size, strides and offset."""

    def forward(ctx, x: Node, size: Shape, stride: Shape, offset: int, order: Shape | None) -> Node:
        ctx.arguments = size, stride, offset, order
        ctx.shape = x.spec.shape
        if 0 in size:
            return m.expand(literal(0, x.spec.dtype), size)
        taken = i.take(_flat(x, order), (_places(size, stride, offset),), _CHECKED)
        return m.reshape(taken, size)

    def backward(ctx, grad: Tensor) -> Tensor:
        return AsStridedBack.apply((grad,), ctx.shape, *ctx.arguments)

    @staticmethod
    def layout(
        shape: Shape,
        strides: Shape,
        start: int,
        size: Shape,
        stride: Shape,
        offset: int,
        order: Shape | None,
    ) -> tuple[Shape, Shape, int]:
        return size, stride, offset

    @staticmethod
    def put(
        whole: Node, part: Node, size: Shape, stride: Shape, offset: int, order: Shape | None
    ) -> Node:
        return _written(whole, part, size, stride, offset, order, mode="set")


def _written(
    whole: Node,
    part: Node,
    size: Shape,
    stride: Shape,
    offset: int,
    order: Shape | None,
    *,
    mode: str,
) -> Node:
    if 0 in size:
        return whole
    part = m.reshape(part, (part.spec.size,))
    places = (_places(size, stride, offset),)
    flat = i.put(_flat(whole, order), part, places, mode, _CHECKED)
    return _shaped(flat, whole.spec.shape, order)


class AsStridedBack(Operation):
    """Zeros with elements added where `AsStrided` found them: its adjoint."""

    def forward(ctx, x: Node, shape: Shape, *arguments: Any) -> Node:
        ctx.arguments = arguments
        zeros = m.expand(literal(0, x.spec.dtype), shape)
        return _written(zeros, x, *arguments, mode="add")

    def backward(ctx, grad: Tensor) -> Tensor:
        return AsStrided.apply((grad,), *ctx.arguments)


def _whole(tensor: Tensor) -> Tensor:
    """The tensor that a view shows a part of: all of its storage.

    Where the history of the whole is gone (a detached view), it is the storage alone; gradients
    of a view that is a leaf itself then go through a copy.
    """
    if not tensor._chain:
        return tensor
    base = tensor._base
    if base is not None and not base._chain:
        return base
    whole = object.__new__(Tensor)
    whole._cell = tensor._cell
    whole._seen = tensor._cell.version
    if tensor.requires_grad:
        return CopySlices.apply((whole, tensor), tensor._chain)
    return whole


def _order_of(whole: Tensor) -> Shape | None:
    """The dimensions in the order of their strides; None for C order."""
    strides = whole._strides if whole._cell is None else whole._cell.strides or whole._strides
    if strides is None:
        return None
    return tuple(sorted(range(len(strides)), key=lambda axis: -strides[axis]))


def _checked(
    name: str, input: Any, size: Any, stride: Any, offset: Any
) -> tuple[Tensor, Shape, Shape, int]:
    """The whole that input shows, and arguments that stay within it."""
    check_tensor(name, "input", input)
    size, stride = check_shape(name, (tuple(size),)), check_shape(name, (tuple(stride),))
    if is_unseen(input):
        input = Clone.apply((input,))  # one sample has storage of its own
    offset = input.storage_offset() if offset is None else int(offset)
    if len(size) != len(stride):
        words = "mismatch in length of strides and shape"
        fail(RuntimeError, name, words, "as many strides as sizes", f"{size} and {stride}")
    if min(size, default=0) < 0 or min(stride, default=0) < 0:
        words = "as_strided: Negative strides are not supported at the moment, got strides: "
        words += f"{list(stride)}"
        fail(RuntimeError, name, words, "sizes and strides of 0 or more", f"{size} and {stride}")
    whole = _whole(input)
    have = whole.numel()
    steps = zip(size, stride, strict=True)
    need = 0 if 0 in size else offset + 1 + sum((count - 1) * step for count, step in steps)
    if need > have or offset < 0:
        words = f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset} "
        words += f"requiring a storage of {need} elements are out of bounds for storage of {have}"
        fail(RuntimeError, name, words, f"at most {have} elements", f"{need}, of {describe(input)}")
    return whole, size, stride, offset


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Elements of the input's storage by size and strides, from an offset (the input's) on.

    A view: writing to it writes to the storage.  RuntimeError for what reaches beyond it.

    >>> import rushlight as rl
    >>> rl.as_strided(rl.arange(5), (3, 2), (1, 2))
    tensor([[0, 2],
            [1, 3],
            [2, 4]])
    """
    whole, size, stride, offset = _checked("as_strided", input, size, stride, storage_offset)
    return AsStrided.apply((whole,), size, stride, offset, _order_of(whole))


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy of input with the elements that `as_strided` would show replaced by `src`."""
    name = "as_strided_scatter"
    whole, size, stride, offset = _checked(name, input, size, stride, storage_offset)
    if check_tensor(name, "src", src)._spec.shape != size:
        words = "expected src to have a size equal to the slice of self. src size = "
        words += f"{list(src.shape)}, slice size = {list(size)}"
        fail(RuntimeError, name, words, f"src of shape {list(size)}", describe(src))
    step = AsStrided, (size, stride, offset, _order_of(whole))
    result = CopySlices.apply((whole, src.to(whole._spec.dtype)), (step,))
    if is_unseen(input):
        return result
    for operation, arguments in input._chain:
        result = operation.apply((result,), *arguments)
    return result.clone() if input._chain else result


# ---------------------------------------------------------------------------------- made by strides
def _dense(name: str, made: Tensor, size: Shape, stride: Shape) -> Tensor:
    """A tensor just made, with these strides if they are an order of its dimensions."""
    order = sorted(range(len(size)), key=lambda axis: -stride[axis])
    expected = contiguous_strides(tuple([size[axis] for axis in order]))
    pairs = zip(order, expected, strict=True)
    if 0 in size or any(size[axis] > 1 and stride[axis] != step for axis, step in pairs):
        return made
    if stride != contiguous_strides(size):
        made._strides = stride
    return made


def empty_strided(size: Any, stride: Any, **options: Any) -> Tensor:
    """A tensor of this size whose dimensions lie in storage by these strides; here it is 0.

    Strides that leave gaps or overlap are those of C order here.
    """
    size, stride = [check_shape("empty_strided", (tuple(given),)) for given in (size, stride)]
    if len(size) != len(stride):
        words = f"empty_strided: dimensionality of sizes ({len(size)}) must match dimensionality "
        raise RuntimeError(f"{words}of strides ({len(stride)})")
    return _dense("empty_strided", empty(size, **options), size, stride)


def new_empty_strided(
    self: Tensor, size: Any, stride: Any, dtype: Any = None, **options: Any
) -> Tensor:
    """As `rl.empty_strided` with this tensor's dtype unless given."""
    return empty_strided(size, stride, dtype=dtype or self.dtype, **options)


def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Tensor:
    """A tensor of this size whose dimensions lie in storage in this order; here it is 0."""
    size, order = [check_shape("empty_permuted", (tuple(g),)) for g in (size, physical_layout)]
    if len(size) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    if sorted(order) != list(range(len(size))):
        raise RuntimeError("Duplicate dim not allowed, or a dimension out of range, in layout")
    steps = contiguous_strides(tuple([size[axis] for axis in order]))
    stride = tuple([steps[order.index(axis)] for axis in range(len(size))])
    return _dense("empty_permuted", empty(size, **options), size, stride)


# ---------------------------------------------------------------------------------------- resizing
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """The tensor itself with another shape: its elements in order as far as they go, then 0.

    It gets memory of its own: views and what it is a view of stay as they are.  RuntimeError for
    a tensor that requires grad.
    """
    size = check_shape("resize_", sizes)
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if min(size, default=0) < 0:
        words = f"Trying to create tensor with negative dimension {min(size)}: {list(size)}"
        raise RuntimeError(words)
    count, have = math.prod(size), self.numel()
    flat = node_of(self.reshape(-1))
    if count < have:
        flat = m.slice_(flat, (0,), (count,), (1,))
    elif count > have:
        zeros = m.expand(literal(0, self._spec.dtype), (count - have,))
        flat = m.concat((flat, zeros), 0)
    own = wrap(m.reshape(flat, size))
    self._cell, self._chain, self._base, self._strides = None, (), None, None
    self._node, self._seen = own._node, 0
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """The tensor itself with the template's shape; see `resize_`."""
    check_tensor("resize_as_", "the_template", the_template)
    return resize_(self, the_template.shape)


_FUNCTIONS = (as_strided, as_strided_scatter, empty_strided, empty_permuted)
FUNCTIONS: dict[str, Any] = {function.__name__: function for function in _FUNCTIONS}
FUNCTIONS["resize_as_"] = resize_as_
METHODS: dict[str, Any] = {
    "as_strided": as_strided,
    "as_strided_scatter": as_strided_scatter,
    "new_empty_strided": new_empty_strided,
    "resize_": resize_,
    "resize_as_": resize_as_,
}
