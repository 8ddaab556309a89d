"""How pixels between pixels are computed: the names, and what Pillow calls them."""

from __future__ import annotations

from enum import Enum
from typing import Any


class InterpolationMode(Enum):
    """How a transform computes pixels between pixels.

    Pillow images know all of them; tensors `NEAREST`, `NEAREST_EXACT`, `BILINEAR`, `BICUBIC`.

    >>> InterpolationMode("bilinear")
    <InterpolationMode.BILINEAR: 'bilinear'>
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers, which programs pass as well (Image.Resampling).
_OF_NUMBER = {
    0: InterpolationMode.NEAREST,
    1: InterpolationMode.LANCZOS,
    2: InterpolationMode.BILINEAR,
    3: InterpolationMode.BICUBIC,
    4: InterpolationMode.BOX,
    5: InterpolationMode.HAMMING,
}
_TO_NUMBER = {mode: number for number, mode in _OF_NUMBER.items()}
_TO_NUMBER[InterpolationMode.NEAREST_EXACT] = 0


def as_mode(interpolation: Any) -> InterpolationMode:
    """The mode of a mode, its name or Pillow's number; TypeError or ValueError for others."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    if isinstance(interpolation, int) and interpolation in _OF_NUMBER:
        return _OF_NUMBER[interpolation]
    if isinstance(interpolation, str):
        return InterpolationMode(interpolation.lower())
    raise TypeError(
        "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer "
        f"constant, but got {interpolation!r}"
    )


def pillow_number(mode: InterpolationMode) -> int:
    """What Pillow's resize, rotate and transform take."""
    return _TO_NUMBER[mode]
