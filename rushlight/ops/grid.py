"""Sampling images and volumes at the points of a grid (Jaderberg et al., 2015).

Points are given as (x, y) or (x, y, z), -1 and 1 being the ends of each dimension.
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np

from rushlight.graph.dtype import int64
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.indexed import Index
from rushlight.ops.places import origin
from rushlight.ops.windows import Sizes
from rushlight.tensor import Tensor, from_array

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
_CUBIC = -0.75


# ----------------------------------------------------------------------------- places in the input
def _unnormalised(at: Tensor, length: int, align: bool) -> Tensor:
    """From between -1 and 1 to places of elements."""
    if align:
        return (at + 1) * ((length - 1) / 2)
    return ((at + 1) * length - 1) / 2


def _reflected(at: Tensor, length: int, align: bool) -> Tensor:
    """Places outside, mirrored at the ends until they are inside."""
    low, span = (0.0, length - 1.0) if align else (-0.5, float(length))
    if span == 0:
        return at * 0
    away = (at - low).abs()
    rest = away.fmod(span)
    even = (away / span).floor() % 2 == 0
    return where(even, rest + low, span - rest + low)


def _within(at: Tensor, length: int, padding: str, align: bool) -> Tensor:
    """Places as the padding moves them."""
    if padding == "zeros":
        return at
    if padding == "reflection":
        at = _reflected(at, length, align)
    return at.clamp(0, length - 1)


def _taken(input: Tensor, places: list[Tensor]) -> Tensor:
    """The input at whole places (one tensor for each dimension), zeros outside, channels last."""
    lengths = tuple(input.shape[2:])
    inside, kept = None, []
    for at, length in zip(places, lengths, strict=True):
        fits = (at >= 0) & (at <= length - 1)
        inside = fits if inside is None else inside & fits
        kept.append(where(fits, at, constant(0, at._spec.dtype)).to(int64))
    samples = np.arange(input.shape[0]).reshape((-1, *(1,) * len(lengths)))
    axes = (0, *range(2, input.dim()))
    found = Index.apply((input, from_array(samples), *kept), axes, origin("grid_sampler"))
    return where(inside.unsqueeze(-1), found, constant(0, found._spec.dtype))


# ----------------------------------------------------------------------------------------- sampling
def _nearest(input: Tensor, points: list[Tensor], padding: str, align: bool) -> Tensor:
    lengths = tuple(input.shape[2:])
    moved = [_within(at, n, padding, align) for at, n in zip(points, lengths, strict=True)]
    return _taken(input, [at.detach().round() for at in moved])


def _linear(input: Tensor, points: list[Tensor], padding: str, align: bool) -> Tensor:
    """The corners around each point, by how near they are."""
    lengths, total = tuple(input.shape[2:]), None
    sides = []
    for at, length in zip(points, lengths, strict=True):
        at = _within(at, length, padding, align)
        first = at.detach().floor()
        rest = at - first
        sides.append([(first, 1 - rest), (first + 1, rest)])
    for corner in itertools.product(*sides):
        weight = math.prod([share for _, share in corner[1:]], start=corner[0][1])
        part = _taken(input, [place for place, _ in corner]) * weight.unsqueeze(-1)
        total = part if total is None else total + part
    return total


def _cubic_weights(rest: Tensor) -> list[Tensor]:
    """The convolution kernel of Keys (1981) with a = -0.75, for four neighbours."""
    weights = []
    for distance, near in ((rest + 1, False), (rest, True), (1 - rest, True), (2 - rest, False)):
        d = distance
        if near:
            weights.append(((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1)
        else:
            weights.append(((_CUBIC * d - 5 * _CUBIC) * d + 8 * _CUBIC) * d - 4 * _CUBIC)
    return weights


def _cubic(input: Tensor, points: list[Tensor], padding: str, align: bool) -> Tensor:
    """Sixteen neighbours of each point; the padding moves each of them."""
    lengths, total = tuple(input.shape[2:]), None
    sides = []
    for at, length in zip(points, lengths, strict=True):
        first = at.detach().floor()
        weights = _cubic_weights(at - first)
        places = [_within(first + shift, length, padding, align) for shift in (-1, 0, 1, 2)]
        sides.append(list(zip(places, weights, strict=True)))
    for (row, above), (column, beside) in itertools.product(*sides):
        part = _taken(input, [row, column]) * (above * beside).unsqueeze(-1)
        total = part if total is None else total + part
    return total


_SAMPLERS = {"bilinear": _linear, "nearest": _nearest, "bicubic": _cubic}


def _check(name: str, input: Any, grid: Any, mode: str) -> None:
    check_tensor(name, "input", input)
    check_tensor(name, "grid", grid)
    rank = input.dim() - 2
    if rank not in (2, 3) or grid.dim() != input.dim():
        words = f"{name}(): expected 4D or 5D input and grid with same number of dimensions"
        actual = f"{describe(input)}, {describe(grid)}"
        fail(RuntimeError, name, words, "(samples, channels, sizes) and (samples, ...)", actual)
    if grid.shape[0] != input.shape[0] or grid.shape[-1] != rank:
        words = f"{name}(): expected grid and input to have same batch size, and grid to have size "
        words += f"{rank} in last dimension"
        fail(RuntimeError, name, words, describe(input), describe(grid))
    if input._spec.dtype is not grid._spec.dtype:
        words = f"{name}(): expected input and grid to have same dtype, but input has "
        words += f"{input.dtype.name} and grid has {grid.dtype.name}"
        fail(RuntimeError, name, words, "one dtype", f"{describe(input)}, {describe(grid)}")
    if 0 in input.shape[2:]:
        words = f"{name}(): expected input to have non-empty spatial dimensions"
        fail(RuntimeError, name, words, "elements to sample", describe(input))
    if mode == "bicubic" and rank != 2:
        raise RuntimeError(f"{name}(): bicubic interpolation only supports 4D input")


def _sample(name: str, input: Tensor, grid: Tensor, mode: str, padding: str, align: bool) -> Tensor:
    _check(name, input, grid, mode)
    lengths: Sizes = tuple(input.shape[2:])
    points = [
        _unnormalised(grid[..., len(lengths) - 1 - axis], length, align)
        for axis, length in enumerate(lengths)
    ]
    return _SAMPLERS[mode](input, points, padding, align).movedim(-1, 1)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """(samples, channels, sizes) at the points of a grid, (samples, new sizes, 2 or 3).

    A point is (x, y) or (x, y, z), where -1 and 1 are the ends of the image, or with
    `align_corners` the middles of its first and last elements.  `mode` is "bilinear" (for volumes
    too), "nearest" or "bicubic"; outside there are "zeros", the "border"'s values, or a
    "reflection".

    >>> import rushlight as rl
    >>> x = rl.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> points = rl.tensor([[[[0.0, 0.0], [1.0, 1.0]]]])
    >>> rl.nn.functional.grid_sample(x, points, align_corners=True)
    tensor([[[[1.5000, 3.0000]]]])
    """
    for argument, value, known in (
        ("mode", mode, _MODES),
        ("padding_mode", padding_mode, _PADDINGS),
    ):
        if value not in known:
            words = ", ".join(f"'{each}'" for each in known[:-1])
            raise ValueError(
                f"nn.functional.grid_sample(): expected {argument} to be {words} or "
                f"'{known[-1]}', but got: '{value}'"
            )
    return _sample("grid_sampler", input, grid, mode, padding_mode, _aligned(align_corners))


def _aligned(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False "
            "since 1.3.0. Please specify align_corners=True if the old behavior is desired.",
            stacklevel=3,
        )
    return bool(align_corners)


def _make_sampler(name: str, ranks: tuple[int, ...]) -> Any:
    def grid_sampler(
        input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
    ) -> Tensor:
        if input.dim() - 2 not in ranks:
            words = f"{name}(): input and grid have another number of dimensions"
            fail(RuntimeError, name, words, f"{ranks[0] + 2} dimensions", describe(input))
        mode, padding = _MODES[interpolation_mode], _PADDINGS[padding_mode]
        return _sample(name, input, grid, mode, padding, align_corners)

    grid_sampler.__name__ = grid_sampler.__qualname__ = name
    grid_sampler.__doc__ = """`nn.functional.grid_sample` with its modes as numbers.

    `interpolation_mode` is 0 for "bilinear", 1 for "nearest", 2 for "bicubic"; `padding_mode` 0 for
    "zeros", 1 for "border", 2 for "reflection".
    """
    return grid_sampler


# ------------------------------------------------------------------------------------ making grids
def _base(sizes: Sizes, align: bool) -> np.ndarray:
    """The points of a grid that is not moved, last coordinate first, with a 1 behind each."""
    sides = []
    for size in sizes:
        ends = np.linspace(-1.0, 1.0, size) if size > 1 else np.zeros(size)
        sides.append(ends if align else ends * ((size - 1) / size if size else 0))
    points = np.meshgrid(*sides, indexing="ij")
    return np.stack([*reversed(points), np.ones(sizes)], -1).reshape(-1, len(sizes) + 1)


def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid` without its checks."""
    sizes = tuple([int(n) for n in size[2:]])
    dtype = theta._spec.dtype
    base = from_array(_base(sizes, align_corners).astype(dtype.compute), dtype)
    points = base @ theta.transpose(1, 2)
    return points.reshape((theta.shape[0], *sizes, len(sizes)))


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid, for `grid_sample`, of an affine map for each sample.

    theta is (samples, 2, 3), or (samples, 3, 4) for volumes, size that of the sampled result,
    (samples, channels, sizes).

    >>> import rushlight as rl
    >>> turn = rl.tensor([[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]])
    >>> rl.nn.functional.affine_grid(turn, (1, 1, 1, 2), align_corners=False)
    tensor([[[[ 0.0000,  0.5000],
              [ 0.0000, -0.5000]]]])
    """
    check_tensor("affine_grid", "theta", theta)
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {tuple(size)}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size "
            f"{tuple(size)}. Got {tuple(theta.shape)}."
        )
    aligned = _aligned(align_corners)
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    return affine_grid_generator(theta, size, aligned)


_RANKS = {"grid_sampler": (2, 3), "grid_sampler_2d": (2,), "grid_sampler_3d": (3,)}
FUNCTIONS: dict[str, Any] = {name: _make_sampler(name, ranks) for name, ranks in _RANKS.items()}
FUNCTIONS["affine_grid_generator"] = affine_grid_generator
METHODS: dict[str, Any] = {}
