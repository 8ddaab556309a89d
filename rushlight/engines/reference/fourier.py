"""The discrete Fourier transform, in double precision."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import fourier as f
from rushlight.graph.node import Primitive


def _fourier(arrays, attributes, numbers, spec):
    axes, inverse = attributes
    if not spec.size:
        return arrays[0]
    if inverse:
        return np.fft.ifftn(widened(arrays[0]), axes=axes, norm="forward")
    return np.fft.fftn(widened(arrays[0]), axes=axes)


def _real_fourier(arrays, attributes, numbers, spec):
    if not spec.size:
        return np.zeros(spec.shape)
    return np.fft.rfft(widened(arrays[0]), axis=attributes[0])


def _fourier_to_real(arrays, attributes, numbers, spec):
    (axis,) = attributes
    if not spec.size:
        return np.zeros(spec.shape)
    return np.fft.irfft(widened(arrays[0]), spec.shape[axis], axis, norm="forward")


RULES: dict[Primitive, Rule] = {
    f.FOURIER: _fourier,
    f.REAL_FOURIER: _real_fourier,
    f.FOURIER_TO_REAL: _fourier_to_real,
}
