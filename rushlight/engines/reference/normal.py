"""The scaled error function, and the normal distribution function and its inverse.

In double precision.  Numbers in brackets are those of the Digital Library of Mathematical
Functions (dlmf.nist.gov).
"""

from __future__ import annotations

import math

import numpy as np

from rushlight.engines.reference.special import erfc

_ROOT_TWO, _ROOT_PI = math.sqrt(2), math.sqrt(math.pi)
_NEWTON_STEPS = 12


def erfcx(x: np.ndarray) -> np.ndarray:
    """exp(x^2) erfc(x), far out by its continued fraction [7.9.1]."""
    size = np.abs(x)
    near = np.where(size < 3, size, 0.0)
    far = np.where(size < 3, 3.0, size)
    fraction = np.zeros_like(far)
    for k in reversed(range(1, 80)):
        fraction = k / 2 / (far + fraction)
    result = 1 / (_ROOT_PI * (far + fraction))
    result = np.where(size < 3, np.exp(near * near) * erfc(near), result)
    return np.where(np.isnan(x), x, np.where(x < 0, 2 * np.exp(x * x) - result, result))


def log_ndtr(x: np.ndarray) -> np.ndarray:
    """The logarithm of the normal distribution function."""
    left = np.where(x < -1, x, -1.0)
    low = np.log(erfcx(-left / _ROOT_TWO) / 2) - left * left / 2
    right = np.where(x < -1, 0.0, x)
    return np.where(x < -1, low, np.log1p(-erfc(right / _ROOT_TWO) / 2))


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
