"""To tensors and back, and what is done to tensors alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.randomness import sample_generator
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import (
    Transform,
    check_probability,
    happens,
    integer,
    uniform,
)
from rushlight.vision.transforms.images import dimensions, like, planes_of


class ToTensor(Transform):
    """Makes a tensor of shape (channels, height, width) of an image.

    The image is a NumPy array of shape (height, width) or (height, width, channels), or a
    Pillow image. uint8 values become float32 from 0 to 1; others keep their dtype and value.
    Anything else is a TypeError, an array of another rank a ValueError.

    >>> image = ToTensor()(np.full((2, 3), 255, dtype=np.uint8))
    >>> tuple(image.shape), image.tolist()[0][0]
    ((1, 2, 3), [1.0, 1.0, 1.0])
    """

    def apply(self, pic: Any, drawn: Any = None) -> Any:
        """Convert one image."""
        return F.to_tensor(pic)


class PILToTensor(Transform):
    """Makes a tensor of shape (channels, height, width) of a Pillow image, with its own numbers.

    >>> from PIL import Image
    >>> PILToTensor()(Image.new("L", (2, 1), 7)).tolist()
    [[[7, 7]]]
    """

    def apply(self, pic: Any, drawn: Any = None) -> Any:
        """Convert one image."""
        return F.pil_to_tensor(pic)


class ToPILImage(Transform):
    """Makes a Pillow image of a tensor (C, H, W) or an array (H, W, C); see `to_pil_image`.

    >>> ToPILImage()(np.full((2, 3), 255, np.uint8)).size
    (3, 2)
    """

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def apply(self, pic: Any, drawn: Any = None) -> Any:
        """Convert one image."""
        return F.to_pil_image(pic, self.mode)

    def extra_repr(self) -> str:
        """The mode, if one is set."""
        return "" if self.mode is None else f"mode={self.mode}"


class ConvertImageDtype(Transform):
    """A tensor of another dtype, with white still white; see `convert_image_dtype`.

    >>> ConvertImageDtype(np.float32)(np.array([[[0, 255]]], np.uint8)).tolist()
    [[[0.0, 1.0]]]
    """

    def __init__(self, dtype: Any):
        self.dtype = dtype

    def apply(self, image: Any, drawn: Any = None) -> Any:
        """Convert one tensor."""
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """Computes `(image - mean) / std`, channel by channel.

    `mean` and `std` hold a number for each channel, or one for all. The image is a float tensor
    or array of shape (..., channels, height, width); the result has its dtype. `inplace` writes
    into the image itself. An image that is no float tensor is a TypeError; one of fewer than 3
    axes, and a `std` of 0, are a ValueError.

    >>> image = Normalize((0.5,), (0.25,))(np.ones((1, 1, 2), dtype=np.float32))
    >>> image.tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def apply(self, tensor: Any, drawn: Any = None) -> Any:
        """Normalise one image."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def extra_repr(self) -> str:
        """Mean and standard deviation."""
        return f"mean={self.mean}, std={self.std}"


class LinearTransformation(Transform):
    """Subtracts a vector from a flattened tensor and multiplies by a square matrix (whitening).

    Matrix and vector must fit each other (ValueError), and the tensor's last three axes them.

    >>> LinearTransformation(np.eye(2) * 2, np.ones(2))(np.array([[[3.0, 4.0]]])).tolist()
    [[[4.0, 6.0]]]
    """

    def __init__(self, transformation_matrix: Any, mean_vector: Any):
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(
                f"transformation_matrix should be square. Got {(rows, columns)} rectangular matrix."
            )
        if mean_vector.shape[0] != rows:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of "
                f"the dimensions of the transformation_matrix [{(rows, columns)}]"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def apply(self, tensor: Any, drawn: Any = None) -> Any:
        """Transform one tensor, or a batch of them."""
        values = planes_of(tensor, "LinearTransformation", 3)
        matrix, mean = map(arrays.to_array, (self.transformation_matrix, self.mean_vector))
        flat = values.shape[-3] * values.shape[-2] * values.shape[-1]
        if flat != len(matrix):
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"{list(values.shape[-3:])} != {len(matrix)}"
            )
        moved = (values.reshape(-1, flat) - mean) @ matrix
        return like(moved.reshape(values.shape).astype(values.dtype, copy=False), tensor)

    def extra_repr(self) -> str:
        """Both as lists."""
        matrix, mean = map(arrays.to_array, (self.transformation_matrix, self.mean_vector))
        return f"transformation_matrix={matrix.tolist()}, mean_vector={mean.tolist()}"


class RandomErasing(Transform):
    """Overwrites a rectangle of a tensor with probability `p` (Zhong et al., 2017).

    Its share of the image's area is drawn evenly from `scale`, its height over width from
    `ratio`, evenly in the logarithm.  `value` is a number, one for each channel, or "random" for
    normally distributed noise.  Pillow images are a TypeError: put it after `ToTensor`.

    >>> erased = RandomErasing(p=1, scale=(0.2, 0.2))(np.ones((1, 10, 10)))
    >>> bool((erased == 0).any())
    True
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ):
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        for bounds, name in ((scale, "Scale"), (ratio, "Ratio")):
            if not isinstance(bounds, Sequence):
                raise TypeError(f"{name} should be a sequence")
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        check_probability(p)
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float], value: Any = None
    ) -> tuple[int, int, int, int, Any]:
        """Row, column, height, width and values of a rectangle; ten tries, then the whole image."""
        channels, height, width = dimensions(img)
        low, high = np.log(ratio)
        for _ in range(10):
            area = height * width * uniform(scale[0], scale[1])
            shape = np.exp(uniform(low, high))
            h, w = round(np.sqrt(area * shape)), round(np.sqrt(area / shape))
            if not (h < height and w < width):
                continue
            if value is None:
                noise = sample_generator().standard_normal((channels, h, w), np.float32)
                colour: Any = noise
            else:
                colour = np.asarray(value, np.float32)[:, None, None]
            return integer(0, height - h + 1), integer(0, width - w + 1), h, w, colour
        return 0, 0, height, width, img

    def draw(self, image: Any) -> Any:
        """A rectangle, or None."""
        if not happens(self.p):
            return None
        planes_of(image, "RandomErasing", 3)
        channels = dimensions(image)[0]
        value = self.value
        if isinstance(value, (int, float)):
            value = [float(value)]
        value = None if isinstance(value, str) else list(value)
        if value is not None and len(value) not in (1, channels):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{channels} (number of input channels)"
            )
        return self.get_params(image, self.scale, self.ratio, value)

    def apply(self, image: Any, drawn: Any) -> Any:
        """Overwrite what was drawn."""
        if drawn is None or drawn[4] is image:
            return image
        return F.erase(image, *drawn, inplace=self.inplace)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace}"
        )
