"""Pictures between files, bytes and tensors (channels, height, width), by torchvision's names.

Pillow reads and writes them: `pip install "rushlight[images]"`.
"""

from __future__ import annotations

import io
import os
import struct
from enum import Enum
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.metering import stage
from rushlight.data.optional import needed
from rushlight.vision.opening import open_picture

__all__ = [
    "ImageReadMode",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]

Path = str | os.PathLike


class ImageReadMode(Enum):
    """Which channels a picture is read with; a name in a string does as well."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


Mode = ImageReadMode | str
_UNCHANGED = ImageReadMode.UNCHANGED
_PILLOW = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}
_KEPT = ("L", "LA", "RGB", "RGBA", "I;16")
_TURNED = {"1": "L", "La": "LA", "RGBa": "RGBA", "PA": "RGBA", "I": "I;16", "I;16B": "I;16"}

_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, struct.error)


# ----------------------------------------------------------------------------------------- reading
def read_file(path: Path) -> Any:
    """The bytes of a file, as a uint8 tensor; RuntimeError if it cannot be read.

    >>> read_file("no-such-file")
    Traceback (most recent call last):
    RuntimeError: [Errno 2] No such file or directory: 'no-such-file'
    """
    try:
        return arrays.from_array(np.fromfile(path, np.uint8), owned=True)
    except OSError as problem:
        raise RuntimeError(str(problem)) from problem


def decode_image(input: Any, mode: Mode = _UNCHANGED, apply_exif_orientation: bool = False) -> Any:
    """The picture in a file, or in the bytes of one, as a uint8 tensor (channels, height, width).

    `input` is a path or a uint8 tensor of one dimension. Without a `mode` a picture has the
    channels that it has in the file: 1 to 4; a palette becomes RGB or RGBA. Grey pictures of 16
    bits become uint16. A GIF of several pictures becomes a tensor (N, 3, height, width).
    `apply_exif_orientation` turns a picture as its camera was turned. What is no picture is a
    RuntimeError.

    >>> import rushlight as rl
    >>> tuple(decode_image(encode_png(rl.zeros(3, 2, 5, dtype=rl.uint8)), "GRAY").shape)
    (1, 2, 5)
    """
    name = "the tensor" if arrays.is_array(input) else repr(os.fspath(input))
    data = _bytes_of(input if arrays.is_array(input) else read_file(input))
    wanted = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    too_large = needed("PIL.Image", "decode_image", "images").DecompressionBombError
    try:
        with stage("decode"), open_picture(io.BytesIO(data), "decode_image") as image:
            if image.format == "GIF":
                return _all_pictures(image)
            if apply_exif_orientation:
                image = needed("PIL.ImageOps", "decode_image", "images").exif_transpose(image)
            return _tensor_of(_converted(image, wanted))
    except (*_DAMAGE, too_large) as problem:
        raise RuntimeError(
            "Unsupported image file.\nExpected: a picture that Pillow can read.\n"
            f"Actual: {name}: {problem}"
        ) from problem


def read_image(path: Path, mode: Mode = _UNCHANGED, apply_exif_orientation: bool = False) -> Any:
    """The picture in a file; see `decode_image`."""
    return decode_image(path, mode, apply_exif_orientation)


def decode_png(input: Any, mode: Mode = _UNCHANGED, apply_exif_orientation: bool = False) -> Any:
    """The picture in the bytes of a file, of whatever kind; see `decode_image`."""
    return decode_image(input, mode, apply_exif_orientation)


def decode_jpeg(
    input: Any,
    mode: Mode = _UNCHANGED,
    device: Any = "cpu",
    apply_exif_orientation: bool = False,
) -> Any:
    """The picture in the bytes of a file, or those in a list; see `decode_image`."""
    if isinstance(input, list):
        return [decode_image(part, mode, apply_exif_orientation) for part in input]
    return decode_image(input, mode, apply_exif_orientation)


def decode_gif(input: Any) -> Any:
    """The picture in the bytes of a GIF file, or all of them; see `decode_image`."""
    return decode_image(input)


def decode_webp(input: Any, mode: Mode = _UNCHANGED) -> Any:
    """The picture in the bytes of a file; see `decode_image`."""
    return decode_image(input, mode)


def _bytes_of(tensor: Any) -> memoryview:
    data = arrays.to_array(tensor)
    if data.dtype != np.uint8 or data.ndim != 1 or not data.size:
        raise RuntimeError(
            "Expected a non empty 1-dimensional tensor of uint8.\n"
            f"Actual: {data.dtype} of shape {data.shape}."
        )
    return memoryview(np.ascontiguousarray(data))


def _converted(image: Any, mode: ImageReadMode) -> Any:
    """The picture with the channels that are asked for."""
    if mode is not ImageReadMode.UNCHANGED:
        return image.convert(_PILLOW[mode.name])
    if image.mode in _KEPT:
        return image
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image.convert(_TURNED.get(image.mode, "RGB"))


def _tensor_of(image: Any) -> Any:
    pixels = np.asarray(image)
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return arrays.from_array(np.array(planes, order="C"), owned=True)


def _all_pictures(image: Any) -> Any:
    """The pictures of a GIF, each as it is shown."""
    pictures = []
    for number in range(image.n_frames):
        image.seek(number)
        pictures.append(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
    planes = pictures[0] if len(pictures) == 1 else np.stack(pictures)
    return arrays.from_array(np.array(planes, order="C"), owned=True)


# ----------------------------------------------------------------------------------------- writing
def write_file(filename: Path, data: Any) -> None:
    """Write the bytes of a uint8 tensor to a file."""
    content = _bytes_of(data)
    try:
        with open(filename, "wb") as file:
            file.write(content)
    except OSError as problem:
        raise RuntimeError(str(problem)) from problem


def encode_png(input: Any, compression_level: int = 6) -> Any:
    """The bytes of a PNG file, as a tensor, for a uint8 tensor of 1 or 3 channels.

    `compression_level` is 0 (quick) to 9 (small). Anything else is a RuntimeError.
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encoded(input, format="PNG", compress_level=compression_level)


def encode_jpeg(input: Any, quality: int = 75) -> Any:
    """The bytes of a JPEG file, as a tensor, for a uint8 tensor of 1 or 3 channels; also of a list.

    A `quality` that is not 1 to 100 is a ValueError, another tensor a RuntimeError.
    """
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if not isinstance(input, list):
        return _encoded(input, format="JPEG", quality=quality)
    if not input:
        raise ValueError("encode_jpeg requires at least one input tensor when a list is passed")
    return [_encoded(image, format="JPEG", quality=quality) for image in input]


def write_png(input: Any, filename: Path, compression_level: int = 6) -> None:
    """Write a picture to a PNG file; see `encode_png`."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Any, filename: Path, quality: int = 75) -> None:
    """Write a picture to a JPEG file; see `encode_jpeg`."""
    write_file(filename, encode_jpeg(input, quality))


def _encoded(tensor: Any, **options: Any) -> Any:
    planes = arrays.to_array(tensor)
    if planes.dtype != np.uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, got {planes.dtype}")
    if planes.ndim != 3:
        raise RuntimeError(f"Input data should be a 3-dimensional tensor, got {planes.ndim}")
    if planes.shape[0] not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {planes.shape[0]}")
    pixels = planes[0] if planes.shape[0] == 1 else planes.transpose(1, 2, 0)
    file = io.BytesIO()
    image = needed("PIL.Image", "encode_png and encode_jpeg", "images")
    image.fromarray(np.ascontiguousarray(pixels)).save(file, **options)
    return arrays.from_array(np.frombuffer(file.getvalue(), np.uint8).copy(), owned=True)
