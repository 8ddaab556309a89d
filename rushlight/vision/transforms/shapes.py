"""Functions that change where pixels are: resize, crop, flip, pad, turn and bend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.vision.transforms import pillow, planes, resampling, warping
from rushlight.vision.transforms.conversion import to_pil_image
from rushlight.vision.transforms.images import dimensions, is_pillow, like, planes_of
from rushlight.vision.transforms.modes import InterpolationMode, as_mode

_NEAREST, _BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


# -------------------------------------------------------------------------------------------- size
def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Of another size: (height, width), or one number for the shorter side.

    The longer side then keeps the shape, cut to `max_size` if that is given.  `antialias`
    matters for tensors alone, and there for `BILINEAR` and `BICUBIC`: Pillow always smooths.
    TypeError or ValueError for another size, mode or limit.

    >>> resize(np.array([[[0.0, 1.0]]]), (1, 4), antialias=False)
    array([[[0.  , 0.25, 0.75, 1.  ]]])
    """
    mode = as_mode(interpolation)
    _, height, width = dimensions(img)
    target = output_size(size, height, width, max_size)
    if is_pillow(img):
        return img if target == (height, width) else pillow.resize(img, target, mode)
    values = planes_of(img, "resize")
    return like(resampling.resize(values, target, mode, bool(antialias)), img)


def output_size(
    size: int | Sequence[int], height: int, width: int, max_size: int | None
) -> tuple[int, int]:
    """The (height, width) that `resize` gives."""
    if not isinstance(size, (int, list, tuple)):
        raise TypeError(f"Size should be int or sequence. Got {type(size)}")
    if not isinstance(size, int) and len(size) not in (1, 2):
        raise ValueError(
            f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element "
            "tuple/list"
        )
    if not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller "
                "edge, i.e. size should be an int or a sequence of length 1."
            )
        return int(size[0]), int(size[1])
    short = size if isinstance(size, int) else size[0]
    long = int(short * max(height, width) / min(height, width))
    if max_size is not None:
        if max_size <= short:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for "
                f"the smaller edge size = {size}"
            )
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (long, short) if width <= height else (short, long)


# ------------------------------------------------------------------------------------ crop and pad
def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle of the image; what lies outside of it is 0.

    >>> crop(np.arange(9).reshape(1, 3, 3), 1, 1, 2, 2).tolist()
    [[[4, 5], [7, 8]]]
    """
    if is_pillow(img):
        return pillow.crop(img, top, left, height, width)
    return like(planes.crop(planes_of(img, "crop"), top, left, height, width), img)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle, of (height, width) or a square; an image that is too small gets 0 around it.

    >>> center_crop(np.arange(9).reshape(1, 3, 3), 1).tolist()
    [[[4]]]
    """
    crop_height, crop_width = pair(output_size)
    _, height, width = dimensions(img)
    missing = max(crop_width - width, 0), max(crop_height - height, 0)
    if any(missing):
        left, top = (count // 2 for count in missing)
        img = pad(img, [left, top, missing[0] - left, missing[1] - top], 0)
        _, height, width = dimensions(img)
    top = round((height - crop_height) / 2.0)
    left = round((width - crop_width) / 2.0)
    return crop(img, top, left, crop_height, crop_width)


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) of one number, or of a sequence of one or two."""
    if isinstance(size, int):
        return size, size
    if len(size) == 1:
        return size[0], size[0]
    height, width = size
    return height, width


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`.

    >>> resized_crop(np.arange(9.0).reshape(1, 3, 3), 1, 1, 2, 2, [1, 1]).tolist()
    [[[6.0]]]
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, Any, Any, Any, Any]:
    """The four corners (upper left, upper right, lower left, lower right) and the middle.

    A size beyond the image's is a ValueError.

    >>> [part.item() for part in five_crop(np.arange(9).reshape(1, 3, 3), 1)]
    [0, 2, 6, 8, 4]
    """
    if not isinstance(size, (int, list, tuple)) or (
        not isinstance(size, int) and len(size) not in (1, 2)
    ):
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    crop_height, crop_width = pair(size)
    _, height, width = dimensions(img)
    if crop_width > width or crop_height > height:
        raise ValueError(
            f"Requested crop size {(crop_height, crop_width)} is bigger than input size "
            f"{(height, width)}"
        )
    bottom, right = height - crop_height, width - crop_width
    corners = (0, 0), (0, right), (bottom, 0), (bottom, right)
    first, second, third, fourth = (
        crop(img, top, left, crop_height, crop_width) for top, left in corners
    )
    return first, second, third, fourth, center_crop(img, [crop_height, crop_width])


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple:
    """`five_crop` of the image and of the flipped image.

    >>> [part.item() for part in ten_crop(np.arange(9).reshape(1, 3, 3), 1)]
    [0, 2, 6, 8, 4, 2, 0, 8, 6, 4]
    """
    flipped = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(flipped, size)


def pad(
    img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
) -> Any:
    """With a border: one width, (left and right, top and bottom) or (left, top, right, bottom).

    `padding_mode` is `constant` (of the colour `fill`), `edge`, `reflect` or `symmetric`.
    TypeError and ValueError for other arguments.

    >>> pad(np.ones((1, 1, 1)), (1, 0), fill=5)
    array([[[5., 1., 5.]]])
    """
    check_padding(padding, fill, padding_mode)
    sides = four_sides(padding)
    if is_pillow(img):
        return pillow.pad(img, sides, fill, padding_mode)
    return like(planes.pad(planes_of(img, "pad"), sides, fill, padding_mode), img)


def check_padding(padding: Any, fill: Any, mode: Any) -> None:
    """TypeError or ValueError for arguments that `pad` does not take."""
    if not isinstance(padding, (int, list, tuple)):
        raise TypeError("Got inappropriate padding arg")
    if fill is not None and not isinstance(fill, (int, float, str, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    if mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if not isinstance(padding, int) and len(padding) not in (1, 2, 4):
        raise ValueError(
            "Padding must be an int or a 1, 2, or 4 element tuple, not a "
            f"{len(padding)} element tuple"
        )


def four_sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what `pad` takes."""
    if isinstance(padding, int):
        return (padding,) * 4
    left, top, right, bottom = tuple(padding) * (4 // len(padding))
    return left, top, right, bottom


# -------------------------------------------------------------------------------------------- flip
def hflip(img: Any) -> Any:
    """Left and right exchanged.

    >>> hflip(np.array([[[1, 2, 3]]])).tolist()
    [[[3, 2, 1]]]
    """
    if is_pillow(img):
        return pillow.hflip(img)
    return like(planes_of(img, "hflip")[..., ::-1].copy(), img)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged.

    >>> vflip(np.array([[[1], [2]]])).tolist()
    [[[2], [1]]]
    """
    if is_pillow(img):
        return pillow.vflip(img)
    return like(planes_of(img, "vflip")[..., ::-1, :].copy(), img)


# ---------------------------------------------------------------------------------------- and bend
def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[int] | None = None,
    fill: Any = None,
) -> Any:
    """Turned against the clock by an angle in degrees, around `center`, the middle if None.

    `center` is (x, y) from the upper left corner; `expand` makes room for the whole image, and
    is for a turn around the middle.  What was outside becomes `fill`, black if None.

    >>> rotate(np.array([[[1, 2], [3, 4]]]), 90).tolist()
    [[[2, 4], [1, 3]]]
    """
    mode = as_mode(interpolation)
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if is_pillow(img):
        return pillow.rotate(img, angle, mode, expand, center, fill)
    values = planes_of(img, "rotate")
    height, width = values.shape[-2:]
    middle = _from_middle(center, width, height)
    matrix = warping.inverse_affine_matrix(middle, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    size = warping.expanded_size(matrix, width, height) if expand else (width, height)
    grid = warping.affine_grid(matrix, size, width, height, _precision(values))
    return like(warping.warp(values, grid, mode, fill), img)


def _from_middle(center: Sequence[float] | None, width: int, height: int) -> tuple[float, float]:
    if center is None:
        return 0.0, 0.0
    return center[0] - width * 0.5, center[1] - height * 0.5


def _precision(values: np.ndarray) -> np.dtype:
    return values.dtype if values.dtype.kind == "f" else np.dtype(np.float32)


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[int] | None = None,
) -> Any:
    """Turned clockwise, sheared (degrees), scaled, and moved by (x, y) pixels.

    `shear` is one angle along x, or (x, y).  What was outside becomes `fill`, black if None.

    >>> affine(np.array([[[1, 2, 3]]]), 0, (1, 0), 1, 0).tolist()
    [[[0, 1, 2]]]
    """
    mode = as_mode(interpolation)
    shears = _checked_affine(angle, translate, scale, shear, center)
    _, height, width = dimensions(img)
    if is_pillow(img):
        middle = (width * 0.5, height * 0.5) if center is None else center
        matrix = warping.inverse_affine_matrix(middle, angle, translate, scale, shears)
        return pillow.transform(img, "AFFINE", matrix, mode, fill)
    values = planes_of(img, "affine")
    middle = _from_middle(center, width, height)
    matrix = warping.inverse_affine_matrix(middle, angle, translate, scale, shears)
    grid = warping.affine_grid(matrix, (width, height), width, height, _precision(values))
    return like(warping.warp(values, grid, mode, fill), img)


def _checked_affine(
    angle: Any, translate: Any, scale: Any, shear: Any, center: Any
) -> tuple[float, float]:
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (int, float, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if isinstance(shear, (int, float)):
        return float(shear), 0.0
    if len(shear) not in (1, 2):
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    return float(shear[0]), float(shear[-1])


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """Seen from elsewhere: the four points (x, y) of `startpoints` come to `endpoints`.

    >>> corners = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> perspective(np.array([[[1.0, 2.0]]]), corners, corners).round(3).tolist()
    [[[1.0, 2.0]]]
    """
    mode = as_mode(interpolation)
    coefficients = warping.perspective_coefficients(startpoints, endpoints)
    if is_pillow(img):
        return pillow.transform(img, "PERSPECTIVE", coefficients, mode, fill)
    values = planes_of(img, "perspective")
    height, width = values.shape[-2:]
    grid = warping.perspective_grid(coefficients, width, height, _precision(values))
    return like(warping.warp(values, grid, mode, fill), img)


def elastic_transform(
    img: Any,
    displacement: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """Each pixel read elsewhere: `displacement` has shape (1, height, width, 2), x before y.

    A displacement of 2 is the image's whole width or height.

    >>> elastic_transform(np.array([[[1.0, 2.0]]]), np.full((1, 1, 2, 2), [1.0, 0.0])).tolist()
    [[[2.0, 0.0]]]
    """
    mode = as_mode(interpolation)
    if not arrays.is_array(displacement):
        raise TypeError("Argument displacement should be a Tensor")
    _, height, width = dimensions(img)
    moved = arrays.to_array(displacement)
    if moved.shape != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be {(1, height, width, 2)}, "
            f"but given {moved.shape}"
        )
    values = planes.of_pillow(img) if is_pillow(img) else planes_of(img, "elastic_transform")
    kind = _precision(values)
    grid = warping.identity_grid(width, height, kind) + moved[0].astype(kind)
    bent = warping.warp(values, grid, mode, fill)
    if is_pillow(img):
        return to_pil_image(planes.channels_last(bent), img.mode)
    return like(bent, img)
