"""Activation functions.

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
from rushlight.graph.dtype import DType, bool_, float32
from rushlight.graph.node import Node
from rushlight.ops.check import check_axis, check_floating, check_tensor, describe, fail
from rushlight.ops.compare import Compare, Where, where
from rushlight.ops.constants import constant
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


class Relu(Operation):
    """The larger of x and 0."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_outputs(0)
        return e.binary(e.MAXIMUM, x, literal(0, x.spec.dtype))

    def backward(ctx, grad: Tensor) -> Tensor:
        (y,) = ctx.saved
        return kept(is_above(y), grad)


class LeakyRelu(Operation):
    """x above 0, slope * x below."""

    def forward(ctx, x: Node, slope: float) -> Node:
        ctx.save_inputs(0)
        ctx.slope = slope
        dtype = x.spec.dtype
        above = e.compare(e.GT, x, literal(0, dtype))
        return e.where(above, x, e.mul(x, number(slope, dtype)))

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return where(is_above(x), grad, grad * ctx.slope)


class Hardtanh(Operation):
    """x limited to [low, high]; the gradient flows strictly between."""

    def forward(ctx, x: Node, low: float, high: float) -> Node:
        ctx.save_inputs(0)
        ctx.bounds = low, high
        dtype = x.spec.dtype
        return e.binary(e.MINIMUM, e.binary(e.MAXIMUM, x, number(low, dtype)), number(high, dtype))

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        low, high = ctx.bounds
        return kept((x > low) & (x < high), grad)


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
        half, one, root, density = _constants(x, 0.5, 1, _ROOT_HALF, _DENSITY)
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
        half, one, scale, cubic = _constants(x, 0.5, 1, _TANH_SCALE, _TANH_CUBIC)
        square = x * x * cubic
        tangent = (x * (one + square) * scale).tanh()
        slope = (one - tangent * tangent) * (one + square * constant(3, x._spec.dtype)) * scale
        return grad * (half * (one + tangent) + half * x * slope)

    def name(self) -> str:
        return "GeluBackward0"


def _constants(x: Tensor, *values: float) -> list[Tensor]:
    return [constant(value, x._spec.dtype) for value in values]


class Silu(Operation):
    """x * sigmoid(x)."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        return e.cast(e.mul(x, _sigmoid(x)), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        (one,) = _constants(x, 1)
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
        (one,) = _constants(x, 1)
        tangent = softplus(x).tanh()
        return grad * (tangent + x * (one - tangent * tangent) * x.sigmoid())


def _softplus(x: Node) -> Node:
    """log(1 + exp(x)) without overflow: max(x, 0) + log1p(exp(-|x|))."""
    rest = e.unary(e.LOG1P, e.unary(e.EXP, e.neg(e.unary(e.ABS, x))))
    return e.add(e.binary(e.MAXIMUM, x, literal(0, x.spec.dtype)), rest)


class Hardswish(Operation):
    """x * min(max(x + 3, 0), 6) / 6."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        return e.cast(e.mul(x, _hard_gate(x)), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        third, half = _constants(x, 1 / 3, 0.5)
        inner = where(is_above(x, -3), grad * (x * third + half), 0)
        return where(x >= constant(3, x._spec.dtype), grad, inner)


def _hard_gate(x: Node) -> Node:
    zero, three, six = [literal(n, x.spec.dtype) for n in (0, 3, 6)]
    return e.div(e.binary(e.MINIMUM, e.binary(e.MAXIMUM, e.add(x, three), zero), six), six)


class Hardsigmoid(Operation):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        return e.cast(_hard_gate(x), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        inside = is_above(x, -3) & (x < constant(3, x._spec.dtype))
        return kept(inside, grad * constant(1 / 6, grad._spec.dtype))


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


class Threshold(Operation):
    """x above a threshold, else a value."""

    def forward(ctx, x: Node, threshold: float, value: float) -> Node:
        ctx.save_inputs(0)
        ctx.threshold = threshold
        dtype = x.spec.dtype
        below = e.compare(e.LE, x, number(threshold, dtype))
        return e.where(below, number(value, dtype), x)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return where(x <= ctx.threshold, 0, grad)


# ---------------------------------------------------------------------------------------- functions
def _finish(name: str, input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    return write(input, result, f"{name}_") if inplace else result


def _check(name: str, input: Any) -> Tensor:
    check_tensor(name, "input", input)
    check_floating(name, input)
    return input


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The larger of each element and 0.

    >>> import rushlight as rl
    >>> rl.relu(rl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if check_tensor("relu", "input", input)._spec.dtype is bool_:
        raise RuntimeError("Boolean inputs not supported for relu")
    return _finish("relu", input, Relu.apply((input,)), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """input limited to [min_val, max_val]; the gradient flows strictly between."""
    check_tensor("hardtanh", "input", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    low, high = [_same_kind(value, input._spec.dtype) for value in (min_val, max_val)]
    return _finish("hardtanh", input, Hardtanh.apply((input,), low, high), inplace)


def _same_kind(value: float, dtype: DType) -> float | int:
    return value if dtype.is_floating_point else int(value)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """input limited to [0, 6]."""
    return hardtanh(input, 0.0, 6.0, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input above 0, negative_slope * input below."""
    result = LeakyRelu.apply((_check("leaky_relu", input),), negative_slope)
    return _finish("leaky_relu", input, result, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha * (exp(input) - 1) below."""
    result = Elu.apply((_check("elu", input),), alpha, 1.0, 1.0)
    return _finish("elu", input, result, inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The self-normalising elu (Klambauer et al., 2017)."""
    result = Elu.apply((_check("selu", input),), _SELU_ALPHA, _SELU_SCALE, 1.0)
    return _finish("selu", input, result, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha * (exp(input / alpha) - 1) below: continuous in its derivative."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    result = Elu.apply((_check("celu", input),), alpha, 1.0, 1.0 / alpha)
    return _finish("celu", input, result, inplace)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """input times the normal cumulative probability at it; approximate may be "none" or "tanh"."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    operation = Gelu if approximate == "none" else GeluTanh
    return operation.apply((_check("gelu", input),))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input)."""
    return _finish("silu", input, Silu.apply((_check("silu", input),)), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input))."""
    return _finish("mish", input, Mish.apply((_check("mish", input),)), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * relu6(input + 3) / 6."""
    return _finish("hardswish", input, Hardswish.apply((_check("hardswish", input),)), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6."""
    result = Hardsigmoid.apply((_check("hardsigmoid", input),))
    return _finish("hardsigmoid", input, result, inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)) without underflow."""
    return LogSigmoid.apply((_check("logsigmoid", input),))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta; the input itself where beta * input > threshold."""
    return Softplus.apply((_check("softplus", input),), beta, threshold)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input above a threshold, else a value."""
    check_tensor("threshold", "input", input)
    kind = input._spec.dtype
    result = Threshold.apply((input,), _same_kind(threshold, kind), _same_kind(value, kind))
    return _finish("threshold", input, result, inplace)


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return input - input.tanh()


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 from -lambd to lambd, else the input."""
    _check("hardshrink", input)
    return where((input >= -lambd) & (input <= lambd), 0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by lambd, and 0 within."""
    _check("softshrink", input)
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be greater or equal to 0, but found to be {lambd}.\nIn softshrink."
        )
    below = where(input < -lambd, input + lambd, input * 0)
    return where(input > lambd, input - lambd, below)


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


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input above 0, weight * input below; one weight, or one for each channel (dimension 1)."""
    if weight._spec.dtype is not input._spec.dtype:
        words = f"prelu: Type promoting not supported. Got {input.dtype.name} and "
        raise RuntimeError(words + weight.dtype.name)
    if weight.numel() != 1:
        channels = input.shape[1] if input.dim() > 1 else 1
        if weight.numel() != channels:
            words = "Mismatch of parameter numbers and input channel size. Found parameter numbers "
            words += f"= {weight.numel()} and channel size = {channels}."
            fail(RuntimeError, "prelu", words, f"1 or {channels} weights", describe(weight))
    shape = (1, -1, *(1,) * (input.dim() - 2)) if input.dim() > 1 else (-1,) * input.dim()
    return where(is_above(input), input, weight.reshape(shape) * input)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """A leaky relu whose slope is drawn from [lower, upper] in training, else their mean."""
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    from rushlight.ops.random import rand_like

    slope = rand_like(input) * (upper - lower) + lower
    return _finish("rrelu", input, where(is_above(input), input, input * slope), inplace)


_NAMES = (relu, selu, celu, threshold, prelu, rrelu, hardshrink)
FUNCTIONS = {function.__name__: function for function in _NAMES}
METHODS = {"relu": relu, "prelu": prelu, "hardshrink": hardshrink}
INPLACE = ("relu",)
