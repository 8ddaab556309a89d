"""Sine, cosine and tangent in float64, of numbers of any size.

The angle less its nearest multiple of pi / 2 is kept as the sum of two numbers, so that results
near zero are as accurate as others.  Polynomials interpolate at Chebyshev nodes.
"""

from __future__ import annotations

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.doubles import INFINITY, nearest, polynomial
from rushlight.engines.cpu.exactly import exact_product, exact_sum
from rushlight.engines.cpu.values import POINTER, Value
from rushlight.graph.dtype import float64, int64

_SIN = (1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06)
_SIN += (-1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01)
_COS = (-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07)
_COS += (2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02)

# pi / 2 in parts of 33 bits, so that products with small integers are exact
_HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21)
_HALF_PI_REST = 8.4784276603689e-32
_HALF_PI_HIGH, _HALF_PI_LOW = 1.5707963267948966, 6.123233995736766e-17
_HUGE = 2.0**20

# 2 / pi in digits of 24 bits
_DIGITS = (
    *(0xA2F983, 0x6E4E44, 0x1529FC, 0x2757D1, 0xF534DD, 0xC0DB62, 0x95993C, 0x439041, 0xFE5163),
    *(0xABDEBB, 0xC561B7, 0x246E3A, 0x424DD2, 0xE00649, 0x2EEA09, 0xD1921C, 0xFE1DEB, 0x1CB129),
    *(0xA73EE8, 0x8235F5, 0x2EBB44, 0x84E99C, 0x7026B4, 0x5F7E41, 0x3991D6, 0x398353, 0x39F49C),
    *(0x845F8B, 0xBDF928, 0x3B1FF8, 0x97FFDE, 0x05980F, 0xEF2F11, 0x8B5A0A, 0x6D1F6D, 0x367ECF),
    *(0x27CB09, 0xB74F46, 0x3F669E, 0x5FEA2D, 0x7527BA, 0xC7EBE5, 0xF17B3D, 0x0739F7, 0x8A5292),
    *(0xEA6BFB, 0x5FB11F, 0x8D5D08, 0x560330, 0x46FC7B),
)
_DOWN, _UP = 2.0**-300, 300
"""Huge numbers are scaled down and the digits up, so that neither overflows or vanishes."""


def _reduce_huge(f: Function) -> None:
    """One number in memory becomes the two parts of its remainder and its quarter.

    The products of each half of the number with each digit are exact.  Multiples of four quarters
    are dropped from each; the fractions add up with the error of each addition kept.
    """
    (place,) = f.parameters
    digits = f.stack(float64, len(_DIGITS))
    for i, digit in enumerate(_DIGITS):
        f.store(f.constant(digit * 2.0 ** (_UP - 24 * (i + 1)), float64), digits, i)
    x = f.load(float64, place) * _DOWN
    high = (x.bitcast(int64) & -(1 << 27)).bitcast(float64)
    zero = f.constant(0.0, float64)
    whole, fraction, low = f.variable(zero), f.variable(zero), f.variable(zero)
    with f.loop(0, len(_DIGITS)) as i:
        digit = f.load(float64, digits, i)
        for half in (high, x - high):
            product = half * digit
            integer = f.intrinsic("roundeven", product)
            quarters = integer - 4.0 * f.intrinsic("floor", integer * 0.25)
            total, lost = exact_sum(fraction.value, product - integer)
            whole.value = whole.value + quarters
            low.value = low.value + lost
            fraction.value = total
    integer = f.intrinsic("roundeven", fraction.value)
    head, tail = exact_sum(fraction.value - integer, low.value)
    product, lost = exact_product(f, head, _HALF_PI_HIGH)
    rest = lost + (head * _HALF_PI_LOW + tail * _HALF_PI_HIGH)
    f.store(product, place)
    f.store(rest, place, 1)
    f.store(whole.value + integer, place, 2)


def _of_each_huge(f: Function, x: Value, huge: Value) -> list[Value]:
    """The remainder's parts and the quarter where numbers are huge, lane by lane."""
    helper = f.module.shared_helper("reduce_huge_angle", (POINTER,), _reduce_huge)
    zero = f.like(0.0, x)
    found = [f.stack(float64, x.lanes) for _ in range(3)]
    numbers, place = f.stack(float64, x.lanes), f.stack(float64, 3)
    f.store(f.select(huge, x, zero), numbers)
    with f.loop(0, x.lanes) as lane:
        f.store(f.load(float64, numbers, lane), place)
        f.call(helper, place)
        for part, memory in enumerate(found):
            f.store(f.load(float64, place, part), memory, lane)
    return [f.load(float64, memory, 0, x.lanes) for memory in found]


def _reduced(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """x less the nearest multiple of pi / 2 as two parts, and which multiple."""
    n, quarter = nearest(x * 0.6366197723675814)
    first, second, third = _HALF_PI
    head, lost = exact_sum(x - n * first, -(n * second))
    head, more = exact_sum(head, -(n * third))
    tail = lost + (more - n * _HALF_PI_REST)
    head, tail = exact_sum(head, tail)
    huge = (f.absolute(x) >= _HUGE) & (f.absolute(x) < INFINITY)
    parts = [f.variable(part) for part in (head, tail, quarter)]
    with f.when(f.any(huge)):
        other_head, other_tail, other_n = _of_each_huge(f, x, huge)
        _, other_quarter = nearest(other_n)
        others = other_head, other_tail, other_quarter
        for part, other in zip(parts, others, strict=True):
            part.value = f.select(huge, other, part.value)
    head, tail, quarter = (part.value for part in parts)
    return head, tail, quarter


def _sine_and_cosine(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """Sine and cosine of the reduced angle, and its quarter."""
    r, tail, quarter = _reduced(f, x)
    square = r * r
    half = square * 0.5
    slope = 1.0 - half
    cubic = polynomial(f, square, _SIN) * (square * r)
    sine = r + f.fma(tail, slope, cubic)
    rounding = (1.0 - slope) - half
    quartic = polynomial(f, square, _COS) * (square * square)
    cosine = slope + (rounding + f.fma(-r, tail, quartic))
    return sine, cosine, quarter


def _of_quarter(f: Function, sine: Value, cosine: Value, quarter: Value) -> Value:
    """The sine of an angle in a quarter, from those of its remainder."""
    result = f.select((quarter & 1).equals(0), sine, cosine)
    return f.select((quarter & 2).equals(0), result, -result)


def _of_finite(f: Function, x: Value, result: Value) -> Value:
    result = f.select(x.equals(0.0), x, result)
    return f.select(f.absolute(x) < INFINITY, result, x - x)


def sin(f: Function, x: Value) -> Value:
    """The sine."""
    return _of_finite(f, x, _of_quarter(f, *_sine_and_cosine(f, x)))


def cos(f: Function, x: Value) -> Value:
    """The cosine."""
    sine, cosine, quarter = _sine_and_cosine(f, x)
    result = _of_quarter(f, sine, cosine, quarter + 1)
    return f.select(f.absolute(x) < INFINITY, result, x - x)


def tan(f: Function, x: Value) -> Value:
    """The tangent."""
    sine, cosine, quarter = _sine_and_cosine(f, x)
    even = (quarter & 1).equals(0)
    result = f.select(even, sine, -cosine) / f.select(even, cosine, sine)
    return _of_finite(f, x, result)


FLOAT64 = {"sin": sin, "cos": cos, "tan": tan}
