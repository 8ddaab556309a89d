"""Functions that NumPy lacks, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_HALLEY_STEPS = 3
_ASYMPTOTIC = 10.0
# B(2k) / 2k for k = 1, 2, ...: digamma(x) is log(x) - 1/2x - sum of these over x^2k.
_BERNOULLI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 5 / 660, -691 / 32760, 1 / 12)


def _each(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(function, 1, 1)(x)).astype(np.float64)


def erf(x: np.ndarray) -> np.ndarray:
    """The error function."""
    return _each(math.erf, x)


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x), accurate where that is small."""
    return _each(math.erfc, x)


def lgamma(x: np.ndarray) -> np.ndarray:
    """The logarithm of |gamma(x)|; infinite at 0, -1, -2, ..."""
    return _each(_lgamma, x)


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def erfinv(x: np.ndarray) -> np.ndarray:
    """The inverse of the error function: Winitzki's approximation, refined by Halley's method."""
    size = np.abs(x)
    inside = np.where(size < 1, size, 0.0)
    shrinking = np.log1p(-inside * inside)
    middle = 2 / (math.pi * 0.147) + shrinking / 2
    y = np.sqrt(np.sqrt(middle * middle - shrinking / 0.147) - middle)
    for _ in range(_HALLEY_STEPS):
        # near 1 the complement has all the digits
        error = np.where(inside < 0.5, erf(y) - inside, (1 - inside) - erfc(y))
        step = error * np.exp(y * y) * (math.sqrt(math.pi) / 2)
        y = y - step / (1 + y * step)
    y = np.where(size < 1, y, np.where(size == 1, np.inf, np.nan))
    return np.copysign(y, x)


def digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of lgamma: reflected to positive x, shifted up, then an asymptotic series."""
    x = np.asarray(x, np.float64)
    positive = _digamma_of_positive(np.where(x > 0, x, 1 - x))
    fraction = x - np.trunc(x)
    reflected = positive - math.pi / np.tan(math.pi * fraction)
    result = np.where(x > 0, positive, np.where(fraction == 0, np.nan, reflected))
    return np.where(x == 0, np.copysign(np.inf, -x), result)


def _digamma_of_positive(x: np.ndarray) -> np.ndarray:
    shift = np.zeros_like(x)
    for _ in range(int(_ASYMPTOTIC)):
        small = x < _ASYMPTOTIC
        shift = np.where(small, shift - 1 / x, shift)
        x = np.where(small, x + 1, x)
    inverse_square = 1 / (x * x)
    series = np.zeros_like(x)
    for coefficient in reversed(_BERNOULLI):
        series = (series + coefficient) * inverse_square
    return np.log(x) - 0.5 / x - series + shift
