"""Bessel functions of orders 0 and 1, in double precision.

Numbers in brackets are those of the Digital Library of Mathematical Functions (dlmf.nist.gov).
Near zero power series; far out Hankel's expansions, taken to where their terms are below rounding;
between them the integral representations by rules whose error falls off exponentially.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_EULER = 0.5772156649015329
_NEAR, _FAR = 2.0, 25.0
_NODES = 64
_SCALED_FAR = 20.0


def pieces(x: np.ndarray, *parts: tuple) -> np.ndarray:
    """A function that is told apart by conditions: each (condition, function) fills its places."""
    result = np.full(x.shape, np.nan)
    for condition, function in parts:
        if np.any(condition):
            result[condition] = function(x[condition])
    return result


def _series(x: np.ndarray, order: int, sign: int, terms: int) -> np.ndarray:
    """The power series of J (sign -1) and I (sign 1) [10.2.2, 10.25.2]."""
    square, total = sign * x * x / 4, np.zeros_like(x)
    for k in reversed(range(1, terms)):
        total = (total + 1) * square / (k * (k + order))
    return (total + 1) * (x / 2) ** order


def _coefficients(order: int, count: int) -> list[float]:
    """a_k of Hankel's expansions [10.17.1]."""
    found = [1.0]
    for k in range(1, count):
        found.append(found[-1] * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k))
    return found


def _hankel(x: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    """The sums P and Q, and cosine and sine of x - (order / 2 + 1 / 4) pi [10.17.3, 10.17.4]."""
    inverse, a = 1 / x, _coefficients(order, 26)
    even, odd = np.zeros_like(x), np.zeros_like(x)
    for k in reversed(range(13)):
        even = a[2 * k] - even * inverse * inverse
        odd = a[2 * k + 1] - odd * inverse * inverse
    cosine, sine = np.cos(x), np.sin(x)
    first, second = (cosine + sine) / math.sqrt(2), (sine - cosine) / math.sqrt(2)
    angle = (second, -first) if order else (first, second)
    return even, odd * inverse, *angle


def bessel_j(order: int, x: np.ndarray) -> np.ndarray:
    """The Bessel function of the first kind."""
    size = np.abs(x)

    def middle(x: np.ndarray) -> np.ndarray:
        """Bessel's integral [10.9.2] by the trapezoidal rule over the whole period."""
        total = np.zeros_like(x)
        for place in 2 * math.pi / _NODES * np.arange(_NODES):
            total += np.cos(order * place - x * math.sin(place))
        return total / _NODES

    def far(x: np.ndarray) -> np.ndarray:
        even, odd, cosine, sine = _hankel(x, order)
        return np.sqrt(2 / (math.pi * x)) * (cosine * even - sine * odd)

    near = lambda x: _series(x, order, -1, 22)  # noqa: E731
    parts = (size <= _NEAR, near), ((size > _NEAR) & (size < _FAR), middle)
    result = pieces(size, *parts, ((size >= _FAR) & (size < np.inf), far))
    result = np.where(np.isinf(x), 0.0, result)
    return np.where(x < 0, -result, result) if order else result


@lru_cache(maxsize=2)
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre between 0 and 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def _harmonic(k: int) -> float:
    return sum(1 / i for i in range(1, k + 1))


def _logarithmic(x: np.ndarray, order: int, sign: int) -> np.ndarray:
    """The series that Y (sign -1) and K (sign 1) have beside the logarithm [10.8.1, 10.31.1]."""
    total = np.zeros_like(x)
    power = (x / 2) ** order
    for k in range(26):
        weight = _harmonic(k) + _harmonic(k + order) - 2 * _EULER
        total += weight * power
        power = power * (sign * x * x / 4) / ((k + 1) * (k + 1 + order))
    return total


def bessel_y(order: int, x: np.ndarray) -> np.ndarray:
    """The Bessel function of the second kind; NaN below 0."""

    def near(x: np.ndarray) -> np.ndarray:
        found = 2 * np.log(x / 2) * _series(x, order, -1, 26) - _logarithmic(x, order, -1)
        return (found - 2 / x * order) / math.pi

    def middle(x: np.ndarray) -> np.ndarray:
        """Schläfli's integrals [10.9.7] by Gauss's rule."""
        total = np.zeros_like(x)
        last = np.arcsinh(42 / x)
        for node, weight in zip(*_legendre(_NODES), strict=True):
            angle, t = math.pi * node, node * last
            waves = np.sin(x * math.sin(angle) - order * angle)
            growing = np.exp(order * t) + (-1) ** order * np.exp(-order * t)
            total += weight * (math.pi * waves - last * growing * np.exp(-x * np.sinh(t)))
        return total / math.pi

    def far(x: np.ndarray) -> np.ndarray:
        even, odd, cosine, sine = _hankel(x, order)
        return np.sqrt(2 / (math.pi * x)) * (sine * even + cosine * odd)

    parts = ((x > 0) & (x <= 4), near), ((x > 4) & (x < _FAR), middle)
    result = pieces(x, *parts, ((x >= _FAR) & (x < np.inf), far))
    result = np.where(x == np.inf, 0.0, result)
    return np.where(x == 0, -np.inf, result)


def scaled_bessel_i(order: int, x: np.ndarray) -> np.ndarray:
    """exp(-|x|) times the modified Bessel function of the first kind."""
    size = np.abs(x)

    def near(x: np.ndarray) -> np.ndarray:
        return np.exp(-x) * _series(x, order, 1, 60)

    def far(x: np.ndarray) -> np.ndarray:
        """[10.40.1]."""
        total = np.zeros_like(x)
        for coefficient in reversed(_coefficients(order, 36)):
            total = coefficient - total / x
        return total / np.sqrt(2 * math.pi * x)

    result = pieces(size, (size < _SCALED_FAR, near), (size >= _SCALED_FAR, far))
    return np.where(x < 0, -result, result) if order else result


def bessel_i(order: int, x: np.ndarray) -> np.ndarray:
    """The modified Bessel function of the first kind."""
    size = np.abs(x)
    half = np.exp(np.where(np.isinf(x), 0.0, size) / 2)  # its square may overflow before the result
    result = scaled_bessel_i(order, x) * half * half
    return np.where(np.isinf(x), x if order else size, result)


def falling_integral(order: float, x: np.ndarray) -> np.ndarray:
    """exp(x) K(x) of any order: the integral [10.32.9] by the trapezoidal rule."""
    steps = 44
    step = 2 * np.arcsinh(np.sqrt(21 / x)) / steps
    total = np.full(x.shape, 0.5)
    for k in range(1, steps + 3):
        t = k * step
        total += np.exp(-2 * x * np.sinh(t / 2) ** 2) * np.cosh(order * t)
    return total * step


def scaled_bessel_k(order: int, x: np.ndarray) -> np.ndarray:
    """exp(x) times the modified Bessel function of the second kind; NaN below 0."""

    def near(x: np.ndarray) -> np.ndarray:
        sign = -1 if order else 1
        found = -sign * np.log(x / 2) * _series(x, order, 1, 20)
        found = found + sign / 2 * _logarithmic(x, order, 1) + order / x
        return found * np.exp(x)

    far = lambda x: falling_integral(order, x)  # noqa: E731
    result = pieces(x, ((x > 0) & (x <= 1), near), ((x > 1) & (x < np.inf), far))
    return np.where(x == 0, np.inf, np.where(x == np.inf, 0.0, result))


def bessel_k(order: int, x: np.ndarray) -> np.ndarray:
    """The modified Bessel function of the second kind; NaN below 0."""
    return scaled_bessel_k(order, x) * np.exp(-x)


def spherical_bessel_j0(x: np.ndarray) -> np.ndarray:
    """sin(x) / x; 1 at 0, 0 at infinity."""
    inside = np.where((x == 0) | np.isinf(x), 1.0, x)
    return np.where(x == 0, 1.0, np.where(np.isinf(x), 0.0, np.sin(inside) / inside))
