"""Airy's function Ai, in double precision.

Numbers in brackets are those of the Digital Library of Mathematical Functions (dlmf.nist.gov).
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np

from rushlight.engines.reference.bessel import falling_integral, pieces

_AT_ZERO = Decimal("0.355028053887817239260063186004183176")  # [9.2.3]
_SLOPE_AT_ZERO = Decimal("-0.258819403792806798405183560189203963")  # [9.2.4]
_LEAST, _STEP = -9.0, 0.5


@lru_cache(maxsize=64)
def _known(place: float) -> tuple[float, float]:
    """Ai and its slope at a place, by Maclaurin's series [9.4.1] with enough digits."""
    with localcontext() as context:
        context.prec = 50
        x, value, slope = Decimal(place), Decimal(0), Decimal(0)
        terms = [_AT_ZERO, _SLOPE_AT_ZERO, Decimal(0)]
        for k in range(120):
            value += terms[k] * x**k if k else terms[0]
            slope += (k + 1) * (terms[k + 1] * x**k if k else terms[1])
            terms.append(terms[k] / ((k + 3) * (k + 2)))
        return float(value), float(slope)


def _stepped(x: np.ndarray) -> np.ndarray:
    """Taylor's series about the nearest known place, by the equation y'' = x y."""
    result = np.empty_like(x)
    places = np.round(x / _STEP) * _STEP
    for place in np.unique(places):
        here = places == place
        apart = x[here] - place
        terms = [*_known(float(place)), place * _known(float(place))[0] / 2]
        for k in range(1, 22):
            terms.append((place * terms[k] + terms[k - 1]) / ((k + 1) * (k + 2)))
        result[here] = np.polyval(terms[::-1], apart)
    return result


def _expansion(zeta: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """The sums over even and odd k of u_k / zeta^k with their signs [9.7.2]."""
    u = [1.0]
    for k in range(33):
        u.append(u[-1] * (6 * k + 5) * (6 * k + 3) * (6 * k + 1) / (216 * (k + 1) * (2 * k + 1)))
    even, odd = np.zeros_like(zeta), np.zeros_like(zeta)
    for k in reversed(range(17)):
        even = u[2 * k] + sign * even / zeta**2
        odd = u[2 * k + 1] + sign * odd / zeta**2
    return even, odd / zeta


def _far_left(x: np.ndarray) -> np.ndarray:
    """[9.7.9]."""
    zeta = 2 / 3 * np.abs(x) ** 1.5
    even, odd = _expansion(zeta, -1)
    cosine, sine = np.cos(zeta), np.sin(zeta)
    wave = (cosine + sine) * even + (sine - cosine) * odd
    return wave / (math.sqrt(2 * math.pi) * np.abs(x) ** 0.25)


def _right(x: np.ndarray) -> np.ndarray:
    """By a Bessel function of order 1/3 [9.6.2]."""
    zeta = 2 / 3 * x**1.5
    return np.exp(-zeta) * np.sqrt(x / 3) / math.pi * falling_integral(1 / 3, zeta)


def airy_ai(x: np.ndarray) -> np.ndarray:
    """Airy's function Ai."""
    parts = (x < _LEAST) & (x > -np.inf), _far_left
    rest = ((x >= _LEAST) & (x <= 1), _stepped), ((x > 1) & (x < np.inf), _right)
    return np.where(np.isinf(x), 0.0, pieces(x, parts, *rest))
