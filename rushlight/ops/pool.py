"""Pooling: the largest or the mean element of sliding windows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.autograd.operation import Operation
from rushlight.graph import movement as m
from rushlight.graph import pooling as p
from rushlight.graph.indexing import gather
from rushlight.graph.node import Node, Origin
from rushlight.graph.pooling import Windows
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.windows import Sizes, Sliding, per_dimension
from rushlight.tensor import Tensor, from_array


def _windows(slides: Sliding) -> Windows:
    return Windows(slides.size, slides.stride, slides.low, slides.dilation)


class MaxPool(Operation):
    """The largest element of each window; where several are equal, the first."""

    materialize = False

    def forward(ctx, x: Node, slides: Sliding, with_places: bool) -> Any:
        lengths = x.spec.shape[-len(slides.size) :]
        counts, windows = slides.counts(lengths), _windows(slides)
        largest = p.max_pool(x, counts, windows)
        if not (ctx.recording or with_places):
            return largest
        places = p.max_places(x, counts, windows)
        ctx.save_values(places)
        ctx.lengths = lengths
        return (largest, places) if with_places else largest

    def backward(ctx, grad: Tensor, *_: Any) -> Tensor:
        (places,) = ctx.saved
        return Spread.apply((grad, places), ctx.lengths)


class Spread(Operation):
    """A value for each window, added to one place of its plane: max pooling's gradient."""

    def forward(ctx, values: Node, places: Node, lengths: Sizes) -> Node:
        ctx.save_inputs(1)
        ctx.lengths = lengths
        return p.spread(values, places, lengths)

    def backward(ctx, grad: Tensor) -> tuple:
        (places,) = ctx.saved
        return Pick.apply((grad, places), ctx.lengths), None


class Pick(Operation):
    """The element at one place of its plane for each window: the adjoint of Spread."""

    def forward(ctx, x: Node, places: Node, lengths: Sizes) -> Node:
        ctx.save_inputs(1)
        ctx.lengths = lengths
        planes, shape = x.spec.shape[: -len(lengths)], places.spec.shape
        flat = m.reshape(x, (*planes, math.prod(lengths)))
        named = m.reshape(places, (*planes, math.prod(shape[-len(lengths) :])))
        origin = Origin("max_pool", "its second derivative")
        return m.reshape(gather(flat, named, len(planes), origin), shape)

    def backward(ctx, grad: Tensor) -> tuple:
        (places,) = ctx.saved
        return Spread.apply((grad, places), ctx.lengths), None


class SumPool(Operation):
    """The sum of each window."""

    def forward(ctx, x: Node, slides: Sliding) -> Node:
        lengths = x.spec.shape[-len(slides.size) :]
        ctx.arguments = slides, lengths
        return p.sum_pool(x, slides.counts(lengths), _windows(slides))

    def backward(ctx, grad: Tensor) -> Tensor:
        return SpreadSum.apply((grad,), *ctx.arguments)


class SpreadSum(Operation):
    """A value for each window, added to all its places: the adjoint of SumPool."""

    def forward(ctx, values: Node, slides: Sliding, lengths: Sizes) -> Node:
        ctx.slides = slides
        return p.spread_sum(values, lengths, _windows(slides))

    def backward(ctx, grad: Tensor) -> Tensor:
        return SumPool.apply((grad,), ctx.slides)


# ------------------------------------------------------------------------------------------- checks
def _slides(
    name: str,
    rank: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> Sliding:
    """How the windows slide; the high padding is what the last window needs."""
    check_tensor(name, "input", input)
    if input.dim() not in (rank + 1, rank + 2):
        words = f"{name}() Expected {rank + 1}D or {rank + 2}D input tensor, but got "
        words += f"{list(input.shape)}"
        expected = f"(channels, {rank} sizes) or (samples, channels, {rank} sizes)"
        fail(RuntimeError, name, words, expected, describe(input))
    size = per_dimension(name, "kernel_size", kernel_size, rank)
    given = stride is not None and stride != () and stride != []
    stride = per_dimension(name, "stride", stride, rank) if given else size
    padding = per_dimension(name, "padding", padding, rank)
    dilation = per_dimension(name, "dilation", dilation, rank)
    if min(size) < 1 or min(stride) < 1 or min(dilation) < 1:
        words = "kernel size, stride and dilation should be greater than zero"
        raise RuntimeError(f"{words}, but got {size}, {stride}, {dilation}\nIn {name}.")
    for pad, k, d in zip(padding, size, dilation, strict=True):
        if pad < 0 or pad > (d * (k - 1) + 1) // 2:
            words = "pad should be at most half of effective kernel size, but got pad="
            raise RuntimeError(f"{words}{pad}, kernel_size={k} and dilation={d}\nIn {name}.")
    lengths = tuple(input.shape[-rank:])
    counts = _counts(Sliding(size, stride, padding, padding, dilation), lengths, ceil_mode)
    if min(counts) < 1:
        words = f"Given input size: {list(input.shape)}. Calculated output size: {list(counts)}. "
        fail(RuntimeError, name, f"{words}Output size is too small", "a larger input", str(size))
    return Sliding(size, stride, padding, padding, dilation).closed(lengths, counts)


def _counts(slides: Sliding, lengths: Sizes, ceil_mode: bool) -> Sizes:
    """How many windows there are; with ceil_mode one more may hang over the end."""
    counts = []
    for n, k, s, a, b, d in zip(lengths, *slides, strict=True):
        rest = n + a + b - d * (k - 1) - 1
        count = -(-rest // s) + 1 if ceil_mode else rest // s + 1
        # the last window starts inside the input or its low padding
        counts.append(count - 1 if ceil_mode and (count - 1) * s >= n + a else count)
    return tuple(counts)


def _max_pool(rank: int, input: Tensor, arguments: tuple, return_indices: bool) -> Any:
    name = f"max_pool{rank}d"
    slides = _slides(name, rank, input, *arguments)
    return MaxPool.apply((input,), slides, bool(return_indices))


def _divisor(input: Tensor, slides: Sliding, padding: Sizes, with_pad: bool) -> Any:
    """How many elements each window counts: a number, or a tensor if windows differ."""
    rank = len(slides.size)
    lengths = tuple(input.shape[-rank:])
    edges = [n + (a if with_pad else 0) for n, a in zip(lengths, padding, strict=True)]
    result = np.ones((), np.int64)
    for i, count in enumerate(slides.counts(lengths)):
        first = np.arange(count) * slides.stride[i] - padding[i]
        last = np.minimum(first + slides.size[i], edges[i])
        inside = last - (first if with_pad else np.maximum(first, 0))
        result = result[..., None] * inside
    if (result == result.flat[0]).all():
        return int(result.flat[0])
    return from_array(result.astype(input._spec.dtype.compute), input._spec.dtype)


def _avg_pool(rank: int, input: Tensor, arguments: tuple, with_pad: bool, divisor: Any) -> Tensor:
    name = f"avg_pool{rank}d"
    kernel_size, stride, padding, ceil_mode = arguments
    slides = _slides(name, rank, input, kernel_size, stride, padding, 1, ceil_mode)
    total = SumPool.apply((input,), slides)
    if divisor is not None:
        if divisor == 0:
            raise RuntimeError("divisor must be not zero")
        return total / divisor
    return total / _divisor(input, slides, slides.low, with_pad)


# ---------------------------------------------------------------------------------------- functions
def _make_max_pool(rank: int) -> Any:
    def max_pool(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        arguments = kernel_size, stride, padding, dilation, ceil_mode
        return _max_pool(rank, input, arguments, return_indices)

    max_pool.__name__ = max_pool.__qualname__ = f"max_pool{rank}d"
    max_pool.__doc__ = f"""The largest element of each window over the last {rank} dimension(s).

    `stride` is the window size by default; padding counts as minus infinity.  With
    `return_indices` also the place of each in its plane, in C order.  RuntimeError where sizes do
    not fit.
    """
    return max_pool


def _make_avg_pool(rank: int) -> Any:
    def avg_pool(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        arguments = kernel_size, stride, padding, ceil_mode
        return _avg_pool(rank, input, arguments, count_include_pad, divisor_override)

    avg_pool.__name__ = avg_pool.__qualname__ = f"avg_pool{rank}d"
    avg_pool.__doc__ = f"""The mean of each window over the last {rank} dimension(s).

    `stride` is the window size by default; padding counts as zeros, or with
    `count_include_pad=False` not at all; `divisor_override` divides the sum instead.
    """
    return avg_pool


max_pool1d, max_pool2d, max_pool3d = [_make_max_pool(rank) for rank in (1, 2, 3)]
avg_pool1d, avg_pool2d, avg_pool3d = [_make_avg_pool(rank) for rank in (1, 2, 3)]

max_pool3d, avg_pool3d = in_float32(max_pool3d), in_float32(avg_pool3d)

FUNCTIONS = {
    **{f.__name__: f for f in (max_pool1d, max_pool2d, max_pool3d)},
    **{f.__name__: f for f in (avg_pool1d, avg_pool2d, avg_pool3d)},
}
METHODS: dict[str, Any] = {}
