"""Functions of two operands beside arithmetic: signs, common divisors, bits of floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal
from rushlight.graph.dtype import DType, complex128, float64
from rushlight.graph.node import Node
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.elementwise import mul, pow
from rushlight.ops.operands import (
    NUMBERS,
    Operand,
    align,
    one_tensor,
    tensor_first,
    two_tensors,
)
from rushlight.ops.promotion import get_default_dtype
from rushlight.ops.reduce import widened
from rushlight.tensor import Tensor


class Copysign(Operation):
    """The size of a with the sign of b; the gradient flows to a, with the sign's change."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        a, b = align(a, b, dtype, "copysign")
        return e.binary(e.COPYSIGN, a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        sign = where(b.detach().signbit(), -1.0, 1.0) * a.detach().sign()
        return grad * sign if ctx.needs(0) else None, grad * 0 if ctx.needs(1) else None


class Hypot(Operation):
    """sqrt(a^2 + b^2), by squares that cannot overflow."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        ctx.save_outputs(0)
        a, b = align(a, b, dtype, "hypot")
        if dtype is not float64:
            a, b = e.cast(a, float64), e.cast(b, float64)
            root = e.unary(e.SQRT, e.add(e.mul(a, a), e.mul(b, b)))
            return _infinite_where(a, b, e.cast(root, dtype))
        a, b = e.unary(e.ABS, a), e.unary(e.ABS, b)
        large, small = e.binary(e.MAXIMUM, a, b), e.binary(e.MINIMUM, a, b)
        zero, one = literal(0, dtype), literal(1, dtype)
        safe = e.where(e.compare(e.EQ, large, zero), one, large)
        ratio = e.div(small, safe)
        root = e.mul(large, e.unary(e.SQRT, e.add(one, e.mul(ratio, ratio))))
        return _infinite_where(a, b, root)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b, result = ctx.saved
        return grad * (a / result), grad * (b / result)


def _infinite_where(a: Node, b: Node, result: Node) -> Node:
    """Infinity where either operand is infinite, NaN in the other or not."""
    wide = literal(math.inf, a.spec.dtype)
    found = [e.compare(e.EQ, e.unary(e.ABS, x), wide) for x in (a, b)]
    return e.where(e.binary(e.OR, *found), literal(math.inf, result.spec.dtype), result)


class Logaddexp2(Operation):
    """log2(2^a + 2^b): the larger plus log2 of one and a power of their distance."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        a, b = align(a, b, dtype, "logaddexp2")
        larger = e.binary(e.MAXIMUM, a, b)
        same = e.compare(e.EQ, a, b)
        apart = e.neg(e.unary(e.ABS, e.sub(a, b)))
        power = e.unary(e.EXP2, e.where(same, literal(0.0, dtype), apart))
        scale = literal(1 / math.log(2), dtype)
        return e.add(larger, e.mul(e.unary(e.LOG1P, power), scale))

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = [widened(value) for value in ctx.saved]
        apart = where(a == b, 0, a - b) * math.log(2)
        return grad * apart.sigmoid(), grad * (-apart).sigmoid()


class Xlogy(Operation):
    """x log(y): 0 where x is 0, unless y is NaN."""

    def forward(ctx, x: Node, y: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        x, y = align(x, y, dtype, "xlogy")
        product = e.mul(x, e.unary(e.LOG, y))
        number = e.compare(e.EQ, y, y)
        none = e.binary(e.AND, e.compare(e.EQ, x, literal(0, dtype)), number)
        return e.where(none, literal(0, dtype), product)

    def backward(ctx, grad: Tensor) -> tuple:
        x, y = ctx.saved
        left = None
        if ctx.needs(0):
            undefined = (x == 0) & (y <= 0)
            left = where(undefined, 0, grad * where(undefined, 1, y).log())
        return left, grad * x / y if ctx.needs(1) else None


class _Whole(Operation):
    """An elementwise primitive without a derivative."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        raise NotImplementedError


class Gcd(_Whole):
    """The greatest common divisor."""

    differentiable = False

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        return e.binary(e.GCD, *align(a, b, dtype, "gcd"))


class Lcm(_Whole):
    """The least common multiple."""

    differentiable = False

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        return e.binary(e.LCM, *align(a, b, dtype, "lcm"))


class Nextafter(_Whole):
    """The number of the dtype next to a on the way to b; the gradient flows to a."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        return e.binary(e.NEXTAFTER, *align(a, b, dtype, "nextafter"))

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        return where(a == b, 0, grad), grad * 0


class Heaviside(_Whole):
    """0 below 0, 1 above, and b at 0; it has no derivative."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        a, b = align(a, b, dtype, "heaviside")
        zero = literal(0, dtype)
        step = e.cast(e.compare(e.GT, a, zero), dtype)
        at_zero = e.compare(e.EQ, a, zero)
        if b.spec.rank and not step.spec.rank:
            from rushlight.graph.movement import expand

            step, at_zero = expand(step, b.spec.shape), expand(at_zero, b.spec.shape)
        return e.where(at_zero, b, step)


# ---------------------------------------------------------------------------------------- functions
def _floating(
    a: Operand, b: Operand, name: str, check: Callable = one_tensor
) -> tuple[Tensor, Tensor, DType]:
    left, right, dtype = check(a, b, name)
    return left, right, dtype if dtype.is_floating_point else get_default_dtype()


def copysign(input: Operand, other: Operand) -> Tensor:
    """The size of input with the sign of other, that of a zero included.

    >>> import rushlight as rl
    >>> rl.copysign(rl.tensor([1.0, -2.0]), -0.0)
    tensor([-1., -2.])
    """
    a, b, dtype = _floating(input, other, "copysign", tensor_first)
    return Copysign.apply((a, b), dtype)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2) without overflow.

    >>> import rushlight as rl
    >>> rl.hypot(rl.tensor([3.0]), rl.tensor([4.0]))
    tensor([5.])
    """
    a, b, dtype = two_tensors(input, other, "hypot")
    _check_floats("hypot", dtype)
    return Hypot.apply((a, b), dtype)


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other) without overflow."""
    a, b, dtype = _floating(input, other, "logaddexp2", two_tensors)
    return Logaddexp2.apply((a, b), dtype)


def xlogy(input: Operand, other: Operand) -> Tensor:
    """input * log(other): 0 where input is 0, NaN where other is NaN.

    >>> import rushlight as rl
    >>> rl.xlogy(rl.tensor([0.0, 1.0]), rl.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    a, b, dtype = _floating(input, other, "xlogy")
    return Xlogy.apply((a, b), dtype)


def _check_floats(name: str, dtype: DType) -> None:
    if not dtype.is_floating_point:
        words = f'"{name}_cpu" not implemented for {dtype.name!r}'
        fail(NotImplementedError, name, words, "floating point tensors", dtype.name)


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next number of the dtype after input on the way to other."""
    a, b, dtype = two_tensors(input, other, "nextafter")
    _check_floats("nextafter", dtype)
    if dtype.itemsize < 4:
        words = f'"nextafter_cpu" not implemented for {dtype.name!r}'
        fail(NotImplementedError, "nextafter", words, "float32 or float64", dtype.name)
    return Nextafter.apply((a, b), dtype)


def _of_integers(name: str, operation: type[Operation], words: str) -> Any:
    def function(input: Tensor, other: Tensor) -> Tensor:
        a, b, dtype = two_tensors(input, other, name)
        if dtype.kind not in "iu":
            words = f'"{name}_cpu" not implemented for {dtype.name!r}'
            fail(NotImplementedError, name, words, "integers", f"{dtype.name}")
        return operation.apply((a, b), dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{words} of integers, element by element; not negative."
    return function


gcd = _of_integers("gcd", Gcd, "The greatest common divisor")
lcm = _of_integers("lcm", Lcm, "The least common multiple")


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of both, element by element; where one is NaN, the other.

    >>> import rushlight as rl
    >>> rl.fmax(rl.tensor([1.0, float("nan")]), rl.tensor([2.0, 3.0]))
    tensor([2., 3.])
    """
    two_tensors(input, other, "fmax")
    return where((input >= other) | (other != other), input, other)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of both, element by element; where one is NaN, the other."""
    two_tensors(input, other, "fmin")
    return where((input <= other) | (other != other), input, other)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where input is below 0, 1 where above, and `values` where it is 0.

    RuntimeError unless both have the same dtype.
    """
    a, b, dtype = two_tensors(input, values, "heaviside")
    if a._spec.dtype is not b._spec.dtype:
        words = "heaviside is not yet implemented for tensors with different dtypes."
        fail(RuntimeError, "heaviside", words, describe(a), describe(b))
    return Heaviside.apply((a, b), dtype)


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2^other.

    >>> import rushlight as rl
    >>> rl.ldexp(rl.tensor([1.0]), rl.tensor([3]))
    tensor([8.])
    """
    check_tensor("ldexp", "input", input)
    check_tensor("ldexp", "other", other)
    return mul(input, pow(2.0, other))


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """input to the power of exponent, computed in float64 (complex128 for complex numbers).

    >>> import rushlight as rl
    >>> rl.float_power(rl.tensor([2]), 3)
    tensor([8.], dtype=rushlight.float64)
    """
    dtype = one_tensor(input, exponent, "float_power")[2]
    wide = complex128 if dtype.is_complex else float64
    if isinstance(input, Tensor):
        input = input.to(wide)
    if isinstance(exponent, Tensor):
        exponent = exponent.to(wide)
    elif isinstance(exponent, NUMBERS) and isinstance(input, Tensor):
        return pow(input, exponent)
    return pow(input if isinstance(input, Tensor) else float(input), exponent)


def float_power_(self: Tensor, exponent: Operand) -> Tensor:
    """In-place form of `float_power`; RuntimeError unless the tensor is float64."""
    result = float_power(self, exponent)
    if self._spec.dtype is not result._spec.dtype:
        words = f"the base given to float_power_ has dtype {self.dtype.name} but the operation's "
        words += f"result requires dtype {result.dtype.name}"
        fail(RuntimeError, "float_power_", words, result.dtype.name, self.dtype.name)
    return self.pow_(exponent)


_FUNCTIONS = (copysign, hypot, logaddexp2, xlogy, nextafter, gcd, lcm, fmax, fmin)
_FUNCTIONS += (heaviside, ldexp, float_power)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = {**FUNCTIONS, "float_power_": float_power_}
INPLACE = ("copysign", "hypot", "xlogy", "nextafter", "gcd", "lcm", "heaviside", "ldexp")
