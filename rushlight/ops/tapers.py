"""Window functions that weigh the samples of a signal, computed once in double precision.

With n samples in a period and k = 0, 1, ...: hann is (1 - cos(2 pi k / n)) / 2.  A symmetric
window ends as it begins, so its period is one sample shorter than the window; a periodic one has
its whole period, as Fourier transforms want it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.dtypes import as_dtype
from rushlight.ops.check import fail
from rushlight.ops.options import check_options, finish
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, from_array

Taper = Callable[[np.ndarray, int], np.ndarray]
"""Of the places k and the length of the period."""


def cosines(coefficients: Sequence[float]) -> Taper:
    """The alternating sum of cosines of multiples of the angle."""

    def taper(k: np.ndarray, period: int) -> np.ndarray:
        angle = 2 * math.pi / period * k
        terms = [(-1) ** i * a * np.cos(i * angle) for i, a in enumerate(coefficients)]
        return np.asarray(sum(terms))

    return taper


def triangle(k: np.ndarray, period: int) -> np.ndarray:
    """From 0 up to 1 in the middle and down again."""
    return 1 - np.abs(2 / period * k - 1)


def kaiser(beta: float) -> Taper:
    """Kaiser's: I0(beta sqrt(1 - u^2)) / I0(beta), u from -1 to 1."""

    def taper(k: np.ndarray, period: int) -> np.ndarray:
        u = 2 / period * k - 1
        inside = np.maximum(1 - u * u, 0)
        return np.i0(beta * np.sqrt(inside)) / np.i0(float(beta))

    return taper


def sampled(size: int, symmetric: bool, taper: Taper) -> np.ndarray:
    """The window of this many samples; a single one is 1."""
    if size <= 1:
        return np.ones(size)
    return taper(np.arange(size), size - 1 if symmetric else size)


def window(name: str, size: int, periodic: bool, taper: Taper, options: dict[str, Any]) -> Tensor:
    """A window as a tensor; RuntimeError for a negative size or a dtype without fractions."""
    requires_grad = options.pop("requires_grad", False)
    dtype = as_dtype(name, options.pop("dtype", None)) or get_default_dtype()
    check_options(name, **options)
    if not dtype.is_floating_point:
        words = f"{name} expects floating point dtypes, got: {dtype.name}"
        fail(RuntimeError, name, words, "a floating point dtype", dtype.name)
    if size < 0:
        words = f"{name} requires non-negative window_length, got window_length={size}"
        fail(RuntimeError, name, words, "0 or more samples", str(size))
    return finish(from_array(sampled(size, not periodic, taper)).to(dtype), requires_grad)


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """(1 - cos(2 pi k / n)) / 2; takes dtype, layout, device, pin_memory and requires_grad.

    >>> import rushlight as rl
    >>> rl.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return window("hann_window", window_length, periodic, cosines((0.5, 0.5)), options)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Any,
) -> Tensor:
    """alpha - beta cos(2 pi k / n); further options as in `hann_window`.

    >>> import rushlight as rl
    >>> rl.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return window("hamming_window", window_length, periodic, cosines((alpha, beta)), options)


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi k / n) + 0.08 cos(4 pi k / n); further options as in `hann_window`."""
    taper = cosines((0.42, 0.5, 0.08))
    return window("blackman_window", window_length, periodic, taper, options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A triangle from 0 to 1 and back; further options as in `hann_window`."""
    return window("bartlett_window", window_length, periodic, triangle, options)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """Kaiser's window, narrower for larger beta; further options as in `hann_window`."""
    return window("kaiser_window", window_length, periodic, kaiser(beta), options)


_FUNCTIONS = (hann_window, hamming_window, blackman_window, bartlett_window, kaiser_window)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS: dict[str, Callable] = {}
