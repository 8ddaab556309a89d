"""Special functions as operations; `rushlight.special` has the names.

Formulas of derivatives are those of the Digital Library of Mathematical Functions: 10.6 and 10.29
for Bessel functions, 7.10 for error functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal
from rushlight.graph.dtype import DType
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.graph.special import special
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.operands import Operand, align, operands
from rushlight.ops.options import check_options
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


class SpecialFunction(Operation):
    """A function of one operand; `slope` gives its derivative, of the operand and the result."""

    slope: Callable[[Tensor, Tensor], Tensor] | None = None

    def forward(ctx, x: Node, name: str) -> Node:
        ctx.function = name
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        return special(name, x)

    def backward(ctx, grad: Tensor) -> Tensor:
        if ctx.slope is None:
            words = f"the derivative for 'input' of 'special_{ctx.function}' is not implemented."
            raise NotImplementedError(words)
        return grad * type(ctx).slope(*ctx.saved)


def _over(y: Tensor, x: Tensor) -> Tensor:
    """y / x, which tends to 1/2 at 0."""
    zero = x == 0
    return where(zero, 0.5, y / where(zero, 1, x))


SLOPES: dict[str, Callable[[Tensor, Tensor], Any] | None] = {
    "airy_ai": None,
    "bessel_j0": lambda x, y: -apply("bessel_j1", x),
    "bessel_j1": lambda x, y: apply("bessel_j0", x) - _over(y, x),
    "bessel_y0": lambda x, y: -apply("bessel_y1", x),
    "bessel_y1": lambda x, y: apply("bessel_y0", x) - y / x,
    "spherical_bessel_j0": None,
    "i0": lambda x, y: apply("i1", x),
    "i0e": lambda x, y: apply("i1e", x) - x.sign() * y,
    "i1": lambda x, y: apply("i0", x) - _over(y, x),
    "i1e": lambda x, y: apply("i0e", x) - x.sign() * y - _over(y, x),
    "modified_bessel_k0": lambda x, y: -apply("modified_bessel_k1", x),
    "modified_bessel_k1": lambda x, y: -apply("modified_bessel_k0", x) - y / x,
    "scaled_modified_bessel_k0": lambda x, y: y - apply("scaled_modified_bessel_k1", x),
    "scaled_modified_bessel_k1": lambda x, y: y - apply("scaled_modified_bessel_k0", x) - y / x,
    "erfcx": lambda x, y: 2 * x * y - _TWO_OVER_ROOT_PI,
    "log_ndtr": lambda x, y: math.sqrt(2 / math.pi) / apply("erfcx", x * -math.sqrt(0.5)),
    "ndtri": lambda x, y: math.sqrt(2 * math.pi) * (y * y / 2).exp(),
}


def _operation(name: str, slope: Any) -> type[SpecialFunction]:
    kind = "Special" + "".join([word.capitalize() for word in name.split("_")])
    static = None if slope is None else staticmethod(slope)
    return type(kind, (SpecialFunction,), {"slope": static, "__doc__": f"The function {name}."})


_OPERATIONS = {name: _operation(name, slope) for name, slope in SLOPES.items()}


def apply(name: str, x: Tensor) -> Tensor:
    """A special function of a floating point tensor."""
    return _OPERATIONS[name].apply((x,), name)


def floating(name: str, input: Tensor) -> Tensor:
    """The tensor, integers in the default dtype; NotImplementedError for complex numbers."""
    dtype = check_tensor(name, "input", input)._spec.dtype
    if dtype.is_complex:
        words = f'"{name}" not implemented for {dtype.name!r}'
        fail(NotImplementedError, name, words, "real numbers", describe(input))
    return input if dtype.is_floating_point else input.to(get_default_dtype())


def unary(name: str, words: str) -> Callable[..., Tensor]:
    """The public function of one operand."""

    def function(input: Tensor, *, out: Any = None) -> Tensor:
        check_options(name, out=out)
        return apply(name, floating(name, input))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = words
    return function


class Polynomial(Operation):
    """A family's polynomial of each degree."""

    def forward(ctx, x: Node, n: Node, dtype: DType, name: str) -> Node:
        ctx.function = name
        x, n = align(x, n, dtype, name)
        shape = x.spec.shape or n.spec.shape
        return special(name, expand(x, shape), expand(n, shape))

    def backward(ctx, grad: Tensor) -> tuple:
        words = f"the derivative for 'input' of 'special_{ctx.function}' is not implemented."
        raise NotImplementedError(words)


def polynomial(name: str, words: str) -> Callable[..., Tensor]:
    """The public function of a family of polynomials."""

    def function(input: Operand, n: Operand, *, out: Any = None) -> Tensor:
        check_options(name, out=out)
        x, degree, dtype = operands(input, n, name)
        dtype = dtype if dtype.is_floating_point else get_default_dtype()
        return Polynomial.apply((x, degree), dtype, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = words
    return function


class SpecialEntr(Operation):
    """-x log(x); 0 at 0, -infinity below."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        zero = literal(0.0, x.spec.dtype)
        edges = e.where(e.compare(e.EQ, x, zero), zero, literal(-math.inf, x.spec.dtype))
        edges = e.where(e.compare(e.NE, x, x), x, edges)
        inside = e.neg(e.mul(x, e.unary(e.LOG, x)))
        return e.where(e.compare(e.GT, x, zero), inside, edges)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return grad * (-1 - x.log())


class SpecialXlog1Py(Operation):
    """x log(1 + y); 0 where x is 0, unless y is NaN."""

    def forward(ctx, x: Node, y: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        x, y = align(x, y, dtype, "xlog1py")
        zero = literal(0.0, dtype)
        product = e.mul(x, e.unary(e.LOG1P, y))
        vanishing = e.compare(e.EQ, x, zero)
        vanishing = e.binary(e.AND, *_same_rank(vanishing, e.compare(e.EQ, y, y)))
        return e.where(vanishing, zero, product)

    def backward(ctx, grad: Tensor) -> tuple:
        x, y = ctx.saved
        left = grad * where((x == 0) & (y <= -1), 0, y.log1p()) if ctx.needs(0) else None
        return left, grad * x / (y + 1) if ctx.needs(1) else None


def _same_rank(a: Node, b: Node) -> tuple[Node, Node]:
    shape = a.spec.shape or b.spec.shape
    return expand(a, shape), expand(b, shape)


i0 = unary("i0", "The modified Bessel function of the first kind of order 0.")
FUNCTIONS = {"i0": i0}
METHODS = {"i0": i0}
INPLACE = ("i0",)
