"""What transforms draw, and how often."""

import math

import numpy as np
import pytest

from rushlight.data.randomness import Source, drawing_from
from rushlight.vision import transforms as T
from rushlight.vision.transforms import v2

IMAGE = np.zeros((3, 40, 60), np.uint8)


@pytest.fixture(autouse=True)
def one_sample():
    """All numbers of a test come from one seed."""
    with drawing_from(Source(3, 0)):
        yield


def share(transform, image, count=2000):
    changed = sum(not np.array_equal(transform(image), image) for _ in range(count))
    return changed / count


RAMP = (np.arange(48) * 37 % 251).astype(np.uint8).reshape(3, 4, 4)


@pytest.mark.parametrize("p", [0.2, 0.7])
@pytest.mark.parametrize(
    "make",
    [
        T.RandomHorizontalFlip,
        T.RandomVerticalFlip,
        T.RandomInvert,
        T.RandomGrayscale,
        T.RandomAutocontrast,
        lambda p: T.RandomPosterize(1, p),
        lambda p: T.RandomSolarize(100, p),
        lambda p: T.RandomAdjustSharpness(3, p),
        lambda p: T.RandomApply([T.RandomInvert(1)], p),
        lambda p: T.RandomErasing(p, value=255),
        lambda p: T.RandomChoice([T.RandomInvert(1), T.RandomInvert(0)], [p, 1 - p]),
        lambda p: v2.RandomApply([T.RandomInvert(1)], p),
    ],
)
def test_probabilities(make, p):
    assert abs(share(make(p), RAMP) - p) < 5 * math.sqrt(p * (1 - p) / 2000)


def test_all_places_of_a_crop_are_alike():
    counts = np.zeros((4, 3))
    for _ in range(2400):
        top, left, height, width = T.RandomCrop.get_params(np.zeros((1, 7, 9)), (4, 7))
        assert (height, width) == (4, 7)
        counts[top, left] += 1
    assert counts.min() > 200 - 5 * math.sqrt(200)
    assert T.RandomCrop.get_params(IMAGE, (40, 60)) == (0, 0, 40, 60)


def test_parts_have_the_areas_and_shapes_asked_for():
    scale, ratio = (0.2, 0.6), (0.5, 2.0)
    areas, shapes = [], []
    for _ in range(2000):
        top, left, height, width = T.RandomResizedCrop.get_params(IMAGE, scale, ratio)
        assert 0 <= top <= 40 - height
        assert 0 <= left <= 60 - width
        areas.append(height * width / 2400)
        shapes.append(math.log2(width / height))
    assert 0.18 < min(areas) < 0.22
    assert 0.57 < max(areas) < 0.62
    # Large upright parts do not fit and are drawn anew, so that wide ones are more.
    assert -1.1 < min(shapes) < -0.9
    assert 0.9 < max(shapes) < 1.1
    assert 0.05 < np.mean(shapes) < 0.4


@pytest.mark.parametrize(
    ("shape", "ratio", "expected"),
    [
        ((1, 10, 100), (0.9, 1.1), (0, 44, 10, 11)),
        ((1, 100, 10), (0.9, 1.1), (44, 0, 11, 10)),
        ((1, 10, 10), (1.0, 1.0), (0, 0, 10, 10)),
    ],
)
def test_what_never_fits_becomes_the_middle(shape, ratio, expected):
    assert T.RandomResizedCrop.get_params(np.zeros(shape), (4.0, 4.0), ratio) == expected


def test_evenly_drawn_numbers():
    draws = np.array([T.RandomRotation.get_params([-30, 10]) for _ in range(2000)])
    assert -30 <= draws.min() < -29
    assert 9 < draws.max() <= 10
    assert abs(draws.mean() + 10) < 5 * 40 / math.sqrt(12 * 2000)
    affine = [
        T.RandomAffine.get_params([-5, 5], (0.1, 0.5), (0.5, 2), [-3, 3, 1, 2], (100, 40))
        for _ in range(500)
    ]
    angles, shifts, scales, shears = zip(*affine, strict=True)
    assert max(map(abs, angles)) <= 5
    assert {x for x, _ in shifts} == set(range(-10, 11))
    assert max(abs(y) for _, y in shifts) <= 20
    assert 0.5 <= min(scales) < 0.6 < 1.9 < max(scales) <= 2
    assert all(-3 <= x <= 3 and 1 <= y <= 2 for x, y in shears)
    assert T.RandomAffine.get_params([0, 0], None, None, None, (5, 5)) == (0, (0, 0), 1, (0, 0))
    assert T.RandomAffine.get_params([0, 0], None, None, [2, 2], (5, 5))[3] == (2, 0)


def test_jitter_draws_an_order_and_factors():
    orders = set()
    for _ in range(300):
        order, *factors = T.ColorJitter.get_params((0.5, 1.5), None, (1, 1.1), (-0.1, 0.1))
        orders.add(tuple(order.tolist()))
        assert 0.5 <= factors[0] <= 1.5
        assert factors[1] is None
        assert -0.1 <= factors[3] <= 0.1
    assert len(orders) == 24


def test_corners_move_inwards():
    for _ in range(200):
        start, end = T.RandomPerspective.get_params(60, 40, 0.5)
        assert start == [[0, 0], [59, 0], [59, 39], [0, 39]]
        for (x, y), (u, v) in zip(start, end, strict=True):
            assert abs(x - u) <= 15
            assert abs(y - v) <= 10
            assert 0 <= u < 60
            assert 0 <= v < 40


def test_erased_rectangles():
    seen = []
    for _ in range(500):
        i, j, h, w, value = T.RandomErasing.get_params(IMAGE, (0.1, 0.2), (0.5, 2.0), [7])
        assert 0 <= i <= 40 - h
        assert 0 <= j <= 60 - w
        assert value.shape == (1, 1, 1)
        seen.append(h * w / 2400)
    assert 0.09 < min(seen) < max(seen) < 0.21
    noise = T.RandomErasing.get_params(IMAGE, (0.3, 0.3), (1, 1))[4]
    assert noise.shape == (3, 27, 27)
    assert abs(noise.std() - 1) < 0.1
    assert T.RandomErasing.get_params(IMAGE, (1.5, 1.5), (1, 1), [7])[:4] == (0, 0, 40, 60)


def test_policies_draw_all_their_operations():
    names = {name for _ in range(400) for name, _ in T.RandAugment().draw(IMAGE)}
    assert len(names) == 14
    drawn = [T.TrivialAugmentWide().draw(IMAGE)[0] for _ in range(1500)]
    assert {name for name, _ in drawn} == names
    bits = {magnitude for name, magnitude in drawn if name == "Posterize"}
    assert bits == {2, 3, 4, 5, 6, 7, 8}
    turns = [magnitude for name, magnitude in drawn if name == "Rotate"]
    assert -135 <= min(turns) < -100 < 100 < max(turns) <= 135
    chains, weights = T.AugMix().draw(IMAGE)
    assert len(chains) == 3
    assert all(1 <= len(chain) <= 3 for chain in chains)
    assert math.isclose(weights.sum(), 1)
    counts = [len(T.AutoAugment().draw(IMAGE)) for _ in range(300)]
    assert set(counts) == {0, 1, 2}
