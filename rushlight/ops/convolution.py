"""Convolution and its gradients, as operations.

With x the input, w the weight and y the output, sum(conv(x, w) * y) is linear in each of the three,
so that the gradient of any of them is one of three operations, and each one's gradients are the
other two: Convolution (of x and w), ConvolutionInput (of y and w), ConvolutionWeight (of x and y).
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from rushlight.autograd.operation import Operation
from rushlight.graph import convolution as c
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph.convolution import Filters
from rushlight.graph.node import Node
from rushlight.ops.windows import Sizes, Sliding
from rushlight.tensor import Tensor

WINOGRAD = os.environ.get("RUSHLIGHT_WINOGRAD", "1") != "0"


class Setting(NamedTuple):
    """What a convolution does besides its tensors: how the windows slide, and the groups."""

    slides: Sliding
    groups: int
    quick: bool | None = None
    """Whether Winograd's way may be taken; None: if gradients are recorded."""

    def decided(self, recording: bool) -> Setting:
        """The setting with `quick` known.

        Inference keeps to the direct way.  What is decided is part of the graph's structure, and
        the gradients follow it.
        """
        if self.quick is not None:
            return self
        return self._replace(quick=recording and WINOGRAD)

    @property
    def filters(self) -> Filters:
        """The attribute of the primitives."""
        size, stride, _, _, dilation = self.slides
        return Filters(size, stride, dilation, bool(self.quick))

    def split(self, x: Node, axis: int) -> Node:
        """The channels of `axis` in groups."""
        shape = x.spec.shape
        each = self.groups, shape[axis] // self.groups
        return m.reshape(x, (*shape[:axis], *each, *shape[axis + 1 :]))

    def joined(self, x: Node, axis: int) -> Node:
        """The groups of `axis` and the channels behind it as one dimension."""
        shape = x.spec.shape
        return m.reshape(x, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def correlate(x: Node, weight: Node, setting: Setting, counts: Sizes) -> Node:
    """The output of a convolution, with so many places."""
    x, weight = setting.split(x, 1), setting.split(weight, 0)
    return setting.joined(c.convolve(x, weight, setting.filters, setting.slides.low, counts), 1)


class Convolution(Operation):
    """Windows of x times the weight, plus a bias."""

    def forward(ctx, x: Node, weight: Node, *rest: Any) -> Node:
        *bias, setting, counts = rest
        setting = setting.decided(ctx.recording)
        if ctx.recording:
            ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
            ctx.setting = setting
            ctx.lengths = x.spec.shape[2:]
        result = correlate(x, weight, setting, counts)
        if not bias:
            return result
        return e.add(result, m.expand(bias[0], result.spec.shape, (1,)))

    def backward(ctx, grad: Tensor) -> tuple:
        x, weight = ctx.saved
        left = right = None
        if weight is not None:
            left = ConvolutionInput.apply((grad, weight.conj()), ctx.setting, ctx.lengths)
        if x is not None:
            right = ConvolutionWeight.apply((x.conj(), grad), ctx.setting)
        if len(ctx.edges) == 2:
            return left, right
        bias = grad.sum((0, *range(2, grad._spec.rank))) if ctx.needs(2) else None
        return left, right, bias


class ConvolutionInput(Operation):
    """The gradient of a convolution's input; as an operation of its own, the transposed one."""

    def forward(ctx, y: Node, weight: Node, setting: Setting, lengths: Sizes) -> Node:
        setting = setting.decided(ctx.recording)
        if ctx.recording:
            ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
            ctx.setting = setting
            ctx.counts = y.spec.shape[2:]
        y, weight = setting.split(y, 1), setting.split(weight, 0)
        low = setting.slides.low
        return setting.joined(c.convolve_input(y, weight, setting.filters, low, lengths), 1)

    def backward(ctx, grad: Tensor) -> tuple:
        y, weight = ctx.saved
        left = right = None
        if weight is not None:
            left = Convolution.apply((grad, weight.conj()), ctx.setting, ctx.counts)
        if y is not None:
            right = ConvolutionWeight.apply((grad, y.conj()), ctx.setting)
        return left, right


class ConvolutionWeight(Operation):
    """The gradient of a convolution's weight."""

    def forward(ctx, x: Node, y: Node, setting: Setting) -> Node:
        setting = setting.decided(ctx.recording)
        if ctx.recording:
            ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
            ctx.setting = setting
            ctx.lengths, ctx.counts = x.spec.shape[2:], y.spec.shape[2:]
        x, y = setting.split(x, 1), setting.split(y, 1)
        return setting.joined(c.convolve_filter(x, y, setting.filters, setting.slides.low), 0)

    def backward(ctx, grad: Tensor) -> tuple:
        x, y = ctx.saved
        left = right = None
        if y is not None:
            left = ConvolutionInput.apply((y.conj(), grad), ctx.setting, ctx.lengths)
        if x is not None:
            right = Convolution.apply((x.conj(), grad), ctx.setting, ctx.counts)
        return left, right
