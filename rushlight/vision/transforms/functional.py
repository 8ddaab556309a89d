"""The transforms as functions, with every choice an argument (`transforms.functional`).

They take Pillow images, and tensors or arrays of shape (..., channels, height, width).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.vision.transforms import colours, filters, pillow, planes
from rushlight.vision.transforms.conversion import (
    convert_image_dtype,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from rushlight.vision.transforms.images import (
    check_image,
    dimensions,
    is_pillow,
    like,
    planes_of,
)
from rushlight.vision.transforms.modes import InterpolationMode
from rushlight.vision.transforms.shapes import (
    affine,
    center_crop,
    crop,
    elastic_transform,
    five_crop,
    hflip,
    pad,
    perspective,
    resize,
    resized_crop,
    rotate,
    ten_crop,
    vflip,
)

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


def get_dimensions(img: Any) -> list[int]:
    """Channels, height and width.

    >>> get_dimensions(np.zeros((3, 4, 5)))
    [3, 4, 5]
    """
    return list(dimensions(img))


def get_image_size(img: Any) -> list[int]:
    """Width and height.

    >>> get_image_size(np.zeros((3, 4, 5)))
    [5, 4]
    """
    _, height, width = dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    """How many channels it has.

    >>> get_image_num_channels(np.zeros((3, 4, 5)))
    3
    """
    return dimensions(img)[0]


# ------------------------------------------------------------------------------------------ colour
def _factor(value: float, name: str, function: str) -> None:
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative. In {function}.")


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Black at 0, the image itself at 1, brighter beyond.

    A factor below 0 is a ValueError for tensors.

    >>> adjust_brightness(np.full((1, 1, 1), 100, np.uint8), 1.5)
    array([[[150]]], dtype=uint8)
    """
    if is_pillow(img):
        return pillow.enhance(img, "Brightness", brightness_factor)
    _factor(brightness_factor, "brightness_factor", "adjust_brightness")
    values = planes_of(img, "adjust_brightness")
    return like(colours.adjust_brightness(values, brightness_factor), img)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """The mean grey everywhere at 0, the image itself at 1.

    A factor below 0 is a ValueError for tensors.

    >>> adjust_contrast(np.array([[[100, 200]]], np.uint8), 0.5)
    array([[[125, 175]]], dtype=uint8)
    """
    if is_pillow(img):
        return pillow.enhance(img, "Contrast", contrast_factor)
    _factor(contrast_factor, "contrast_factor", "adjust_contrast")
    return like(colours.adjust_contrast(planes_of(img, "adjust_contrast", 3), contrast_factor), img)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Grey at 0, the image itself at 1.

    A factor below 0 is a ValueError for tensors.

    >>> adjust_saturation(np.array([[[255]], [[0]], [[0]]], np.uint8), 0.0).ravel().tolist()
    [76, 76, 76]
    """
    if is_pillow(img):
        return pillow.enhance(img, "Color", saturation_factor)
    _factor(saturation_factor, "saturation_factor", "adjust_saturation")
    values = planes_of(img, "adjust_saturation", 3)
    return like(colours.adjust_saturation(values, saturation_factor), img)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The hues turned by this part of the circle, from -0.5 to 0.5; ValueError beyond.

    >>> adjust_hue(np.array([[[255]], [[0]], [[0]]], np.uint8), 0.5).ravel().tolist()
    [0, 255, 255]
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_pillow(img):
        return pillow.adjust_hue(img, hue_factor)
    return like(colours.adjust_hue(planes_of(img, "adjust_hue", 3), hue_factor), img)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """`gain * image ** gamma`, of values from 0 to 1; ValueError for a negative gamma.

    >>> adjust_gamma(np.array([[[0.5]]]), 2)
    array([[[0.25]]])
    """
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if is_pillow(img):
        return pillow.adjust_gamma(img, gamma, gain)
    return like(colours.adjust_gamma(planes_of(img, "adjust_gamma"), gamma, gain), img)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """Blurred at 0, the image itself at 1, sharper beyond.

    A factor below 0 is a ValueError for tensors.

    >>> point = np.zeros((1, 3, 3))
    >>> point[0, 1, 1] = 0.52
    >>> adjust_sharpness(point, 0)[0, 1, 1].round(6).item()
    0.2
    """
    if is_pillow(img):
        return pillow.enhance(img, "Sharpness", sharpness_factor)
    _factor(sharpness_factor, "sharpness_factor", "adjust_sharpness")
    values = planes_of(img, "adjust_sharpness")
    colours.check_channels(values, (1, 3))
    return like(filters.adjust_sharpness(values, sharpness_factor), img)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Grey, in one channel or in three equal ones; ValueError for another number.

    >>> rgb_to_grayscale(np.array([[[255]], [[0]], [[0]]], np.uint8))
    array([[[76]]], dtype=uint8)
    """
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if is_pillow(img):
        return pillow.to_grayscale(img, num_output_channels)
    values = planes_of(img, "rgb_to_grayscale", 3)
    return like(colours.to_grayscale(values, num_output_channels), img)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` of a Pillow image; TypeError for others.

    >>> from PIL import Image
    >>> to_grayscale(Image.new("RGB", (1, 1), (255, 0, 0))).getpixel((0, 0))
    76
    """
    if not is_pillow(img):
        raise TypeError("Input should be PIL Image")
    return rgb_to_grayscale(img, num_output_channels)


def invert(img: Any) -> Any:
    """Dark for bright.

    >>> invert(np.array([[[0, 55]]], np.uint8))
    array([[[255, 200]]], dtype=uint8)
    """
    if is_pillow(img):
        return pillow.operate(img, "invert")
    return like(colours.invert(planes_of(img, "invert")), img)


def posterize(img: Any, bits: int) -> Any:
    """Each value with `bits` of its 8 bits; ValueError for others than 0 to 8.

    >>> posterize(np.array([[[200]]], np.uint8), 1)
    array([[[128]]], dtype=uint8)
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if is_pillow(img):
        return pillow.operate(img, "posterize", bits)
    return like(colours.posterize(planes_of(img, "posterize"), bits), img)


def solarize(img: Any, threshold: float) -> Any:
    """Everything from the threshold on inverted.

    >>> solarize(np.array([[[100, 200]]], np.uint8), 128)
    array([[[100,  55]]], dtype=uint8)
    """
    if is_pillow(img):
        return pillow.operate(img, "solarize", threshold)
    return like(colours.solarize(planes_of(img, "solarize"), threshold), img)


def autocontrast(img: Any) -> Any:
    """Each channel stretched from black to white.

    >>> autocontrast(np.array([[[100, 150, 200]]], np.uint8))
    array([[[  0, 127, 255]]], dtype=uint8)
    """
    if is_pillow(img):
        return pillow.operate(img, "autocontrast")
    return like(colours.autocontrast(planes_of(img, "autocontrast")), img)


def equalize(img: Any) -> Any:
    """Each channel with its values spread evenly from black to white.

    >>> equalize(np.arange(100, 104, dtype=np.uint8).reshape(1, 2, 2)).ravel().tolist()
    [100, 101, 102, 103]
    """
    if is_pillow(img):
        return pillow.operate(img, "equalize")
    return like(colours.equalize(planes_of(img, "equalize")), img)


# ---------------------------------------------------------------------------------- blur and erase
def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """Blurred by a Gaussian, mirrored at the borders.

    `kernel_size` is odd, one number or (width, height); so is `sigma`, which is
    0.15 * kernel_size + 0.35 if left out.  ValueError for others.

    >>> gaussian_blur(np.ones((1, 4, 4)), 3)[0, 0].round(6).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    sizes = _pair(kernel_size, "kernel_size")
    if any(size % 2 == 0 or size < 1 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {list(sizes)}")
    sigmas = [size * 0.15 + 0.35 for size in sizes] if sigma is None else _pair(sigma, "sigma")
    if any(not width > 0 for width in sigmas):
        raise ValueError(f"sigma should have positive values. Got {list(sigmas)}")
    check_image(img, "gaussian_blur")
    if is_pillow(img):
        blurred = filters.gaussian_blur(planes.of_pillow(img), sizes, sigmas)
        return to_pil_image(planes.channels_last(blurred), img.mode)
    return like(filters.gaussian_blur(planes_of(img, "gaussian_blur"), sizes, sigmas), img)


def _pair(value: Any, name: str) -> Sequence:
    if isinstance(value, (int, float)):
        return (value, value)
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} should be a number or a sequence of 2. Got {type(value)}")
    if len(value) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    return tuple(value) * (2 // len(value))


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """A tensor with the rectangle from row `i` and column `j` overwritten by `v`.

    `inplace` writes into the tensor itself.  TypeError for a Pillow image.

    >>> erase(np.ones((1, 1, 3)), 0, 1, 1, 1, 0)
    array([[[1., 0., 1.]]])
    """
    values = planes_of(img, "erase")
    v = planes.numbers(v)
    if inplace:
        part = v if isinstance(img, type(values)) else like(v.astype(values.dtype), img)
        img[..., i : i + h, j : j + w] = part
        return img
    return like(planes.erase(values, i, j, h, w, v), img)
