"""Transforms that resize, crop, flip and pad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import (
    RandomlyApplied,
    Transform,
    image_size,
    integer,
    uniform,
)
from rushlight.vision.transforms.images import dimensions
from rushlight.vision.transforms.modes import InterpolationMode, as_mode
from rushlight.vision.transforms.shapes import check_padding


class Resize(Transform):
    """Makes the image (height, width), or its shorter side of one number; see `resize`.

    >>> Resize((1, 2))(np.zeros((3, 4, 8))).shape
    (3, 1, 2)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ):
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.max_size = max_size
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    def apply(self, img: Any, drawn: Any) -> Any:
        """Resize one image."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias}"
        )


class CenterCrop(Transform):
    """Cuts out the middle; an image that is too small gets 0 around it.

    >>> CenterCrop(2)(np.zeros((3, 4, 8))).shape
    (3, 2, 2)
    """

    def __init__(self, size: int | Sequence[int]):
        self.size = image_size(size)

    def apply(self, img: Any, drawn: Any) -> Any:
        """Crop one image."""
        return F.center_crop(img, self.size)

    def extra_repr(self) -> str:
        """The size."""
        return f"size={self.size}"


class RandomCrop(Transform):
    """Cuts out a rectangle at a random place, all places alike.

    `padding` is done first; `pad_if_needed` widens an image that is too small, which else is a
    ValueError. See `pad` for `padding`, `fill` and `padding_mode`.

    >>> RandomCrop(4, padding=1)(np.zeros((3, 4, 4))).shape
    (3, 4, 4)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ):
        self.size = image_size(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Row, column, height and width of a rectangle; ValueError if it does not fit."""
        _, height, width = dimensions(img)
        rows, columns = output_size
        if height < rows or width < columns:
            raise ValueError(
                f"Required crop size {(rows, columns)} is larger than input image size "
                f"{(height, width)}"
            )
        if (height, width) == (rows, columns):
            return 0, 0, height, width
        return integer(0, height - rows + 1), integer(0, width - columns + 1), rows, columns

    def forward(self, img: Any) -> Any:
        """Crop one image."""
        img = self._padded(img)
        return F.crop(img, *self.get_params(img, self.size))

    def draw(self, image: Any) -> tuple[int, int, int, int]:
        """Where to cut the padded image."""
        return self.get_params(self._padded(image), self.size)

    def apply(self, image: Any, drawn: Any) -> Any:
        """Pad and cut."""
        return F.crop(self._padded(image), *drawn)

    def _padded(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if not self.pad_if_needed:
            return img
        _, height, width = dimensions(img)
        if width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return img

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"size={self.size}, padding={self.padding}"


class RandomResizedCrop(Transform):
    """Cuts out a part of random size, shape and place, and resizes it.

    Its share of the image's area is drawn evenly from `scale`, its width over height from
    `ratio`, evenly in the logarithm; ten draws that do not fit give the largest middle part.

    >>> RandomResizedCrop(4)(np.zeros((3, 9, 8))).shape
    (3, 4, 4)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.size = image_size(size)
        for bounds, name in ((scale, "Scale"), (ratio, "Ratio")):
            if not isinstance(bounds, Sequence):
                raise TypeError(f"{name} should be a sequence")
        self.scale = scale
        self.ratio = ratio
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """Row, column, height and width of the part."""
        _, height, width = dimensions(img)
        low, high = math.log(ratio[0]), math.log(ratio[1])
        for _ in range(10):
            area = height * width * uniform(scale[0], scale[1])
            shape = math.exp(uniform(low, high))
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w
        shape = width / height
        if shape < min(ratio):
            w, h = width, round(width / min(ratio))
        elif shape > max(ratio):
            w, h = round(height * max(ratio)), height
        else:
            w, h = width, height
        return (height - h) // 2, (width - w) // 2, h, w

    def draw(self, image: Any) -> tuple[int, int, int, int]:
        """The part to cut out."""
        return self.get_params(image, self.scale, self.ratio)

    def apply(self, image: Any, drawn: Any) -> Any:
        """Cut and resize."""
        how = {"interpolation": self.interpolation, "antialias": self.antialias}
        return F.resized_crop(image, *drawn, size=self.size, **how)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        scale, ratio = (tuple(round(v, 4) for v in pair) for pair in (self.scale, self.ratio))
        return (
            f"size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias}"
        )


class FiveCrop(Transform):
    """Cuts out the four corners and the middle; a tuple of five images.

    >>> len(FiveCrop(2)(np.zeros((3, 4, 4))))
    5
    """

    def __init__(self, size: int | Sequence[int]):
        self.size = image_size(size)

    def apply(self, img: Any, drawn: Any) -> tuple:
        """Crop one image."""
        return F.five_crop(img, self.size)

    def extra_repr(self) -> str:
        """The size."""
        return f"size={self.size}"


class TenCrop(Transform):
    """`FiveCrop` of the image and of the flipped image; a tuple of ten images.

    >>> len(TenCrop(2)(np.zeros((3, 4, 4))))
    10
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False):
        self.size = image_size(size)
        self.vertical_flip = vertical_flip

    def apply(self, img: Any, drawn: Any) -> tuple:
        """Crop one image."""
        return F.ten_crop(img, self.size, self.vertical_flip)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"size={self.size}, vertical_flip={self.vertical_flip}"


class Pad(Transform):
    """Puts a border around the image; see `pad`.

    >>> Pad(1)(np.zeros((3, 4, 4))).shape
    (3, 6, 6)
    """

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"):
        check_padding(padding, fill, padding_mode)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def apply(self, img: Any, drawn: Any) -> Any:
        """Pad one image."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode}"


class RandomHorizontalFlip(RandomlyApplied):
    """Exchanges left and right with probability `p`.

    >>> RandomHorizontalFlip(1)(np.array([[[1, 2]]])).tolist()
    [[[2, 1]]]
    """

    def change(self, image: Any) -> Any:
        """Flip one image."""
        return F.hflip(image)


class RandomVerticalFlip(RandomlyApplied):
    """Exchanges top and bottom with probability `p`.

    >>> RandomVerticalFlip(1)(np.array([[[1], [2]]])).tolist()
    [[[2], [1]]]
    """

    def change(self, image: Any) -> Any:
        """Flip one image."""
        return F.vflip(image)
