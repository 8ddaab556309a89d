"""Padding: with a value, by reflection, by the edge, or round the end."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph.creation import literal, number
from rushlight.graph.node import Node
from rushlight.ops.arrange import flip
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.join import cat
from rushlight.ops.parts import slice_axis
from rushlight.ops.windows import pad_spatial
from rushlight.tensor import Tensor

Sizes = tuple[int, ...]


class ConstantPadNd(Operation):
    """x with a value around its last dimensions; negative padding crops."""

    def forward(ctx, x: Node, low: Sizes, high: Sizes, value: Any) -> Node:
        ctx.arguments = low, high
        dtype = x.spec.dtype
        fill = literal(0, dtype) if value is None else number(value, dtype)
        return pad_spatial(x, fill, low, high)

    def backward(ctx, grad: Tensor) -> Tensor:
        low, high = [tuple([-n for n in side]) for side in ctx.arguments]
        return ConstantPadNd.apply((grad,), low, high, None)


def pad(input: Tensor, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    """The input with `pad` = (left, right, top, bottom, ...) elements around its last dimensions.

    `mode` is "constant" (with `value`, 0 by default; negative sizes crop), "reflect", "replicate"
    or "circular".  RuntimeError where sizes do not fit.

    >>> import rushlight as rl
    >>> rl.nn.functional.pad(rl.tensor([1, 2, 3]), (1, 2))
    tensor([0, 1, 2, 3, 0, 0])
    """
    check_tensor("pad", "input", input)
    sizes = [int(size) for size in pad]
    if len(sizes) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2\nActual: {len(sizes)}.\nIn pad.")
    if len(sizes) > 2 * input.dim():
        words = "Padding length should be less than or equal to two times the input dimension but "
        words += f"got padding length {len(sizes)} and input of dimension {input.dim()}"
        fail(RuntimeError, "pad", words, "two sizes for each dimension", describe(input))
    low, high = (0,) * input.dim(), (0,) * input.dim()
    for position in range(len(sizes) // 2):
        axis = input.dim() - 1 - position
        low = (*low[:axis], sizes[2 * position], *low[axis + 1 :])
        high = (*high[:axis], sizes[2 * position + 1], *high[axis + 1 :])
    if mode == "constant":
        return _constant(input, low, high, value, len(sizes) // 2)
    if mode not in _AROUND:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    around = _by_input if mode == "circular" else in_float32(_by_input)
    return around(mode, input, low, high, len(sizes) // 2)


def _constant(input: Tensor, low: Sizes, high: Sizes, value: Any, count: int) -> Tensor:
    for axis, size in enumerate(input.shape):
        if size + low[axis] + high[axis] < 0:
            words = f"The input size {size}, plus negative padding {low[axis]} and {high[axis]}, "
            words += "resulted in a negative output size, which is invalid."
            fail(RuntimeError, "pad", words, "a padding that leaves something", describe(input))
    if not any(low) and not any(high):
        return input.clone()
    if isinstance(value, Tensor):
        value = value.item()
    first = input.dim() - count
    return ConstantPadNd.apply((input,), low[first:], high[first:], value)


def _by_input(mode: str, input: Tensor, low: Sizes, high: Sizes, rank: int) -> Tensor:
    if input.dim() not in (rank + 1, rank + 2):
        words = "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
        fail(NotImplementedError, f"pad, mode {mode}", words, "sizes that fit", describe(input))
    for axis in range(input.dim()):
        size, before, after = input.shape[axis], low[axis], high[axis]
        most = {"reflect": size - 1, "circular": size}.get(mode, max(before, after))
        if max(before, after) > max(most, 0):
            words = "Padding size should be less than the corresponding input dimension, but got: "
            words += f"padding ({before}, {after}) at dimension {axis} of input {list(input.shape)}"
            fail(RuntimeError, f"pad, mode {mode}", words, f"at most {most}", f"{before}, {after}")
        crop_first = mode == "circular"
        if crop_first:
            input = _cropped(input, axis, before, after)
        if before > 0 or after > 0:
            input = _AROUND[mode](input, axis, max(before, 0), max(after, 0))
        if not crop_first:
            input = _cropped(input, axis, before, after)
    return input


def _cropped(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Without what negative padding takes away."""
    first, last = max(-before, 0), max(-after, 0)
    return slice_axis(x, axis, first, x.shape[axis] - first - last) if first or last else x


def _reflect(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    size = x.shape[axis]
    first = flip(slice_axis(x, axis, 1, before), axis)
    last = flip(slice_axis(x, axis, size - 1 - after, after), axis)
    return cat([first, x, last], axis)


def _replicate(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    shape, size = list(x.shape), x.shape[axis]
    parts = []
    for place, count in ((0, before), (size - 1, after)):
        shape[axis] = count
        parts.append(slice_axis(x, axis, place, 1).expand(shape))
    return cat([parts[0], x, parts[1]], axis)


def _circular(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    size = x.shape[axis]
    first = slice_axis(x, axis, size - before, before)
    return cat([first, x, slice_axis(x, axis, 0, after)], axis)


_AROUND = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}

FUNCTIONS: dict[str, Any] = {
    "constant_pad_nd": lambda input, pad_, value=0: pad(input, pad_, "constant", value)
}
METHODS: dict[str, Any] = {}
