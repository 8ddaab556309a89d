"""Window functions, as `torch.signal.windows` has them.

Each takes the number of samples M, its own parameters by name, and `sym`: a symmetric window (the
default) ends as it begins, `sym=False` gives a whole period, as Fourier transforms want it.  All
take dtype (float32 or float64), layout, device and requires_grad.  ValueError for a negative M and
other dtypes.

>>> import rushlight as rl
>>> rl.signal.windows.hann(5)
tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight.dtypes import as_dtype
from rushlight.graph.dtype import DType, float32, float64
from rushlight.ops import tapers
from rushlight.ops.check import fail
from rushlight.ops.options import check_options, finish
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, from_array

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine"]
__all__ += ["general_hamming", "hamming", "hann", "kaiser", "nuttall"]


class _Options:
    """Size, symmetry and what all windows take, checked."""

    def __init__(self, name: str, size: int, sym: bool, dtype: Any, rest: dict[str, Any]):
        self.requires_grad = rest.pop("requires_grad", False)
        self.size, self.symmetric = size, sym
        self.dtype: DType = as_dtype(name, dtype) or get_default_dtype()
        if size < 0:
            words = f"{name} requires non-negative window length, got M={size}"
            fail(ValueError, name, words, "0 or more samples", str(size))
        if self.dtype not in (float32, float64):
            words = f"{name} expects float32 or float64 dtypes, got: {self.dtype!r}"
            fail(ValueError, name, words, "float32 or float64", self.dtype.name)
        check_options(name, **rest)

    def sampled(self, taper: tapers.Taper) -> Tensor:
        """The window."""
        array = tapers.sampled(self.size, self.symmetric, taper)
        return finish(from_array(array).to(self.dtype), self.requires_grad)


def _middle(period: int, center: float | None) -> float:
    return period / 2 if center is None else center


def exponential(
    M: int,  # noqa: N803
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """exp(-|k - center| / tau), by default about the middle.

    >>> import rushlight as rl
    >>> rl.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    given = _Options("exponential_window", M, sym, dtype, options)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    return given.sampled(lambda k, period: np.exp(-np.abs(k - _middle(period, center)) / tau))


def cosine(
    M: int,  # noqa: N803
    *,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """sin(pi (k + 1/2) / M): half a wave.

    >>> import rushlight as rl
    >>> rl.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    given = _Options("cosine", M, sym, dtype, options)
    return given.sampled(lambda k, period: np.sin(math.pi / (period + 1) * (k + 0.5)))


def gaussian(
    M: int,  # noqa: N803
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """exp(-(k / std)^2 / 2), k counted from the middle.

    >>> import rushlight as rl
    >>> rl.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    given = _Options("gaussian", M, sym, dtype, options)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return given.sampled(lambda k, period: np.exp(-(((k - period / 2) / std) ** 2) / 2))


def kaiser(
    M: int,  # noqa: N803
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """Kaiser's window: I0(beta sqrt(1 - u^2)) / I0(beta), u from -1 to 1."""
    given = _Options("kaiser", M, sym, dtype, options)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return given.sampled(tapers.kaiser(beta))


def hamming(
    M: int,  # noqa: N803
    *,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """0.54 - 0.46 cos(2 pi k / n)."""
    return general_hamming(M, sym=sym, dtype=dtype, **options)


def hann(
    M: int,  # noqa: N803
    *,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """(1 - cos(2 pi k / n)) / 2."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, **options)


def blackman(
    M: int,  # noqa: N803
    *,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """0.42 - 0.5 cos(2 pi k / n) + 0.08 cos(4 pi k / n)."""
    return general_cosine(M, a=(0.42, 0.5, 0.08), sym=sym, dtype=dtype, **options)


def bartlett(
    M: int,  # noqa: N803
    *,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """A triangle from 0 to 1 and back.

    >>> import rushlight as rl
    >>> rl.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _Options("bartlett", M, sym, dtype, options).sampled(tapers.triangle)


def general_cosine(
    M: int,  # noqa: N803
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """The alternating sum of a[i] cos(2 pi i k / n).

    >>> import rushlight as rl
    >>> rl.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    given = _Options("general_cosine", M, sym, dtype, options)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    coefficients = tuple(a)
    if not coefficients:
        raise ValueError("Coefficients cannot be empty")
    return given.sampled(tapers.cosines(coefficients))


def general_hamming(
    M: int,  # noqa: N803
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi k / n)."""
    return general_cosine(M, a=(alpha, 1 - alpha), sym=sym, dtype=dtype, **options)


def nuttall(
    M: int,  # noqa: N803
    *,
    sym: bool = True,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """Nuttall's window of four cosines, whose side lobes are the lowest (Nuttall, 1981)."""
    a = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
    return general_cosine(M, a=a, sym=sym, dtype=dtype, **options)
