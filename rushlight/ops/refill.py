"""Overwriting a tensor with random numbers: uniform_, normal_ and their kin."""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.inplace import check_inplace, write
from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import DType
from rushlight.graph.node import Node
from rushlight.ops import bits
from rushlight.ops.check import describe, fail
from rushlight.ops.random import check_interval, check_probability
from rushlight.random import Generator
from rushlight.tensor import Tensor, node_of, wrap


class Refill(Operation):
    """A tensor overwritten with values that do not depend on it."""

    def forward(ctx, x: Node, values: Node) -> Node:
        return e.cast(values, x.spec.dtype)

    def backward(ctx, grad: Tensor) -> tuple:
        return grad * 0, None


_OPERATIONS = {
    name: type(name.title().replace("_", ""), (Refill,), {})
    for name in ("uniform", "normal", "bernoulli", "exponential", "log_normal", "geometric")
    + ("cauchy", "random")
}


def _refill(tensor: Tensor, name: str, values: Node) -> Tensor:
    result = _OPERATIONS[name].apply((tensor, wrap(values)))
    return write(tensor, result, f"{name}_")


def _start(tensor: Tensor, name: str) -> tuple[tuple[int, ...], DType]:
    """Shape and dtype of floating point values to draw, before anything is drawn."""
    check_inplace(tensor, f"{name}_")
    spec = tensor._spec
    if not spec.dtype.is_floating_point:
        words = f'"{name}_" not implemented for {spec.dtype.name!r}'
        fail(NotImplementedError, f"{name}_", words, "a floating point tensor", describe(spec))
    return spec.shape, bits.computing(spec.dtype)


def uniform_(
    self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None,
    **named: float,
) -> Tensor:  # fmt: skip
    """Overwrite with uniform numbers in [from, to); RuntimeError if from > to."""
    low = named.pop("from", from_)
    shape, dtype = _start(self, "uniform")
    if low > to:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={to:g}"
        )
    drawn = bits.uniform(shape, self._spec.dtype, generator)
    span = e.mul(e.cast(drawn, dtype), number(to - low, dtype))
    return _refill(self, "uniform", e.add(span, number(low, dtype)))


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Overwrite with normal numbers; RuntimeError for a negative std."""
    shape, dtype = _start(self, "normal")
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    return _refill(self, "normal", _normal(shape, dtype, mean, std, generator))


def _normal(shape: tuple, dtype: DType, mean: float, std: float, generator: Any) -> Node:
    drawn = e.mul(bits.normal(shape, dtype, generator), number(std, dtype))
    return e.add(drawn, number(mean, dtype))


def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Overwrite with exp of normal numbers; RuntimeError unless std > 0."""
    shape, dtype = _start(self, "log_normal")
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    return _refill(self, "log_normal", e.unary(e.EXP, _normal(shape, dtype, mean, std, generator)))


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with exponential numbers of rate lambd, above 0; RuntimeError unless lambd > 0."""
    shape, dtype = _start(self, "exponential")
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    logarithm = e.unary(e.LOG, bits.above_zero(shape, dtype, generator))
    return _refill(self, "exponential", e.div(e.neg(logarithm), number(lambd, dtype)))


def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Overwrite with Cauchy numbers; RuntimeError unless sigma > 0."""
    shape, dtype = _start(self, "cauchy")
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    centred = e.sub(bits.uniform(shape, dtype, generator), literal(0.5, dtype))
    tangent = e.unary(e.TAN, e.mul(centred, literal(math.pi, dtype)))
    drawn = e.add(e.mul(tangent, number(sigma, dtype)), number(median, dtype))
    return _refill(self, "cauchy", drawn)


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with how many trials of chance p it takes; RuntimeError unless 0 < p < 1."""
    check_inplace(self, "geometric_")
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    dtype = bits.computing(self._spec.dtype)
    logarithm = e.unary(e.LOG, bits.above_zero(self._spec.shape, dtype, generator))
    trials = e.div(logarithm, number(math.log1p(-p), dtype))
    least = e.binary(e.MAXIMUM, e.unary(e.CEIL, trials), literal(1.0, dtype))
    return _refill(self, "geometric", least)


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 of probability p, a number or a tensor that broadcasts, else 0."""
    check_inplace(self, "bernoulli_")
    check_probability("bernoulli_", p)
    shape = self._spec.shape
    known = m.expand(node_of(p), shape) if isinstance(p, Tensor) else p
    return _refill(self, "bernoulli", bits.chance(known, shape, generator))


_MANTISSA = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def random_(self: Tensor, *bounds: Any, generator: Generator | None = None, **named: Any) -> Tensor:
    """Overwrite with whole numbers: `random_()`, `random_(to)` or `random_(from, to)`.

    Without bounds all that the dtype can hold exactly, from 0 on.
    """
    check_inplace(self, "random_")
    spec, given = self._spec, list(bounds)
    high = named.pop("to", None)
    if high is None and given:
        high = given.pop()
    low = given.pop() if given else named.pop("from", 0)
    if high is None:
        high = _most(spec.dtype)
    check_interval(int(low), int(high))
    return _refill(self, "random", bits.integers(spec.shape, int(low), int(high), generator))


def _most(dtype: DType) -> int:
    if dtype.kind == "b":
        return 2
    if dtype.name in _MANTISSA:
        return (1 << _MANTISSA[dtype.name]) + 1
    return 1 << min(8 * dtype.itemsize - int(dtype.is_signed), 63)


FUNCTIONS: dict[str, Any] = {}
_METHODS = (uniform_, normal_, log_normal_, exponential_, cauchy_, geometric_, bernoulli_)
METHODS = {method.__name__: method for method in (*_METHODS, random_)}
