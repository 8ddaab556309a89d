"""x to the y in float64: the logarithm has about 68 bits, so that large powers stay accurate."""

from __future__ import annotations

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.doubles import (
    INFINITY,
    NAN,
    clamp,
    exp_minus_one,
    nearest,
    polynomial,
    scaled,
    split,
)
from rushlight.engines.cpu.exactly import exact_product, exact_sum, quick_sum
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64

_LOG2_E = 1.4426950408889634
_LN_2 = (6.93147180369123816490e-01, 1.9082149292705877e-10, 1.1612227229362532e-26)
# atanh(s) / s = 1 + z / 3 + z * z / 5 + z^3 (these), z = s * s up to 0.0295
_ATANH = (0.05308766382752498, 0.052364291315644615, 0.05883025836252584, 0.06666657323528341)
_ATANH += (0.07692307762593617, 0.09090909090649807, 0.11111111111111475, 0.14285714285714285)
_THIRD_LOW, _FIFTH_LOW = 1.850371707708594e-17, -1.1102230246251566e-17

Pair = tuple[Value, Value]


def _times(f: Function, a: Pair, b: Pair) -> Pair:
    product, rest = exact_product(f, a[0], b[0])
    return quick_sum(product, rest + (a[0] * b[1] + a[1] * b[0]))


def _plus(a: Pair, b: Pair) -> Pair:
    total, rest = exact_sum(a[0], b[0])
    return quick_sum(total, rest + (a[1] + b[1]))


def _log(f: Function, x: Value) -> Pair:
    """The natural logarithm of a positive number in two parts."""
    exponent, m = split(f, x)
    below = m + 2.0
    lost = m - (below - 2.0)
    head = m / below
    product, rest = exact_product(f, head, below)
    s = head, ((m - product) - rest - head * lost) / below
    square = _times(f, s, s)
    like = f.like(0.0, x)
    series = polynomial(f, square[0], _ATANH) * square[0]
    series = _plus((like + 0.2, like + _FIFTH_LOW), (series, like))
    series = _plus((like + 1.0 / 3.0, like + _THIRD_LOW), _times(f, series, square))
    cubic = _times(f, _times(f, series, square), s)
    s = s[0] + s[0], s[1] + s[1]
    total = _plus(s, (cubic[0] + cubic[0], cubic[1] + cubic[1]))
    high, low = exact_product(f, exponent, _LN_2[1])
    scale = _plus((exponent * _LN_2[0], like), (high, low + exponent * _LN_2[2]))
    return _plus(scale, total)


def _exp(f: Function, high: Value, low: Value) -> Value:
    """e to the sum of two parts."""
    limited = clamp(f, high, -750.0, 710.0)
    low = f.select(limited.equals(high), low, f.like(0.0, low))
    n, integer = nearest(limited * _LOG2_E)
    r = limited - n * _LN_2[0]
    reduced, rest = exact_sum(r, -(n * _LN_2[1]))
    rest = rest + low
    grown = exp_minus_one(f, reduced)
    return scaled(f, 1.0 + (grown + f.fma(grown, rest, rest)), integer)


def power(f: Function, x: Value, y: Value) -> Value:
    """x to the y."""
    size = f.absolute(x)
    usual = (size > 0.0) & (size < INFINITY)
    high, low = _log(f, f.select(usual, size, f.like(1.0, x)))
    product, rest = exact_product(f, high, f.select(f.absolute(y) < 1e300, y, f.like(0.0, y)))
    rest = f.fma(low, y, rest)
    vast = f.absolute(y) >= 1e300
    product = f.select(vast, y * (high + low), product)
    rest = f.select(f.absolute(product) < 1e4, rest, f.like(0.0, y))
    result = _exp(f, product, rest)
    grows = (size > 1.0).equals(y > 0.0)
    beyond = f.select(grows, f.like(INFINITY, x), f.like(0.0, x))
    result = f.select(usual, result, beyond)
    return special_powers(f, x, y, result)


def special_powers(f: Function, x: Value, y: Value, result: Value) -> Value:
    """The sign of a power of |x|, and the powers that IEEE 754 lists."""
    size = f.absolute(x)
    whole = f.intrinsic("trunc", y).equals(y)
    halved = y * 0.5
    odd = whole & f.intrinsic("trunc", halved).differs(halved) & (f.absolute(y) < INFINITY)
    result = f.select((x.bitcast(int64) < 0) & odd, -result, result)
    invalid = (x < 0.0) & ~whole & (x > -INFINITY)
    result = f.select(invalid, f.like(NAN, x), result)
    result = f.select(size.equals(1.0) & f.absolute(y).equals(INFINITY), f.like(1.0, x), result)
    result = f.select(x.is_nan() | y.is_nan(), x + y, result)
    return f.select(x.equals(1.0) | y.equals(0.0), f.like(1.0, x), result)
