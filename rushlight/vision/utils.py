"""Images side by side, and in files: `make_grid` and `save_image` by torchvision's names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.vision import png

__all__ = ["make_grid", "save_image"]

Path = str | os.PathLike


def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Any:
    """One image (3, height, width) of many: a tensor (N, C, H, W), or a list of (C, H, W).

    `nrow` images stand in a row, with `padding` pixels of `pad_value` around each.  Grey images
    become RGB.  `normalize` shifts and stretches the values to 0 to 1, from `value_range` or the
    least and the greatest, of all images or with `scale_each` of each.
    TypeError for anything but tensors, ValueError for other ranks.

    >>> import rushlight as rl
    >>> tuple(make_grid(rl.ones(5, 1, 4, 4), nrow=3, padding=1).shape)
    (3, 11, 16)
    """
    images = _images(tensor)
    if normalize:
        images = _normalized(images, value_range, scale_each)
    if images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    count, channels, height, width = images.shape
    if count == 1:
        return arrays.from_array(images[0].copy(), owned=True)
    columns = min(nrow, count)
    rows = -(-count // columns)
    size = (channels, rows * (height + padding) + padding, columns * (width + padding) + padding)
    grid = np.full(size, pad_value, images.dtype)
    for number, image in enumerate(images):
        top = padding + number // columns * (height + padding)
        left = padding + number % columns * (width + padding)
        grid[:, top : top + height, left : left + width] = image
    return arrays.from_array(grid, owned=True)


def save_image(tensor: Any, fp: Any, format: str | None = None, **options: Any) -> None:
    """Write images, values from 0 to 1, to a picture; several as a grid (see `make_grid`).

    PNG files need no other package; other endings are written by Pillow.
    """
    grid = arrays.to_array(make_grid(tensor, **options))
    pixels = np.clip(grid * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    ending = format or os.path.splitext(os.fspath(fp))[1].lstrip(".")
    if ending.lower() != "png":
        from PIL import Image

        Image.fromarray(pixels).save(fp, format=format)
        return
    data = png.encode(np.ascontiguousarray(pixels))
    if hasattr(fp, "write"):
        fp.write(data)
        return
    with open(fp, "wb") as file:
        file.write(data)


def _images(tensor: Any) -> np.ndarray:
    """All images as an array (N, C, H, W)."""
    if isinstance(tensor, Sequence) and all(map(arrays.is_array, tensor)):
        tensor = np.stack([arrays.to_array(image) for image in tensor])
    elif not arrays.is_array(tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    images = arrays.to_array(tensor)
    if not 2 <= images.ndim <= 4:
        raise ValueError(
            "Expected images of shape (H, W), (C, H, W) or (N, C, H, W).\n"
            f"Actual: shape {images.shape}. In make_grid."
        )
    if images.ndim == 2:
        images = images[None]
    return images[None] if images.ndim == 3 else images


def _normalized(images: np.ndarray, value_range: Any, scale_each: bool) -> np.ndarray:
    axes = (1, 2, 3) if scale_each else None
    if value_range is None:
        low, high = (f(axis=axes, keepdims=True) for f in (images.min, images.max))
    else:
        low, high = value_range
    return (np.clip(images, low, high) - low) / np.maximum(high - low, 1e-5)
