"""Mathematical functions in float64: its own, and those good enough to be rounded to float32."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import float64, int64

INFINITY, NAN = float("inf"), float("nan")
_LN_2_HIGH, _LN_2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SHIFTER = 6755399441055744.0  # 1.5 * 2^52


def polynomial(f: Function, x: Value, coefficients: Sequence[float]) -> Value:
    """Horner's rule, highest power first."""
    result = f.like(coefficients[0], x)
    for coefficient in coefficients[1:]:
        result = f.fma(result, x, coefficient)
    return result


def clamp(f: Function, x: Value, low: float, high: float) -> Value:
    """x between bounds; NaN becomes `high`."""
    x = f.select(x < high, x, f.like(high, x))
    return f.select(x > low, x, f.like(low, x))


def nearest(x: Value) -> tuple[Value, Value]:
    """x rounded to an integer, as float64 and as int64; |x| below 2^51."""
    shifted = x + _SHIFTER
    return shifted - _SHIFTER, shifted.bitcast(int64) - 0x4338000000000000


def _power_of_two(exponent: Value) -> Value:
    return ((exponent + 1023) << 52).bitcast(float64)


def scaled(f: Function, x: Value, exponent: Value) -> Value:
    """x * 2^exponent in two steps, so that results may be denormal or overflow."""
    half = f.select(exponent < 0, exponent + 1, exponent)  # no 64-bit >> for signed on AVX2
    half = ((half + 4096) >> 1) - 2048
    return (x * _power_of_two(half)) * _power_of_two(exponent - half)


_EXP = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))


def exp_minus_one(f: Function, r: Value) -> Value:
    """exp(r) - 1 for |r| <= ln(2) / 2."""
    return f.fma(polynomial(f, r, _EXP), r * r, r)


def reduced(f: Function, x: Value) -> tuple[Value, Value]:
    """x = n ln 2 + r: gives r and the integer n."""
    n, integer = nearest(x * 1.4426950408889634)
    r = f.fma(n, -_LN_2_HIGH, x)
    return f.fma(n, -_LN_2_LOW, r), integer


def exp(f: Function, x: Value) -> Value:
    """e to the x."""
    r, n = reduced(f, clamp(f, x, -750.0, 710.0))
    return f.select(x.is_nan(), x, scaled(f, exp_minus_one(f, r) + 1.0, n))


def exp2(f: Function, x: Value) -> Value:
    """2 to the x."""
    limited = clamp(f, x, -1080.0, 1025.0)
    n, integer = nearest(limited)
    r = (limited - n) * 0.6931471805599453
    return f.select(x.is_nan(), x, scaled(f, exp_minus_one(f, r) + 1.0, integer))


def expm1(f: Function, x: Value) -> Value:
    """e to the x, minus 1."""
    r, n = reduced(f, clamp(f, x, -60.0, 709.0))
    scale = _power_of_two(n)
    result = f.fma(scale, exp_minus_one(f, r), scale - 1.0)
    result = f.select(x > 709.0, exp(f, x), result)
    return f.select((f.absolute(x) < 1e-17) | x.is_nan(), x, result)


_LOG = (1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01)
_LOG += (2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01)
_LOG += (6.666666666666735130e-01,)


def split(f: Function, x: Value) -> tuple[Value, Value]:
    """x = 2^e (1 + m): gives e and m."""
    small = x < 2.0**-1022
    bits = f.select(small, x * 2.0**54, x).bitcast(int64)
    shifted = bits - 0x3FE6A09E667F3BCD
    # exponents by adding a bias, because vectors of int64 shift without sign
    biased = (shifted + (2048 << 52)).retyped(int64)
    exponent = (biased >> 52) & 0xFFF
    exponent = exponent - 2048 - f.select(small, f.like(54, bits), f.like(0, bits))
    mantissa = (bits - (shifted & -(1 << 52))).bitcast(float64)
    return (exponent + 0x4338000000000000).bitcast(float64) - _SHIFTER, mantissa - 1.0


def _log_parts(f: Function, m: Value) -> tuple[Value, Value]:
    """log(1 + m) = m - (half - s): gives half = m * m / 2, and s."""
    ratio = m / (m + 2.0)
    square = ratio * ratio
    half = m * m * 0.5
    return half, ratio * (half + polynomial(f, square, _LOG) * square)


def _special_logarithms(f: Function, x: Value, result: Value) -> Value:
    result = f.select((x < INFINITY) & (x >= 0.0), result, x)
    result = f.select(x.equals(0.0), f.like(-INFINITY, x), result)
    return f.select(x < 0.0, f.like(NAN, x), result)


def log(f: Function, x: Value) -> Value:
    """The natural logarithm."""
    e, m = split(f, x)
    half, s = _log_parts(f, m)
    result = e * _LN_2_HIGH - ((half - (s + e * _LN_2_LOW)) - m)
    return _special_logarithms(f, x, result)


def log1p(f: Function, x: Value) -> Value:
    """log(1 + x)."""
    u = x + 1.0
    lost = f.select(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    e, m = split(f, u)
    half, s = _log_parts(f, m)
    result = e * _LN_2_HIGH - ((half - (s + (e * _LN_2_LOW + lost / u))) - m)
    return f.select(f.absolute(x) < 2.0**-54, x, _special_logarithms(f, u, result))


def log2(f: Function, x: Value) -> Value:
    """The logarithm to base 2."""
    e, m = split(f, x)
    half, s = _log_parts(f, m)
    tail = s - half
    low = f.fma(m, 0.4426950408889634, tail * 1.4426950408889634)
    return _special_logarithms(f, x, e + (m + low))


def log10(f: Function, x: Value) -> Value:
    """The logarithm to base 10."""
    e, m = split(f, x)
    half, s = _log_parts(f, m)
    tail = s - half
    low = f.fma(m, 0.4342944819032518 - 0.4375, tail * 0.4342944819032518)
    small = f.fma(e, 3.69423907715893078616e-13, low)
    result = f.fma(e, 3.01029995663611771306e-01, f.fma(m, 0.4375, small))
    return _special_logarithms(f, x, result)


def tanh(f: Function, x: Value) -> Value:
    """The hyperbolic tangent."""
    size = f.absolute(x)
    grown = expm1(f, f.select(size < 20.0, size + size, f.like(40.0, x)))
    result = f.copysign(grown / (grown + 2.0), x)
    return f.select(x.is_nan(), x, result)


_SIN = (1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06)
_SIN += (-1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01)
_COS = (-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07)
_COS += (2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02)
_HALF_PI = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)


# 2 / pi in digits of 24 bits
_TWO_OVER_PI = (0xA2F983, 0x6E4E44, 0x1529FC, 0x2757D1, 0xF534DD, 0xC0DB62, 0x95993C, 0x439041)
_TWO_OVER_PI += (0xFE5163, 0xABDEBB)
_HUGE = 2.0**20


def _reduced_huge(f: Function, x: Value) -> tuple[Value, Value]:
    """Any float32 number as quarter turns and a remainder: x times each digit of 2 / pi is exact.

    Multiples of four quarters are dropped from each product; the fractions add up with the error
    of each addition kept.
    """
    whole = fraction = low = f.like(0.0, x)
    for place, digit in enumerate(_TWO_OVER_PI, 1):
        product = x * (digit * 2.0 ** (-24 * place))
        integer = f.intrinsic("roundeven", product)
        rest = product - integer
        whole = whole + (integer - 4.0 * f.intrinsic("floor", integer * 0.25))
        total = fraction + rest
        shadow = total - fraction
        low = low + ((fraction - (total - shadow)) + (rest - shadow))
        fraction = total
    turns, _ = nearest(fraction)
    _, quarter = nearest(whole + turns)
    return ((fraction - turns) + low) * (math.pi / 2), quarter


def _reduced_angle(f: Function, x: Value) -> tuple[Value, Value]:
    """x less the nearest multiple of pi / 2, and which multiple."""
    n, quarter = nearest(x * 0.6366197723675814)
    r = x
    for part in _HALF_PI:
        r = f.fma(n, -part, r)
    best, turns = f.variable(r), f.variable(quarter)
    huge = (f.absolute(x) >= _HUGE) & (f.absolute(x) < INFINITY)
    with f.when(f.any(huge)):
        other_r, other_quarter = _reduced_huge(f, x)
        best.value = f.select(huge, other_r, r)
        turns.value = f.select(huge, other_quarter, quarter)
    return best.value, turns.value


def _sine_and_cosine(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """Sine and cosine of the reduced angle, and its quarter."""
    r, quarter = _reduced_angle(f, x)
    square = r * r
    sine = f.fma(polynomial(f, square, _SIN) * square, r, r)
    cosine = f.fma(polynomial(f, square, _COS) * square, square, f.fma(square, -0.5, 1.0))
    return sine, cosine, quarter


def _signed_quarter(f: Function, sine: Value, cosine: Value, quarter: Value) -> Value:
    """The sine of an angle in a quarter, from those of its remainder."""
    result = f.select((quarter & 1).equals(0), sine, cosine)
    return f.select((quarter & 2).equals(0), result, -result)


def sin(f: Function, x: Value) -> Value:
    """The sine."""
    result = _signed_quarter(f, *_sine_and_cosine(f, x))
    return f.select(f.absolute(x) < INFINITY, result, x - x)


def cos(f: Function, x: Value) -> Value:
    """The cosine."""
    sine, cosine, quarter = _sine_and_cosine(f, x)
    result = _signed_quarter(f, sine, cosine, quarter + 1)
    return f.select(f.absolute(x) < INFINITY, result, x - x)


def tan(f: Function, x: Value) -> Value:
    """The tangent."""
    sine, cosine, quarter = _sine_and_cosine(f, x)
    even = (quarter & 1).equals(0)
    result = f.select(even, sine, -cosine) / f.select(even, cosine, sine)
    return f.select(f.absolute(x) < INFINITY, result, x - x)


_ATAN_TOP = (-8.750608600031904122785e-1, -1.615753718733365076637e1)
_ATAN_TOP += (-7.500855792314704667340e1, -1.228866684490136173410e2, -6.485021904942025371773e1)
_ATAN_BOTTOM = (1.0, 2.485846490142306297962e1, 1.650270098316988542046e2)
_ATAN_BOTTOM += (4.328810604912902668951e2, 4.853903996359136964868e2, 1.945506571482613964425e2)


def atan(f: Function, x: Value) -> Value:
    """The arc tangent."""
    size = f.absolute(x)
    far, middle = size > 2.414213562373095, size > 0.66
    reduced = f.select(middle, (size - 1.0) / (size + 1.0), size)
    reduced = f.select(far, -1.0 / size, reduced)
    start = f.select(middle, f.like(math.pi / 4, x), f.like(0.0, x))
    start = f.select(far, f.like(math.pi / 2, x), start)
    square = reduced * reduced
    top, bottom = polynomial(f, square, _ATAN_TOP), polynomial(f, square, _ATAN_BOTTOM)
    return f.copysign(start + f.fma(square * top / bottom, reduced, reduced), x)


def asin(f: Function, x: Value) -> Value:
    """The arc sine."""
    result = atan(f, x / f.intrinsic("sqrt", (1.0 - x) * (x + 1.0)))
    return f.select(f.absolute(x) <= 1.0, result, f.like(NAN, x))


def acos(f: Function, x: Value) -> Value:
    """The arc cosine."""
    result = 2.0 * atan(f, f.intrinsic("sqrt", (1.0 - x) / (x + 1.0)))
    return f.select(f.absolute(x) <= 1.0, result, f.like(NAN, x))


def sinh(f: Function, x: Value) -> Value:
    """The hyperbolic sine, of float32 numbers."""
    size = f.absolute(x)
    grown = expm1(f, f.select(size < 100.0, size, f.like(100.0, x)))
    result = f.copysign((grown + grown / (grown + 1.0)) * 0.5, x)
    return f.select(x.is_nan(), x, result)


def cosh(f: Function, x: Value) -> Value:
    """The hyperbolic cosine, of float32 numbers."""
    size = f.absolute(x)
    grown = exp(f, f.select(size < 100.0, size, f.like(100.0, x)))
    return f.select(x.is_nan(), x, (grown + 1.0 / grown) * 0.5)


def asinh(f: Function, x: Value) -> Value:
    """The inverse hyperbolic sine, of float32 numbers."""
    size = f.absolute(x)
    finite = f.select(size < INFINITY, size, f.like(1.0, x))
    square = finite * finite
    grown = finite + square / (f.intrinsic("sqrt", square + 1.0) + 1.0)
    result = f.copysign(log1p(f, grown), x)
    return f.select(size < INFINITY, result, x)


def acosh(f: Function, x: Value) -> Value:
    """The inverse hyperbolic cosine, of float32 numbers."""
    over = x - 1.0
    result = log1p(f, over + f.intrinsic("sqrt", over * (over + 2.0)))
    return f.select(x >= 1.0, result, f.like(NAN, x))


def atanh(f: Function, x: Value) -> Value:
    """The inverse hyperbolic tangent, of float32 numbers."""
    size = f.absolute(x)
    return f.copysign(log1p(f, (size + size) / (1.0 - size)) * 0.5, x)


def atan2(f: Function, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), of float32 numbers."""
    across, up = f.absolute(x), f.absolute(y)
    steep = up > across
    small, large = f.select(steep, across, up), f.select(steep, up, across)
    ratio = f.select(large.equals(0.0), f.like(0.0, x), small / large)
    ratio = f.select(small.equals(INFINITY), f.like(1.0, x), ratio)
    angle = atan(f, ratio)
    angle = f.select(steep, math.pi / 2 - angle, angle)
    angle = f.select(x.bitcast(int64) < 0, math.pi - angle, angle)
    return f.select(x.is_nan() | y.is_nan(), x + y, f.copysign(angle, y))


def power(f: Function, x: Value, y: Value) -> Value:
    """x to the y, of float32 numbers."""
    size = f.absolute(x)
    exponent = y * log(f, size)
    result = exp(f, f.select(y.equals(0.0), f.like(0.0, y), exponent))
    rounded = f.intrinsic("trunc", y)
    whole = rounded.equals(y)
    halved = y * 0.5
    odd = whole & f.intrinsic("trunc", halved).differs(halved) & (f.absolute(y) < INFINITY)
    negative = x.bitcast(int64) < 0
    result = f.select(negative & odd, -result, result)
    invalid = (x < 0.0) & ~whole & (x > -INFINITY)
    result = f.select(invalid, f.like(NAN, x), result)
    result = f.select(size.equals(1.0) & f.absolute(y).equals(INFINITY), f.like(1.0, x), result)
    result = f.select(x.is_nan() | y.is_nan(), x + y, result)
    return f.select(x.equals(1.0) | y.equals(0.0), f.like(1.0, x), result)


FLOAT64 = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "tanh": tanh,
    "log": log,
    "log1p": log1p,
    "log2": log2,
    "log10": log10,
}
ENOUGH_FOR_FLOAT32 = {
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "sinh": sinh,
    "cosh": cosh,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "pow": power,
    "atan2": atan2,
}
