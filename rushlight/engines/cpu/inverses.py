"""Arc and hyperbolic functions in float64.

The polynomial of the arc sine interpolates at Chebyshev nodes; the hyperbolic functions go by
expm1 and log1p, so that they keep their digits near zero.
"""

from __future__ import annotations

import math

from rushlight.engines.cpu import doubles
from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.doubles import (
    INFINITY,
    NAN,
    clamp,
    exp_minus_one,
    expm1,
    log,
    log1p,
    polynomial,
    reduced,
    scaled,
)
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64

_HALF_PI_LOW, _PI_LOW = 6.123233995736766e-17, 1.2246467991473532e-16
_LN_2 = 0.6931471805599453

# (asin(s) / s - 1) / z, z = s * s up to 1 / 4
_ASIN = (0.02877844261259304, -0.014881409392818063, 0.017419357964884856)
_ASIN += (0.005450878187720551, 0.010324318288744113, 0.011478952690257387)
_ASIN += (0.013971235301124539, 0.017352391265909227, 0.022372173002005596)
_ASIN += (0.030381944137085216, 0.04464285714637338, 0.07499999999998425, 0.16666666666666669)


def _asin_parts(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """Whether |x| > 1/2, and s and asin(s) - s for s = |x|, or else sqrt((1 - |x|) / 2)."""
    size = f.absolute(x)
    far = size > 0.5
    square = f.select(far, (1.0 - size) * 0.5, size * size)
    s = f.select(far, f.intrinsic("sqrt", square), size)
    return far, s, polynomial(f, square, _ASIN) * square * s


def asin(f: Function, x: Value) -> Value:
    """The arc sine."""
    far, s, rest = _asin_parts(f, x)
    outer = math.pi / 2 - (2.0 * s + (2.0 * rest - _HALF_PI_LOW))
    result = f.copysign(f.select(far, outer, s + rest), x)
    return f.select(f.absolute(x) <= 1.0, result, f.like(NAN, x))


def acos(f: Function, x: Value) -> Value:
    """The arc cosine."""
    far, s, rest = _asin_parts(f, x)
    near = math.pi / 2 - (f.copysign(s, x) + (f.copysign(rest, x) - _HALF_PI_LOW))
    small = 2.0 * s + 2.0 * rest
    large = math.pi - (2.0 * s + (2.0 * rest - _PI_LOW))
    result = f.select(far, f.select(x < 0.0, large, small), near)
    return f.select(f.absolute(x) <= 1.0, result, f.like(NAN, x))


def atan2(f: Function, y: Value, x: Value) -> Value:
    """The angle of the point (x, y)."""
    across, up = f.absolute(x), f.absolute(y)
    steep = up > across
    small, large = f.select(steep, across, up), f.select(steep, up, across)
    ratio = f.select(large.equals(0.0), f.like(0.0, x), small / large)
    ratio = f.select(small.equals(INFINITY), f.like(1.0, x), ratio)
    angle = doubles.atan(f, ratio)
    angle = f.select(steep, math.pi / 2 - (angle - _HALF_PI_LOW), angle)
    angle = f.select(x.bitcast(int64) < 0, math.pi - (angle - _PI_LOW), angle)
    return f.select(x.is_nan() | y.is_nan(), x + y, f.copysign(angle, y))


def _half_exp(f: Function, x: Value) -> Value:
    """e to the x, halved; overflows where that does."""
    r, n = reduced(f, clamp(f, x, -750.0, 711.0))
    return scaled(f, exp_minus_one(f, r) + 1.0, n - 1)


def sinh(f: Function, x: Value) -> Value:
    """The hyperbolic sine."""
    size = f.absolute(x)
    grown = expm1(f, f.select(size < 20.0, size, f.like(20.0, x)))
    near = (grown + grown / (grown + 1.0)) * 0.5
    result = f.select(size < 20.0, near, _half_exp(f, size))
    return f.select(x.is_nan(), x, f.copysign(result, x))


def cosh(f: Function, x: Value) -> Value:
    """The hyperbolic cosine."""
    half = _half_exp(f, f.absolute(x))
    return f.select(x.is_nan(), x, half + 0.25 / half)


def asinh(f: Function, x: Value) -> Value:
    """The inverse hyperbolic sine."""
    size = f.absolute(x)
    large = size > 2.0**28
    limited = f.select(large, f.like(1.0, x), size)
    square = limited * limited
    near = log1p(f, limited + square / (f.intrinsic("sqrt", square + 1.0) + 1.0))
    result = f.select(large, log(f, size) + _LN_2, near)
    return f.select(size < INFINITY, f.copysign(result, x), x)


def acosh(f: Function, x: Value) -> Value:
    """The inverse hyperbolic cosine."""
    large = x > 2.0**28
    over = f.select(large, f.like(1.0, x), x) - 1.0
    near = log1p(f, over + f.intrinsic("sqrt", over * (over + 2.0)))
    result = f.select(large, log(f, x) + _LN_2, near)
    return f.select(x >= 1.0, result, f.like(NAN, x))


def atanh(f: Function, x: Value) -> Value:
    """The inverse hyperbolic tangent."""
    size = f.absolute(x)
    double = size + size
    inner = f.select(size < 0.5, double + double * size / (1.0 - size), double / (1.0 - size))
    return f.copysign(log1p(f, inner) * 0.5, x)


FLOAT64 = {
    "asin": asin,
    "acos": acos,
    "atan": doubles.atan,
    "atan2": atan2,
    "sinh": sinh,
    "cosh": cosh,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
}
