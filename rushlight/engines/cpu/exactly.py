"""Sums and products of float64 numbers together with what rounding took from them."""

from __future__ import annotations

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.values import Value

_SPLITTER = 134217729.0  # 2^27 + 1


def exact_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b as its rounded value and the rest (Knuth's two-sum)."""
    total = a + b
    shadow = total - a
    return total, (a - (total - shadow)) + (b - shadow)


def quick_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """The same where |a| is not smaller than |b|."""
    total = a + b
    return total, b - (total - a)


def exact_product(f: Function, a: Value, b: Value | float) -> tuple[Value, Value]:
    """a * b as its rounded value and the rest; without the instruction by halves (Dekker)."""
    b = f.like(b, a)
    product = a * b
    if machine().has_fma:
        return product, f.fma(a, b, -product)
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    rest = a_high * b_high - product
    return product, (rest + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(x: Value) -> tuple[Value, Value]:
    spread = x * _SPLITTER
    high = spread - (spread - x)
    return high, x - high
