"""The gamma function's kin: polygamma, incomplete gamma functions, the multivariate one."""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import number
from rushlight.graph.dtype import DType
from rushlight.graph.node import Node
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.operands import Operand, align, one_tensor, two_tensors
from rushlight.ops.promotion import get_default_dtype
from rushlight.ops.ranges import arange
from rushlight.ops.special import floating
from rushlight.tensor import Tensor

_LARGEST_FACTORIAL = 170


class Polygamma(Operation):
    """The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x), DLMF 25.11.12."""

    def forward(ctx, x: Node, n: int) -> Node:
        ctx.n = n
        ctx.save_inputs(0)
        dtype = x.spec.dtype
        zeta = e.binary(e.ZETA, number(float(n + 1), dtype), x)
        size = math.inf if n > _LARGEST_FACTORIAL else float(math.factorial(n))
        return e.mul(number(size if n % 2 else -size, dtype), zeta)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return grad * polygamma(ctx.n + 1, x)


class SpecialZeta(Operation):
    """Hurwitz's zeta function; d/dq is -s zeta(s + 1, q)."""

    def forward(ctx, s: Node, q: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        return e.binary(e.ZETA, *align(s, q, dtype, "zeta"))

    def backward(ctx, grad: Tensor) -> tuple:
        if ctx.needs(0):
            raise NotImplementedError("the derivative for 'zeta: input' is not implemented.")
        s, q = ctx.saved
        return None, grad * -s * zeta(s + 1, q)


class Igamma(Operation):
    """The lower regularised incomplete gamma function; d/dx is x^(a-1) exp(-x) / gamma(a)."""

    name_, sign = "igamma", 1

    def forward(ctx, a: Node, x: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        return e.binary(e.IGAMMA, *align(a, x, dtype, "igamma"))

    def backward(ctx, grad: Tensor) -> tuple:
        if ctx.needs(0):
            raise NotImplementedError(
                f"the derivative for '{ctx.name_}: input' is not implemented."
            )
        a, x = ctx.saved
        slope = (-x + (a - 1) * x.log() - a.lgamma()).exp()
        return None, grad * slope * ctx.sign


class Igammac(Igamma):
    """The upper regularised incomplete gamma function, 1 - igamma."""

    name_, sign = "igammac", -1

    def forward(ctx, a: Node, x: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        return e.binary(e.IGAMMAC, *align(a, x, dtype, "igammac"))


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma; n is 0 or more.

    >>> import rushlight as rl
    >>> rl.polygamma(1, rl.tensor([1.0]))
    tensor([1.6449])
    """
    if isinstance(n, Tensor) and not isinstance(input, Tensor):
        n, input = input, n
    check_tensor("polygamma", "input", input)
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    input = floating("polygamma", input)
    return Polygamma.apply((input,), n) if n else input.digamma()


def zeta(input: Operand, other: Operand) -> Tensor:
    """Hurwitz's zeta function, the sum of (other + k)^-input for k from 0; for `special.zeta`.

    >>> import rushlight as rl
    >>> rl.special.zeta(rl.tensor([2.0]), 1)
    tensor([1.6449])
    """
    s, q, dtype = one_tensor(input, other, "zeta")
    dtype = dtype if dtype.is_floating_point else get_default_dtype()
    return SpecialZeta.apply((s, q), dtype)


def _incomplete(name: str, operation: type[Operation], input: Operand, other: Operand) -> Tensor:
    a, x, dtype = two_tensors(input, other, name)
    if not dtype.is_floating_point:
        words = f'"{name}_cpu" not implemented for {dtype.name!r}'
        fail(NotImplementedError, name, words, "floating point tensors", dtype.name)
    return operation.apply((a, x), dtype)


def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The lower regularised incomplete gamma function P(input, other), DLMF 8.2.4.

    >>> import rushlight as rl
    >>> rl.igamma(rl.tensor([1.0]), rl.tensor([2.0]))
    tensor([0.8647])
    """
    return _incomplete("igamma", Igamma, input, other)


def igammac(input: Tensor, other: Tensor) -> Tensor:
    """The upper regularised incomplete gamma function Q(input, other) = 1 - igamma."""
    return _incomplete("igammac", Igammac, input, other)


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of p dimensions.

    p (p - 1) / 4 log(pi) plus lgamma(input + (1 - j) / 2) for j from 1 to p.
    """
    check_tensor("mvlgamma", "input", input)
    if isinstance(p, bool) or not isinstance(p, int):
        raise TypeError(f"mvlgamma(): argument 'p' must be int, not {type(p).__name__}")
    if p < 1:
        words = "p has to be greater than or equal to 1"
        fail(RuntimeError, "mvlgamma", words, "1 or more", f"{p}, for {describe(input)}")
    input = floating("mvlgamma", input)
    steps = arange(p, dtype=input.dtype) * -0.5
    total = (input.unsqueeze(-1) + steps).lgamma().sum(-1)
    return total + p * (p - 1) / 4 * math.log(math.pi)


FUNCTIONS: dict[str, Any] = {f.__name__: f for f in (polygamma, igamma, igammac, mvlgamma)}
FUNCTIONS["special_zeta"] = zeta
METHODS = {
    **{name: f for name, f in FUNCTIONS.items() if name != "special_zeta"},
    "polygamma": lambda self, n: polygamma(n, self),
    "polygamma_": lambda self, n: self.copy_(polygamma(n, self)),
}
INPLACE = ("igamma", "igammac", "mvlgamma")
