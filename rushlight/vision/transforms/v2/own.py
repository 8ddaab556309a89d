"""Transforms that only `transforms.v2` has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.vision.transforms import colour
from rushlight.vision.transforms.base import check_fill, happens, integer, permutation, uniform
from rushlight.vision.transforms.images import dimensions, is_pillow
from rushlight.vision.transforms.modes import InterpolationMode, as_mode
from rushlight.vision.transforms.motions import fill_for
from rushlight.vision.transforms.v2 import functional as F
from rushlight.vision.transforms.v2.samples import Shared, Transform


# --------------------------------------------------------------------------------------- conversion
class ToImage(Transform):
    """Makes tensors (channels, height, width) of Pillow images and arrays (H, W, C), values kept.

    >>> tuple(ToImage()(np.zeros((4, 5, 3), np.uint8)).shape)
    (3, 4, 5)
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Convert one image."""
        return F.to_image(inpt)


class ToPureTensor(Transform):
    """Changes nothing: images are plain tensors here.

    >>> ToPureTensor()(3)
    3
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image itself."""
        return inpt


class ToDtype(Transform):
    """A tensor of another dtype; `scale` keeps white white, as from uint8 to floats.

    >>> ToDtype(np.float32, scale=True)(np.array([[[0, 255]]], np.uint8)).tolist()
    [[[0.0, 1.0]]]
    """

    def __init__(self, dtype: Any, scale: bool = False):
        if isinstance(dtype, Mapping):
            raise NotImplementedError(
                "ToDtype with a dict of dtypes is not built: images are plain tensors"
            )
        self._dtype = dtype
        self.scale = scale

    @property
    def dtype(self) -> Any:
        """The dtype of the result."""
        return self._dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Convert one image; a Pillow image stays."""
        return inpt if is_pillow(inpt) else F.to_dtype(inpt, self._dtype, self.scale)


class RGB(Transform):
    """Three channels for an image with one.

    >>> RGB()(np.zeros((1, 2, 2))).shape
    (3, 2, 2)
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Convert one image."""
        return F.grayscale_to_rgb(inpt)


# ----------------------------------------------------------------------------------- noise, colours
class ColorJitter(Shared, colour.ColorJitter):
    """Changes brightness, contrast, saturation and hue by random factors, in random order.

    As in `transforms`, with None for what stays.

    >>> ColorJitter(brightness=(2, 2))(np.full((1, 1, 1), 100, np.uint8)).tolist()
    [[[200]]]
    """

    def __init__(
        self, brightness: Any = None, contrast: Any = None, saturation: Any = None, hue: Any = None
    ):
        given = brightness, contrast, saturation, hue
        super().__init__(*(0 if value is None else value for value in given))


class GaussianNoise(Transform):
    """Adds normally distributed noise to a tensor; see `gaussian_noise`.

    >>> GaussianNoise(mean=0.25, sigma=0.0)(np.full((1, 1, 1), 0.5)).tolist()
    [[[0.75]]]
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True):
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Add noise to one image."""
        return F.gaussian_noise(inpt, self.mean, self.sigma, self.clip)


class RandomChannelPermutation(Transform):
    """Puts the channels into any order.

    >>> RandomChannelPermutation()(np.zeros((3, 2, 2))).shape
    (3, 2, 2)
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """An order."""
        return {"permutation": permutation(dimensions(flat_inputs[0])[0]).tolist()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Change one image."""
        return F.permute_channels(inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """Changes of colour as for SSD (Liu et al., 2016): each is done with probability `p`.

    >>> RandomPhotometricDistort()(np.zeros((3, 2, 2), np.uint8)).shape
    (3, 2, 2)
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ):
        self.brightness = brightness
        self.contrast = contrast
        self.hue = hue
        self.saturation = saturation
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The factors of what is done, and when the contrast changes: first or last."""
        ranges = {name: getattr(self, name) for name in ("brightness", "saturation", "hue")}
        ranges["contrast"] = self.contrast
        factors = {name: uniform(*r) if happens(self.p) else None for name, r in ranges.items()}
        order = None
        if happens(self.p):
            order = permutation(dimensions(flat_inputs[0])[0]).tolist()
        return {"factors": factors, "contrast_first": happens(0.5), "order": order}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Change one image."""
        names = ["brightness", "saturation", "hue"]
        names.insert(1 if params["contrast_first"] else 3, "contrast")
        for name in names:
            if params["factors"][name] is not None:
                inpt = getattr(F, f"adjust_{name}")(inpt, params["factors"][name])
        return inpt if params["order"] is None else F.permute_channels(inpt, params["order"])


class JPEG(Transform):
    """Compresses by JPEG of a quality of 1 to 100, or drawn from (least, most), and unpacks.

    >>> JPEG(50)(np.zeros((3, 8, 8), np.uint8)).shape
    (3, 8, 8)
    """

    def __init__(self, quality: int | Sequence[int]):
        bounds = [quality, quality] if isinstance(quality, int) else list(quality)
        if len(bounds) != 2 or not 1 <= bounds[0] <= bounds[1] <= 100:
            raise ValueError(f"quality must be an integer from 1 to 100 or two, got {quality!r}")
        self.quality = bounds

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A quality."""
        return {"quality": integer(self.quality[0], self.quality[1] + 1)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Change one image."""
        return F.jpeg(inpt, params["quality"])


# -------------------------------------------------------------------------------------------- sizes
class _Resized(Transform):
    """Resizes to a size that is drawn."""

    interpolation: InterpolationMode
    antialias: bool | None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Resize one image."""
        return F.resize(inpt, **params, interpolation=self.interpolation, antialias=self.antialias)


class RandomResize(_Resized):
    """Makes the shorter side any of `min_size`, ..., `max_size` - 1 pixels long.

    >>> RandomResize(2, 3)(np.zeros((3, 4, 4))).shape
    (3, 2, 2)
    """

    def __init__(
        self,
        min_size: int,
        max_size: int,
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A length of the shorter side."""
        return {"size": [integer(self.min_size, self.max_size)]}


class RandomShortestSize(_Resized):
    """Makes the shorter side one of several lengths, and the longer one at most `max_size`.

    >>> RandomShortestSize([2])(np.zeros((3, 4, 8))).shape
    (3, 2, 4)
    """

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int | None = None,
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A size."""
        _, height, width = dimensions(flat_inputs[0])
        factor = self.min_size[integer(0, len(self.min_size))] / min(height, width)
        if self.max_size is not None:
            factor = min(factor, self.max_size / max(height, width))
        return {"size": (int(height * factor), int(width * factor))}


class ScaleJitter(_Resized):
    """Scales to fit `target_size`, times a factor drawn evenly from `scale_range`.

    >>> ScaleJitter((8, 8), scale_range=(1, 1))(np.zeros((3, 4, 4))).shape
    (3, 8, 8)
    """

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """A size."""
        _, height, width = dimensions(flat_inputs[0])
        fit = min(self.target_size[0] / height, self.target_size[1] / width)
        factor = uniform(*self.scale_range) * fit
        return {"size": (int(height * factor), int(width * factor))}


class RandomZoomOut(Transform):
    """Puts the image somewhere on a larger canvas, with probability `p`.

    The canvas is larger by a factor drawn evenly from `side_range`, and has the colour `fill`.

    >>> RandomZoomOut(side_range=(2, 2), p=1)(np.zeros((3, 4, 4))).shape
    (3, 8, 8)
    """

    def __init__(self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5):
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.p = p
        self.fill = check_fill(fill)
        self.side_range = side_range

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The width of the border, or None."""
        if not happens(self.p):
            return {"padding": None}
        _, height, width = dimensions(flat_inputs[0])
        factor = uniform(self.side_range[0], self.side_range[1])
        wide, high = int(width * factor), int(height * factor)
        left, top = int((wide - width) * uniform(0, 1)), int((high - height) * uniform(0, 1))
        return {"padding": [left, top, wide - (left + width), high - (top + height)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Change one image."""
        if params["padding"] is None:
            return inpt
        return F.pad(inpt, params["padding"], fill=fill_for(self.fill, inpt))
