"""Resizing arrays: each axis by itself, every new pixel a weighted sum of old ones.

Places and weights are computed in the image's own precision, as PyTorch computes them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rushlight.vision.transforms.modes import InterpolationMode
from rushlight.vision.transforms.planes import rounded


def resize(
    planes: np.ndarray, size: tuple[int, int], mode: InterpolationMode, antialias: bool
) -> np.ndarray:
    """Of this (height, width); ValueError for a mode that tensors do not have."""
    if planes.shape[-2:] == tuple(size):
        return planes.copy()
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        exact = mode is InterpolationMode.NEAREST_EXACT
        rows, columns = (
            _nearest(old, new, exact) for old, new in zip(planes.shape[-2:], size, strict=True)
        )
        return planes[..., rows[:, None], columns]
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise NotImplementedError(
            f"Interpolation mode '{mode.value}' is unsupported with Tensor input"
        )
    kept = planes.dtype in (np.float32, np.float64)
    values = planes if kept else planes.astype(np.float32)
    dtype = values.dtype.name
    for axis in (-1, -2):
        old, new = values.shape[axis], size[axis]
        values = _along(values, axis, *_weights(old, new, mode, antialias, dtype))
    if mode is InterpolationMode.BICUBIC and planes.dtype == np.uint8:
        values = np.clip(values, 0, 255)
    return rounded(values, planes.dtype)


def _nearest(old: int, new: int, exact: bool) -> np.ndarray:
    places = np.arange(new, dtype=np.float32) + np.float32(0.5 if exact else 0)
    scaled = places * (np.float32(old) / np.float32(new))
    return np.minimum(scaled.astype(np.intp), old - 1)


def _along(values: np.ndarray, axis: int, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums along one axis; places and weights have a row for each tap."""
    if axis == -2:
        weights = weights[..., None]
    total = np.take(values, places[0], axis=axis)
    total *= weights[0]
    for place, weight in zip(places[1:], weights[1:], strict=True):
        part = np.take(values, place, axis=axis)
        part *= weight
        total += part
    return total


@lru_cache(maxsize=256)
def _weights(
    old: int, new: int, mode: InterpolationMode, antialias: bool, dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    """Which old pixels each new one is made of, and how much of each: rows are taps."""
    kind = np.dtype(dtype).type
    if antialias:
        return _smoothed(old, new, mode, kind)
    scale = kind(old) / kind(new)
    places = scale * (np.arange(new, dtype=kind) + kind(0.5)) - kind(0.5)
    if mode is InterpolationMode.BILINEAR:
        places = np.maximum(places, 0)
    first = np.floor(places)
    part = places - first
    first = first.astype(np.intp)
    if mode is InterpolationMode.BILINEAR:
        taps, weights = (0, 1), np.stack([1 - part, part])
    else:
        taps = (-1, 0, 1, 2)
        weights = np.stack([_cubic(part - tap, -0.75) for tap in taps])
    indices = np.stack([np.clip(first + tap, 0, old - 1) for tap in taps])
    return indices, weights.astype(kind)


def _smoothed(
    old: int, new: int, mode: InterpolationMode, kind: type
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of a filter as wide as the old pixels that fall into a new one."""
    scale = kind(old) / kind(new)
    stretch = max(scale, kind(1))
    support = kind(1 if mode is InterpolationMode.BILINEAR else 2) * stretch
    centers = scale * (np.arange(new, dtype=kind) + kind(0.5))
    begin = np.maximum((centers - support + kind(0.5)).astype(np.intp), 0)
    end = np.minimum((centers + support + kind(0.5)).astype(np.intp), old)
    taps = np.arange((end - begin).max())[:, None]
    distances = (taps + begin - centers + kind(0.5)) / stretch
    if mode is InterpolationMode.BILINEAR:
        weights = np.maximum(1 - np.abs(distances), 0)
    else:
        weights = _cubic(distances, -0.5)
    weights = np.where(taps + begin < end, weights, 0).astype(kind)
    weights /= weights.sum(axis=0)
    return np.minimum(taps + begin, old - 1), weights


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """Keys' cubic kernel (R. Keys, 1981), with the slope `a` at distance 1."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
