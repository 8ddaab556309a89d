"""The images of a batch side by side, with their labels where Pillow can write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rushlight.data import arrays
from rushlight.insight.batch import Field
from rushlight.vision import png

_MOST, _ROW, _PADDING, _CAPTION = 64, 8, 4, 14
_LEAST_SIZE, _LARGEST_SIZE = 64, 256
_LEAST_SIDE = 8


class Picture(NamedTuple):
    """A picture of a batch, and where it is from."""

    pixels: np.ndarray
    words: str


def draw(found: Sequence[Field], classes: Sequence[Any] | None) -> Picture | str:
    """The picture; or words that say why there is none."""
    images = next(((name, each) for name, value in found if (each := _images(value))), None)
    if images is None:
        return (
            "no picture: no field has the shape of images, which is (N, 1, 3 or 4, H, W), "
            "(N, H, W, 1, 3 or 4) or (N, H, W), of 8 pixels or more"
        )
    name, shown = images
    shown = shown[:_MOST]
    low, high = min(image.min() for image in shown), max(image.max() for image in shown)
    start, end = _scale(shown[0].dtype, float(low), float(high))
    cells = [_cell((image - start) / (end - start)) for image in shown]
    label, captions = _captions(found, name, len(shown), classes)
    pixels = _canvas(cells, captions)
    words = f"{len(shown)} images of {name}"
    if (start, end) not in ((0.0, 1.0), (0.0, 255.0)):
        words += f", black is {start:.3g} and white {end:.3g}"
    return Picture(pixels, words + (f", labels of {label}" if captions else ""))


def _images(value: Any) -> list[np.ndarray]:
    """The images of a field, each (H, W, channels); none if they are something else."""
    if isinstance(value, tuple | list) and value and all(map(arrays.is_array, value)):
        parts = [arrays.to_array(part) for part in value]
    elif arrays.is_array(value):
        parts = list(arrays.to_array(value)) if len(value.shape) > 2 else []
    else:
        return []
    images = [_upright(part) for part in parts]
    shown = [image for image in images if image is not None]
    return shown if len(shown) == len(images) else []


def _upright(image: np.ndarray) -> np.ndarray | None:
    if image.dtype.kind not in "buif" or image.ndim not in (2, 3):
        return None
    if image.ndim == 2:
        image = image[:, :, None]
    elif image.shape[0] in (1, 3, 4) and min(image.shape[1:]) >= _LEAST_SIDE:
        image = image.transpose(1, 2, 0)
    height, width, channels = image.shape
    if channels not in (1, 3, 4) or min(height, width) < _LEAST_SIDE:
        return None
    return np.nan_to_num(image.astype(np.float64 if image.dtype.kind == "f" else np.int64))


def _scale(dtype: np.dtype, low: float, high: float) -> tuple[float, float]:
    """The values that are drawn black and white."""
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and high <= 255:
        return 0.0, 255.0
    return low, high if high > low else low + 1


def _cell(image: np.ndarray) -> np.ndarray:
    """RGB pixels; small images are enlarged, large ones thinned out."""
    if image.shape[2] == 4:
        image = image[:, :, :3] * image[:, :, 3:] + (1 - image[:, :, 3:])
    pixels = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    side = max(pixels.shape[:2])
    times, every = -(-_LEAST_SIZE // side), -(-side // _LARGEST_SIZE)
    return np.repeat(np.repeat(pixels[::every, ::every], times, axis=0), times, axis=1)


def _captions(
    found: Sequence[Field], images: str, count: int, classes: Sequence[Any] | None
) -> tuple[str, list[str]]:
    """The first field with a whole number for each image, or else with a word."""
    words: tuple[str, list[str]] = "", []
    for name, value in found:
        if name == images:
            continue
        if arrays.is_array(value) and len(value.shape) == 1:
            numbers = arrays.to_array(value)
            if numbers.dtype.kind in "iu" and len(numbers) >= count:
                return name, [_named(number, classes) for number in numbers[:count].tolist()]
        if isinstance(value, tuple | list) and all(isinstance(part, str) for part in value):
            words = words if words[1] else (name, [_plain(part) for part in value[:count]])
    return words


def _named(number: int, classes: Sequence[Any] | None) -> str:
    if not classes or not 0 <= number < len(classes) or not str(classes[number]).isascii():
        return str(number)
    return str(classes[number])


def _plain(words: str) -> str:
    """Pillow's own font has no other letters."""
    return words.encode("ascii", "replace").decode()


def _canvas(cells: list[np.ndarray], captions: list[str]) -> np.ndarray:
    height = max(cell.shape[0] for cell in cells) + _PADDING + (_CAPTION if captions else 0)
    width = max(cell.shape[1] for cell in cells) + _PADDING
    columns = min(_ROW, len(cells))
    rows = -(-len(cells) // columns)
    canvas = np.full((rows * height + _PADDING, columns * width + _PADDING, 3), 255, np.uint8)
    corners = []
    for number, cell in enumerate(cells):
        top = number // columns * height + _PADDING
        left = number % columns * width + _PADDING
        canvas[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
        corners.append((left, top + cell.shape[0]))
    return _written(canvas, corners, captions, width) if captions else canvas


def _written(
    canvas: np.ndarray, corners: list[tuple[int, int]], captions: list[str], width: int
) -> np.ndarray:
    try:
        from PIL import Image, ImageDraw
    except ImportError:  # then there are no captions
        return canvas
    image = Image.fromarray(canvas)
    pen = ImageDraw.Draw(image)
    for corner, words in zip(corners, captions, strict=True):
        while len(words) > 1 and pen.textlength(words) > width - _PADDING:
            words = words[:-1]
        pen.text(corner, words, fill=(0, 0, 0))
    return np.array(image)


def save(picture: Picture, path: str) -> None:
    """Write it as a PNG file."""
    with open(path, "wb") as file:
        file.write(png.encode(picture.pixels))
