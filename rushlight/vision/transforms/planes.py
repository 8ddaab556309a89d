"""Transforms of arrays (..., channels, height, width) that move pixels and change their type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays

_PAD_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect"}
_PAD_MODES["symmetric"] = "symmetric"


def bound(dtype: np.dtype) -> float:
    """The value of white: 1 for floats, the largest integer else."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).max
    return 1


def per_channel(values: Any, dtype: np.dtype) -> np.ndarray:
    """A number for each channel, or one for all, as an array to broadcast over an image."""
    values = np.asarray(values, dtype)
    return values[:, None, None] if values.ndim == 1 else values


def rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Computed values in the image's dtype: integers are rounded."""
    if values.dtype == dtype:
        return values
    return (np.rint(values) if dtype.kind in "iu" else values).astype(dtype)


def crop(planes: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """A rectangle; what lies outside of the image is 0."""
    rows, columns = planes.shape[-2:]
    inside = planes[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    right, bottom = left + width, top + height
    if left >= 0 and top >= 0 and right <= columns and bottom <= rows:
        return inside.copy()
    return pad(
        inside,
        (max(-left, 0), max(-top, 0), max(right - columns, 0), max(bottom - rows, 0)),
        0,
        "constant",
    )[..., :height, :width]


def pad(planes: np.ndarray, sides: Sequence[int], fill: Any, mode: str) -> np.ndarray:
    """Wider by (left, top, right, bottom); a negative side is cut off."""
    left, top, right, bottom = (max(side, 0) for side in sides)
    rows, columns = planes.shape[-2:]
    cut = [max(-side, 0) for side in sides]
    planes = planes[..., cut[1] : rows - cut[3], cut[0] : columns - cut[2]]
    if mode != "constant":
        widths = [(0, 0)] * (planes.ndim - 2) + [(top, bottom), (left, right)]
        return np.pad(planes, widths, mode=_PAD_MODES[mode])
    rows, columns = planes.shape[-2:]
    shape = (*planes.shape[:-2], rows + top + bottom, columns + left + right)
    padded = np.empty(shape, planes.dtype)
    padded[...] = per_channel(0 if fill is None else fill, planes.dtype)
    padded[..., top : top + rows, left : left + columns] = planes
    return padded


def convert(planes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Of another dtype, with the values scaled so that black and white stay what they are."""
    if planes.dtype == dtype:
        return planes
    if planes.dtype.kind == "f":
        return _from_float(planes, dtype)
    if dtype.kind == "f":
        return planes.astype(dtype) / dtype.type(bound(planes.dtype))
    most, white = int(bound(planes.dtype)), int(bound(dtype))
    if most > white:
        return (planes // ((most + 1) // (white + 1))).astype(dtype)
    return planes.astype(dtype) * dtype.type((white + 1) // (most + 1))


def _from_float(planes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return planes.astype(dtype)
    if dtype.itemsize >= planes.dtype.itemsize:
        raise RuntimeError(f"The cast from {planes.dtype} to {dtype} cannot be performed safely.")
    # Just below one step more than white, so that all integers get an equal share.
    white = planes.dtype.type(bound(dtype) + 1.0 - 1e-3)
    with np.errstate(invalid="ignore"):
        return (planes * white).astype(dtype)


def erase(planes: np.ndarray, i: int, j: int, h: int, w: int, v: Any) -> np.ndarray:
    """With a rectangle overwritten."""
    erased = planes.copy()
    erased[..., i : i + h, j : j + w] = v
    return erased


def normalize(planes: np.ndarray, mean: Any, std: Any, out: np.ndarray) -> np.ndarray:
    """(planes - mean) / std, channel by channel, into `out`."""
    mean, std = columns(mean, std, planes.shape[-3], planes.dtype)
    flat = planes.reshape(*planes.shape[:-2], -1)
    result = out.reshape(*out.shape[:-2], -1)
    np.subtract(flat, mean, out=result)
    np.divide(result, std, out=result)
    return out


def columns(mean: Any, std: Any, channels: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, checked, of shape (channels, 1)."""
    mean, std = (np.asarray(values, dtype).reshape(-1, 1) for values in (mean, std))
    if not std.all():
        raise ValueError(
            f"std evaluated to zero after conversion to {dtype}, leading to division by zero."
        )
    for count in (len(mean), len(std)):
        if count not in (1, channels):
            raise RuntimeError(
                f"The size of tensor a ({channels}) must match the size of tensor b ({count}) at "
                f"non-singleton dimension 0\nExpected: a mean and a std for each of {channels} "
                f"channels, or one for all.\nActual: {count}. In normalize."
            )
    return np.broadcast_to(mean, (channels, 1)), np.broadcast_to(std, (channels, 1))


# -------------------------------------------------------------------------------------- from Pillow
_DTYPES = {"I": np.int32, "I;16": np.uint16, "F": np.float32}


def pixels_of(image: Any) -> np.ndarray:
    """A Pillow image's numbers, (height, width) or (height, width, channels)."""
    pixels = np.asarray(image, _DTYPES.get(image.mode))
    # Black-and-white images come out as booleans.
    return pixels * np.uint8(255) if pixels.dtype == np.bool_ else pixels


def of_pillow(image: Any) -> np.ndarray:
    """A Pillow image's numbers, (channels, height, width)."""
    pixels = np.asarray(image)
    return pixels[None].copy() if pixels.ndim == 2 else pixels.transpose(2, 0, 1).copy()


def channels_last(planes: np.ndarray) -> np.ndarray:
    """(height, width, channels), as Pillow has it."""
    return planes.transpose(1, 2, 0)


def numbers(values: Any) -> np.ndarray:
    """A number, a sequence of them, an array or a tensor as an array."""
    return arrays.to_array(values)


def as_dtype(dtype: Any) -> np.dtype:
    """NumPy's dtype of one of the framework's, or of NumPy's; float32 for None."""
    if dtype is None:
        return np.dtype(np.float32)
    return np.dtype(getattr(dtype, "name", dtype))
