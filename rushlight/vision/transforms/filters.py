"""Blurring and sharpening arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rushlight.vision.transforms.planes import bound, rounded


def gaussian_blur(
    planes: np.ndarray, kernel_size: Sequence[int], sigma: Sequence[float]
) -> np.ndarray:
    """Blurred by a Gaussian of (width, height), mirrored at the borders."""
    floats = planes if planes.dtype.kind == "f" else planes.astype(np.float32)
    for axis, count, width in zip((-1, -2), kernel_size, sigma, strict=True):
        floats = _filtered(floats, axis, _gaussian(count, width, floats.dtype))
    return rounded(floats, planes.dtype)


def _gaussian(count: int, sigma: float, dtype: np.dtype) -> np.ndarray:
    half = (count - 1) * 0.5
    places = np.linspace(-half, half, count, dtype=dtype)
    weights = np.exp(-0.5 * (places / dtype.type(sigma)) ** 2)
    return (weights / weights.sum()).astype(dtype)


def _filtered(values: np.ndarray, axis: int, weights: np.ndarray) -> np.ndarray:
    half = len(weights) // 2
    widths = [(0, 0)] * values.ndim
    widths[axis] = (half, half)
    padded = np.pad(values, widths, mode="reflect")
    length = values.shape[axis]
    total = np.zeros_like(values)
    part = np.empty_like(values)
    for place, weight in enumerate(weights):
        window = slice(place, place + length)
        shifted = padded[..., window] if axis == -1 else padded[..., window, :]
        total += np.multiply(shifted, weight, out=part)
    return total


def adjust_sharpness(planes: np.ndarray, factor: float) -> np.ndarray:
    """Blurred at 0, itself at 1, sharper beyond; the outermost pixels stay."""
    if min(planes.shape[-2:]) <= 2:
        return planes.copy()
    smooth = _smooth(planes)
    floats = planes if planes.dtype.kind == "f" else planes.astype(np.float32)
    blurred = floats.copy()
    blurred[..., 1:-1, 1:-1] = smooth
    return blend(floats, blurred, factor, planes.dtype)


def _smooth(planes: np.ndarray) -> np.ndarray:
    """The mean of each 3 x 3 square whose middle counts five times."""
    floats = planes if planes.dtype.kind == "f" else planes.astype(np.float32)
    rows, columns = (length - 2 for length in planes.shape[-2:])
    total = 4 * floats[..., 1:-1, 1:-1]
    for top in range(3):
        for left in range(3):
            total += floats[..., top : top + rows, left : left + columns]
    smooth = total / floats.dtype.type(13)
    return np.rint(smooth) if planes.dtype.kind in "iu" else smooth


def blend(first: np.ndarray, second: np.ndarray, factor: float, dtype: np.dtype) -> np.ndarray:
    """factor * first + (1 - factor) * second, kept from black to white; integers are cut."""
    kind = np.result_type(dtype if dtype.kind == "f" else np.float32)
    mixed = np.multiply(first, kind.type(factor), dtype=kind)
    mixed += np.multiply(second, kind.type(1.0 - factor), dtype=kind)
    return np.clip(mixed, 0, kind.type(bound(dtype)), out=mixed).astype(dtype, copy=False)
