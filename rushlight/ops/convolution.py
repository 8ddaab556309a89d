"""Convolution and its gradients, as operations.

A convolution is a contraction of the weight with a view of the input: its sliding windows.  With
x the input, w the weight and y the output, sum(conv(x, w) * y) is linear in each of the three, so
that the gradient of any of them is one of three operations, and each one's gradients are the other
two: Convolution (of x and w), ConvolutionInput (of y and w), ConvolutionWeight (of x and y).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph.creation import literal
from rushlight.graph.node import Node
from rushlight.ops.contraction import Labels, contraction
from rushlight.ops.windows import Sizes, Sliding, folded, pad_spatial, windows
from rushlight.tensor import Tensor

# Labels of axes: samples, groups, input and output channels, then places and window places.
_SAMPLE, _GROUP, _INPUT, _OUTPUT, _PLACE, _WINDOW = 0, 1, 2, 3, 10, 20


class Setting(NamedTuple):
    """What a convolution does besides its tensors: how the windows slide, and the groups."""

    slides: Sliding
    groups: int

    def labels(self) -> tuple[Labels, Labels, Labels, Labels]:
        """The labels of samples and groups, of the group alone, of places and of window places."""
        rank = len(self.slides.size)
        group = (_GROUP,) if self.groups > 1 else ()
        places = tuple(range(_PLACE, _PLACE + rank))
        return (_SAMPLE, *group), group, places, tuple(range(_WINDOW, _WINDOW + rank))

    def split(self, x: Node, axis: int) -> Node:
        """The channels of `axis` in groups."""
        if self.groups == 1:
            return x
        shape = x.spec.shape
        each = self.groups, shape[axis] // self.groups
        return m.reshape(x, (*shape[:axis], *each, *shape[axis + 1 :]))

    def joined(self, x: Node, axis: int) -> Node:
        """The groups of `axis` and the channels behind it as one dimension."""
        if self.groups == 1:
            return x
        shape = x.spec.shape
        return m.reshape(x, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def _input_windows(x: Node, setting: Setting) -> Node:
    slides = setting.slides
    padded = pad_spatial(x, literal(0, x.spec.dtype), slides.low, slides.high)
    return windows(setting.split(padded, 1), slides)


def correlate(x: Node, weight: Node, setting: Setting) -> Node:
    """The output of a convolution."""
    sample, group, places, window = setting.labels()
    product = contraction(
        setting.split(weight, 0),
        _input_windows(x, setting),
        (*group, _OUTPUT, _INPUT, *window),
        (*sample, _INPUT, *places, *window),
        (*sample, _OUTPUT, *places),
    )
    return setting.joined(product, 1)


def spread(y: Node, weight: Node, setting: Setting, lengths: Sizes) -> Node:
    """The adjoint of `correlate` in x: what a transposed convolution computes.

    Without a stride it is a convolution of the padded y with the turned weight, else the products
    for all window places are added up where windows overlap.
    """
    sample, group, places, window = setting.labels()
    slides = setting.slides
    zero = literal(0, y.spec.dtype)
    weight = setting.split(weight, 0)
    if set(slides.stride) == {1} and set(slides.size) != {1}:
        reach = [d * (k - 1) for d, k in zip(slides.dilation, slides.size, strict=True)]
        low = tuple([r - a for r, a in zip(reach, slides.low, strict=True)])
        opened = slides._replace(low=low).closed(y.spec.shape[2:], lengths)
        padded = pad_spatial(y, zero, opened.low, opened.high)
        result = contraction(
            _turned(weight, len(slides.size)),
            windows(setting.split(padded, 1), opened),
            (*group, _OUTPUT, _INPUT, *window),
            (*sample, _OUTPUT, *places, *window),
            (*sample, _INPUT, *places),
        )
        return setting.joined(result, 1)
    products = contraction(
        weight,
        setting.split(y, 1),
        (*group, _OUTPUT, _INPUT, *window),
        (*sample, _OUTPUT, *places),
        (*sample, _INPUT, *places, *window),
    )
    return folded(setting.joined(products, 1), zero, lengths, slides)


def _turned(weight: Node, rank: int) -> Node:
    """The weight with its window places in reverse order."""
    shape = weight.spec.shape
    lead = len(shape) - rank
    starts = (*(0,) * lead, *[size - 1 for size in shape[lead:]])
    return m.slice_(weight, starts, shape, (*(1,) * lead, *(-1,) * rank))


def compare_places(x: Node, y: Node, setting: Setting) -> Node:
    """The adjoint of `correlate` in the weight."""
    sample, group, places, window = setting.labels()
    product = contraction(
        setting.split(y, 1),
        _input_windows(x, setting),
        (*sample, _OUTPUT, *places),
        (*sample, _INPUT, *places, *window),
        (*group, _OUTPUT, _INPUT, *window),
    )
    return setting.joined(product, 0)


class Convolution(Operation):
    """Windows of x times the weight, plus a bias."""

    def forward(ctx, x: Node, weight: Node, *rest: Any) -> Node:
        *bias, setting = rest
        ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
        ctx.setting = setting
        ctx.lengths = x.spec.shape[2:]
        result = correlate(x, weight, setting)
        if not bias:
            return result
        return e.add(result, m.expand(bias[0], result.spec.shape, (1,)))

    def backward(ctx, grad: Tensor) -> tuple:
        x, weight = ctx.saved
        left = right = None
        closed = ctx.setting.slides.closed(ctx.lengths, tuple(grad._spec.shape[2:]))
        setting = ctx.setting._replace(slides=closed)
        if weight is not None:
            left = ConvolutionInput.apply((grad, weight), setting, ctx.lengths)
        if x is not None:
            right = ConvolutionWeight.apply((x, grad), setting)
        if len(ctx.edges) == 2:
            return left, right
        bias = grad.sum((0, *range(2, grad._spec.rank))) if ctx.needs(2) else None
        return left, right, bias


class ConvolutionInput(Operation):
    """The gradient of a convolution's input; as an operation of its own, the transposed one."""

    def forward(ctx, y: Node, weight: Node, setting: Setting, lengths: Sizes) -> Node:
        ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
        ctx.setting = setting
        return spread(y, weight, setting, lengths)

    def backward(ctx, grad: Tensor) -> tuple:
        y, weight = ctx.saved
        left = right = None
        if weight is not None:
            left = Convolution.apply((grad, weight), ctx.setting)
        if y is not None:
            right = ConvolutionWeight.apply((grad, y), ctx.setting)
        return left, right


class ConvolutionWeight(Operation):
    """The gradient of a convolution's weight."""

    def forward(ctx, x: Node, y: Node, setting: Setting) -> Node:
        ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
        ctx.setting = setting
        ctx.lengths = x.spec.shape[2:]
        return compare_places(x, y, setting)

    def backward(ctx, grad: Tensor) -> tuple:
        x, y = ctx.saved
        left = right = None
        if y is not None:
            left = ConvolutionInput.apply((y, grad), ctx.setting, ctx.lengths)
        if x is not None:
            right = Convolution.apply((x, grad), ctx.setting)
        return left, right
