"""Transforms: what turns a stored image into the numbers that a network reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays


class Compose:
    """Applies transforms one after the other.

    >>> halve_twice = Compose([lambda x: x / 2, lambda x: x / 2])
    >>> halve_twice(6)
    1.5
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        """Apply them all, in order."""
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}({lines}\n)"


class ToTensor:
    """Makes a tensor of shape (channels, height, width) of an image.

    The image is a NumPy array of shape (height, width) or (height, width, channels), or a
    Pillow image. uint8 values become float32 from 0 to 1; others keep their dtype and value.
    Anything else is a TypeError, an array of another rank a ValueError.

    >>> image = ToTensor()(np.full((2, 3), 255, dtype=np.uint8))
    >>> tuple(image.shape), image.tolist()[0][0]
    ((1, 2, 3), [1.0, 1.0, 1.0])
    """

    def __call__(self, image: Any) -> Any:
        """Convert one image."""
        pixels = _pixels(image)
        if pixels.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
        planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        if pixels.dtype == np.uint8:
            # Division, not multiplication by the reciprocal: the two round differently.
            return arrays.from_array(np.divide(planes, np.float32(255), order="C"), owned=True)
        return arrays.from_array(planes.copy(), owned=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _pixels(image: Any) -> np.ndarray:
    if isinstance(image, np.ndarray):
        return image
    if not hasattr(image, "getbands"):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(image)}")
    pixels = np.asarray(image)
    # Pillow's black-and-white images come out as booleans.
    return pixels * np.uint8(255) if pixels.dtype == np.bool_ else pixels


class Normalize:
    """Computes `(image - mean) / std`, channel by channel.

    `mean` and `std` hold a number for each channel, or one for all. The image is a float tensor
    or array of shape (..., channels, height, width); the result has its dtype. `inplace` is
    accepted and changes nothing: the result is always new. An image that is no float tensor is
    a TypeError; one of fewer than 3 axes, and a `std` of 0, are a ValueError.

    >>> image = Normalize((0.5,), (0.25,))(np.ones((1, 1, 2), dtype=np.float32))
    >>> image.tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def __call__(self, image: Any) -> Any:
        """Normalise one image."""
        if not arrays.is_array(image):
            raise TypeError(f"img should be Tensor Image. Got {type(image)}")
        pixels = arrays.to_array(image)
        if pixels.dtype.kind != "f":
            raise TypeError(f"Input tensor should be a float tensor. Got {pixels.dtype}.")
        if pixels.ndim < 3:
            raise ValueError(
                "Expected tensor to be a tensor image of size (..., C, H, W). "
                f"Got tensor.size() = {pixels.shape}"
            )
        mean, std = (_per_channel(values, pixels.dtype) for values in (self.mean, self.std))
        if (std == 0).any():
            raise ValueError(
                f"std evaluated to zero after conversion to {pixels.dtype}, "
                "leading to division by zero."
            )
        return arrays.from_array((pixels - mean) / std, owned=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


def _per_channel(values: Any, dtype: np.dtype) -> np.ndarray:
    values = arrays.to_array(values).astype(dtype)
    return values[:, None, None] if values.ndim == 1 else values


class Lambda:
    """Applies a function; one that cannot be called is a TypeError.

    >>> Lambda(lambda image: image + 1)(2)
    3
    """

    def __init__(self, lambd: Callable[[Any], Any]):
        if not callable(lambd):
            raise TypeError(
                f"Argument lambd should be callable, got {type(lambd).__name__!r}",
            )
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        """Apply the function."""
        return self.lambd(image)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
