"""Primitives that compute each element from the elements at the same place.

Operands have the same dtype and the same shape; a rank-0 operand counts for every place.  All
other broadcasting is recorded as an `expand`.
"""

from __future__ import annotations

from rushlight.graph.dtype import DType, bool_, int32
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec, spec_of


def _shape_of(specs: tuple[Spec, ...]) -> Spec:
    for spec in specs:
        if spec.rank:
            return spec
    return specs[0]


def _infer_same(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    shape = _shape_of(specs)
    for other in specs:
        if other.dtype is not shape.dtype or (other.rank and other.shape != shape.shape):
            raise ValueError(f"elementwise operands differ: {specs}")
    return shape


def _infer_comparison(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return _infer_same(specs, attributes, numbers, spec).with_dtype(bool_)


def _infer_exponent(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0].with_dtype(int32)


def _infer_where(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    chosen = _infer_same(specs[1:], attributes, numbers, spec)
    condition = specs[0]
    if condition.dtype is not bool_:
        raise ValueError(f"where chooses by bool, not {condition}")
    if condition.rank and chosen.rank and condition.shape != chosen.shape:
        raise ValueError(f"where of {condition} between {chosen}")
    return _shape_of(specs).with_dtype(chosen.dtype)


def _infer_cast(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0].with_dtype(spec.dtype)


def _unary(name: str, exact: bool = False) -> Primitive:
    return Primitive(name, "elementwise", _infer_same, exact=exact)


def _binary(name: str, exact: bool = False) -> Primitive:
    return Primitive(name, "elementwise", _infer_same, exact=exact)


def _comparison(name: str) -> Primitive:
    return Primitive(name, "elementwise", _infer_comparison, exact=True)


NEG, ABS, SIGN = _unary("neg", True), _unary("abs", True), _unary("sign", True)
SQRT, FLOOR, CEIL = _unary("sqrt", True), _unary("floor", True), _unary("ceil", True)
ROUND, TRUNC = _unary("round", True), _unary("trunc", True)
INVERT = _unary("invert", True)
EXP, EXPM1, EXP2 = _unary("exp"), _unary("expm1"), _unary("exp2")
LOG, LOG1P, LOG2, LOG10 = _unary("log"), _unary("log1p"), _unary("log2"), _unary("log10")
SIN, COS, TAN = _unary("sin"), _unary("cos"), _unary("tan")
ASIN, ACOS, ATAN = _unary("asin"), _unary("acos"), _unary("atan")
SINH, COSH, TANH = _unary("sinh"), _unary("cosh"), _unary("tanh")
ASINH, ACOSH, ATANH = _unary("asinh"), _unary("acosh"), _unary("atanh")
ERF, ERFC, ERFINV = _unary("erf"), _unary("erfc"), _unary("erfinv")
LGAMMA, DIGAMMA = _unary("lgamma"), _unary("digamma")
ZETA, IGAMMA, IGAMMAC = _binary("zeta"), _binary("igamma"), _binary("igammac")
SIGNBIT = Primitive("signbit", "elementwise", _infer_comparison, exact=True)
EXPONENT = Primitive("exponent", "elementwise", _infer_exponent, exact=True)
MANTISSA = _unary("mantissa", True)

ADD, SUB, MUL, DIV = (_binary(name, True) for name in ("add", "sub", "mul", "div"))
FLOOR_DIV, REMAINDER, FMOD = (_binary(name, True) for name in ("floor_div", "remainder", "fmod"))
MAXIMUM, MINIMUM = _binary("maximum", True), _binary("minimum", True)
POW, ATAN2 = _binary("pow"), _binary("atan2")
AND, OR, XOR = _binary("and", True), _binary("or", True), _binary("xor", True)
SHIFT_LEFT, SHIFT_RIGHT = _binary("shift_left", True), _binary("shift_right", True)
COPYSIGN, NEXTAFTER = _binary("copysign", True), _binary("nextafter", True)
GCD, LCM = _binary("gcd", True), _binary("lcm", True)

EQ, NE, LT = _comparison("eq"), _comparison("ne"), _comparison("lt")
LE, GT, GE = _comparison("le"), _comparison("gt"), _comparison("ge")

WHERE = Primitive("where", "elementwise", _infer_where, exact=True)
CAST = Primitive("cast", "elementwise", _infer_cast, exact=True)


def unary(primitive: Primitive, x: Node) -> Node:
    """Record a primitive of one operand."""
    return record(primitive, (x,), (), (), x.spec)


def binary(primitive: Primitive, a: Node, b: Node) -> Node:
    """Record a primitive of two operands of one dtype, of equal shapes or with one of rank 0."""
    return record(primitive, (a, b), (), (), a.spec if a.spec.rank else b.spec)


def compare(primitive: Primitive, a: Node, b: Node) -> Node:
    """Record a comparison; the result is bool."""
    spec = a.spec if a.spec.rank else b.spec
    return record(primitive, (a, b), (), (), spec.with_dtype(bool_))


def where(condition: Node, a: Node, b: Node) -> Node:
    """`a` where the condition holds, else `b`."""
    shape = _shape_of((condition.spec, a.spec, b.spec))
    return record(WHERE, (condition, a, b), (), (), shape.with_dtype(a.spec.dtype))


def cast(x: Node, dtype: DType) -> Node:
    """The same numbers in another dtype: floats to integers towards zero, to bool by `!= 0`."""
    if x.spec.dtype is dtype:
        return x
    return record(CAST, (x,), (), (), x.spec.with_dtype(dtype))


def signbit(x: Node) -> Node:
    """Whether the sign of a float is minus, also that of a zero or NaN."""
    return record(SIGNBIT, (x,), (), (), x.spec.with_dtype(bool_))


def exponent(x: Node) -> Node:
    """The power of two of a float whose mantissa lies from 1/2 to 1, as int32."""
    return record(EXPONENT, (x,), (), (), x.spec.with_dtype(int32))


def neg(x: Node) -> Node:
    """-x."""
    return record(NEG, (x,), (), (), x.spec)


def add(a: Node, b: Node) -> Node:
    """a + b."""
    return binary(ADD, a, b)


def sub(a: Node, b: Node) -> Node:
    """a - b."""
    return binary(SUB, a, b)


def mul(a: Node, b: Node) -> Node:
    """a * b."""
    return binary(MUL, a, b)


def div(a: Node, b: Node) -> Node:
    """a / b, of floating point or complex operands."""
    return binary(DIV, a, b)


def scalar_spec(dtype: DType) -> Spec:
    """The spec of a rank-0 value."""
    return spec_of((), dtype)
