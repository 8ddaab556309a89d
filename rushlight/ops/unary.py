"""Functions of one operand: signs, rounding, exponentials, trigonometry, error functions.

A row of `SMOOTH` is a whole operation: its primitive, what backward keeps (the operand x or the
result y), the derivative written in differentiable operations, and the docstring.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as p
from rushlight.graph.creation import literal
from rushlight.graph.dtype import bool_
from rushlight.graph.node import Node, Primitive
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor

_ROOT_PI = math.sqrt(math.pi)
_LOG_2, _LOG_10 = math.log(2), math.log(10)

# Each name with its primitive, what is kept, the derivative and the docstring.
SMOOTH: dict[str, tuple[Primitive, str, Callable[[Tensor], Any], str]] = {
    "exp": (p.EXP, "y", lambda y: y, "e to the power of each element."),
    "exp2": (p.EXP2, "y", lambda y: y * _LOG_2, "2 to the power of each element."),
    "expm1": (p.EXPM1, "y", lambda y: y + 1, "exp(x) - 1, exact for small x."),
    "log": (p.LOG, "x", lambda x: 1 / x, "The natural logarithm of each element."),
    "log1p": (p.LOG1P, "x", lambda x: 1 / (x + 1), "log(1 + x), exact for small x."),
    "log2": (p.LOG2, "x", lambda x: 1 / (x * _LOG_2), "The logarithm to base 2."),
    "log10": (p.LOG10, "x", lambda x: 1 / (x * _LOG_10), "The logarithm to base 10."),
    "sqrt": (p.SQRT, "y", lambda y: 0.5 / y, "The square root; NaN below 0."),
    "sin": (p.SIN, "x", lambda x: x.cos(), "The sine, of radians."),
    "cos": (p.COS, "x", lambda x: -x.sin(), "The cosine, of radians."),
    "tan": (p.TAN, "y", lambda y: y * y + 1, "The tangent, of radians."),
    "asin": (p.ASIN, "x", lambda x: (1 - x * x).rsqrt(), "The inverse sine, in radians."),
    "acos": (p.ACOS, "x", lambda x: -(1 - x * x).rsqrt(), "The inverse cosine, in radians."),
    "atan": (p.ATAN, "x", lambda x: 1 / (x * x + 1), "The inverse tangent, in radians."),
    "sinh": (p.SINH, "x", lambda x: x.cosh(), "The hyperbolic sine."),
    "cosh": (p.COSH, "x", lambda x: x.sinh(), "The hyperbolic cosine."),
    "tanh": (p.TANH, "y", lambda y: 1 - y * y, "The hyperbolic tangent."),
    "asinh": (p.ASINH, "x", lambda x: (x * x + 1).rsqrt(), "The inverse hyperbolic sine."),
    "acosh": (p.ACOSH, "x", lambda x: (x * x - 1).rsqrt(), "The inverse hyperbolic cosine."),
    "atanh": (p.ATANH, "x", lambda x: 1 / (1 - x * x), "The inverse hyperbolic tangent."),
    "erf": (p.ERF, "x", lambda x: (-x * x).exp() * (2 / _ROOT_PI), "The error function."),
    "erfc": (p.ERFC, "x", lambda x: (-x * x).exp() * (-2 / _ROOT_PI), "1 - erf(x)."),
    "erfinv": (p.ERFINV, "y", lambda y: (y * y).exp() * (_ROOT_PI / 2), "The inverse of erf."),
    "lgamma": (p.LGAMMA, "x", lambda x: x.digamma(), "The logarithm of |gamma(x)|."),
    "digamma": (p.DIGAMMA, "x", lambda x: x.polygamma(1), "The derivative of lgamma."),
}
_REAL_ONLY = ("erf", "erfc", "erfinv", "lgamma", "digamma")
STEPS = {
    "floor": (p.FLOOR, "The largest integer not above each element."),
    "ceil": (p.CEIL, "The smallest integer not below each element."),
    "trunc": (p.TRUNC, "The integer part of each element."),
    "sign": (p.SIGN, "-1, 0 or 1 by the sign of each element."),
}
FUNCTIONS: dict[str, Callable] = {}


class Unary(Operation):
    """A smooth function of one operand."""

    row: tuple

    def forward(ctx, x: Node, primitive: Primitive) -> Node:
        if ctx.recording:
            ctx.save_inputs(0) if ctx.row[1] == "x" else ctx.save_outputs(0)
        return p.unary(primitive, x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad * ctx.row[2](*ctx.saved).conj()


class Step(Operation):
    """A function that is constant between its steps: its gradient is zero."""

    def forward(ctx, x: Node, primitive: Primitive) -> Node:
        return p.unary(primitive, x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad * 0


class Neg(Operation):
    """-x."""

    def forward(ctx, x: Node) -> Node:
        return p.neg(x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return -grad


class Abs(Operation):
    """|x|, with the gradient sign(x)."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        return p.unary(p.ABS, x)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return grad * x.sign()


class Reciprocal(Operation):
    """1 / x."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_outputs(0)
        return p.div(literal(1, x.spec.dtype), x)

    def backward(ctx, grad: Tensor) -> Tensor:
        (y,) = ctx.saved
        return -grad * (y * y).conj()


class Rsqrt(Operation):
    """1 / sqrt(x)."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_outputs(0)
        return p.div(literal(1, x.spec.dtype), p.unary(p.SQRT, x))

    def backward(ctx, grad: Tensor) -> Tensor:
        (y,) = ctx.saved
        return grad * -0.5 * (y * y * y).conj()


class Sigmoid(Operation):
    """1 / (1 + exp(-x)), by the exponential that cannot overflow."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_outputs(0)
        one = literal(1, x.spec.dtype)
        return p.div(one, p.add(one, p.unary(p.EXP, p.neg(x))))

    def backward(ctx, grad: Tensor) -> Tensor:
        (y,) = ctx.saved
        return grad * (y * (1 - y)).conj()


class Round(Operation):
    """Rounded half to even, at some decimal place; its gradient is zero."""

    def forward(ctx, x: Node, decimals: int) -> Node:
        if not decimals:
            return p.unary(p.ROUND, x)
        scale = literal(10.0 ** max(decimals, -decimals), x.spec.dtype)
        first, last = (p.mul, p.div) if decimals > 0 else (p.div, p.mul)
        return last(p.unary(p.ROUND, first(x, scale)), scale)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad * 0


class NanToNum(Operation):
    """NaN and infinities replaced by numbers."""

    def forward(ctx, x: Node, nan: float, low: float, high: float) -> Node:
        ctx.save_inputs(0)
        from rushlight.graph.creation import number

        dtype = x.spec.dtype
        infinity = literal(math.inf, dtype)
        result = p.where(p.compare(p.EQ, x, infinity), number(high, dtype), x)
        result = p.where(p.compare(p.EQ, x, p.neg(infinity)), number(low, dtype), result)
        return p.where(p.compare(p.NE, x, x), number(nan, dtype), result)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return where(x.isfinite(), grad, 0)


def _smooth(name: str, row: tuple) -> Callable[[Tensor], Tensor]:
    primitive, _, _, words = row
    operation = type(name.capitalize(), (Unary,), {"row": row, "__doc__": words})

    def function(input: Tensor) -> Tensor:
        check_tensor(name, "input", input)
        dtype = input._spec.dtype
        if dtype.is_complex and name in _REAL_ONLY:
            words = f'"{name}" not implemented for {dtype.name!r}'
            fail(NotImplementedError, name, words, "real numbers", describe(input))
        if not dtype.is_differentiable:
            input = input.to(get_default_dtype())
        return operation.apply((input,), primitive)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = words
    return function


def _step(name: str, primitive: Primitive, words: str) -> Callable[[Tensor], Tensor]:
    operation = type(name.capitalize(), (Step,), {"__doc__": words})

    def function(input: Tensor) -> Tensor:
        check_tensor(name, "input", input)
        if input._spec.dtype.is_complex:
            words = f"{name} does not allow complex tensors; sgn gives z / |z|"
            fail(NotImplementedError, name, words, "real numbers", describe(input))
        if name != "sign" and not input._spec.dtype.is_floating_point:
            return input.clone()
        return operation.apply((input,), primitive)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = words
    return function


def _floating(operation: type[Operation]) -> Callable[[Tensor], Tensor]:
    name = operation.__name__.lower()

    def function(input: Tensor) -> Tensor:
        check_tensor(name, "input", input)
        if not input._spec.dtype.is_floating_point and not input._spec.dtype.is_complex:
            input = input.to(get_default_dtype())
        return operation.apply((input,))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = operation.__doc__
    return function


reciprocal, rsqrt, sigmoid = _floating(Reciprocal), _floating(Rsqrt), _floating(Sigmoid)


def neg(input: Tensor) -> Tensor:
    """-input; RuntimeError for bool."""
    if input._spec.dtype is bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return Neg.apply((input,))


def abs(input: Tensor) -> Tensor:
    """|input|, of complex numbers the distance from 0."""
    if check_tensor("abs", "input", input)._spec.dtype.is_complex:
        from rushlight.ops.complex import Abs as ComplexAbs

        return ComplexAbs.apply((input,))
    return Abs.apply((input,))


def positive(input: Tensor) -> Tensor:
    """input itself; RuntimeError for bool."""
    if input._spec.dtype is bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def square(input: Tensor) -> Tensor:
    """input * input."""
    return input**2


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """input rounded half to even at a decimal place.

    >>> import rushlight as rl
    >>> rl.round(rl.tensor([0.5, 1.5, 2.4]))
    tensor([0., 2., 2.])
    """
    if not input._spec.dtype.is_floating_point:
        return input.clone()
    return Round.apply((input,), decimals)


def frac(input: Tensor) -> Tensor:
    """The part after the point, with the sign of the input."""
    return input - input.trunc()


def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """input with NaN and infinities replaced; infinities by the dtype's extremes by default."""
    dtype = input._spec.dtype
    if not dtype.is_floating_point:
        return input.clone()
    from rushlight.dtypes import finfo

    high = finfo(dtype).max if posinf is None else posinf
    low = finfo(dtype).min if neginf is None else neginf
    return NanToNum.apply((input,), 0.0 if nan is None else nan, low, high)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)); with eps, x is first limited to [eps, 1 - eps]."""
    x = input if eps is None else input.clamp(eps, 1 - eps)
    return (x / (1 - x)).log()


FUNCTIONS |= {name: _smooth(name, row) for name, row in SMOOTH.items()}
FUNCTIONS |= {name: _step(name, *row) for name, row in STEPS.items()}
_OTHERS = (neg, abs, positive, square, round, frac, nan_to_num, logit, reciprocal, rsqrt, sigmoid)
FUNCTIONS |= {function.__name__: function for function in _OTHERS}
FUNCTIONS |= {
    "negative": neg,
    "absolute": abs,
    "fix": FUNCTIONS["trunc"],
    "arcsin": FUNCTIONS["asin"],
}
FUNCTIONS |= {"arccos": FUNCTIONS["acos"], "arctan": FUNCTIONS["atan"]}
FUNCTIONS |= {"arcsinh": FUNCTIONS["asinh"], "arccosh": FUNCTIONS["acosh"]}
FUNCTIONS |= {"arctanh": FUNCTIONS["atanh"]}
METHODS = {
    **FUNCTIONS,
    "__neg__": neg,
    "__pos__": positive,
    "__abs__": abs,
    "__round__": lambda self, digits=0: round(self, decimals=digits),
}
INPLACE = tuple(name for name in FUNCTIONS if name != "positive")
