"""Activation functions made of straight pieces: relu and its kin.

`inplace=True` writes the result into the input.
"""

from __future__ import annotations

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import DType, bool_
from rushlight.graph.node import Node
from rushlight.ops.activation import check_input, finish, is_above, kept, widened
from rushlight.ops.autocast import lowered
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant, constants_like
from rushlight.ops.random import rand_like
from rushlight.ops.reduce import wide
from rushlight.tensor import Tensor


class Relu(Operation):
    """The larger of x and 0."""

    def forward(ctx, x: Node) -> Node:
        if x.spec.dtype is bool_:
            raise RuntimeError("Boolean inputs not supported for relu")
        ctx.save_outputs(0)
        return e.binary(e.MAXIMUM, x, literal(0, x.spec.dtype))

    def backward(ctx, grad: Tensor) -> Tensor:
        (y,) = ctx.saved
        return KeptAbove.apply((grad, y))


class KeptAbove(Operation):
    """x where y is above 0, else 0: the gradient of Relu, and of itself."""

    def forward(ctx, x: Node, y: Node) -> Node:
        ctx.save_inputs(1)
        zero = literal(0, y.spec.dtype)
        return e.where(e.compare(e.GT, y, zero), x, literal(0, x.spec.dtype))

    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved
        return KeptAbove.apply((grad, y)), None


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


class Hardswish(Operation):
    """x * min(max(x + 3, 0), 6) / 6."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        dtype, x = x.spec.dtype, wide(x)
        return e.cast(e.mul(x, _hard_gate(x)), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        x = widened(x)
        third, half = constants_like(x, 1 / 3, 0.5)
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
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The larger of each element and 0.

    >>> import rushlight as rl
    >>> rl.relu(rl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    result = Relu.apply((check_tensor("relu", "input", input),))
    return finish("relu", input, result, inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """input limited to [min_val, max_val]; the gradient flows strictly between."""
    check_tensor("hardtanh", "input", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    low, high = [_same_kind(value, input._spec.dtype) for value in (min_val, max_val)]
    return finish("hardtanh", input, Hardtanh.apply((input,), low, high), inplace)


def _same_kind(value: float, dtype: DType) -> float | int:
    return value if dtype.is_floating_point else int(value)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """input limited to [0, 6]."""
    return hardtanh(input, 0.0, 6.0, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input above 0, negative_slope * input below."""
    result = LeakyRelu.apply((check_input("leaky_relu", input),), negative_slope)
    return finish("leaky_relu", input, result, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * relu6(input + 3) / 6."""
    return finish("hardswish", input, Hardswish.apply((check_input("hardswish", input),)), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6."""
    result = Hardsigmoid.apply((check_input("hardsigmoid", input),))
    return finish("hardsigmoid", input, result, inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input above a threshold, else a value."""
    check_tensor("threshold", "input", input)
    kind = input._spec.dtype
    result = Threshold.apply((input,), _same_kind(threshold, kind), _same_kind(value, kind))
    return finish("threshold", input, result, inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 from -lambd to lambd, else the input."""
    check_input("hardshrink", input)
    return where((input >= -lambd) & (input <= lambd), 0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by lambd, and 0 within."""
    check_input("softshrink", input)
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be greater or equal to 0, but found to be {lambd}.\nIn softshrink."
        )
    below = where(input < -lambd, input + lambd, input * 0)
    return where(input > lambd, input - lambd, below)


@lowered
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input above 0, weight * input below; one weight, or one for each channel (dimension 1)."""
    if weight._spec.dtype is not input._spec.dtype:
        words = f"prelu: Type promoting not supported. Got {input.dtype.name} and "
        raise RuntimeError(words + weight.dtype.name)
    if weight.dim() > 1:
        words = "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
        fail(RuntimeError, "prelu", f"{words}{weight.dim()}", "1 dimension", describe(weight))
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
    if lower > upper:
        words = "Lower bound should be less than or equal to the upper bound"
        fail(RuntimeError, "rrelu", words, "lower <= upper", f"lower {lower}, upper {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slope = rand_like(input) * (upper - lower) + lower
    return finish("rrelu", input, where(is_above(input), input, input * slope), inplace)


_NAMES = (relu, threshold, prelu, rrelu, hardshrink)
FUNCTIONS = {function.__name__: function for function in _NAMES}
METHODS = {"relu": relu, "prelu": prelu, "hardshrink": hardshrink}
INPLACE = ("relu",)
