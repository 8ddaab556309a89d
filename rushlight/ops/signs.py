"""Functions of one operand beside the smooth ones: signs, angles, the parts of a float."""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.dtype import bool_
from rushlight.graph.node import Node
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.promotion import get_default_dtype
from rushlight.ops.results import named
from rushlight.tensor import Tensor


class Signbit(Operation):
    """Whether the sign is minus, that of zeros and NaNs included."""

    differentiable = False

    def forward(ctx, x: Node) -> Node:
        return e.signbit(x)


class Frexp(Operation):
    """A float as mantissa times a power of two: the mantissa, and the exponent as int32."""

    def forward(ctx, x: Node) -> tuple[Node, Node]:
        exponent = e.exponent(x)
        ctx.save_values(exponent)
        return e.unary(e.MANTISSA, x), exponent

    def backward(ctx, grad: Tensor, _: Tensor) -> Tensor:
        (exponent,) = ctx.saved
        return grad * (-exponent).to(grad.dtype).exp2()


def _floating(name: str, input: Any) -> Tensor:
    check_tensor(name, "input", input)
    dtype = input._spec.dtype
    return input if dtype.is_floating_point or dtype.is_complex else input.to(get_default_dtype())


def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians.

    >>> import rushlight as rl
    >>> rl.deg2rad(rl.tensor([180.0]))
    tensor([3.1416])
    """
    return _floating("deg2rad", input) * (math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return _floating("rad2deg", input) * (180 / math.pi)


def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0.

    >>> import rushlight as rl
    >>> rl.sinc(rl.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    input = _floating("sinc", input)
    zero = input == 0
    turned = where(zero, 1, input) * math.pi
    return where(zero, 1, turned.sin() / turned)


def signbit(input: Tensor) -> Tensor:
    """Whether the sign is minus; that of -0.0 is.

    >>> import rushlight as rl
    >>> rl.signbit(rl.tensor([-0.0, 1.0]))
    tensor([ True, False])
    """
    dtype = check_tensor("signbit", "input", input)._spec.dtype
    if dtype.is_complex:
        fail(
            NotImplementedError,
            "signbit",
            "signbit is not implemented for complex tensors.",
            "real numbers",
            describe(input),
        )
    if not dtype.is_floating_point:
        return input != input if dtype is bool_ else input < 0
    return Signbit.apply((input,))


def _infinite(name: str, input: Any, sign: float) -> Tensor:
    dtype = check_tensor(name, "input", input)._spec.dtype
    if dtype.is_complex:
        words = f"{name} does not support complex inputs."
        fail(RuntimeError, name, words, "real numbers", describe(input))
    if not dtype.is_floating_point:
        return input != input
    return input == sign * math.inf


def isposinf(input: Tensor) -> Tensor:
    """Whether each element is infinity."""
    return _infinite("isposinf", input, 1)


def isneginf(input: Tensor) -> Tensor:
    """Whether each element is minus infinity."""
    return _infinite("isneginf", input, -1)


_FREXP = named("frexp", "mantissa exponent")


def frexp(input: Tensor) -> Any:
    """(mantissa, exponent) with input = mantissa * 2^exponent, mantissas from 0.5 to 1.

    >>> import rushlight as rl
    >>> rl.frexp(rl.tensor([6.0])).mantissa
    tensor([0.7500])
    """
    if not check_tensor("frexp", "input", input)._spec.dtype.is_floating_point:
        words = "torch.frexp() only supports floating-point dtypes"
        fail(RuntimeError, "frexp", words, "floating point numbers", describe(input))
    return _FREXP(*Frexp.apply((input,)))


_FUNCTIONS = (deg2rad, rad2deg, sinc, signbit, isposinf, isneginf, frexp)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = dict(FUNCTIONS)
INPLACE = ("deg2rad", "rad2deg", "sinc")
