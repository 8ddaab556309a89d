"""The transforms of Pillow images: which calls of Pillow they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.vision.transforms.images import dimensions, pillow
from rushlight.vision.transforms.modes import InterpolationMode, pillow_number


def fill_colour(fill: Any, image: Any) -> Any:
    """A colour in Pillow's form for the image's mode: an int, a float or a tuple; or None."""
    if fill is None:
        return None
    bands = dimensions(image)[0]
    single = isinstance(fill, (int, float))
    if single and bands > 1:
        colour = (fill,) * bands
    elif single:
        colour = fill
    else:
        colour = tuple(fill) * bands if len(fill) == 1 else tuple(fill)
        if len(colour) != bands:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the "
                f"image ({len(colour)} != {bands})"
            )
    if image.mode == "F":
        return colour
    return tuple(map(int, colour)) if isinstance(colour, tuple) else int(colour)


# ------------------------------------------------------------------------------------------- shape
def resize(image: Any, size: tuple[int, int], mode: InterpolationMode) -> Any:
    """Of this (height, width)."""
    return image.resize((size[1], size[0]), pillow_number(mode))


def crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle; what lies outside of the image is 0."""
    return image.crop((left, top, left + width, top + height))


def hflip(image: Any) -> Any:
    """Left and right exchanged."""
    return image.transpose(0)


def vflip(image: Any) -> Any:
    """Top and bottom exchanged."""
    return image.transpose(1)


def pad(image: Any, sides: tuple[int, int, int, int], fill: Any, mode: str) -> Any:
    """Wider by (left, top, right, bottom)."""
    if mode == "constant":
        padded = pillow("ImageOps").expand(image, border=sides, fill=fill_colour(fill, image) or 0)
        return _with_palette(padded, image)
    if min(sides) < 0:  # Pillow crops what is to be taken away
        cut = [-min(side, 0) for side in sides]
        image = image.crop((cut[0], cut[1], image.width - cut[2], image.height - cut[3]))
        sides = tuple(max(side, 0) for side in sides)
    left, top, right, bottom = sides
    pixels = np.asarray(image)
    widths = ((top, bottom), (left, right), (0, 0))[: pixels.ndim]
    padded = pillow("Image").fromarray(np.pad(pixels, widths, mode=mode))
    return _with_palette(padded, image)


def _with_palette(padded: Any, image: Any) -> Any:
    if image.mode == "P" and image.getpalette() is not None:
        padded = padded if padded.mode == "P" else padded.convert("P")
        padded.putpalette(image.getpalette())
    return padded


def rotate(
    image: Any, angle: float, mode: InterpolationMode, expand: bool, center: Any, fill: Any
) -> Any:
    """Turned against the clock."""
    return image.rotate(
        angle, pillow_number(mode), expand, center, fillcolor=fill_colour(fill, image)
    )


def transform(
    image: Any, kind: str, coefficients: Sequence[float], mode: InterpolationMode, fill: Any
) -> Any:
    """Each pixel read where an AFFINE or PERSPECTIVE map says."""
    method = getattr(pillow("Image").Transform, kind)
    return image.transform(
        image.size, method, coefficients, pillow_number(mode), fillcolor=fill_colour(fill, image)
    )


# ------------------------------------------------------------------------------------------ colour
def enhance(image: Any, kind: str, factor: float) -> Any:
    """Pillow's Brightness, Contrast, Color or Sharpness."""
    return getattr(pillow("ImageEnhance"), kind)(image).enhance(factor)


def adjust_hue(image: Any, factor: float) -> Any:
    """The hues turned by `factor` of a circle; an image without colours is as it was."""
    if image.mode in {"L", "1", "I", "F"}:
        return image
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue) + np.array(factor * 255).astype(np.int64).astype(np.uint8)
    library = pillow("Image")
    bands = library.fromarray(turned), saturation, value
    return library.merge("HSV", bands).convert(image.mode)


def adjust_gamma(image: Any, gamma: float, gain: float) -> Any:
    """255 * gain * (pixel / 255) ** gamma."""
    mode = image.mode
    table = [int((255 + 1 - 1e-3) * gain * pow(value / 255.0, gamma)) for value in range(256)]
    return image.convert("RGB").point(table * 3).convert(mode)


def to_grayscale(image: Any, channels: int) -> Any:
    """Grey, in one band or three."""
    grey = image.convert("L")
    return grey if channels == 1 else pillow("Image").merge("RGB", (grey,) * 3)


def operate(image: Any, name: str, *arguments: Any) -> Any:
    """A function of Pillow's ImageOps."""
    return getattr(pillow("ImageOps"), name)(image, *arguments)
