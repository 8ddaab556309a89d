"""Comparison, logic, bits, and choosing between values."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as p
from rushlight.graph.creation import literal
from rushlight.graph.dtype import DType, bool_
from rushlight.graph.movement import expand
from rushlight.graph.node import Node, Primitive
from rushlight.ops.check import broadcast, check_tensor, describe, fail
from rushlight.ops.operands import (
    COMPARABLE,
    Operand,
    align,
    one_tensor,
    operands,
    tensor_first,
    two_tensors,
)
from rushlight.tensor import Tensor, wrap


class Compare(Operation):
    """One of == != < <= > >=; the result is bool and has no gradient."""

    differentiable = False

    def forward(ctx, a: Node, b: Node, dtype: DType, primitive: Primitive) -> Node:
        a, b = align(a, b, dtype, primitive.name)
        return p.compare(primitive, a, b)


class Logic(Operation):
    """and, or, xor of truth values: anything but 0 is true."""

    differentiable = False

    def forward(ctx, a: Node, b: Node, primitive: Primitive) -> Node:
        a, b = align(a, b, bool_, f"logical_{primitive.name}")
        return p.binary(primitive, a, b)


class LogicalNot(Operation):
    """Whether each element is 0."""

    differentiable = False

    def forward(ctx, x: Node) -> Node:
        return p.unary(p.INVERT, p.cast(x, bool_))


class Bits(Operation):
    """and, or, xor and shifts of the bits of integers."""

    differentiable = False

    def forward(ctx, a: Node, b: Node, dtype: DType, primitive: Primitive) -> Node:
        a, b = align(a, b, dtype, f"bitwise_{primitive.name}")
        return p.binary(primitive, a, b)


class Invert(Operation):
    """The bits of each element turned over."""

    differentiable = False

    def forward(ctx, x: Node) -> Node:
        return p.unary(p.INVERT, x)


class Where(Operation):
    """a where the condition holds, else b."""

    def forward(ctx, condition: Node, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0)
        shape = broadcast(a.spec.shape, b.spec.shape, "where")
        shape = broadcast(condition.spec.shape, shape, "where")
        choices = [x if not x.spec.rank else expand(x, shape) for x in (condition, a, b)]
        if shape and not choices[0].spec.rank:
            choices[0] = expand(choices[0], shape)
        return p.where(choices[0], p.cast(choices[1], dtype), p.cast(choices[2], dtype))

    def backward(ctx, grad: Tensor) -> tuple:
        (condition,) = ctx.saved
        left = where(condition, grad, 0) if ctx.needs(1) else None
        return None, left, where(condition, 0, grad) if ctx.needs(2) else None


class Extreme(Operation):
    """The larger or the smaller of a and b; where they are equal each gets half the gradient."""

    def forward(ctx, a: Node, b: Node, dtype: DType, primitive: Primitive) -> Node:
        ctx.save_inputs(0, 1)
        ctx.primitive = primitive
        a, b = align(a, b, dtype, primitive.name)
        return p.binary(primitive, a, b)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        half = where(a == b, 0.5, 1.0) * grad
        left_lost = a < b if ctx.primitive is p.MAXIMUM else a > b
        right_lost = b < a if ctx.primitive is p.MAXIMUM else b > a
        return where(left_lost, 0, half), where(right_lost, 0, half)


class Clamp(Operation):
    """x limited to [low, high]; the gradient flows where x lies within."""

    def forward(ctx, x: Node, low: Node, high: Node, dtype: DType, bounds: tuple) -> Node:
        ctx.save_inputs(0, 1, 2)
        ctx.bounds = bounds
        if bounds[0]:
            x = p.binary(p.MAXIMUM, *align(x, low, dtype, "clamp"))
        if bounds[1]:
            x = p.binary(p.MINIMUM, *align(x, high, dtype, "clamp"))
        return x

    def backward(ctx, grad: Tensor) -> tuple:
        x, low, high = ctx.saved
        has_low, has_high = ctx.bounds
        below = x < low if has_low else None
        above = x > high if has_high else None
        if has_low and has_high:
            outside = below | above
            below = below & (low < high)
            above = above | (low >= high)
        else:
            outside = below if has_low else above
        inner = where(outside, 0, grad)
        to_low = where(below, grad, 0) if has_low and ctx.needs(1) else None
        return inner, to_low, where(above, grad, 0) if has_high and ctx.needs(2) else None


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`; without both, the places that hold.

    >>> import rushlight as rl
    >>> rl.where(rl.tensor([True, False]), rl.tensor([1, 2]), 0)
    tensor([1, 0])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    check_tensor("where", "condition", condition)
    a, b, dtype = operands(input, other, "where")
    if condition._spec.dtype is not bool_:
        if condition._spec.dtype.name != "uint8":
            fail(
                RuntimeError,
                "where",
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{condition._spec.dtype.name}",
                "a bool condition, for example x > 0",
                describe(condition),
            )
        condition = condition != 0
    return Where.apply((condition, a, b), dtype)


def _comparison(name: str, primitive: Primitive, sign: str) -> Any:
    def compare(input: Tensor, other: Operand) -> Tensor:
        a, b, dtype = tensor_first(input, other, name)
        return Compare.apply((a, b), dtype, primitive)

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"Whether input {sign} other, element by element, as bool."
    return compare


def _logic(name: str, primitive: Primitive) -> Any:
    def logic(input: Tensor, other: Tensor) -> Tensor:
        a, b, _ = two_tensors(input, other, name)
        return Logic.apply((a, b), primitive)

    logic.__name__ = logic.__qualname__ = name
    logic.__doc__ = f"{name} of truth values, element by element; anything but 0 is true."
    return logic


def _bits(name: str, primitive: Primitive) -> Any:
    def bits(input: Operand, other: Operand) -> Tensor:
        a, b, dtype = one_tensor(input, other, name)
        if dtype.is_floating_point or dtype.is_complex:
            words = f'"{name}_cpu" not implemented for {dtype.name!r}'
            fail(NotImplementedError, name, words, "integers or bool", dtype.name)
        return Bits.apply((a, b), dtype, primitive)

    bits.__name__ = bits.__qualname__ = name
    bits.__doc__ = f"{name} of integers or bool, element by element."
    return bits


def _extreme(name: str, primitive: Primitive) -> Any:
    def extreme(input: Tensor, other: Tensor) -> Tensor:
        a, b, dtype = two_tensors(input, other, name)
        return Extreme.apply((a, b), dtype, primitive)

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = f"The {name} of both, element by element; NaN if either is NaN."
    return extreme


eq, ne = _comparison("eq", p.EQ, "=="), _comparison("ne", p.NE, "!=")
lt, le = _comparison("lt", p.LT, "<"), _comparison("le", p.LE, "<=")
gt, ge = _comparison("gt", p.GT, ">"), _comparison("ge", p.GE, ">=")
logical_and, logical_or = _logic("logical_and", p.AND), _logic("logical_or", p.OR)
logical_xor = _logic("logical_xor", p.XOR)
bitwise_and, bitwise_or = _bits("bitwise_and", p.AND), _bits("bitwise_or", p.OR)
bitwise_xor = _bits("bitwise_xor", p.XOR)
bitwise_left_shift = _bits("bitwise_left_shift", p.SHIFT_LEFT)
bitwise_right_shift = _bits("bitwise_right_shift", p.SHIFT_RIGHT)
maximum, minimum = _extreme("maximum", p.MAXIMUM), _extreme("minimum", p.MINIMUM)


def logical_not(input: Tensor) -> Tensor:
    """Whether each element is 0."""
    return LogicalNot.apply((input,))


def bitwise_not(input: Tensor) -> Tensor:
    """The bits of integers turned over; `not` for bool."""
    if input._spec.dtype.is_floating_point:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return Invert.apply((input,))


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input limited to [min, max], numbers or tensors; one of them may be None.

    >>> import rushlight as rl
    >>> rl.clamp(rl.tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    dtype = check_tensor("clamp", "input", input)._spec.dtype
    for bound in (min, max):
        if bound is not None:
            dtype = operands(
                input.to(dtype) if dtype is not input.dtype else input, bound, "clamp"
            )[2]
    zero = wrap(literal(0, dtype))
    low = zero if min is None else operands(input, min, "clamp")[1]
    high = zero if max is None else operands(input, max, "clamp")[1]
    return Clamp.apply((input, low, high), dtype, (min is not None, max is not None))


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """input, but at least min."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """input, but at most max."""
    return clamp(input, max=max)


def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN."""
    return ne(input, input)


def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite."""
    if not input._spec.dtype.is_differentiable:
        return input != input
    if input._spec.dtype.is_complex:
        return isinf(input.real) | isinf(input.imag)
    return input.abs() == float("inf")


def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor NaN."""
    if not input._spec.dtype.is_differentiable:
        return input == input
    if input._spec.dtype.is_complex:
        return isfinite(input.real) & isfinite(input.imag)
    return input.abs() < float("inf")


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """input with `value` where the bool mask holds; the shapes broadcast."""
    if check_tensor("masked_fill", "mask", mask)._spec.dtype is not bool_:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.name}"
        )
    dtype = input._spec.dtype
    given = value._spec.dtype.is_complex if isinstance(value, Tensor) else None
    if (given or isinstance(value, complex)) and not dtype.is_complex:
        words = f"value cannot be converted to type {dtype.name} without overflow"
        fail(RuntimeError, "masked_fill", words, "a real number", describe(value))
    value = value.to(dtype) if isinstance(value, Tensor) else value
    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.dim()} dimension(s)."
        )
    _, other, _ = operands(input, value, "masked_fill")
    return Where.apply((mask, other, input), input._spec.dtype)


def _equal(self: Tensor, other: Any) -> Any:
    return eq(self, other) if isinstance(other, COMPARABLE) else NotImplemented


def _unequal(self: Tensor, other: Any) -> Any:
    return ne(self, other) if isinstance(other, COMPARABLE) else NotImplemented


FUNCTIONS = {
    **{f.__name__: f for f in (eq, ne, lt, le, gt, ge, logical_and, logical_or, logical_xor)},
    **{f.__name__: f for f in (bitwise_and, bitwise_or, bitwise_xor, bitwise_not, logical_not)},
    **{f.__name__: f for f in (bitwise_left_shift, bitwise_right_shift, maximum, minimum)},
    **{f.__name__: f for f in (where, clamp, clamp_min, clamp_max, isnan, isinf, isfinite)},
    "masked_fill": masked_fill,
    "clip": clamp,
    "not_equal": ne,
    "less": lt,
    "greater": gt,
    "less_equal": le,
    "greater_equal": ge,
}
METHODS = {
    **{name: function for name, function in FUNCTIONS.items() if name != "where"},
    "where": lambda self, condition, other: where(condition, self, other),
    "__eq__": _equal,
    "__ne__": _unequal,
    "__lt__": lt,
    "__le__": le,
    "__gt__": gt,
    "__ge__": ge,
    "__and__": bitwise_and,
    "__or__": bitwise_or,
    "__xor__": bitwise_xor,
    "__rand__": bitwise_and,
    "__ror__": bitwise_or,
    "__rxor__": bitwise_xor,
    "__lshift__": bitwise_left_shift,
    "__rshift__": bitwise_right_shift,
    "__invert__": bitwise_not,
}
INPLACE = ("not_equal", "less", "greater", "less_equal", "greater_equal")
INPLACE += ("eq", "ne", "lt", "le", "gt", "ge", "clamp", "clamp_min", "clamp_max", "clip")
INPLACE += ("masked_fill", "logical_and", "logical_or", "logical_xor", "logical_not")
INPLACE += ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not")
INPLACE += ("bitwise_left_shift", "bitwise_right_shift")
