"""Functions between Pillow images, arrays (height, width, channels) and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.vision.transforms import planes
from rushlight.vision.transforms.images import is_pillow, like, pillow, planes_of

_WHITE = np.float32(255)
_RAW = {"L": ("L",), "RGB": ("R", "G", "B"), "RGBA": ("R", "G", "B", "A")}
"""What Pillow calls a mode's single channels."""


def to_tensor(pic: Any) -> Any:
    """A tensor of shape (channels, height, width) of a Pillow image or an array.

    The array has the shape (height, width) or (height, width, channels).  uint8 values become
    float32 from 0 to 1; others keep their dtype and value.  TypeError for anything else,
    ValueError for an array of another rank.

    >>> tuple(to_tensor(np.full((2, 3), 255, np.uint8)).shape)
    (1, 2, 3)
    """
    if not isinstance(pic, np.ndarray):
        if not is_pillow(pic):
            raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
        if pic.mode in _RAW:
            return _by_channel(pic)
    pixels = pic if isinstance(pic, np.ndarray) else planes.pixels_of(pic)
    if pixels.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
    channels_first = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    if pixels.dtype != np.uint8:
        return arrays.from_array(channels_first.copy(), owned=True)
    # Division, not multiplication by the reciprocal: the two round differently.
    return arrays.from_array(np.divide(channels_first, _WHITE, order="C"), owned=True)


def to_normalized_tensor(pic: Any, mean: Sequence[float], std: Sequence[float]) -> Any:
    """`normalize(to_tensor(pic), mean, std)`, the same bits without a second tensor.

    >>> to_normalized_tensor(np.full((1, 2), 255, np.uint8), [0.5], [0.25]).tolist()
    [[[2.0, 2.0]]]
    """
    if not is_pillow(pic) or pic.mode not in _RAW:
        return normalize(to_tensor(pic), mean, std)
    settings = planes.numbers(mean), planes.numbers(std)
    channels = len(_RAW[pic.mode])
    return _by_channel(pic, planes.columns(*settings, channels, np.dtype(np.float32)))


def _by_channel(image: Any, settings: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    """Pillow gives single channels sooner than NumPy takes them out of its pixels.

    All is done to a channel while it is in the processor's cache.
    """
    width, height = image.size
    modes = _RAW[image.mode]
    values, tensor = arrays.empty((len(modes), height, width), np.float32)
    for place, (row, mode) in enumerate(zip(values.reshape(len(modes), -1), modes, strict=True)):
        row[:] = np.frombuffer(image.tobytes("raw", mode), np.uint8)
        row /= _WHITE
        if settings is not None:
            row -= settings[0][place]
            row /= settings[1][place]
    return tensor


def pil_to_tensor(pic: Any) -> Any:
    """A tensor of shape (channels, height, width) with a Pillow image's own numbers.

    >>> from PIL import Image
    >>> pil_to_tensor(Image.new("L", (2, 1), 7)).tolist()
    [[[7, 7]]]
    """
    if not is_pillow(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return arrays.from_array(planes.of_pillow(pic), owned=True)


def convert_image_dtype(image: Any, dtype: Any = None) -> Any:
    """A tensor of another dtype, float32 if none is given, with white still white.

    A float image goes from 0 to 1, an integer one from 0 to its dtype's largest value.
    RuntimeError where float to integer would lose it.

    >>> convert_image_dtype(np.array([[[0, 255]]], np.uint8), np.float32).tolist()
    [[[0.0, 1.0]]]
    """
    if not arrays.is_array(image):
        raise TypeError("Input img should be Tensor Image")
    wanted = planes.as_dtype(dtype)
    return like(planes.convert(planes_of(image, "convert_image_dtype", 0), wanted), image)


def normalize(
    tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Any:
    """`(tensor - mean) / std`, with numbers for each channel, or one for all.

    `inplace` writes into the tensor itself.  A tensor that requires gradients gets them.
    TypeError unless it is a float tensor; ValueError for fewer than 3 axes, and a `std` of 0.

    >>> normalize(np.ones((1, 1, 2), np.float32), (0.5,), (0.25,)).tolist()
    [[[2.0, 2.0]]]
    """
    if not arrays.is_array(tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if getattr(tensor, "requires_grad", False):
        return _normalized_with_gradients(tensor, mean, std)
    values = arrays.to_array(tensor)
    if values.dtype.kind != "f":
        raise TypeError(f"Input tensor should be a float tensor. Got {values.dtype}.")
    if values.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). "
            f"Got tensor.size() = {values.shape}"
        )
    settings = planes.numbers(mean), planes.numbers(std)
    if inplace:
        result = planes.normalize(values, *settings, np.empty_like(values))
        tensor[...] = like(result, tensor)
        return tensor
    if isinstance(tensor, np.ndarray):
        return planes.normalize(values, *settings, np.empty(values.shape, values.dtype))
    result, wrapped = arrays.empty(values.shape, values.dtype)
    planes.normalize(values, *settings, result)
    return wrapped


def _normalized_with_gradients(tensor: Any, mean: Any, std: Any) -> Any:
    dtype = planes.as_dtype(tensor.dtype)
    mean, std = (planes.per_channel(planes.numbers(v), dtype) for v in (mean, std))
    if (std == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {dtype}, leading to division by zero."
        )
    return (tensor - arrays.from_array(mean)) / arrays.from_array(std)


# ----------------------------------------------------------------------------------- back to Pillow
_ONE_CHANNEL = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}
_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A Pillow image of a tensor (channels, height, width) or an array (height, width, channels).

    Floats are taken to go from 0 to 1.  `mode` is Pillow's; left out, it follows from
    the number of channels and the dtype.  TypeError or ValueError for what no mode fits.

    >>> to_pil_image(np.full((2, 3), 255, np.uint8)).size
    (3, 2)
    """
    if not arrays.is_array(pic):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    pixels = arrays.to_array(pic)
    if pixels.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    elif not isinstance(pic, np.ndarray) or _is_tensor_s(pixels):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.shape[2] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {pixels.shape[2]} channels.")
    if pixels.dtype.kind == "f" and mode != "F":
        # Cut, and counted from 0 again beyond 255, as PyTorch's `byte()` does.
        pixels = (pixels * pixels.dtype.type(255)).astype(np.int64).astype(np.uint8)
    expected, pixels = _expected_modes(pixels)
    if mode is not None and mode not in expected:
        raise ValueError(
            f"Incorrect mode ({mode}) supplied for input type {pixels.dtype} with "
            f"{1 if pixels.ndim == 2 else pixels.shape[2]} channels. Should be {expected}"
        )
    return _image(np.ascontiguousarray(pixels), mode or expected[0])


def _is_tensor_s(pixels: np.ndarray) -> bool:
    """In a data worker ToTensor gives an array of floats, channels first."""
    first = arrays.tensor_type() is np.ndarray and pixels.ndim == 3
    return first and pixels.dtype.kind == "f" and pixels.shape[0] <= 4 < pixels.shape[2]


def _expected_modes(pixels: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    channels = pixels.shape[2]
    if channels == 1:
        if pixels.dtype.name not in _ONE_CHANNEL:
            raise TypeError(f"Input type {pixels.dtype} is not supported")
        return (_ONE_CHANNEL[pixels.dtype.name],), pixels[..., 0]
    if pixels.dtype != np.uint8:
        raise TypeError(f"Input type {pixels.dtype} is not supported")
    return _MODES[channels], pixels


def _image(pixels: np.ndarray, mode: str) -> Any:
    library = pillow("Image")
    size = pixels.shape[1], pixels.shape[0]
    return library.frombytes(mode, size, pixels.tobytes())
