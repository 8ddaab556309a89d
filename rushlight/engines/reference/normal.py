"""The scaled error function, and the normal distribution function and its inverse.

In double precision.  Numbers in brackets are those of the Digital Library of Mathematical
Functions (dlmf.nist.gov).
"""

from __future__ import annotations

import math

import numpy as np

_ROOT_TWO, _ROOT_PI = math.sqrt(2), math.sqrt(math.pi)
_NEWTON_STEPS = 12
_STEP, _MIDPOINTS, _NEAR, _LARGE = 0.5, 13, 6.0, 1e9


def erfcx(x: np.ndarray) -> np.ndarray:
    """exp(x^2) erfc(x).

    The integral [7.7.1] by the midpoint rule, corrected for the poles of what is integrated
    (Hunter and Regan, 1972, "A note on the evaluation of the complementary error function").
    """
    size = np.abs(x)
    square, total = size * size, np.zeros_like(size)
    for k in range(_MIDPOINTS):
        place = ((k + 0.5) * _STEP) ** 2
        total += math.exp(-place) / (square + place)
    near = np.minimum(size, _NEAR)
    poles = 2 * np.exp(near * near) / (1 + np.exp(2 * math.pi / _STEP * near))
    result = 2 * _STEP / math.pi * size * total + np.where(size < _NEAR, poles, 0.0)
    result = np.where(size > _LARGE, 1 / (_ROOT_PI * size), result)
    return np.where(np.isnan(x), x, np.where(x < 0, 2 * np.exp(square) - result, result))


def _erfc(x: np.ndarray) -> np.ndarray:
    found = erfcx(np.abs(x)) * np.exp(-x * x)
    return np.where(x < 0, 2 - found, found)


def log_ndtr(x: np.ndarray) -> np.ndarray:
    """The logarithm of the normal distribution function."""
    left = np.where(x < -1, x, -1.0)
    low = np.log(erfcx(-left / _ROOT_TWO) / 2) - left * left / 2
    right = np.where(x < -1, 0.0, x)
    return np.where(x < -1, low, np.log1p(-_erfc(right / _ROOT_TWO) / 2))


def ndtri(p: np.ndarray) -> np.ndarray:
    """The inverse of the normal distribution function.

    By Newton's method for the logarithm, which is concave, from below: so that it never oversteps.
    """
    inside = (p > 0) & (p < 1)
    smaller = np.where(inside, np.minimum(p, 1 - p), 0.5)
    y, target = -np.sqrt(-2 * np.log(2 * smaller)), np.log(smaller)
    for _ in range(_NEWTON_STEPS):
        scaled = erfcx(-y / _ROOT_TWO)
        step = (np.log(scaled / 2) - y * y / 2 - target) * scaled * math.sqrt(math.pi / 2)
        y = y - step
        if np.all(np.abs(step) <= 4e-16 * np.maximum(np.abs(y), 1e-8)):
            break
    y = np.where(p > 0.5, -y, y)
    edges = np.where(p == 0, -np.inf, np.where(p == 1, np.inf, np.nan))
    return np.where(inside, y, edges)
