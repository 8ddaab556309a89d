"""Orthogonal polynomials by their recurrences (Digital Library of Mathematical Functions, 18.9)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Step = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
"""Of x, the polynomials of degree k and k - 1, and k: that of degree k + 1."""


def _recurrent(first: Callable[[np.ndarray], np.ndarray], step: Step) -> Callable:
    """A family whose polynomial of degree 0 is 1: of (x, degrees); 0 for degrees below 0."""

    def polynomial(x: np.ndarray, n: np.ndarray) -> np.ndarray:
        n = np.where(np.isfinite(n), np.trunc(n), -1)
        below, here = np.ones_like(x), first(x)
        result = np.where(n < 0, 0.0, np.where(n == 0, below, here))
        highest = n.max(initial=0)
        for k in range(1, int(highest)):
            below, here = here, step(x, here, below, k)
            result = np.where(n == k + 1, here, result)
        return result

    return polynomial


def _chebyshev(x: np.ndarray, here: np.ndarray, below: np.ndarray, k: int) -> np.ndarray:
    return 2 * x * here - below


def _hermite(x: np.ndarray, here: np.ndarray, below: np.ndarray, k: int) -> np.ndarray:
    return 2 * x * here - 2 * k * below


def _hermite_e(x: np.ndarray, here: np.ndarray, below: np.ndarray, k: int) -> np.ndarray:
    return x * here - k * below


def _laguerre(x: np.ndarray, here: np.ndarray, below: np.ndarray, k: int) -> np.ndarray:
    return ((2 * k + 1 - x) * here - k * below) / (k + 1)


def _legendre(x: np.ndarray, here: np.ndarray, below: np.ndarray, k: int) -> np.ndarray:
    return ((2 * k + 1) * x * here - k * below) / (k + 1)


def _shifted(polynomial: Callable) -> Callable:
    return lambda x, n: polynomial(2 * x - 1, n)


CHEBYSHEV = {
    "t": _recurrent(lambda x: x, _chebyshev),
    "u": _recurrent(lambda x: 2 * x, _chebyshev),
    "v": _recurrent(lambda x: 2 * x - 1, _chebyshev),
    "w": _recurrent(lambda x: 2 * x + 1, _chebyshev),
}
POLYNOMIALS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "hermite_polynomial_h": _recurrent(lambda x: 2 * x, _hermite),
    "hermite_polynomial_he": _recurrent(lambda x: x, _hermite_e),
    "laguerre_polynomial_l": _recurrent(lambda x: 1 - x, _laguerre),
    "legendre_polynomial_p": _recurrent(lambda x: x, _legendre),
}
for _kind, _polynomial in CHEBYSHEV.items():
    POLYNOMIALS[f"chebyshev_polynomial_{_kind}"] = _polynomial
    POLYNOMIALS[f"shifted_chebyshev_polynomial_{_kind}"] = _shifted(_polynomial)
