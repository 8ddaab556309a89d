"""Transforms that turn, shear, tilt and bend."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.randomness import sample_generator
from rushlight.vision.transforms import filters
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import (
    Transform,
    angles,
    check_fill,
    check_points,
    happens,
    integer,
    uniform,
)
from rushlight.vision.transforms.images import dimensions, is_pillow
from rushlight.vision.transforms.modes import InterpolationMode, as_mode


def fill_for(fill: Any, image: Any) -> Any:
    """A fill colour for this image: for tensors a number for each channel."""
    if is_pillow(image):
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * dimensions(image)[0]
    return None if fill is None else [float(value) for value in fill]


class RandomRotation(Transform):
    """Turns by an angle drawn evenly from (-degrees, degrees), or from a pair of degrees.

    See `rotate` for the rest.

    >>> RandomRotation((90, 90))(np.array([[[1, 2], [3, 4]]])).tolist()
    [[[2, 4], [1, 3]]]
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ):
        self.degrees = angles(degrees, "degrees")
        if center is not None:
            check_points(center, "center")
        self.interpolation = as_mode(interpolation)
        self.expand = expand
        self.fill = check_fill(fill)
        self.center = center

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle."""
        return uniform(degrees[0], degrees[1])

    def draw(self, image: Any) -> float:
        """An angle."""
        return self.get_params(self.degrees)

    def apply(self, image: Any, drawn: float) -> Any:
        """Turn one image."""
        fill = fill_for(self.fill, image)
        return F.rotate(image, drawn, self.interpolation, self.expand, self.center, fill)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        center = "" if self.center is None else f", center={self.center}"
        fill = "" if self.fill is None else f", fill={self.fill}"
        return (
            f"degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}{fill}"
        )


class RandomAffine(Transform):
    """Turns, moves, scales and shears by numbers drawn evenly.

    `degrees` is as for `RandomRotation`; `translate` holds the largest parts of width and height;
    `scale` the smallest and the largest factor; `shear` is a number or 2 for x, or 4 for x and y.

    >>> RandomAffine(0)(np.array([[[1, 2], [3, 4]]])).tolist()
    [[[1, 2], [3, 4]]]
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ):
        self.degrees = angles(degrees, "degrees")
        if translate is not None:
            check_points(translate, "translate")
            if any(not 0 <= part <= 1 for part in translate):
                raise ValueError("translation values should be between 0 and 1")
        if scale is not None:
            check_points(scale, "scale")
            if any(factor <= 0 for factor in scale):
                raise ValueError("scale values should be positive")
        if center is not None:
            check_points(center, "center")
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else angles(shear, "shear", (2, 4))
        self.interpolation = as_mode(interpolation)
        self.fill = check_fill(fill)
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, (x, y) to move by, scale, shear in x and y; `img_size` is (width, height)."""
        angle = uniform(degrees[0], degrees[1])
        shift, scale, shear_x, shear_y = (0, 0), 1.0, 0.0, 0.0
        if translate is not None:
            most = [float(p * length) for p, length in zip(translate, img_size, strict=True)]
            shift = round(uniform(-most[0], most[0])), round(uniform(-most[1], most[1]))
        if scale_ranges is not None:
            scale = uniform(scale_ranges[0], scale_ranges[1])
        if shears is not None:
            shear_x = uniform(shears[0], shears[1])
            shear_y = uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, shift, scale, (shear_x, shear_y)

    def draw(self, image: Any) -> tuple:
        """What `affine` takes."""
        _, height, width = dimensions(image)
        ranges = self.degrees, self.translate, self.scale, self.shear
        return self.get_params(*ranges, [width, height])

    def apply(self, image: Any, drawn: tuple) -> Any:
        """Transform one image."""
        fill = fill_for(self.fill, image)
        how = {"interpolation": self.interpolation, "fill": fill, "center": self.center}
        return F.affine(image, *drawn, **how)

    def extra_repr(self) -> str:
        """The settings that are not the usual ones."""
        parts = [f"degrees={self.degrees}"]
        for name in ("translate", "scale", "shear"):
            if getattr(self, name) is not None:
                parts.append(f"{name}={getattr(self, name)}")
        if self.interpolation is not InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return ", ".join(parts)


class RandomPerspective(Transform):
    """Shows the image as if seen from elsewhere, with probability `p`.

    Each corner moves inwards by up to `distortion_scale` / 2 of width and height.

    >>> RandomPerspective(p=1)(np.zeros((3, 8, 8))).shape
    (3, 8, 8)
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ):
        self.p = p
        self.distortion_scale = distortion_scale
        self.interpolation = as_mode(interpolation)
        self.fill = check_fill(fill)

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners, from the upper left one clockwise, and where they go."""
        x_most = int(distortion_scale * (width // 2)) + 1
        y_most = int(distortion_scale * (height // 2)) + 1
        left, top, right, bottom = 0, 0, width - 1, height - 1
        end = [
            [integer(left, x_most), integer(top, y_most)],
            [integer(width - x_most, width), integer(top, y_most)],
            [integer(width - x_most, width), integer(height - y_most, height)],
            [integer(left, x_most), integer(height - y_most, height)],
        ]
        return [[left, top], [right, top], [right, bottom], [left, bottom]], end

    def draw(self, image: Any) -> tuple | None:
        """The corners before and after, or None."""
        if not happens(self.p):
            return None
        _, height, width = dimensions(image)
        return self.get_params(width, height, self.distortion_scale)

    def apply(self, image: Any, drawn: tuple | None) -> Any:
        """Transform one image."""
        if drawn is None:
            return image
        fill = fill_for(self.fill, image)
        return F.perspective(image, *drawn, interpolation=self.interpolation, fill=fill)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class ElasticTransform(Transform):
    """Bends the image by smooth random displacements (Simard et al., 2003).

    `alpha` says how far in pixels, `sigma` how smoothly; each is one number or (x, y).

    >>> ElasticTransform()(np.zeros((3, 64, 64))).shape
    (3, 64, 64)
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ):
        self.alpha = _two(alpha, "alpha")
        self.sigma = _two(sigma, "sigma")
        self.interpolation = as_mode(interpolation)
        if not isinstance(fill, (int, float, list, tuple)):
            raise TypeError(f"fill should be int or float or a list or tuple of them. Got {fill}")
        self.fill = [float(fill)] if isinstance(fill, (int, float)) else list(map(float, fill))

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Any:
        """A displacement of shape (1, height, width, 2) for an image of size (height, width)."""
        parts = []
        for far, smooth, length in zip(alpha, sigma, size, strict=True):
            part = sample_generator().random((1, 1, *size), np.float32) * 2 - 1
            if smooth > 0:
                count = int(8 * smooth + 1) // 2 * 2 + 1
                part = filters.gaussian_blur(part, (count, count), tuple(sigma))
            parts.append(part * np.float32(far / length))
        return arrays.from_array(np.stack([part[0] for part in parts], axis=-1), owned=True)

    def draw(self, image: Any) -> Any:
        """A displacement."""
        _, height, width = dimensions(image)
        return self.get_params(self.alpha, self.sigma, [height, width])

    def apply(self, image: Any, drawn: Any) -> Any:
        """Bend one image."""
        return F.elastic_transform(image, drawn, self.interpolation, self.fill)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"alpha={self.alpha}, sigma={self.sigma}, interpolation={self.interpolation}, "
            f"fill={self.fill}"
        )


def _two(value: Any, name: str) -> list[float]:
    if isinstance(value, Number):
        return [float(value)] * 2
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if len(value) not in (1, 2):
        raise ValueError(
            f"If {name} is a sequence its length should be one or two. Got {len(value)}"
        )
    if any(not isinstance(part, float) for part in value):
        raise TypeError(f"{name} should be a sequence of floats. Got {value}")
    return list(value) * (2 // len(value))
