"""Transforms of colours and of sharpness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import (
    RandomlyApplied,
    Transform,
    permutation,
    uniform,
)
from rushlight.vision.transforms.images import dimensions

_ADJUST: tuple[tuple[str, Callable], ...] = (
    ("brightness", F.adjust_brightness),
    ("contrast", F.adjust_contrast),
    ("saturation", F.adjust_saturation),
    ("hue", F.adjust_hue),
)


class ColorJitter(Transform):
    """Changes brightness, contrast, saturation and hue by random factors, in random order.

    Each is a number, for factors drawn evenly from (1 - number, 1 + number), or a pair; the hue
    is drawn from (-number, number), at most 0.5.  TypeError or ValueError for others.

    >>> ColorJitter(brightness=(2, 2))(np.full((1, 1, 1), 100, np.uint8)).tolist()
    [[[200]]]
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ):
        self.brightness = _factors(brightness, "brightness")
        self.contrast = _factors(contrast, "contrast")
        self.saturation = _factors(saturation, "saturation")
        self.hue = _factors(hue, "hue", 0.0, (-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
    ) -> tuple:
        """The order of the four changes, and the factor of each, None for those left out."""
        order = permutation(4)
        ranges = brightness, contrast, saturation, hue
        return order, *(None if r is None else uniform(r[0], r[1]) for r in ranges)

    def draw(self, image: Any) -> tuple:
        """Order and factors."""
        return self.get_params(self.brightness, self.contrast, self.saturation, self.hue)

    def apply(self, image: Any, drawn: tuple) -> Any:
        """Change one image."""
        order, *factors = drawn
        for place in order:
            if factors[place] is not None:
                image = _ADJUST[place][1](image, factors[place])
        return image

    def extra_repr(self) -> str:
        """The ranges."""
        return ", ".join(f"{name}={getattr(self, name)}" for name, _ in _ADJUST)


def _factors(
    value: Any, name: str, middle: float = 1.0, bounds: tuple[float, float] = (0, float("inf"))
) -> tuple[float, float] | None:
    """The range of a factor; None where it changes nothing."""
    if isinstance(value, Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        low, high = middle - float(value), middle + float(value)
        if name != "hue":
            low = max(low, 0.0)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bounds[0] <= low <= high <= bounds[1]:
        raise ValueError(f"{name} values should be between {bounds}, but got {[low, high]}.")
    return None if low == high == middle else (low, high)


class Grayscale(Transform):
    """Makes the image grey, with one channel or with three equal ones.

    >>> Grayscale(3)(np.zeros((3, 4, 4))).shape
    (3, 4, 4)
    """

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def apply(self, img: Any, drawn: Any) -> Any:
        """Change one image."""
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def extra_repr(self) -> str:
        """The number of channels."""
        return f"num_output_channels={self.num_output_channels}"


class RandomGrayscale(RandomlyApplied):
    """Makes the image grey with probability `p`; it keeps its number of channels.

    >>> RandomGrayscale(1)(np.array([[[255]], [[0]], [[0]]], np.uint8)).ravel().tolist()
    [76, 76, 76]
    """

    def __init__(self, p: float = 0.1):
        super().__init__(p)

    def change(self, image: Any) -> Any:
        """Change one image."""
        return F.rgb_to_grayscale(image, dimensions(image)[0])


class RandomInvert(RandomlyApplied):
    """Gives dark for bright with probability `p`.

    >>> RandomInvert(1)(np.array([[[55]]], np.uint8)).tolist()
    [[[200]]]
    """

    def change(self, image: Any) -> Any:
        """Change one image."""
        return F.invert(image)


class _WithSetting(RandomlyApplied):
    """One that is printed with a setting before its probability."""

    _name = ""

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"{self._name}={getattr(self, self._name)},p={self.p}"


class RandomPosterize(_WithSetting):
    """Keeps `bits` of each value's 8 bits with probability `p`.

    >>> RandomPosterize(1, p=1)(np.array([[[200]]], np.uint8)).tolist()
    [[[128]]]
    """

    _name = "bits"

    def __init__(self, bits: int, p: float = 0.5):
        super().__init__(p)
        self.bits = bits

    def change(self, image: Any) -> Any:
        """Change one image."""
        return F.posterize(image, self.bits)


class RandomSolarize(_WithSetting):
    """Inverts everything from the threshold on with probability `p`.

    >>> RandomSolarize(128, p=1)(np.array([[[100, 200]]], np.uint8)).tolist()
    [[[100, 55]]]
    """

    _name = "threshold"

    def __init__(self, threshold: float, p: float = 0.5):
        super().__init__(p)
        self.threshold = threshold

    def change(self, image: Any) -> Any:
        """Change one image."""
        return F.solarize(image, self.threshold)


class RandomAdjustSharpness(_WithSetting):
    """Blurs (a factor below 1) or sharpens (above) with probability `p`.

    >>> RandomAdjustSharpness(2, p=1)(np.ones((1, 4, 4))).shape
    (1, 4, 4)
    """

    _name = "sharpness_factor"

    def __init__(self, sharpness_factor: float, p: float = 0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, image: Any) -> Any:
        """Change one image."""
        return F.adjust_sharpness(image, self.sharpness_factor)


class RandomAutocontrast(RandomlyApplied):
    """Stretches each channel from black to white with probability `p`.

    >>> RandomAutocontrast(1)(np.array([[[100, 200]]], np.uint8)).tolist()
    [[[0, 255]]]
    """

    def change(self, image: Any) -> Any:
        """Change one image."""
        return F.autocontrast(image)


class RandomEqualize(RandomlyApplied):
    """Spreads each channel's values evenly with probability `p`.

    >>> RandomEqualize(1)(np.zeros((1, 4, 4), np.uint8)).shape
    (1, 4, 4)
    """

    def change(self, image: Any) -> Any:
        """Change one image."""
        return F.equalize(image)


class GaussianBlur(Transform):
    """Blurs by a Gaussian whose width is drawn evenly from `sigma`, a number or (least, most).

    `kernel_size` is odd and positive, one number or two; others are a ValueError.

    >>> GaussianBlur(3)(np.ones((1, 4, 4), np.uint8)).max()
    np.uint8(1)
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: Any = (0.1, 2.0)):
        message = "Kernel size should be a tuple/list of two integers"
        if not isinstance(kernel_size, (int, list, tuple)):
            raise TypeError(message)
        sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(sizes) == 1:
            sizes *= 2
        if len(sizes) != 2:
            raise ValueError(message)
        if any(size <= 0 or size % 2 == 0 for size in sizes):
            raise ValueError("Kernel size value should be an odd and positive number.")
        self.kernel_size = sizes
        self.sigma = _widths(sigma)

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A width."""
        return uniform(sigma_min, sigma_max)

    def draw(self, image: Any) -> float:
        """A width."""
        return self.get_params(*self.sigma)

    def apply(self, image: Any, drawn: float) -> Any:
        """Blur one image."""
        return F.gaussian_blur(image, self.kernel_size, [drawn, drawn])

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"kernel_size={self.kernel_size}, sigma={self.sigma}"


def _widths(sigma: Any) -> tuple[float, float]:
    if isinstance(sigma, Number):
        if sigma <= 0:
            raise ValueError("If sigma is a single number, it must be positive.")
        return sigma, sigma
    if not isinstance(sigma, (list, tuple)) or len(sigma) not in (1, 2):
        raise ValueError("sigma should be a single number or a list/tuple with length 2.")
    if not 0.0 < sigma[0] <= sigma[-1]:
        raise ValueError(f"sigma values should be positive and of the form (min, max). Got {sigma}")
    return sigma[0], sigma[-1]
