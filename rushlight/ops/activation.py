"""Smooth activation functions.

16-bit inputs are computed in float32 and rounded once.  `inplace=True` writes the result into the
input.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.inplace import write
from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import float32
from rushlight.graph.node import Node
from rushlight.ops.check import check_axis, check_floating, check_tensor, describe, fail
from rushlight.ops.compare import Compare, Where, where
from rushlight.ops.constants import constant, constants_like
from rushlight.ops.reduce import wide
from rushlight.tensor import Tensor

_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)
_TANH_SCALE, _TANH_CUBIC = math.sqrt(2 / math.pi), 0.044715
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def widened(x: Tensor) -> Tensor:
    """A 16-bit floating point tensor in float32; the walk casts gradients back."""
    dtype = x._spec.dtype
    return x.to(float32) if dtype.is_floating_point and dtype.itemsize == 2 else x


def is_above(x: Tensor, bound: float = 0) -> Tensor:
    """Whether x > bound, for a bound in our source."""
    return Compare.apply((x, constant(bound, x._spec.dtype)), x._spec.dtype, e.GT)


def kept(mask: Tensor, x: Tensor) -> Tensor:
    """x where the mask holds, else 0."""
    return Where.apply((mask, x, constant(0, x._spec.dtype)), x._spec.dtype)


def _sigmoid(x: Node) -> Node:
    one = literal(1, x.spec.dtype)
    return e.div(one, e.add(one, e.unary(e.EXP, e.neg(x))))


class Elu(Operation):
    """scale * x above 0, scale * alpha * (exp(inner * x) - 1) below."""

    def forward(ctx, x: Node, alpha: float, scale: float, inner: float) -> Node:
        ctx.save_inputs(0)
        ctx.factors = alpha, scale, inner
        dtype = x.spec.dtype
        x = wide(x)
        alpha, scale, inner = [number(value, x.spec.dtype) for value in (alpha, scale, inner)]
        below = e.mul(e.unary(e.EXPM1, e.mul(x, inner)), alpha)
        above = e.compare(e.GT, x, literal(0, x.spec.dtype))
        return e.cast(e.mul(e.where(above, x, below), scale), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        alpha, scale, inner = ctx.factors
        # limited to where it is used, so that no infinity meets a zero in the next derivative
        slope = (x.clamp(max=0) * inner).exp() * (alpha * inner)
        return grad * where(is_above(x), constant(1, x._spec.dtype), slope) * scale


class Gelu(Operation):
    """x times the normal distribution's cumulative probability at x (Hendrycks, Gimpel 2016)."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        half, one, root = [literal(n, x.spec.dtype) for n in (0.5, 1, _ROOT_HALF)]
        probability = e.mul(e.add(e.unary(e.ERF, e.mul(x, root)), one), half)
        return e.cast(e.mul(x, probability), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        half, one, root, density = constants_like(x, 0.5, 1, _ROOT_HALF, _DENSITY)
        probability = ((x * root).erf() + one) * half
        return grad * (probability + x * ((-half * x * x).exp() * density))


class GeluTanh(Operation):
    """The gelu with the cumulative probability approximated by a tanh."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        half, one, scale, cubic = [
            literal(n, x.spec.dtype) for n in (0.5, 1, _TANH_SCALE, _TANH_CUBIC)
        ]
        inner = e.mul(e.mul(x, e.add(one, e.mul(e.mul(x, x), cubic))), scale)
        return e.cast(e.mul(e.mul(x, half), e.add(e.unary(e.TANH, inner), one)), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        half, one, scale, cubic = constants_like(x, 0.5, 1, _TANH_SCALE, _TANH_CUBIC)
        square = x * x * cubic
        tangent = (x * (one + square) * scale).tanh()
        slope = (one - tangent * tangent) * (one + square * constant(3, x._spec.dtype)) * scale
        return grad * (half * (one + tangent) + half * x * slope)

    def name(self) -> str:
        return "GeluBackward0"


class Silu(Operation):
    """x * sigmoid(x)."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        return e.cast(e.mul(x, _sigmoid(x)), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        (one,) = constants_like(x, 1)
        gate = x.sigmoid()
        return grad * (gate * (one + x * (one - gate)))


class Mish(Operation):
    """x * tanh(log(1 + exp(x))) (Misra, 2019)."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        return e.cast(e.mul(x, e.unary(e.TANH, _softplus(x))), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        (one,) = constants_like(x, 1)
        tangent = softplus(x).tanh()
        return grad * (tangent + x * (one - tangent * tangent) * x.sigmoid())


def _softplus(x: Node) -> Node:
    """log(1 + exp(x)) without overflow: max(x, 0) + log1p(exp(-|x|))."""
    rest = e.unary(e.LOG1P, e.unary(e.EXP, e.neg(e.unary(e.ABS, x))))
    return e.add(e.binary(e.MAXIMUM, x, literal(0, x.spec.dtype)), rest)


class LogSigmoid(Operation):
    """log(sigmoid(x)), as min(x, 0) - log1p(exp(-|x|))."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        return e.cast(e.neg(_softplus(e.neg(x))), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return grad * (-widened(x)).sigmoid()


class Softplus(Operation):
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x is above a threshold."""

    def forward(ctx, x: Node, beta: float, threshold: float) -> Node:
        ctx.save_inputs(0)
        ctx.arguments = beta, threshold
        dtype, x = x.spec.dtype, wide(x)
        factor = number(beta, x.spec.dtype)
        scaled = e.mul(x, factor)
        linear = e.compare(e.GT, scaled, number(threshold, x.spec.dtype))
        return e.cast(e.where(linear, x, e.div(_softplus(scaled), factor)), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        beta, threshold = ctx.arguments
        scaled = widened(x) * beta
        return where(scaled > threshold, grad, grad * scaled.sigmoid())


# ---------------------------------------------------------------------------------------- functions
def finish(name: str, input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    """The result, written into the input if it is to be in place."""
    return write(input, result, f"{name}_") if inplace else result


def check_input(name: str, input: Any) -> Tensor:
    """The input if it is a floating point tensor."""
    check_tensor(name, "input", input)
    check_floating(name, input)
    return input


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha * (exp(input) - 1) below."""
    result = Elu.apply((check_input("elu", input),), alpha, 1.0, 1.0)
    return finish("elu", input, result, inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The self-normalising elu (Klambauer et al., 2017)."""
    result = Elu.apply((check_input("selu", input),), _SELU_ALPHA, _SELU_SCALE, 1.0)
    return finish("selu", input, result, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha * (exp(input / alpha) - 1) below: continuous in its derivative."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    result = Elu.apply((check_input("celu", input),), alpha, 1.0, 1.0 / alpha)
    return finish("celu", input, result, inplace)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """input times the normal cumulative probability at it; approximate may be "none" or "tanh"."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    operation = Gelu if approximate == "none" else GeluTanh
    return operation.apply((check_input("gelu", input),))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input)."""
    return finish("silu", input, Silu.apply((check_input("silu", input),)), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input))."""
    return finish("mish", input, Mish.apply((check_input("mish", input),)), inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)) without underflow."""
    return LogSigmoid.apply((check_input("logsigmoid", input),))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta; the input itself where beta * input > threshold."""
    return Softplus.apply((check_input("softplus", input),), beta, threshold)


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return input - input.tanh()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of a dimension times the sigmoid of the second."""
    if not input.dim():
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = check_axis("glu", dim, input.dim())
    if input.shape[axis] % 2:
        words = f"Halving dimension must be even, but dimension {axis} is size {input.shape[axis]}"
        fail(RuntimeError, "glu", words, "an even size", describe(input))
    first, second = input.chunk(2, axis)
    return first * second.sigmoid()


FUNCTIONS = {"selu": selu, "celu": celu}
METHODS: dict[str, Any] = {}
