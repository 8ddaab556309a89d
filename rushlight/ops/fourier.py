"""Discrete Fourier transforms as operations, without any factor; `rushlight.fft` has the names.

The matrix F of the transform is symmetric, so that its adjoint is the transform with the other
sign.  Real numbers keep half of it, whose adjoint puts zeros in place of the rest; and numbers
made real from one half count those between its ends twice.
"""

from __future__ import annotations

from rushlight.autograd.operation import Operation
from rushlight.graph import fourier as p
from rushlight.graph.creation import literal
from rushlight.graph.elementwise import add
from rushlight.graph.movement import concat, cut, expand
from rushlight.graph.node import Node
from rushlight.tensor import Tensor


class FftC2C(Operation):
    """The transform of complex numbers along some axes."""

    def forward(ctx, x: Node, axes: tuple[int, ...], inverse: bool) -> Node:
        ctx.arguments = axes, inverse
        return p.fourier(x, axes, inverse) if axes else x

    def backward(ctx, grad: Tensor) -> Tensor:
        axes, inverse = ctx.arguments
        return FftC2C.apply((grad,), axes, not inverse)


class FftR2C(Operation):
    """The half transform of real numbers along an axis."""

    def forward(ctx, x: Node, axis: int) -> Node:
        ctx.axis = axis
        return p.real_fourier(x, axis)

    def backward(ctx, grad: Tensor) -> Tensor:
        axis, size = ctx.axis, ctx.input_spec(0).shape[ctx.axis]
        whole = fit_size(grad, axis, size)
        return FftC2C.apply((whole,), (axis,), True).real


class FftC2R(Operation):
    """The inverse transform to real numbers along an axis, from one half."""

    def forward(ctx, x: Node, axis: int, size: int) -> Node:
        ctx.arguments = axis, size
        return p.fourier_to_real(x, axis, size)

    def backward(ctx, grad: Tensor) -> Tensor:
        axis, size = ctx.arguments
        return _Doubled.apply((FftR2C.apply((grad,), axis),), axis, size - size // 2 - 1)


class _Doubled(Operation):
    """Twice the `count` elements of an axis that follow its first."""

    def forward(ctx, x: Node, axis: int, count: int) -> Node:
        ctx.arguments = axis, count
        if not count:
            return x
        size = x.spec.shape[axis]
        first, middle = cut(x, axis, 0, 1), cut(x, axis, 1, count)
        parts = [first, add(middle, middle)]
        if size > count + 1:
            parts.append(cut(x, axis, count + 1, size - count - 1))
        return concat(tuple(parts), axis)

    def backward(ctx, grad: Tensor) -> Tensor:
        return _Doubled.apply((grad,), *ctx.arguments)


class Resize(Operation):
    """An axis cut off behind `size` elements, or filled up with zeros."""

    def forward(ctx, x: Node, axis: int, size: int) -> Node:
        shape = x.spec.shape
        ctx.arguments = axis, shape[axis]
        if size <= shape[axis]:
            return cut(x, axis, 0, size)
        rest = (*shape[:axis], size - shape[axis], *shape[axis + 1 :])
        return concat((x, expand(literal(0, x.spec.dtype), rest)), axis)

    def backward(ctx, grad: Tensor) -> Tensor:
        return Resize.apply((grad,), *ctx.arguments)


def fit_size(tensor: Tensor, axis: int, size: int) -> Tensor:
    """The tensor with an axis of this size: cut off, or filled up with zeros."""
    if tensor._spec.shape[axis] == size:
        return tensor
    return Resize.apply((tensor,), axis, size)
