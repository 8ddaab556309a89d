"""Resizing, patches as columns, channels as pixels."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, table, values

IMAGE, LINE = values(2, 3, 4, 5), values(2, 3, 4)


def columns(x, size, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows = range(0, x.shape[2] - size + 1, stride)
    places = [(i, j) for i in rows for j in range(0, x.shape[3] - size + 1, stride)]
    return np.stack(
        [x[:, :, i : i + size, j : j + size].reshape(len(x), -1) for i, j in places], -1
    )


def linear(x, axis, count, align):
    """Linear interpolation along one axis, by numpy.interp."""
    length = x.shape[axis]
    if align:
        at = np.arange(count) * (length - 1) / (count - 1)
    else:
        at = (np.arange(count) + 0.5) * length / count - 0.5
    return np.apply_along_axis(lambda row: np.interp(at, np.arange(length), row), axis, x)


def nearest(x, count, axis):
    return np.take(x, np.arange(count) * x.shape[axis] // count, axis)


def tent(d):
    return max(1 - abs(d), 0)


def keys(d, a=-0.5):
    d = abs(d)
    if d < 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a if d < 2 else 0


def smoothed(x, axis, count, kernel):
    """Each new element the mean of old ones, weighed by a kernel as wide as the new elements."""
    x, length = np.moveaxis(x, axis, -1), x.shape[axis]
    scale, parts = length / count, []
    for i in range(count):
        center = scale * (i + 0.5)
        shares = np.array([kernel((j + 0.5 - center) / max(scale, 1)) for j in range(length)])
        parts.append((x * shares).sum(-1) / shares.sum())
    return np.moveaxis(np.stack(parts, -1), -1, axis)


CASES = [
    OpCase("unfold", lambda x: F.unfold(x, 2), (IMAGE,), lambda x: columns(x, 2)),
    OpCase(
        "unfold_strided",
        lambda x: F.unfold(x, 3, padding=1, stride=2),
        (IMAGE,),
        lambda x: columns(x, 3, 2, 1),
    ),
    OpCase(
        "fold",
        lambda x: F.fold(F.unfold(x, 2, stride=2), (4, 4), 2, stride=2),
        (values(2, 3, 4, 4),),
        lambda x: x,
    ),
    OpCase("fold_overlapping", lambda x: F.fold(x, (3, 3), 2), (values(1, 8, 4),)),
    OpCase(
        "pixel_shuffle",
        lambda x: F.pixel_shuffle(x, 2),
        (values(2, 8, 2, 3),),
        lambda x: x.reshape(2, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 4, 6),
    ),
    OpCase(
        "pixel_unshuffle",
        lambda x: F.pixel_shuffle(F.pixel_unshuffle(x, 2), 2),
        (values(3, 2, 4, 6),),
        lambda x: x,
    ),
    OpCase(
        "nearest",
        lambda x: F.interpolate(x, scale_factor=2),
        (IMAGE,),
        lambda x: x.repeat(2, 2).repeat(2, 3),
    ),
    OpCase(
        "nearest_size",
        lambda x: F.interpolate(x, (7, 3)),
        (IMAGE,),
        lambda x: nearest(nearest(x, 7, 2), 3, 3),
    ),
    OpCase(
        "linear",
        lambda x: F.interpolate(x, 7, mode="linear"),
        (LINE,),
        lambda x: linear(x, 2, 7, False),
    ),
    OpCase(
        "bilinear",
        lambda x: F.interpolate(x, (8, 3), mode="bilinear", align_corners=True),
        (IMAGE,),
        lambda x: linear(linear(x, 2, 8, True), 3, 3, True),
    ),
    OpCase(
        "area",
        lambda x: F.interpolate(x, (2, 1), mode="area"),
        (IMAGE,),
        lambda x: x.reshape(2, 3, 2, 2, 5).mean((3, 4))[..., None],
    ),
    OpCase("bicubic", lambda x: F.interpolate(x, (6, 6), mode="bicubic"), (values(1, 1, 3, 4),)),
    OpCase(
        "bilinear_antialias",
        lambda x: F.interpolate(x, (3, 4), mode="bilinear", antialias=True),
        (values(1, 2, 7, 9),),
        lambda x: smoothed(smoothed(x, 2, 3, tent), 3, 4, tent),
    ),
    OpCase(
        "bicubic_antialias",
        lambda x: F.interpolate(x, (9, 4), mode="bicubic", antialias=True),
        (values(1, 2, 7, 9),),
        lambda x: smoothed(smoothed(x, 2, 9, keys), 3, 4, keys),
    ),
]


@table(CASES)
def test_images(case, check):
    check(case)


def test_bicubic_keeps_straight_lines():
    x = rl.arange(8.0).reshape(1, 1, 1, 8).expand(1, 1, 2, 8)
    found = F.interpolate(x, (2, 15), mode="bicubic", align_corners=True)
    np.testing.assert_allclose(found[0, 0, 0, 4:11].numpy(), np.arange(2, 5.5, 0.5), atol=1e-6)


ERRORS = [
    (lambda x: F.interpolate(x, 3, mode="linear"), NotImplementedError, "Got 4D input"),
    (lambda x: F.interpolate(x), ValueError, "either size or scale_factor"),
    (lambda x: F.interpolate(x, 3, 2), ValueError, "only one of size or scale_factor"),
    (lambda x: F.interpolate(x, 3, antialias=True), ValueError, "Anti-alias"),
    (lambda x: F.interpolate(x, 3, align_corners=True), ValueError, "align_corners option"),
    (lambda x: F.interpolate(x, scale_factor=(2,) * 3), ValueError, "same number of spatial"),
    (lambda x: F.pixel_shuffle(x, 2), RuntimeError, "divisible by the square"),
    (lambda x: F.pixel_unshuffle(x, 3), RuntimeError, "divisible by downscale_factor"),
    (lambda x: F.unfold(x, 9), RuntimeError, "must be at least one"),
    (lambda x: F.fold(x[0], (4, 4), 2), RuntimeError, "divisible by 4"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.tensor(IMAGE))
