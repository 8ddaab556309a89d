"""Mathematical functions as straight-line code, the same for vectors, scalars and masked tails.

    if name in EMITTED[dtype]:
        result = emit_unary(f, name, x)

Float32 has exp, log, tanh, erf and their kin as polynomials of its own, within about 1 ulp; the
rarer ones are computed in float64 (`doubles.py`) and rounded.  float16 and bfloat16 are computed
as float32 and rounded.  What `EMITTED` does not name has no code here: a host step computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rushlight.engines.cpu import angles, doubles, inverses, powers, special
from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.doubles import clamp, polynomial
from rushlight.engines.cpu.values import HALVES, POINTER, Value
from rushlight.graph.dtype import DType, bfloat16, float16, float32, float64, int32

INFINITY, NAN = float("inf"), float("nan")
_LOG2_E = 1.4426950408889634
_LOG10_E = 0.4342944819032518
_LN_2_HIGH, _LN_2_LOW = 0.693359375, -2.12194440e-4
_SHIFTER = 12582912.0  # 1.5 * 2^23: adding it rounds to an integer, kept in the lowest bits


def _nearest(x: Value) -> tuple[Value, Value]:
    """x rounded to an integer, as float32 and as int32; |x| below 2^22."""
    shifted = x + _SHIFTER
    integer = shifted.bitcast(int32) - 0x4B400000
    return shifted - _SHIFTER, integer


def _power_of_two(exponent: Value) -> Value:
    return ((exponent + 127) << 23).bitcast(float32)


def _scaled(x: Value, exponent: Value) -> Value:
    """x * 2^exponent in two steps, so that results may be denormal or overflow."""
    half = exponent >> 1
    return (x * _power_of_two(half)) * _power_of_two(exponent - half)


def _paired(f: Function, x: Value, square: Value, coefficients: Sequence[float]) -> Value:
    """A polynomial by Horner's rule in x * x, each coefficient a pair: half as long a chain."""
    start = len(coefficients) % 2
    result = f.like(coefficients[0], x) if start else None
    for i in range(start, len(coefficients), 2):
        pair = f.fma(x, coefficients[i], f.like(coefficients[i + 1], x))
        result = pair if result is None else f.fma(result, square, pair)
    return result


_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3)
_EXP += (4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)


def _exp_minus_one(f: Function, r: Value) -> Value:
    """exp(r) - 1 for |r| <= ln(2) / 2."""
    square = r * r
    return f.fma(_paired(f, r, square, _EXP), square, r)


def _reduced(f: Function, x: Value) -> tuple[Value, Value]:
    """x = n ln 2 + r: gives r and the integer n."""
    n, integer = _nearest(x * _LOG2_E)
    r = f.fma(n, -_LN_2_HIGH, x)
    return f.fma(n, -_LN_2_LOW, r), integer


def exp(f: Function, x: Value) -> Value:
    """e to the x."""
    # what leaves nothing (minus infinity in masked scores) is put in last: computing results below
    # the smallest normal number is slow
    vanishes = x < -104.0
    limited = f.select(vanishes, f.like(0.0, x), x)
    high = f.like(89.0, x)
    r, n = _reduced(f, f.select(limited > high, high, limited))
    result = _scaled(_exp_minus_one(f, r) + 1.0, n)
    return f.select(vanishes, f.like(0.0, x), result)


def exp2(f: Function, x: Value) -> Value:
    """2 to the x."""
    limited = clamp(f, x, -151.0, 129.0)
    n, integer = _nearest(limited)
    r = (limited - n) * 0.6931471805599453
    return f.select(x.is_nan(), x, _scaled(_exp_minus_one(f, r) + 1.0, integer))


def expm1(f: Function, x: Value) -> Value:
    """e to the x, minus 1."""
    r, n = _reduced(f, clamp(f, x, -30.0, 88.0))
    scale = _power_of_two(n)
    result = f.fma(scale, _exp_minus_one(f, r), scale - 1.0)
    result = f.select(x > 88.0, exp(f, x), result)
    return f.select((f.absolute(x) < 1e-8) | x.is_nan(), x, result)


_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1)
_LOG += (-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)


def _split(f: Function, x: Value) -> tuple[Value, Value]:
    """x = 2^e (1 + m) with 1 + m between sqrt(1/2) and sqrt(2): gives e and m."""
    small = x < 2.0**-126
    bits = f.select(small, x * 2.0**25, x).bitcast(int32)
    shifted = bits - 0x3F3504F3
    exponent = (shifted >> 23) - f.select(small, f.like(25, bits), f.like(0, bits))
    mantissa = (bits - (shifted & -0x800000)).bitcast(float32)
    return exponent.cast(float32), mantissa - 1.0


def _special_logarithms(f: Function, x: Value, result: Value) -> Value:
    """The logarithms of 0, infinity, NaN and negative numbers put in."""
    result = f.select((x < INFINITY) & (x >= 0.0), result, x)
    result = f.select(x.equals(0.0), f.like(-INFINITY, x), result)
    return f.select(x < 0.0, f.like(NAN, x), result)


def _log_terms(f: Function, m: Value) -> tuple[Value, Value]:
    """log(1 + m) - m in two parts: the cubic and higher terms, and -m * m / 2's m * m."""
    square = m * m
    return _paired(f, m, square, _LOG) * m * square, square


def log(f: Function, x: Value) -> Value:
    """The natural logarithm."""
    e, m = _split(f, x)
    tail, square = _log_terms(f, m)
    tail = f.fma(square, -0.5, f.fma(e, _LN_2_LOW, tail))
    return _special_logarithms(f, x, f.fma(e, _LN_2_HIGH, m + tail))


def log1p(f: Function, x: Value) -> Value:
    """log(1 + x)."""
    u = x + 1.0
    lost = f.select(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    e, m = _split(f, u)
    tail, square = _log_terms(f, m)
    tail = f.fma(e, _LN_2_LOW, tail) + lost / u
    result = f.fma(e, _LN_2_HIGH, m + f.fma(square, -0.5, tail))
    result = _special_logarithms(f, u, result)
    return f.select(f.absolute(x) < 2.0**-25, x, result)


def log2(f: Function, x: Value) -> Value:
    """The logarithm to base 2."""
    e, m = _split(f, x)
    tail, square = _log_terms(f, m)
    tail = f.fma(square, -0.5, tail)
    # log2(e) = 1 + 0.44...: the large part of the product stays exact
    low = f.fma(m, _LOG2_E - 1.0, tail * _LOG2_E)
    return _special_logarithms(f, x, e + (m + low))


def log10(f: Function, x: Value) -> Value:
    """The logarithm to base 10."""
    e, m = _split(f, x)
    tail, square = _log_terms(f, m)
    tail = f.fma(square, -0.5, tail)
    high, low = 0.4375, _LOG10_E - 0.4375
    small = f.fma(e, 2.48745663981195213739e-4, f.fma(m, low, tail * _LOG10_E))
    result = f.fma(e, 0.30078125, f.fma(m, high, small))
    return _special_logarithms(f, x, result)


_TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2)
_TANH += (1.33314422036e-1, -3.33332819422e-1)


def tanh(f: Function, x: Value) -> Value:
    """The hyperbolic tangent."""
    size, square = f.absolute(x), x * x
    near = f.fma(polynomial(f, square, _TANH) * square, x, x)
    limited = f.select(size < 9.5, size, f.like(9.5, x))
    r, n = _reduced(f, limited + limited)
    power = _power_of_two(n)
    far = 1.0 - 2.0 / (f.fma(power, _exp_minus_one(f, r), power) + 1.0)
    result = f.select(size < 0.625, near, f.copysign(far, x))
    return f.select(x.is_nan(), x, result)


# erf(x) / x as a quotient of polynomials in x * x, up to where it is 1
_ERF_END = 3.925
_ERF_ABOVE = (2.046000645350432e-06, 2.848262374754995e-04, 3.7721109110862017e-03)
_ERF_ABOVE += (5.2767910063266754e-02, 1.9058458507061005e-01, 1.1283791065216064)
_ERF_BELOW = (3.8046593545004725e-05, 1.1637374991551042e-03, 1.4982321299612522e-02)
_ERF_BELOW += (1.1417876929044724e-01, 5.022339224815369e-01, 1.0)


def erf(f: Function, x: Value) -> Value:
    """The error function."""
    limited = clamp(f, x, -_ERF_END, _ERF_END)
    square = limited * limited
    fourth = square * square
    above, below = (_paired(f, square, fourth, c) for c in (_ERF_ABOVE, _ERF_BELOW))
    result = clamp(f, limited * above / below, -1.0, 1.0)
    return f.select(x.is_nan(), x, result)


def sqrt(f: Function, x: Value) -> Value:
    """The square root, rounded right."""
    return f.intrinsic("sqrt", x)


def _rounding(name: str) -> Callable[[Function, Value], Value]:
    def emit(f: Function, x: Value) -> Value:
        return f.intrinsic(name, x)

    emit.__doc__ = f"LLVM's {name}."
    return emit


def sign(f: Function, x: Value) -> Value:
    """-1, 0 or 1; NaN and zeros as they are."""
    result = f.select(x > 0.0, f.like(1.0, x), f.select(x < 0.0, f.like(-1.0, x), x))
    return f.select(x.is_nan(), x, result)


_EXACT = {
    "sqrt": sqrt,
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "round": _rounding("roundeven"),
    "trunc": _rounding("trunc"),
    "sign": sign,
    "abs": lambda f, x: f.absolute(x),
    "neg": lambda f, x: -x,
}
_OWN = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "tanh": tanh,
    "erf": erf,
    "log": log,
    "log1p": log1p,
    "log2": log2,
    "log10": log10,
}


_ENOUGH_FOR_FLOAT32 = special.FLOAT64 | doubles.ENOUGH_FOR_FLOAT32


def _through_doubles(name: str) -> Callable[..., Value]:
    emit = _ENOUGH_FOR_FLOAT32[name]

    def narrowed(f: Function, *operands: Value) -> Value:
        return emit(f, *[operand.cast(float64) for operand in operands]).cast(float32)

    return narrowed


_TWO_OPERANDS = ("pow", "atan2")
_FLOAT32 = {name: _through_doubles(name) for name in _ENOUGH_FOR_FLOAT32} | _OWN | _EXACT
_FLOAT64 = doubles.FLOAT64 | angles.FLOAT64 | inverses.FLOAT64 | special.FLOAT64 | _EXACT
_FLOAT64["pow"] = powers.power

EMITTED: dict[DType, frozenset[str]] = {
    float32: frozenset(_FLOAT32),
    float16: frozenset(_FLOAT32),
    bfloat16: frozenset(_FLOAT32),
    float64: frozenset(_FLOAT64),
}
"""The primitives, by name, that `emit_unary` and `emit_binary` know for each dtype."""


def _emit(f: Function, name: str, operands: tuple[Value, ...]) -> Value:
    dtype = operands[0].dtype
    if dtype in HALVES:
        wide = _emit(f, name, tuple([operand.retyped(float32) for operand in operands]))
        return f.rounded(wide.retyped(dtype))
    emit = _FLOAT64[name] if dtype is float64 else _FLOAT32[name]
    short = name in _EXACT or (dtype is float32 and name in _OWN and not f.outlines)
    return emit(f, *operands) if short else _called(f, name, emit, operands)


def _called(f: Function, name: str, emit: Callable[..., Value], operands: tuple) -> Value:
    """The same code out of line, once for all that compute it: long code takes long to compile."""
    dtype, lanes = operands[0].dtype, operands[0].lanes
    pointers = (POINTER,) * (1 + len(operands))

    def write(helper: Function) -> None:
        result, *sources = helper.parameters
        values = [helper.load(dtype, source, 0, lanes) for source in sources]
        helper.store(emit(helper, *values), result, 0)

    helper = f.module.shared_helper(f"{name}.{dtype.name}x{lanes}", pointers, write)
    places = [f.place_for_calls(i, dtype, lanes) for i in range(len(pointers))]
    for value, place in zip(operands, places[1:], strict=True):
        f.store(value, place, 0)
    f.call(helper, *places)
    return f.load(dtype, places[0], 0, lanes)


def emit_unary(f: Function, name: str, x: Value) -> Value:
    """A primitive of one floating point operand."""
    return _emit(f, name, (x,))


def emit_binary(f: Function, name: str, x: Value, y: Value) -> Value:
    """`pow` or `atan2` of floating point operands."""
    assert name in _TWO_OPERANDS
    return _emit(f, name, f.matched(x, y))
