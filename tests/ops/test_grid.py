"""Sampling at the points of a grid, against loops in NumPy."""

import itertools

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, table, values

IMAGE, VOLUME = values(2, 1, 4, 3), values(1, 1, 3, 2, 4)
POINTS, SPACE = values(2, 2, 2, 2, low=-1.6, high=1.6), values(1, 1, 2, 2, 3, low=-1.4, high=1.4)


def place(at, length, align):
    return (at + 1) / 2 * (length - 1) if align else ((at + 1) * length - 1) / 2


def padded(at, length, padding, align):
    if padding == "zeros":
        return at
    if padding == "reflection":
        low, high = (0, length - 1) if align else (-0.5, length - 0.5)
        while not low <= at <= high:
            at = 2 * low - at if at < low else 2 * high - at
    return min(max(at, 0), length - 1)


def value(x, sample, index):
    inside = all(0 <= i < n for i, n in zip(index, x.shape[2:], strict=True))
    return x[(sample, slice(None), *map(int, index))] if inside else np.zeros(x.shape[1])


def keys(distance, a=-0.75):
    d = abs(distance)
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a


def sampled(x, grid, mode, padding, align):
    lengths = x.shape[2:]
    result = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for at in np.ndindex(grid.shape[:-1]):
        point = [place(p, n, align) for p, n in zip(grid[at][::-1], lengths, strict=True)]
        moved = [padded(p, n, padding, align) for p, n in zip(point, lengths, strict=True)]
        total = 0
        if mode == "nearest":
            total = value(x, at[0], [round(p) for p in moved])
        elif mode == "bilinear":
            for corner in itertools.product((0, 1), repeat=len(lengths)):
                index = [np.floor(p) + c for p, c in zip(moved, corner, strict=True)]
                share = np.prod([1 - abs(p - i) for p, i in zip(moved, index, strict=True)])
                total = total + share * value(x, at[0], index)
        else:
            for shifts in itertools.product((-1, 0, 1, 2), repeat=2):
                index = [np.floor(p) + s for p, s in zip(point, shifts, strict=True)]
                share = np.prod([keys(p - i) for p, i in zip(point, index, strict=True)])
                index = [padded(i, n, padding, align) for i, n in zip(index, lengths, strict=True)]
                total = total + share * value(x, at[0], index)
        result[(at[0], slice(None), *at[1:])] = total
    return result


def case(mode, padding, align, x=IMAGE, grid=POINTS):
    return OpCase(
        f"{mode}_{padding}_{align}_{x.ndim - 2}d",
        lambda x, grid: F.grid_sample(x, grid, mode, padding, align),
        (x, grid),
        lambda x, grid: sampled(x, grid, mode, padding, align),
        tolerance=1e-5,
        gradgrad=mode == "bilinear" and padding == "zeros" and x.ndim == 4,
    )


PADDINGS = ("zeros", "border", "reflection")
CASES = [
    case(mode, padding, align)
    for mode in ("bilinear", "bicubic")
    for padding in PADDINGS
    for align in (True, False)
]
CASES += [case("bilinear", padding, False, VOLUME, SPACE) for padding in PADDINGS]
CASES += [case("nearest", padding, True) for padding in PADDINGS]
CASES += [case("nearest", "zeros", False, VOLUME, SPACE)]


@table(CASES)
def test_grid_sample(case, check):
    check(case)


def affine(theta, size, align):
    rank = len(size) - 2
    sides = [np.linspace(-1, 1, n) * (1 if align else (n - 1) / n) for n in size[2:]]
    points = np.meshgrid(*sides, indexing="ij")[::-1]
    base = np.stack([*points, np.ones(size[2:])], -1)
    return np.einsum("nij,...j->n...i", theta, base).reshape(size[0], *size[2:], rank)


GRIDS = [
    OpCase(
        f"affine_{align}_{len(size) - 2}d",
        lambda theta, size=size, align=align: F.affine_grid(theta, size, align),
        (values(2, len(size) - 2, len(size) - 1),),
        lambda theta, size=size, align=align: affine(theta, size, align),
    )
    for align in (True, False)
    for size in ((2, 1, 3, 4), (2, 1, 2, 3, 4))
]


@table(GRIDS)
def test_affine_grid(case, check):
    check(case)


def test_functions_with_modes_as_numbers():
    x, grid = rl.tensor(IMAGE), rl.tensor(POINTS)
    expected = F.grid_sample(x, grid, "nearest", "border", True)
    assert (rl.grid_sampler_2d(x, grid, 1, 1, True) == expected).all()
    assert (rl.grid_sampler(x, grid, 1, 1, True) == expected).all()
    volume, space = rl.tensor(VOLUME), rl.tensor(SPACE)
    expected = F.grid_sample(volume, space, align_corners=False)
    assert (rl.grid_sampler_3d(volume, space, 0, 0, False) == expected).all()
    with pytest.raises(RuntimeError, match="another number of dimensions"):
        rl.grid_sampler_3d(x, grid, 0, 0, False)


def test_points_that_are_no_numbers_give_zeros():
    grid = rl.tensor([[[[np.nan, 0.0], [1e30, np.inf]]]])
    found = F.grid_sample(rl.ones(1, 1, 2, 2), grid, align_corners=False)
    assert found.shape == (1, 1, 1, 2)
    found = F.grid_sample(rl.ones(1, 1, 2, 2), grid, "nearest", align_corners=False)
    assert found.tolist() == [[[[0, 0]]]]


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda x, g: F.grid_sample(x, g, "cubic"), ValueError, "expected mode"),
        (lambda x, g: F.grid_sample(x, g, padding_mode="x"), ValueError, "expected padding_mode"),
        (lambda x, g: F.grid_sample(x, g[0], align_corners=True), RuntimeError, "4D or 5D"),
        (lambda x, g: F.grid_sample(x, g[:1], align_corners=True), RuntimeError, "batch size"),
        (lambda x, g: F.grid_sample(x, g.float(), align_corners=True), RuntimeError, "same dtype"),
        (lambda x, g: F.affine_grid(x, (2, 1, 3, 3), True), ValueError, "2D affine matrices"),
        (lambda x, g: F.affine_grid(x, (2, 1, 3), True), NotImplementedError, "4D and 5D"),
    ],
)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run(rl.tensor(IMAGE), rl.tensor(POINTS))


def test_leaving_align_corners_out_warns():
    with pytest.warns(UserWarning, match="align_corners"):
        F.grid_sample(rl.tensor(IMAGE), rl.tensor(POINTS))
