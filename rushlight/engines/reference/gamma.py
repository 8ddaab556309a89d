"""Zeta and the incomplete gamma functions, in double precision.

Sources of the formulas: DLMF 25.11.5 (Euler and Maclaurin's sum for Hurwitz's zeta), 8.11.4 (the
series of the lower function), 8.9.2 (the continued fraction of the upper one, by Lentz's method),
5.11.1 (Stirling's series).
"""

from __future__ import annotations

import math

import numpy as np

from rushlight.engines.reference.special import lgamma

_SHIFT = 12
_MOST_STEPS = 20_000
_TINY = 1e-300
# B(2k) / (2k)! for k = 1, 2, ...
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_BERNOULLI += (43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730)
_WEIGHTS = tuple([b / math.factorial(2 * k) for k, b in enumerate(_BERNOULLI, 1)])
# B(2k) / (2k (2k - 1)): log(gamma(a)) less (a - 1/2) log(a) - a + log(2 pi) / 2, by 1 / a
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def zeta(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hurwitz's zeta function, the sum of (q + k)^-s; NaN below s = 1, infinite at poles.

    For q below 0 the s must be whole, else NaN: the terms below 0 are a difference of two zetas.
    """
    s, q = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(q, np.float64))
    whole = np.floor(s) == s
    steps = np.where(q < 0, np.ceil(-q), 0.0)
    fraction = q + steps
    result = _zeta_of_positive(s, fraction)
    if np.any(q < 0):
        sign = np.where(np.mod(s, 2) == 0, 1.0, -1.0)
        mirrored = _zeta_of_positive(s, 1 - fraction) - _zeta_of_positive(s, 1 - fraction + steps)
        result = np.where(q < 0, np.where(whole, sign * mirrored + result, np.nan), result)
    result = np.where((q <= 0) & (np.floor(q) == q), np.inf, result)
    result = np.where(s == 1, np.inf, np.where(s < 1, np.nan, result))
    return np.where(np.isnan(q) | np.isnan(s), np.nan, result)


def _zeta_of_positive(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    total = np.zeros_like(q)
    for k in range(_SHIFT):
        total = total + np.power(q + k, -s)
    far = q + _SHIFT
    power = np.power(far, -s)
    total = total + far * power / (s - 1) + power / 2
    rising, term = s, power / far
    for k, weight in enumerate(_WEIGHTS):
        total = total + weight * rising * term
        rising = rising * (s + 2 * k + 1) * (s + 2 * k + 2)
        term = term / (far * far)
    return np.where(np.isinf(q), 0.0, total)


def igamma(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The lower regularised incomplete gamma function."""
    return _incomplete(a, x)[0]


def igammac(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The upper regularised incomplete gamma function."""
    return _incomplete(a, x)[1]


def _incomplete(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both functions: the smaller one computed, the other as what is missing to 1."""
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    plain = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    at, by = np.where(plain, a, 1.0), np.where(plain, x, 1.0)
    low = by < at + 1
    factor = _prefactor(at, by)
    lower = factor * _series(np.where(low, at, 1.0), np.where(low, by, 1.0))
    upper = factor * at * _fraction(np.where(low, 1.0, at), np.where(low, 5.0, by))
    lower = np.where(low, lower, 1 - upper)
    upper = np.where(low, 1 - lower, upper)
    return _at_edges(a, x, plain, lower, 0.0), _at_edges(a, x, plain, upper, 1.0)


def _at_edges(
    a: np.ndarray, x: np.ndarray, plain: np.ndarray, inside: np.ndarray, at_zero: float
) -> np.ndarray:
    """The values where a or x is 0, negative, infinite or NaN."""
    wrong = (a < 0) | (x < 0) | np.isnan(a) | np.isnan(x) | ((a == 0) & (x == 0))
    wrong |= np.isinf(a) & np.isinf(x)
    below = np.where((x == 0) | np.isinf(a), at_zero, 1 - at_zero)
    return np.where(plain, inside, np.where(wrong, np.nan, below))


def _prefactor(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """x^a exp(-x) / gamma(a + 1), for large a around its peak so that nothing cancels."""
    large = a > 20
    at = np.where(large, a, 20.0)
    apart = (x - at) / at
    series = np.zeros_like(at)
    for coefficient in reversed(_STIRLING):
        series = (series / (at * at)) + coefficient
    exponent = -at * (apart - np.log1p(np.maximum(apart, _TINY - 1))) - series / at
    peaked = np.exp(exponent) / np.sqrt(2 * math.pi * at)
    plain = np.exp(a * np.log(x) - x - lgamma(np.where(large, 1.0, a) + 1))
    return np.where(large, peaked, plain)


def _series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The sum of x^n / ((a + 1) ... (a + n)), n from 0."""
    term = np.ones_like(x)
    total = np.ones_like(x)
    for n in range(1, _MOST_STEPS):
        term = term * (x / (a + n))
        total = total + term
        if np.all(term <= 1e-17 * total):
            break
    return total


def _fraction(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...)))."""
    first = x + 1 - a
    ratio = 1 / np.where(first == 0, _TINY, first)
    result, above = ratio, np.full_like(x, 1 / _TINY)
    for n in range(1, _MOST_STEPS):
        part, first = -n * (n - a), first + 2
        ratio = part * ratio + first
        ratio = 1 / np.where(ratio == 0, _TINY, ratio)
        above = first + part / above
        above = np.where(above == 0, _TINY, above)
        change = ratio * above
        result = result * change
        if np.all(np.abs(change - 1) <= 1e-15):
            break
    return result
