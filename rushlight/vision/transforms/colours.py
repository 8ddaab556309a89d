"""Colours of arrays (..., channels, height, width)."""

from __future__ import annotations

import numpy as np

from rushlight.vision.transforms.filters import blend
from rushlight.vision.transforms.planes import bound, convert

_GREY = (0.2989, 0.587, 0.114)
"""How bright red, green and blue seem (ITU-R BT.601)."""


def check_channels(planes: np.ndarray, allowed: tuple[int, ...]) -> None:
    """TypeError unless the image has one of these numbers of channels."""
    channels = 1 if planes.ndim == 2 else planes.shape[-3]
    if channels not in allowed:
        raise TypeError(
            f"Input image tensor permitted channel values are {list(allowed)}, but found {channels}"
        )


def grey(planes: np.ndarray) -> np.ndarray:
    """One channel of brightness, in the image's dtype."""
    if planes.shape[-3] == 1:
        return planes.copy()
    kind = planes.dtype if planes.dtype.kind == "f" else np.dtype(np.float32)
    red, green, blue = (planes[..., channel : channel + 1, :, :] for channel in range(3))
    total = np.multiply(red, kind.type(_GREY[0]), dtype=kind)
    total += np.multiply(green, kind.type(_GREY[1]), dtype=kind)
    total += np.multiply(blue, kind.type(_GREY[2]), dtype=kind)
    return total.astype(planes.dtype, copy=False)


def to_grayscale(planes: np.ndarray, channels: int) -> np.ndarray:
    """Grey, in one channel or three."""
    check_channels(planes, (1, 3))
    if channels == 1 or planes.ndim < 3:
        return grey(planes)
    return np.repeat(grey(planes), 3, axis=-3)


def adjust_brightness(planes: np.ndarray, factor: float) -> np.ndarray:
    """Black at 0, itself at 1."""
    check_channels(planes, (1, 3))
    return blend(planes, np.zeros((), planes.dtype), factor, planes.dtype)


def adjust_contrast(planes: np.ndarray, factor: float) -> np.ndarray:
    """The mean grey everywhere at 0, itself at 1."""
    check_channels(planes, (1, 3))
    kind = planes.dtype if planes.dtype.kind == "f" else np.dtype(np.float32)
    mean = grey(planes).mean(axis=(-3, -2, -1), dtype=np.float64, keepdims=True)
    return blend(planes, mean.astype(kind), factor, planes.dtype)


def adjust_saturation(planes: np.ndarray, factor: float) -> np.ndarray:
    """Grey at 0, itself at 1."""
    check_channels(planes, (1, 3))
    if planes.shape[-3] == 1:
        return planes.copy()
    return blend(planes, grey(planes), factor, planes.dtype)


def adjust_gamma(planes: np.ndarray, gamma: float, gain: float) -> np.ndarray:
    """gain * image ** gamma, of values from 0 to 1."""
    floats = planes if planes.dtype.kind == "f" else convert(planes, np.dtype(np.float32))
    kind = floats.dtype.type
    return convert(np.clip(kind(gain) * floats ** kind(gamma), 0, 1), planes.dtype)


def adjust_hue(planes: np.ndarray, factor: float) -> np.ndarray:
    """The hues turned by `factor` of a circle."""
    check_channels(planes, (1, 3))
    if planes.shape[-3] == 1:
        return planes.copy()
    floats = planes if planes.dtype.kind == "f" else convert(planes, np.dtype(np.float32))
    hue, saturation, value = _hsv(floats)
    turned = np.mod(hue + floats.dtype.type(factor), floats.dtype.type(1))
    return convert(_rgb(turned, saturation, value), planes.dtype)


def _hsv(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue (a part of the circle), saturation and value (A. R. Smith, 1978)."""
    red, green, blue = (planes[..., channel, :, :] for channel in range(3))
    value = planes.max(axis=-3)
    spread = value - planes.min(axis=-3)
    flat = spread == 0
    saturation = spread / np.where(flat, 1, value)
    divisor = np.where(flat, planes.dtype.type(1), spread)
    to_red, to_green, to_blue = ((value - band) / divisor for band in (red, green, blue))
    sixths = np.where(
        value == red,
        to_blue - to_green,
        np.where(value == green, 2 + to_red - to_blue, 4 + to_green - to_red),
    )
    hue = np.fmod(sixths / planes.dtype.type(6) + 1, planes.dtype.type(1))
    return np.where(flat, 0, hue).astype(planes.dtype), saturation, value


def _rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    sixths = hue * hue.dtype.type(6)
    sector = np.floor(sixths)
    part = sixths - sector
    sector = sector.astype(np.int32) % 6
    low = np.clip(value * (1 - saturation), 0, 1)
    falling = np.clip(value * (1 - saturation * part), 0, 1)
    rising = np.clip(value * (1 - saturation * (1 - part)), 0, 1)
    return np.stack(
        [
            np.choose(sector, (value, falling, low, low, rising, value)),
            np.choose(sector, (rising, value, value, falling, low, low)),
            np.choose(sector, (low, low, rising, value, value, falling)),
        ],
        axis=-3,
    )


def invert(planes: np.ndarray) -> np.ndarray:
    """Dark for bright."""
    check_channels(planes, (1, 3))
    return planes.dtype.type(bound(planes.dtype)) - planes


def posterize(planes: np.ndarray, bits: int) -> np.ndarray:
    """With that many bits kept of each value."""
    _check_bytes(planes)
    check_channels(planes, (1, 3))
    return planes & np.uint8(256 - 2 ** (8 - bits))


def solarize(planes: np.ndarray, threshold: float) -> np.ndarray:
    """With everything from the threshold on inverted."""
    check_channels(planes, (1, 3))
    if threshold > bound(planes.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return np.where(planes >= threshold, invert(planes), planes)


def autocontrast(planes: np.ndarray) -> np.ndarray:
    """Each channel stretched from black to white."""
    check_channels(planes, (1, 3))
    white = bound(planes.dtype)
    kind = planes.dtype if planes.dtype.kind == "f" else np.dtype(np.float32)
    low, high = (f(axis=(-2, -1), keepdims=True).astype(kind) for f in (planes.min, planes.max))
    flat = low == high
    scale = kind.type(white) / np.where(flat, kind.type(white), high - low)
    stretched = (planes - np.where(flat, kind.type(0), low)) * scale
    return np.clip(stretched, 0, white).astype(planes.dtype)


def equalize(planes: np.ndarray) -> np.ndarray:
    """Each channel with its values spread evenly from black to white."""
    check_channels(planes, (1, 3))
    _check_bytes(planes)
    flat = planes.reshape(-1, planes.shape[-2] * planes.shape[-1])
    return np.stack([_equalized(channel) for channel in flat]).reshape(planes.shape)


def _equalized(channel: np.ndarray) -> np.ndarray:
    counts = np.bincount(channel, minlength=256)
    step = counts[counts > 0][:-1].sum() // 255
    if step == 0:
        return channel
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    table = np.clip((below + step // 2) // step, 0, 255).astype(np.uint8)
    return table[channel]


def _check_bytes(planes: np.ndarray) -> None:
    if planes.dtype != np.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {planes.dtype}")
