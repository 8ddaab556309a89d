"""Arithmetic of two operands: add, mul, pow and their kin, with broadcasting and promotion."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as p
from rushlight.graph.creation import literal
from rushlight.graph.dtype import DType, bool_
from rushlight.graph.node import Node
from rushlight.ops.check import check_tensor, fail
from rushlight.ops.compare import where
from rushlight.ops.operands import (
    NUMBERS,
    Operand,
    align,
    one_tensor,
    operands,
    tensor_first,
    two_tensors,
)
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor


class Add(Operation):
    """a + b."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        a, b = align(a, b, dtype, "add")
        return p.add(a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        return grad, grad


class Sub(Operation):
    """a - b."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        a, b = align(a, b, dtype, "sub")
        return p.sub(a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        return grad, -grad if ctx.needs(1) else None


class Mul(Operation):
    """a * b."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        if ctx.recording:
            ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
        a, b = align(a, b, dtype, "mul")
        return p.mul(a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        left = None if b is None else grad * b.conj()
        return left, None if a is None else grad * a.conj()


class Div(Operation):
    """a / b in floating point."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        if ctx.recording:
            ctx.save_inputs(0 if ctx.needs(1) else None, 1)
        a, b = align(a, b, dtype, "div")
        return p.div(a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        left = grad / b.conj() if ctx.needs(0) else None
        return left, None if a is None else -grad * ((a / b) / b).conj()


class RoundedDiv(Operation):
    """a / b rounded down or towards zero; its gradient is zero."""

    def forward(ctx, a: Node, b: Node, dtype: DType, rounding: str) -> Node:
        a, b = align(a, b, dtype, "div")
        if rounding == "floor":
            return p.binary(p.FLOOR_DIV, a, b)
        if dtype.is_floating_point:
            return p.unary(p.TRUNC, p.div(a, b))
        return _truncated_integers(a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        return grad * 0, grad * 0


def _truncated_integers(a: Node, b: Node) -> Node:
    rest = p.binary(p.FMOD, a, b)
    return p.binary(p.FLOOR_DIV, p.sub(a, rest), b)


class Remainder(Operation):
    """a - b * floor(a / b): the sign of b, as Python's %."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        a, b = align(a, b, dtype, "remainder")
        return p.binary(p.REMAINDER, a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        if not ctx.needs(1):
            return grad, None
        a, b = ctx.saved
        return grad, -grad * floor_divide(a, b)


class Fmod(Operation):
    """The remainder with the sign of a, as C's fmod."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        a, b = align(a, b, dtype, "fmod")
        return p.binary(p.FMOD, a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        if not ctx.needs(1):
            return grad, None
        a, b = ctx.saved
        return grad, -grad * div(a, b, rounding_mode="trunc")


_EXACT_POWERS = (-1, -0.5, 0, 0.5, 1, 2, 3)


def _number_power(a: Node, exponent: float) -> Node | None:
    """The power by multiplications and roots, for the listed exponents of rule 3."""
    if exponent == 2:
        return p.mul(a, a)
    if exponent == 3:
        return p.mul(p.mul(a, a), a)
    if exponent == 1:
        return a
    if not a.spec.dtype.is_floating_point:
        return None
    one = literal(1, a.spec.dtype)
    if exponent == 0.5:
        return p.unary(p.SQRT, a)
    if exponent == -0.5:
        return p.div(one, p.unary(p.SQRT, a))
    return p.div(one, a) if exponent == -1 else None


class Pow(Operation):
    """a to the power of b.

    d/da = b a^(b-1), taken as 0 where b is 0; d/db = a^b log(a), taken as 0 where a is 0 and b is
    not negative.
    """

    def forward(ctx, a: Node, b: Node, dtype: DType, exponent: float | None) -> Node:
        ctx.exponent = exponent
        ctx.save_inputs(0, 1)
        if ctx.needs(1):
            ctx.save_outputs(0)
        if exponent is not None:
            base = p.cast(a, dtype)
            found = _number_power(base, exponent)
            if found is not None:
                return found
        a, b = align(a, b, dtype, "pow")
        return p.binary(p.POW, a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b, *result = ctx.saved
        left = right = None
        if ctx.needs(0) and ctx.exponent is not None:
            exponent = ctx.exponent
            left = grad * 0 if exponent == 0 else grad * (exponent * a ** (exponent - 1)).conj()
        elif ctx.needs(0):
            left = where(b == 0, 0, grad * (b * a ** (b - 1)).conj())
        if ctx.needs(1):
            zero = (a == 0) & (b.real >= 0)
            slope = where(zero, 0, result[0] * where(zero, 1, a).log())
            right = grad * slope.conj()
        return left, right


class Atan2(Operation):
    """The angle of the point (b, a)."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        a, b = align(a, b, dtype, "atan2")
        return p.binary(p.ATAN2, a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        scaled = grad / (a * a + b * b)
        return scaled * b, -scaled * a


def add(input: Operand, other: Operand, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other.

    >>> import rushlight as rl
    >>> rl.add(rl.tensor([1, 2]), 0.5)
    tensor([1.5000, 2.5000])
    """
    if alpha != 1:
        other = mul(other, alpha)
    a, b, dtype = operands(input, other, "add")
    return (Add if dtype is not bool_ else _BoolAdd).apply((a, b), dtype)


class _BoolAdd(Operation):
    differentiable = False

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        return p.binary(p.OR, *align(a, b, dtype, "add"))


class _BoolMul(Operation):
    differentiable = False

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        return p.binary(p.AND, *align(a, b, dtype, "mul"))


def sub(input: Operand, other: Operand, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other; RuntimeError for two bool tensors."""
    if alpha != 1:
        other = mul(other, alpha)
    a, b, dtype = operands(input, other, "sub")
    if dtype is bool_:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` "
            "or `logical_xor()` operator instead."
        )
    return Sub.apply((a, b), dtype)


def rsub(input: Operand, other: Operand, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    check_tensor("rsub", "input", input)
    return sub(other, input, alpha=alpha)


def mul(input: Operand, other: Operand) -> Tensor:
    """input * other."""
    a, b, dtype = operands(input, other, "mul")
    return (Mul if dtype is not bool_ else _BoolMul).apply((a, b), dtype)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; `rounding_mode` "floor" or "trunc" rounds the quotient.

    >>> import rushlight as rl
    >>> rl.div(rl.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    """
    a, b, dtype = operands(input, other, "div")
    if rounding_mode is None:
        if not (dtype.is_floating_point or dtype.is_complex):
            dtype = get_default_dtype()
        return Div.apply((a, b), dtype)
    if rounding_mode not in ("floor", "trunc"):
        fail(
            RuntimeError,
            "div",
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'",
            "None, 'trunc' or 'floor'",
            repr(rounding_mode),
        )
    return RoundedDiv.apply((a, b), dtype, rounding_mode)


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """input / other rounded down."""
    return div(input, other, rounding_mode="floor")


def remainder(input: Operand, other: Operand) -> Tensor:
    """The remainder with the sign of `other`, as Python's %."""
    a, b, dtype = one_tensor(input, other, "remainder")
    return Remainder.apply((a, b), dtype)


def fmod(input: Operand, other: Operand) -> Tensor:
    """The remainder with the sign of `input`, as C's fmod."""
    a, b, dtype = tensor_first(input, other, "fmod")
    return Fmod.apply((a, b), dtype)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input to the power of exponent; RuntimeError for integers to a negative power.

    >>> import rushlight as rl
    >>> rl.pow(rl.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    a, b, dtype = one_tensor(input, exponent, "pow")
    if isinstance(exponent, NUMBERS) and not dtype.is_differentiable and exponent.real < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    known = (
        exponent if isinstance(exponent, NUMBERS) and not isinstance(exponent, complex) else None
    )
    return Pow.apply((a, b), dtype, known)


def atan2(input: Operand, other: Operand) -> Tensor:
    """The angle of the points (other, input), in radians between -pi and pi."""
    a, b, dtype = two_tensors(input, other, "atan2")
    if not dtype.is_floating_point:
        dtype = get_default_dtype()
    return Atan2.apply((a, b), dtype)


FUNCTIONS = {
    "add": add,
    "sub": sub,
    "subtract": sub,
    "mul": mul,
    "multiply": mul,
    "div": div,
    "divide": div,
    "true_divide": div,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "fmod": fmod,
    "pow": pow,
    "atan2": atan2,
    "arctan2": atan2,
    "rsub": rsub,
}
METHODS = {
    **{name: function for name, function in FUNCTIONS.items() if name != "rsub"},
    "__add__": add,
    "__radd__": add,
    "__sub__": sub,
    "__rsub__": rsub,
    "__mul__": mul,
    "__rmul__": mul,
    "__truediv__": div,
    "__div__": div,
    "__floordiv__": floor_divide,
    "__mod__": remainder,
    "__pow__": pow,
    "__rtruediv__": lambda self, other: div(other, self),
    "__rdiv__": lambda self, other: div(other, self),
    "__rfloordiv__": lambda self, other: floor_divide(other, self),
    "__rmod__": lambda self, other: remainder(other, self),
    "__rpow__": lambda self, other: pow(other, self),
}
INPLACE = ("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "pow")
INPLACE += ("floor_divide", "remainder", "fmod", "atan2", "arctan2")
