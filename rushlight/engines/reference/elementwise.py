"""Primitives that compute each element from the elements at the same place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.engines.reference import gamma, special
from rushlight.engines.reference.rounding import Rule, cast, widened
from rushlight.graph import elementwise as e
from rushlight.graph.indexing import FENCE
from rushlight.graph.node import Primitive

_INTEGERS = "iu"
_WHOLE = "biu"


def _plain(function: Callable[..., np.ndarray]) -> Rule:
    """A rule that computes in the dtype of the operands."""

    def rule(arrays, attributes, numbers, spec):
        return function(*arrays)

    return rule


def _wide(function: Callable[..., np.ndarray]) -> Rule:
    """A rule that computes in double precision, so that one rounding is left."""

    def rule(arrays, attributes, numbers, spec):
        return function(*[widened(x) for x in arrays])

    return rule


def _to_whole(function: Callable[..., np.ndarray]) -> Rule:
    """A rule that leaves whole numbers alone."""

    def rule(arrays, attributes, numbers, spec):
        (x,) = arrays
        return x if x.dtype.kind in _WHOLE else function(x)

    return rule


def _sign(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "b":
        return x
    signs = np.sign(x)
    return np.where(np.isnan(x), 0, signs).astype(x.dtype) if x.dtype.kind == "f" else signs


def _check_divisor(a: np.ndarray, b: np.ndarray) -> None:
    if a.dtype.kind in _INTEGERS and a.size and np.any(b == 0):
        raise RuntimeError("ZeroDivisionError")


def _floor_div(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    _check_divisor(a, b)
    return np.floor_divide(a, b)


def _fmod(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    _check_divisor(a, b)
    return np.fmod(a, b)


def _remainder(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """With the divisor's sign; an exact 0 keeps the dividend's, which NumPy's would not."""
    rest = _fmod(a, b)
    return np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)


def _pow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind not in _INTEGERS:
        return np.power(widened(a), widened(b))
    powers = np.power(a, np.maximum(b, 0))
    odd = (b & 1).astype(bool)
    reciprocals = np.where(a == 1, 1, np.where(a == -1, np.where(odd, -1, 1), 0))
    return np.where(b < 0, reciprocals.astype(a.dtype), powers)


def _cast(arrays, attributes, numbers, spec):
    return cast(arrays[0], spec.dtype)


def _fence(x: np.ndarray, tie: np.ndarray) -> np.ndarray:
    return x


_PLAIN = {
    e.NEG: np.negative,
    e.ABS: np.abs,
    e.SIGN: _sign,
    e.INVERT: np.invert,
    e.ADD: np.add,
    e.SUB: np.subtract,
    e.MUL: np.multiply,
    e.DIV: np.divide,
    e.FLOOR_DIV: _floor_div,
    e.REMAINDER: _remainder,
    e.FMOD: _fmod,
    e.MAXIMUM: np.maximum,
    e.MINIMUM: np.minimum,
    e.POW: _pow,
    e.AND: np.bitwise_and,
    e.OR: np.bitwise_or,
    e.XOR: np.bitwise_xor,
    e.SHIFT_LEFT: np.left_shift,
    e.SHIFT_RIGHT: np.right_shift,
    e.EQ: np.equal,
    e.NE: np.not_equal,
    e.LT: np.less,
    e.LE: np.less_equal,
    e.GT: np.greater,
    e.GE: np.greater_equal,
    e.WHERE: np.where,
    e.SIGNBIT: np.signbit,
    e.COPYSIGN: np.copysign,
    e.NEXTAFTER: np.nextafter,
    e.GCD: np.gcd,
    e.LCM: np.lcm,
    e.MANTISSA: lambda x: np.frexp(x)[0],
    e.EXPONENT: lambda x: np.frexp(x)[1],
    FENCE: _fence,
}

_TO_WHOLE = {e.FLOOR: np.floor, e.CEIL: np.ceil, e.ROUND: np.rint, e.TRUNC: np.trunc}

_WIDE = {
    e.SQRT: np.sqrt,
    e.EXP: np.exp,
    e.EXPM1: np.expm1,
    e.EXP2: np.exp2,
    e.LOG: np.log,
    e.LOG1P: np.log1p,
    e.LOG2: np.log2,
    e.LOG10: np.log10,
    e.SIN: np.sin,
    e.COS: np.cos,
    e.TAN: np.tan,
    e.ASIN: np.arcsin,
    e.ACOS: np.arccos,
    e.ATAN: np.arctan,
    e.SINH: np.sinh,
    e.COSH: np.cosh,
    e.TANH: np.tanh,
    e.ASINH: np.arcsinh,
    e.ACOSH: np.arccosh,
    e.ATANH: np.arctanh,
    e.ATAN2: np.arctan2,
    e.ERF: special.erf,
    e.ERFC: special.erfc,
    e.ERFINV: special.erfinv,
    e.LGAMMA: special.lgamma,
    e.DIGAMMA: special.digamma,
    e.ZETA: gamma.zeta,
    e.IGAMMA: gamma.igamma,
    e.IGAMMAC: gamma.igammac,
}

RULES: dict[Primitive, Rule] = {
    **{primitive: _plain(function) for primitive, function in _PLAIN.items()},
    **{primitive: _to_whole(function) for primitive, function in _TO_WHOLE.items()},
    **{primitive: _wide(function) for primitive, function in _WIDE.items()},
    e.CAST: _cast,
}
