"""Steps of random graphs: new values, and those computed element by element.

Each makes one more value of those so far, or gives None if it cannot.
"""

from __future__ import annotations

import math

from rushlight.graph import creation
from rushlight.graph import elementwise as e
from rushlight.graph.dtype import bool_, uint32
from tests.engines.random_graphs import DTYPES, LARGEST, Builder, Value

_ULPS = 4


def is_float(value: Value) -> bool:
    return value.dtype.kind == "f"


def is_integer(value: Value) -> bool:
    return value.dtype.kind in "iu"


def is_exact(value: Value) -> bool:
    return value.is_exact


def has_axes(value: Value) -> bool:
    return bool(value.shape)


def literal(number, like: Value):
    return creation.literal(number, like.dtype)


def combined(value: Value, node, count: int) -> Value:
    """The sum of `count` elements of `value`."""
    bound = value.bound * max(count, 1)
    if not is_float(value):
        return Value(node, bound)
    if value.is_exact and value.whole and bound * value.roundoff <= 1:
        return Value(node, bound)
    order = value.roundoff * bound * (_ULPS + math.sqrt(count))
    return Value(node, bound, value.error * max(count, 1) + order, False)


# ------------------------------------------------------------------------------------- creation


def new_input(b: Builder) -> Value:
    return b.leaf(b.shape(), b.pick(DTYPES))


def new_iota(b: Builder) -> Value:
    size = b.sizes[b.pick("abc")]
    return Value(creation.iota(size), size)


def new_number(b: Builder) -> Value:
    dtype = b.pick(DTYPES)
    number = b.pick((0, 1, 2, 3))
    return Value(creation.number(number, dtype), number)


def new_random_bits(b: Builder) -> Value:
    bits = creation.random_bits(b.shape(), b.number(5) * 2**40, b.number(7))
    high = e.binary(e.SHIFT_RIGHT, bits, creation.literal(29, uint32))
    return Value(high, 7)


# ---------------------------------------------------------------------------------- elementwise

_ROUNDINGS = (e.FLOOR, e.CEIL, e.ROUND, e.TRUNC, e.SIGN)

# of which operand, up to which magnitude, the largest result and slope
_ANY, _FROM_ONE, _INSIDE = "any", "|x| + 1", "0.9 x / (|x| + 1)"
_ANALYTIC = {
    e.EXP: (_ANY, 4, math.exp, math.exp),
    e.EXP2: (_ANY, 6, math.exp2, math.exp2),
    e.EXPM1: (_ANY, 4, math.exp, math.exp),
    e.SINH: (_ANY, 4, math.cosh, math.cosh),
    e.COSH: (_ANY, 4, math.cosh, math.cosh),
    e.TANH: (_ANY, math.inf, lambda x: 1, lambda x: 1),
    e.SIN: (_ANY, 100, lambda x: 1, lambda x: 1),
    e.COS: (_ANY, 100, lambda x: 1, lambda x: 1),
    e.ATAN: (_ANY, math.inf, lambda x: 1.6, lambda x: 1),
    e.ASINH: (_ANY, math.inf, lambda x: x, lambda x: 1),
    e.ERF: (_ANY, math.inf, lambda x: 1, lambda x: 1.13),
    e.ERFC: (_ANY, math.inf, lambda x: 2, lambda x: 1.13),
    e.SQRT: (_FROM_ONE, math.inf, lambda x: x, lambda x: 0.5),
    e.LOG: (_FROM_ONE, math.inf, math.log, lambda x: 1),
    e.LOG2: (_FROM_ONE, math.inf, math.log2, lambda x: 1.5),
    e.LOG10: (_FROM_ONE, math.inf, math.log10, lambda x: 1),
    e.LOG1P: (_FROM_ONE, math.inf, math.log1p, lambda x: 1),
    e.ACOSH: (_FROM_ONE, math.inf, lambda x: 2 + x, None),
    e.LGAMMA: (_FROM_ONE, 50, math.lgamma, lambda x: 4),
    e.DIGAMMA: (_FROM_ONE, math.inf, lambda x: 1 + math.log(x), lambda x: 1.7),
    e.TAN: (_INSIDE, math.inf, lambda x: 1.3, lambda x: 2.6),
    e.ASIN: (_INSIDE, math.inf, lambda x: 1.2, lambda x: 2.3),
    e.ACOS: (_INSIDE, math.inf, lambda x: 2.7, lambda x: 2.3),
    e.ATANH: (_INSIDE, math.inf, lambda x: 1.5, lambda x: 5.3),
    e.ERFINV: (_INSIDE, math.inf, lambda x: 1.2, lambda x: 3.5),
}


def from_one(x: Value) -> Value:
    """|x| + 1: away from zero."""
    node = e.add(e.unary(e.ABS, x.node), literal(1, x))
    error = 0.0 if x.is_exact else x.error + x.roundoff * (x.bound + 1)
    return Value(node, x.bound + 1, error, x.whole)


def inside(x: Value) -> Value:
    """0.9 x / (|x| + 1): well between -1 and 1."""
    ratio = e.div(x.node, from_one(x).node)
    error = 0.0 if x.is_exact else 2 * x.error + 4 * x.roundoff
    return Value(e.mul(ratio, literal(0.875, x)), 0.9, error, False)


def analytic(b: Builder) -> Value | None:
    primitive = b.pick(list(_ANALYTIC))
    domain, most, largest, slope = _ANALYTIC[primitive]
    x = b.value(lambda value: is_float(value) and value.bound <= most)
    if x is None:
        return None
    if primitive is e.ACOSH:  # steep at one
        x = from_one(from_one(x))
    elif domain == _FROM_ONE:
        x = from_one(x)
    elif domain == _INSIDE:
        x = inside(x)
    bound = max(1.0, largest(x.bound))
    error = (slope(x.bound) if slope else 1) * x.error + _ULPS * x.roundoff * bound
    return Value(e.unary(primitive, x.node), bound, error, False)


def exact_unary(b: Builder) -> Value | None:
    x = b.value(lambda value: value.dtype is not bool_)
    return None if x is None else x._replace(node=e.unary(b.pick((e.NEG, e.ABS)), x.node))


def rounding(b: Builder) -> Value | None:
    x = b.value(lambda value: is_exact(value) and value.dtype is not bool_)
    return None if x is None else Value(e.unary(b.pick(_ROUNDINGS), x.node), x.bound + 1)


def bits(b: Builder) -> Value | None:
    x = b.value(lambda value: value.dtype.kind in "iub")
    if x is None:
        return None
    if b.number(4) == 0:
        return Value(e.unary(e.INVERT, x.node), math.inf)
    operations = (e.AND, e.OR, e.XOR, e.SHIFT_LEFT, e.SHIFT_RIGHT)
    operation = b.pick(operations[:3] if x.dtype is bool_ else operations)
    return Value(e.binary(operation, x.node, b.like(x).node), math.inf)


def arithmetic(b: Builder) -> Value | None:
    x = b.value(lambda value: value.dtype is not bool_)
    if x is None:
        return None
    y = b.like(x)
    if b.number(2):
        x, y = y, x
    operation = b.pick((e.ADD, e.SUB, e.MUL, e.MAXIMUM, e.MINIMUM))
    bounds = {e.ADD: x.bound + y.bound, e.SUB: x.bound + y.bound, e.MUL: x.bound * y.bound}
    bound = bounds.get(operation, max(x.bound, y.bound))
    node = e.binary(operation, x.node, y.node)
    if x.is_exact and y.is_exact:
        return Value(node, bound, 0.0, x.whole and y.whole)
    if operation is e.MUL:
        error = x.error * y.bound + y.error * x.bound + x.error * y.error
    else:
        error = x.error + y.error
    return Value(node, bound, error + x.roundoff * bound, False)


def division(b: Builder) -> Value | None:
    x = b.value(is_float)
    if x is None:
        return None
    y = from_one(b.like(x))
    error = x.error + y.error * x.bound
    error += 0.0 if x.is_exact and y.is_exact else x.roundoff * x.bound
    return Value(e.div(x.node, y.node), x.bound, error, False)


def integer_division(b: Builder) -> Value | None:
    operation = b.pick((e.FLOOR_DIV, e.REMAINDER, e.FMOD))
    x = b.value(lambda value: is_exact(value) and value.dtype is not bool_)
    if x is None:
        return None
    y = b.like(x, is_exact)
    if is_float(x):
        divisor = from_one(y)
        return Value(e.binary(operation, x.node, divisor.node), x.bound + divisor.bound, 0.0, False)
    divisor = e.binary(e.OR, y.node, literal(1, y))
    return Value(e.binary(operation, x.node, divisor), math.inf)


def power(b: Builder) -> Value | None:
    x = b.value(lambda value: is_integer(value) or (is_float(value) and value.bound <= 100))
    if x is None:
        return None
    if is_integer(x):
        exponent = e.binary(e.AND, b.like(x).node, literal(3, x))
        return Value(e.binary(e.POW, x.node, exponent), math.inf)
    base, exponent = from_one(x), inside(b.like(x))
    logarithm = math.log(base.bound) + 1
    error = base.error + exponent.error * base.bound * logarithm
    error += _ULPS * x.roundoff * base.bound
    return Value(e.binary(e.POW, base.node, exponent.node), base.bound, error, False)


def angle(b: Builder) -> Value | None:
    x = b.value(is_float)
    if x is None:
        return None
    y = from_one(b.like(x))
    error = x.error + y.error + _ULPS * x.roundoff * 2
    return Value(e.binary(e.ATAN2, x.node, y.node), 1.6, error, False)


def comparison(b: Builder) -> Value | None:
    x = b.value(is_exact)
    y = None if x is None else b.like(x, is_exact)
    if y is None:
        return None
    operation = b.pick((e.EQ, e.NE, e.LT, e.LE, e.GT, e.GE))
    return Value(e.compare(operation, x.node, y.node), 1)


def selection(b: Builder) -> Value | None:
    x = b.value()
    condition = b.value(lambda value: value.dtype is bool_ and value.shape in (x.shape, ()))
    y = b.like(x)
    if condition is None:
        condition = b.leaf(x.shape, bool_)
    node = e.where(condition.node, x.node, y.node)
    return Value(node, max(x.bound, y.bound), max(x.error, y.error), x.whole and y.whole)


def cast(b: Builder) -> Value | None:
    dtype = b.pick(DTYPES)
    largest = LARGEST.get(dtype.name, 100 if dtype.kind in "iub" else math.inf)

    def fits(value: Value) -> bool:
        unsigned = value.dtype.kind == "u"  # differences wrap around to the largest there is
        bound = 256.0**value.dtype.itemsize if unsigned else value.bound
        return bound <= largest and (is_exact(value) or dtype.kind == "f")

    x = b.value(fits)
    if x is None or x.dtype is dtype:
        return None
    node = e.cast(e.unary(e.ABS, x.node) if is_float(x) and dtype.kind == "u" else x.node, dtype)
    bound = 256.0**x.dtype.itemsize if x.dtype.kind == "u" else x.bound
    if dtype.kind != "f":
        return Value(node, math.inf if dtype.kind == "u" and x.dtype.kind == "i" else bound)
    made = Value(node, bound, x.error, x.whole)
    return made if x.is_exact else made._replace(error=x.error + made.roundoff * bound)


ELEMENTWISE = (
    *(new_input, new_iota, new_number, new_random_bits, analytic, analytic, analytic),
    *(exact_unary, rounding, bits, arithmetic, arithmetic, arithmetic, division),
    *(integer_division, power, angle, comparison, selection, cast, cast),
)
