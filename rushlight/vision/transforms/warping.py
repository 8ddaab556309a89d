"""Turning, shearing and bending arrays: each pixel is read where a map says.

A map gives for each new pixel a place of the old image, from -1 (left or upper edge) to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.vision.transforms.modes import InterpolationMode
from rushlight.vision.transforms.planes import per_channel, rounded

_TOLERANCE = 1e-4


def inverse_affine_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """The two rows of the map from new to old pixels, for angles in degrees.

    Forward it is: move the centre to 0, shear, turn, scale, move back and by `translate`.
    """
    turn, shear_x, shear_y = (math.radians(value) for value in (angle, *shear))
    center_x, center_y = center
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    matrix = [value / scale for value in (d, -b, 0.0, -c, a, 0.0)]
    shift_x, shift_y = -center_x - translate[0], -center_y - translate[1]
    matrix[2] += matrix[0] * shift_x + matrix[1] * shift_y + center_x
    matrix[5] += matrix[3] * shift_x + matrix[4] * shift_y + center_y
    return matrix


def perspective_coefficients(start: Sequence, end: Sequence) -> list[float]:
    """The eight numbers of the map that takes the four `end` points to the `start` points."""
    if len(start) != 4 or len(end) != 4:
        raise ValueError(
            "Please provide exactly four corners, "
            f"got {len(start)} startpoints and {len(end)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(end, start, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    wanted = np.array(start, np.float64).reshape(8)
    solution = np.linalg.lstsq(np.array(rows, np.float64), wanted, rcond=None)[0]
    return solution.astype(np.float32).tolist()


def expanded_size(matrix: Sequence[float], width: int, height: int) -> tuple[int, int]:
    """Width and height of what holds the whole turned image."""
    corners = np.array(
        [[x * width / 2, y * height / 2, 1] for x, y in ((-1, -1), (-1, 1), (1, 1), (1, -1))],
        np.float32,
    )
    places = corners @ np.array(matrix, np.float32).reshape(2, 3).T
    places += np.array([width / 2, height / 2], np.float32)
    steps = np.float32(_TOLERANCE)
    low = np.floor(np.trunc(places.min(axis=0) / steps) * steps)
    high = np.ceil(np.trunc(places.max(axis=0) / steps) * steps)
    wide, high_side = (high - low).astype(int).tolist()
    return wide, high_side


def affine_grid(
    matrix: Sequence[float], size: tuple[int, int], width: int, height: int, dtype: np.dtype
) -> np.ndarray:
    """The map of an affine matrix around the centre, for an image of (width, height)."""
    new_width, new_height = size
    x = np.linspace(-new_width / 2 + 0.5, new_width / 2 - 0.5, new_width, dtype=dtype)
    y = np.linspace(-new_height / 2 + 0.5, new_height / 2 - 0.5, new_height, dtype=dtype)[:, None]
    rows = np.array(matrix, dtype).reshape(2, 3)
    rows = rows / np.array([[0.5 * width], [0.5 * height]], dtype)
    return np.stack([row[0] * x + row[1] * y + row[2] for row in rows], axis=-1)


def perspective_grid(
    coefficients: Sequence[float], width: int, height: int, dtype: np.dtype
) -> np.ndarray:
    """The map of eight perspective coefficients."""
    x = np.linspace(0.5, width - 0.5, width, dtype=dtype)
    y = np.linspace(0.5, height - 0.5, height, dtype=dtype)[:, None]
    upper = np.array(coefficients[:6], dtype).reshape(2, 3)
    upper = upper / np.array([[0.5 * width], [0.5 * height]], dtype)
    below = dtype.type(coefficients[6]) * x + dtype.type(coefficients[7]) * y + dtype.type(1)
    return np.stack([(r[0] * x + r[1] * y + r[2]) / below - dtype.type(1) for r in upper], axis=-1)


def identity_grid(width: int, height: int, dtype: np.dtype) -> np.ndarray:
    """The map that reads every pixel where it is."""
    x, y = (
        np.linspace((1 - length) / length, (length - 1) / length, length, dtype=dtype)
        for length in (width, height)
    )
    return np.stack(np.broadcast_arrays(x, y[:, None]), axis=-1)


def warp(planes: np.ndarray, grid: np.ndarray, mode: InterpolationMode, fill: Any) -> np.ndarray:
    """Read at the map's places; what lies outside becomes `fill`, 0 for None."""
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")
    rows, columns = planes.shape[-2:]
    half = grid.dtype.type(0.5)
    x = ((grid[..., 0] + 1) * columns - 1) * half
    y = ((grid[..., 1] + 1) * rows - 1) * half
    # Places that are not finite lie outside, like all others that are far away.
    x, y = (np.clip(np.nan_to_num(p, nan=-9.0), -9, max(rows, columns) + 9) for p in (x, y))
    if mode is InterpolationMode.NEAREST:
        taken, share = _taken(planes, np.rint(x).astype(np.intp), np.rint(y).astype(np.intp))
        return taken if fill is None else np.where(share, taken, _colour(fill, planes))
    values, share = _blended(planes, x, y)
    if fill is not None:
        # What is partly outside is weighed twice, which makes borders dark: as in torchvision.
        values = values * share + (1 - share) * per_channel(fill, values.dtype)
    return rounded(values, planes.dtype)


def _colour(fill: Any, planes: np.ndarray) -> np.ndarray:
    """In the image's dtype; what comes from floats is cut, as in PyTorch."""
    return per_channel(np.asarray(fill).astype(planes.dtype), planes.dtype)


def _taken(planes: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels at whole places, 0 outside; and which lie inside."""
    rows, columns = planes.shape[-2:]
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    flat = planes.reshape(*planes.shape[:-2], rows * columns)
    places = np.where(inside, y * columns + x, 0)
    taken = np.take(flat, places, axis=-1)
    taken *= inside
    return taken, inside


def _blended(planes: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of four neighbours; and how much of each lies inside."""
    kind = x.dtype
    left, top = np.floor(x), np.floor(y)
    right_part, lower_part = x - left, y - top
    left, top = left.astype(np.intp), top.astype(np.intp)
    total = np.zeros((*planes.shape[:-2], *x.shape), kind)
    share = np.zeros(x.shape, kind)
    for down in (0, 1):
        for across in (0, 1):
            weight = (right_part if across else 1 - right_part) * (
                lower_part if down else 1 - lower_part
            )
            taken, inside = _taken(planes, left + across, top + down)
            total += taken * weight
            share += inside * weight
    return total, share
