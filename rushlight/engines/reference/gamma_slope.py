"""How a gamma variable changes with its shape while its rank stays, in double precision.

With the distribution function P(a, x) and the density p(x), dx/da is -(dP/da) / p.  From the series
of P (Digital Library of Mathematical Functions, 8.7.1) and from its integral (8.2.2) beyond x one
gets sums of terms of one sign, each where it is such.
"""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference.special import digamma

_MOST_TERMS, _NODES = 20_000, 96


def standard_gamma_slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da of gamma variables of rate 1."""
    below = x < a
    result = np.empty(x.shape)
    for here, slope in ((below, _by_series), (~below, _by_integral)):
        if np.any(here):
            result[here] = slope(a[here], x[here])
    return result


def _by_series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    weight, place = x / a, digamma(a + 1)
    logarithm, total = np.log(x), np.zeros_like(x)
    for k in range(1, _MOST_TERMS):
        term = weight * (place - logarithm)
        total += term
        if not np.any(term > 1e-17 * total):
            break
        weight, place = weight * x / (a + k), place + 1 / (a + k)
    return total


def _by_integral(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Of (log(x) + v - digamma(a)) exp(a v - x (exp(v) - 1)) x over v from 0, by Gauss's rule."""
    last = np.log1p((45 + np.sqrt(90 * x)) / x)
    apart, total = np.log(x) - digamma(a), np.zeros_like(x)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        v = node * last
        total += weight * (apart + v) * np.exp(a * v - x * np.expm1(v))
    return total * x * last
