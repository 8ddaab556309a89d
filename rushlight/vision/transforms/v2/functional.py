"""The functions of `transforms.functional`, and those that only `transforms.v2` has."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.randomness import sample_generator
from rushlight.vision.transforms import planes
from rushlight.vision.transforms.functional import *  # noqa: F403
from rushlight.vision.transforms.functional import (
    __all__ as _usual,
)
from rushlight.vision.transforms.functional import (
    convert_image_dtype,
    elastic_transform,
    get_image_num_channels,
    hflip,
    rgb_to_grayscale,
    to_pil_image,
    vflip,
)
from rushlight.vision.transforms.images import dimensions, is_pillow, like, pillow, planes_of

__all__ = [  # noqa: PLE0604 - the names of the other module come first
    *_usual,
    "elastic",
    "gaussian_noise",
    "get_num_channels",
    "get_size",
    "grayscale_to_rgb",
    "horizontal_flip",
    "jpeg",
    "permute_channels",
    "to_dtype",
    "to_image",
    "vertical_flip",
]

horizontal_flip, vertical_flip = hflip, vflip
elastic = elastic_transform
get_num_channels = get_image_num_channels


def get_size(inpt: Any) -> list[int]:
    """Height and width.

    >>> get_size(np.zeros((3, 4, 5)))
    [4, 5]
    """
    return list(dimensions(inpt)[1:])


def to_image(inpt: Any) -> Any:
    """A tensor (channels, height, width) of a Pillow image or an array (H, W, C), values kept.

    A tensor stays what it is; TypeError for anything else.

    >>> tuple(to_image(np.zeros((4, 5, 3), np.uint8)).shape)
    (3, 4, 5)
    """
    if is_pillow(inpt):
        return arrays.from_array(planes.of_pillow(inpt), owned=True)
    if isinstance(inpt, np.ndarray):
        pixels = np.atleast_3d(inpt)
        return arrays.from_array(pixels.transpose(2, 0, 1).copy(), owned=True)
    if not arrays.is_tensor(inpt):
        raise TypeError(
            "Input can either be a pure Tensor, a numpy array, or a PIL image, "
            f"but got {type(inpt)}"
        )
    return inpt


def to_dtype(inpt: Any, dtype: Any = None, scale: bool = False) -> Any:
    """A tensor of another dtype, float32 if none is given; `scale` keeps white white.

    >>> to_dtype(np.array([[[0, 255]]], np.uint8), np.float32, scale=True).tolist()
    [[[0.0, 1.0]]]
    """
    if scale:
        return convert_image_dtype(inpt, dtype)
    return like(planes_of(inpt, "to_dtype", 0).astype(planes.as_dtype(dtype)), inpt)


def grayscale_to_rgb(inpt: Any) -> Any:
    """Three equal channels of one; an image with three stays.

    >>> grayscale_to_rgb(np.ones((1, 2, 2))).shape
    (3, 2, 2)
    """
    if is_pillow(inpt):
        return inpt.convert("RGB")
    values = planes_of(inpt, "grayscale_to_rgb", 3)
    return inpt if values.shape[-3] == 3 else rgb_to_grayscale(inpt, 3)


def permute_channels(inpt: Any, permutation: Sequence[int]) -> Any:
    """The channels in another order; ValueError for numbers that are no order of them.

    >>> permute_channels(np.arange(3).reshape(3, 1, 1), [2, 0, 1]).ravel().tolist()
    [2, 0, 1]
    """
    channels = dimensions(inpt)[0]
    if sorted(permutation) != list(range(channels)):
        raise ValueError(
            f"Length of permutation: {list(permutation)} does not match number of channels: "
            f"{channels}"
        )
    if is_pillow(inpt):
        bands = inpt.split()
        return pillow("Image").merge(inpt.mode, [bands[place] for place in permutation])
    return like(planes_of(inpt, "permute_channels", 3)[..., list(permutation), :, :], inpt)


def gaussian_noise(inpt: Any, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Any:
    """With normally distributed noise, of values from 0 to 1, which `clip` keeps them in.

    For float tensors and for uint8, where 1 is 255; ValueError for others.

    >>> gaussian_noise(np.full((1, 1, 1), 0.5), mean=0.25, sigma=0.0).tolist()
    [[[0.75]]]
    """
    values = planes_of(inpt, "gaussian_noise")
    if values.dtype.kind != "f" and values.dtype != np.uint8:
        raise ValueError(
            f"Input tensor is expected to be in uint8 or float dtype, got dtype={values.dtype}"
        )
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    noise = sample_generator().standard_normal(values.shape, np.float32)
    white = planes.bound(values.dtype)
    added = (mean + noise * sigma) * np.float32(white)
    noisy = values + added.astype(np.int16 if white == 255 else values.dtype)
    noisy = np.clip(noisy, 0, white) if clip else noisy
    return like(noisy.astype(values.dtype), inpt)


def jpeg(image: Any, quality: int) -> Any:
    """What is left of an image after JPEG compression at a quality of 1 to 100.

    >>> jpeg(np.zeros((3, 8, 8), np.uint8), 50).shape
    (3, 8, 8)
    """
    if is_pillow(image):
        return _compressed(image, quality)
    values = planes_of(image, "jpeg", 3)
    if values.dtype != np.uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, but got {values.dtype}")
    flat = values.reshape(-1, *values.shape[-3:])
    results = [
        planes.of_pillow(_compressed(to_pil_image(planes.channels_last(part)), quality))
        for part in flat
    ]
    return like(np.stack(results).reshape(values.shape), image)


def _compressed(image: Any, quality: int) -> Any:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    file.seek(0)
    compressed = pillow("Image").open(file)
    compressed.load()
    return compressed
