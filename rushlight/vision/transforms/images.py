"""The kinds of image: Pillow's, and arrays or tensors of shape (..., channels, height, width).

A NumPy array stands for a tensor: in a data worker there are no others.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from rushlight.data import arrays

_FEW = 4
"""More channels than that no image of (height, width, channels) has."""
_BANDS = {"L": 1, "P": 1, "1": 1, "I": 1, "F": 1, "LA": 2, "PA": 2, "RGB": 3, "RGBA": 4}
_BANDS |= {"CMYK": 4, "YCbCr": 3, "HSV": 3, "LAB": 3}


def pillow(name: str) -> Any:
    """A module of Pillow; ImportError that says how to get it."""
    try:
        module = __import__(f"PIL.{name}")
    except ImportError as error:
        raise ImportError('this transform needs Pillow: pip install "rushlight[images]"') from error
    return getattr(module, name)


def is_pillow(image: Any) -> bool:
    """Whether it is an image of Pillow's; one exists only where Pillow is imported."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def is_planes(image: Any) -> bool:
    """Whether it is a tensor or an array that can be an image."""
    return arrays.is_array(image)


def planes_of(image: Any, function: str, axes: int = 2) -> np.ndarray:
    """The numbers of a tensor or array, with their axes checked."""
    if not arrays.is_array(image):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(image)}. In {function}.")
    if getattr(image, "requires_grad", False):
        raise NotImplementedError(
            f"gradients through {function} are not built: give it image.detach()"
        )
    planes = arrays.to_array(image)
    if planes.ndim < axes:
        raise TypeError(
            "Tensor is not a torch image.\nExpected: shape (..., C, H, W).\n"
            f"Actual: shape {planes.shape}. In {function}."
        )
    if type(image) is np.ndarray and _channels_last(planes.shape):
        raise TypeError(
            f"Unexpected type {type(image)}\nExpected: an array of shape (..., C, H, W).\n"
            f"Actual: shape {planes.shape}, which looks like (H, W, C): begin with ToTensor or "
            f"ToPILImage. In {function}."
        )
    return planes


def _channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] > _FEW >= shape[2]


def like(planes: np.ndarray, image: Any) -> Any:
    """A result of the kind that the image had: a tensor for a tensor, else an array."""
    if isinstance(image, np.ndarray):
        return planes
    return arrays.from_array(np.ascontiguousarray(planes), owned=True)


def dimensions(image: Any) -> tuple[int, int, int]:
    """Channels, height and width."""
    if is_pillow(image):
        channels = _BANDS.get(image.mode)
        width, height = image.size
        return (channels or len(image.getbands())), height, width
    if not arrays.is_array(image):
        raise TypeError(f"Unexpected type {type(image)}")
    shape = tuple(image.shape)
    if len(shape) < 2:
        raise TypeError(f"Tensor is not a torch image.\nActual: shape {shape}.")
    return (1 if len(shape) == 2 else int(shape[-3])), int(shape[-2]), int(shape[-1])


def check_image(image: Any, function: str) -> None:
    """TypeError unless it is an image of some kind."""
    if not is_pillow(image):
        planes_of(image, function)
