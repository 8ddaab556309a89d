"""Colours and sharpness, by formulas written down here."""

import colorsys

import numpy as np
import pytest

from rushlight.vision import transforms as T
from rushlight.vision.transforms import autoaugment, policies
from rushlight.vision.transforms import functional as F

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 9, 11)).astype(np.uint8)
FLOATS = PIXELS / np.float32(255)
GREY = np.array([0.2989, 0.587, 0.114], np.float32)


def blended(first, second, factor):
    return np.clip(factor * first + (1 - factor) * second, 0, 1)


def greyed(image):
    return (image * GREY[:, None, None]).sum(0, keepdims=True)


BLENDS = {
    "brightness": (F.adjust_brightness, lambda image: 0 * image),
    "contrast": (F.adjust_contrast, lambda image: greyed(image).mean()),
    "saturation": (F.adjust_saturation, greyed),
}


@pytest.mark.parametrize("factor", [0, 0.4, 1, 1.8])
@pytest.mark.parametrize("name", BLENDS)
def test_blends(name, factor):
    adjust, other = BLENDS[name]
    expected = blended(FLOATS, other(FLOATS), factor)
    assert np.allclose(adjust(FLOATS, factor), expected, atol=2e-7)
    # Integers are cut twice: the grey, and the result.
    assert abs(adjust(PIXELS, factor) - expected * 255).max() <= 2
    assert np.array_equal(adjust(PIXELS, 1), PIXELS)


def test_one_channel_has_no_saturation_and_no_hue():
    single = PIXELS[:1]
    assert np.array_equal(F.adjust_saturation(single, 0.2), single)
    assert np.array_equal(F.adjust_hue(single, 0.2), single)
    assert np.array_equal(F.rgb_to_grayscale(single, 3), np.repeat(single, 3, 0))


@pytest.mark.parametrize("factor", [-0.5, -0.2, 0, 0.31, 0.5])
def test_hue_is_colorsys_s(factor):
    expected = np.empty_like(FLOATS)
    for place in np.ndindex(9, 11):
        hue, saturation, value = colorsys.rgb_to_hsv(*FLOATS[(slice(None), *place)].tolist())
        colour = colorsys.hsv_to_rgb((hue + factor) % 1, saturation, value)
        expected[(slice(None), *place)] = colour
    assert np.allclose(F.adjust_hue(FLOATS, factor), expected, atol=2e-6)
    assert abs(F.adjust_hue(PIXELS, factor) - expected * 255).max() <= 1.01


def test_gamma():
    assert np.allclose(F.adjust_gamma(FLOATS, 2.2, 0.8), 0.8 * FLOATS**2.2, atol=1e-6)
    assert np.array_equal(F.adjust_gamma(PIXELS, 1), PIXELS)


def test_sharpness_blends_with_a_blur_inside_the_border():
    kernel = np.ones((3, 3)) / 13
    kernel[1, 1] = 5 / 13
    blurred = FLOATS.astype(np.float64)
    for y in range(1, 8):
        for x in range(1, 10):
            window = FLOATS[:, y - 1 : y + 2, x - 1 : x + 2]
            blurred[:, y, x] = (window * kernel).sum((1, 2))
    for factor in (0, 0.5, 2):
        expected = blended(FLOATS, blurred, factor)
        assert np.allclose(F.adjust_sharpness(FLOATS, factor), expected, atol=1e-6)
    thin = PIXELS[:, :2]
    assert np.array_equal(F.adjust_sharpness(thin, 0), thin)


@pytest.mark.parametrize(("sizes", "sigmas"), [((3, 3), (0.8, 0.8)), ((5, 1), (1.3, 0.5))])
def test_gaussian_blur(sizes, sigmas):
    expected = FLOATS.astype(np.float64)
    for axis, size, sigma in zip((2, 1), sizes, sigmas, strict=True):
        weights = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
        weights /= weights.sum()
        widths = [(0, 0)] * 3
        widths[axis] = (size // 2, size // 2)
        padded = np.pad(expected, widths, mode="reflect")
        expected = np.apply_along_axis(np.convolve, axis, padded, weights, "valid")
    assert np.allclose(F.gaussian_blur(FLOATS, sizes, sigmas), expected, atol=1e-6)
    blurred = F.gaussian_blur(PIXELS, list(sizes), list(sigmas))
    assert abs(blurred - expected * 255).max() <= 0.5001


def test_bits_and_thresholds():
    assert np.array_equal(F.posterize(PIXELS, 3), PIXELS // 32 * 32)
    assert not F.posterize(PIXELS, 0).any()
    expected = np.where(PIXELS < 100, PIXELS, 255 - PIXELS)
    assert np.array_equal(F.solarize(PIXELS, 100), expected)
    assert np.array_equal(F.invert(FLOATS), 1 - FLOATS)


def test_autocontrast_stretches_each_channel():
    image = np.array([[[50, 100, 150]], [[7, 7, 7]], [[0, 128, 255]]], np.uint8)
    expected = [[[0, 127, 255]], [[7, 7, 7]], [[0, 128, 255]]]
    assert F.autocontrast(image).tolist() == expected


@pytest.mark.parametrize("seed", range(3))
def test_equalise_is_pillow_s(seed):
    pillow = pytest.importorskip("PIL.Image")
    operations = pytest.importorskip("PIL.ImageOps")
    numbers = np.random.default_rng(seed)
    image = np.clip(numbers.normal(100, 10 * seed, (3, 30, 40)), 0, 255).astype(np.uint8)
    expected = operations.equalize(pillow.fromarray(image.transpose(1, 2, 0)))
    assert np.array_equal(F.equalize(image), np.asarray(expected).transpose(2, 0, 1))


def test_jitter_applies_what_it_drew():
    jitter = T.ColorJitter(0.5, 0.5, 0.5, 0.2)
    drawn = (np.array([3, 1, 0, 2]), 1.2, 0.7, 1.4, -0.1)
    expected = F.adjust_hue(FLOATS, -0.1)
    expected = F.adjust_brightness(F.adjust_contrast(expected, 0.7), 1.2)
    expected = F.adjust_saturation(expected, 1.4)
    assert np.array_equal(jitter.apply(FLOATS, drawn), expected)
    assert np.array_equal(T.ColorJitter()(PIXELS), PIXELS)


# ---------------------------------------------------------------------------------------- policies
@pytest.mark.parametrize("name", ["IMAGENET", "CIFAR10", "SVHN"])
def test_policies_are_25_pairs_of_known_operations(name):
    found = policies.steps(getattr(policies, name))
    assert len(found) == 25
    for pair in found:
        assert len(pair) == 2
        for operation, probability, magnitude in pair:
            assert operation in autoaugment.OPERATIONS
            assert 0 <= probability <= 1
            assert magnitude is None or 0 <= magnitude <= 9
    assert T.AutoAugment(T.AutoAugmentPolicy[name]).policies == found


# What torchvision 0.28 gives for an image of height 200 and width 100.
MAGNITUDES = [
    (31, autoaugment._USUAL, 4, "ShearX", 9, 0.09),
    (31, autoaugment._USUAL, 4, "TranslateX", 9, 150 / 331 * 100 * 0.3),
    (31, autoaugment._USUAL, 4, "TranslateY", 30, 150 / 331 * 200),
    (31, autoaugment._USUAL, 4, "Rotate", 9, 9.0),
    (31, autoaugment._USUAL, 4, "Color", 10, 0.3),
    (31, autoaugment._USUAL, 4, "Solarize", 10, 170.0),
    (31, autoaugment._USUAL, 4, "Posterize", 3, 8),
    (31, autoaugment._USUAL, 4, "Posterize", 4, 7),
    (31, autoaugment._USUAL, 4, "Posterize", 30, 4),
    (31, autoaugment._USUAL, 4, "Equalize", 30, 0.0),
    (31, autoaugment._WIDE, 2, "TranslateY", 15, 16.0),
    (31, autoaugment._WIDE, 2, "Posterize", 30, 2),
    (31, autoaugment._WIDE, 2, "Rotate", 30, 135.0),
    (10, autoaugment._MIXED, 4, "TranslateX", 9, 100 / 3),
    (10, autoaugment._USUAL, 4, "Posterize", 2, 7),
]


@pytest.mark.parametrize(("bins", "most", "bits", "name", "step", "expected"), MAGNITUDES)
def test_magnitudes(bins, most, bits, name, step, expected):
    magnitudes = autoaugment._Magnitudes(bins, most, (200, 100), bits)
    assert np.isclose(magnitudes.of(name, step), expected)


def test_a_mixture_is_a_weighted_sum():
    mixed = T.AugMix().apply(PIXELS, ([[("Invert", 0)], []], np.array([0.5, 0.25, 0.25])))
    expected = 0.75 * PIXELS + 0.25 * (255 - PIXELS.astype(float))
    assert abs(mixed - expected).max() <= 1
