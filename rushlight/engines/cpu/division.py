"""Quotients and remainders of integers and of floats, and powers of integers.

Nothing traps: a divisor of zero (which a check has refused, but masked lanes hold) counts as 1,
and the smallest integer by -1 gives itself.  Remainders of floats are exact: multiples of the
divisor are subtracted, the largest powers of two first.
"""

from __future__ import annotations

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.values import HALVES, Value
from rushlight.graph.dtype import (
    DType,
    float32,
    float64,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

DIVISIONS = ("floor_div", "remainder", "fmod")
_UNSIGNED = {1: uint8, 2: uint16, 4: uint32, 8: uint64}
_INFINITY = float("inf")


def is_division_compiled(dtype: DType) -> bool:
    """Whether there is code for operands of this dtype: float64 needs a fused multiply-add."""
    from rushlight.engines.cpu.machine import machine

    return dtype is not float64 or machine().has_fma


# ------------------------------------------------------------------------------------- integers


def _quotient(f: Function, a: Value, b: Value) -> Value:
    """a / b towards zero; up to 32 bits, a division of floats is exact enough."""
    if a.dtype.itemsize == 8:
        return a // b
    wide = float64 if a.dtype.itemsize == 4 else float32
    ratio = a.cast(wide) / b.cast(wide)
    if a.dtype is not uint32:
        return ratio.cast(int32).cast(a.dtype)
    # 2^52 puts the integer into the lowest bits; half less rounds down
    shifted = f.intrinsic("floor", ratio) + 2.0**52
    return shifted.bitcast(int64).cast(uint32)


def _whole_parts(f: Function, a: Value, b: Value) -> tuple[Value, Value]:
    """The quotient towards zero and its remainder, of integers."""
    one = f.like(1, b)
    b = f.select(b.equals(0), one, b)
    if b.dtype.kind == "i":
        inverse = b.equals(-1)
        a = f.select(inverse, -a, a)
        b = f.select(inverse, one, b)
    quotient = _quotient(f, a, b)
    return quotient, a - quotient * b


def _is_opposite(rest: Value, b: Value) -> Value:
    return rest.differs(0) & ((rest < 0) ^ (b < 0))


def _integer_floor_div(f: Function, a: Value, b: Value) -> Value:
    quotient, rest = _whole_parts(f, a, b)
    if a.dtype.kind == "u":
        return quotient
    return f.select(_is_opposite(rest, b), quotient - 1, quotient)


def _integer_remainder(f: Function, a: Value, b: Value) -> Value:
    rest = _integer_fmod(f, a, b)
    return rest if a.dtype.kind == "u" else f.select(_is_opposite(rest, b), rest + b, rest)


def _integer_fmod(f: Function, a: Value, b: Value) -> Value:
    return _whole_parts(f, a, b)[1]


def integer_power(f: Function, a: Value, b: Value) -> Value:
    """a to the b by squaring, cut to size; for negative b what is left of the reciprocal."""
    one = f.like(1, a)
    unsigned = _UNSIGNED[b.dtype.itemsize]
    bits = f.variable(b.retyped(unsigned))
    factor, result = f.variable(a), f.variable(one)
    with f.loop(0, 8 * b.dtype.itemsize):
        odd = (bits.value & 1).differs(0)
        result.value = f.select(odd, result.value * factor.value, result.value)
        factor.value = factor.value * factor.value
        bits.value = bits.value >> 1
    if b.dtype.kind == "u":
        return result.value
    of_minus_one = f.select((b & 1).differs(0), f.like(-1, a), one)
    reciprocal = f.select(a.equals(-1), of_minus_one, f.like(0, a))
    reciprocal = f.select(a.equals(1), one, reciprocal)
    return f.select(b < 0, reciprocal, result.value)


# --------------------------------------------------------------------------------------- floats


def _subtracted(f: Function, rest: Value, divisor: Value) -> Value:
    """A number less as many divisors as fit, if it is not smaller; exact."""
    quotient = f.intrinsic("trunc", rest / divisor)
    less = f.fma(-quotient, divisor, rest)
    less = f.select(less < 0.0, less + divisor, less)
    return f.select(rest < divisor, rest, less)


def _fmod_of_doubles(f: Function, a: Value, b: Value, step: int, steps: int) -> Value:
    """The remainder of float64 numbers whose quotients have at most `step * steps` bits."""
    size, divisor = f.absolute(a), f.absolute(b)
    rest = f.variable(size)
    far = (size / divisor >= 2.0**step) & (size < _INFINITY) & (divisor > 0.0)
    with f.when(f.any(far)), f.loop(0, steps) as i:
        # three factors, since their product may be more than a number can be
        exponent = (steps - i) * (step // 3) + 1023
        factor = (exponent << 52).bitcast(float64)
        multiple = ((divisor * factor) * factor) * factor
        usable = far & (multiple <= rest.value) & (multiple < _INFINITY)
        multiple = f.select(usable, multiple, f.like(1.0, a))
        rest.value = f.select(usable, _subtracted(f, rest.value, multiple), rest.value)
    return f.copysign(_subtracted(f, rest.value, divisor), a)


def _float_fmod(f: Function, a: Value, b: Value) -> Value:
    if a.dtype is float64:
        return _fmod_of_doubles(f, a, b, 51, 42)
    # quotients of 27 bits times divisors of 24 are exact without a fused multiply-add
    return _fmod_of_doubles(f, a.cast(float64), b.cast(float64), 27, 11).cast(a.dtype)


def _float_remainder(f: Function, a: Value, b: Value) -> Value:
    rest = _float_fmod(f, a, b)
    opposite = rest.differs(0.0) & ((rest < 0.0) ^ (b < 0.0))
    return f.select(opposite, rest + b, rest)


def _float_floor_div(f: Function, a: Value, b: Value) -> Value:
    """NumPy's floor division: the quotient of what the remainder leaves, made whole."""
    dtype = a.dtype
    if dtype in HALVES:
        a, b = a.retyped(float32), b.retyped(float32)
    rest = _float_fmod(f, a, b)
    ratio = (a - rest) / b
    opposite = rest.differs(0.0) & ((rest < 0.0) ^ (b < 0.0))
    ratio = f.select(opposite, ratio - 1.0, ratio)
    whole = f.intrinsic("floor", ratio)
    whole = f.select(ratio - whole > 0.5, whole + 1.0, whole)
    plain = a / b
    whole = f.select(ratio.equals(0.0), f.copysign(f.like(0.0, a), plain), whole)
    whole = f.select(b.equals(0.0), plain, whole)
    return f.rounded(whole.retyped(dtype))


_INTEGERS = {
    "floor_div": _integer_floor_div,
    "remainder": _integer_remainder,
    "fmod": _integer_fmod,
}
_FLOATS = {"floor_div": _float_floor_div, "remainder": _float_remainder, "fmod": _float_fmod}


def divide(name: str, f: Function, a: Value, b: Value) -> Value:
    """One of `DIVISIONS`."""
    rules = _FLOATS if a.dtype.is_floating_point else _INTEGERS
    return rules[name](f, a, b)
