"""Resize, crop, flip, pad, turn and bend: Pillow images by Pillow, tensors by NumPy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.vision import transforms as T
from rushlight.vision.transforms import InterpolationMode as M
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms import warping

Image = pytest.importorskip("PIL.Image")
from tests.vision.transforms.photographs import photograph  # noqa: E402

PIXELS = photograph()
PLANES = np.ascontiguousarray(PIXELS.transpose(2, 0, 1))
PICTURE = Image.fromarray(PIXELS)


def planes_of(picture):
    return np.asarray(picture).transpose(2, 0, 1)


# ----------------------------------------------------------------------------------- kinds of image
OPERATIONS = {
    "crop": lambda x: F.crop(x, 3, -4, 20, 30),
    "center_crop": lambda x: F.center_crop(x, (13, 60)),
    "hflip": F.hflip,
    "vflip": F.vflip,
    "pad": lambda x: F.pad(x, (1, 2, 3, 4), fill=9),
    "pad edge": lambda x: F.pad(x, (1, 2), padding_mode="edge"),
    "pad reflect": lambda x: F.pad(x, 5, padding_mode="reflect"),
    "pad symmetric": lambda x: F.pad(x, (1, 2, 3, 4), padding_mode="symmetric"),
    "pad less": lambda x: F.pad(x, (-1, 2, -3, 4)),
    "resize nearest": lambda x: F.resize(x, (40, 48), M.NEAREST),
    "rotate": lambda x: F.rotate(x, 90, expand=True),
    "rotate 180": lambda x: F.rotate(x, 180),
    "move": lambda x: F.affine(x, 0, [3, -2], 1, 0, fill=[1, 2, 3]),
    "invert": F.invert,
    "posterize": lambda x: F.posterize(x, 3),
    "solarize": lambda x: F.solarize(x, 100),
    "equalize": F.equalize,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_exact_operations_agree_for_all_kinds(name):
    operation = OPERATIONS[name]
    expected = planes_of(operation(PICTURE))
    assert np.array_equal(operation(PLANES), expected)
    found = operation(rl.tensor(PLANES))
    assert isinstance(found, rl.Tensor)
    assert np.array_equal(found.numpy(), expected)
    batch = np.stack([PLANES, PLANES[:, ::-1]])
    found = operation(rl.tensor(batch)).numpy()
    assert np.array_equal(found[0], expected)
    assert np.array_equal(found[1], operation(batch[1]))


SMOOTH = {
    "resize": (lambda x: F.resize(x, (23, 31)), 1),
    "resize bicubic": (lambda x: F.resize(x, (23, 31), M.BICUBIC), 1),
    "resize up": (lambda x: F.resize(x, 90), 1),
    "resized crop": (lambda x: F.resized_crop(x, 3, 4, 20, 30, [16, 16]), 1),
    "brightness": (lambda x: F.adjust_brightness(x, 1.3), 1),
    "contrast": (lambda x: F.adjust_contrast(x, 0.6), 1),
    "saturation": (lambda x: F.adjust_saturation(x, 1.7), 2),
    "sharpness": (lambda x: F.adjust_sharpness(x, 1.7), 2),
    "gamma": (lambda x: F.adjust_gamma(x, 1.7, 0.9), 1),
    "grey": (lambda x: F.rgb_to_grayscale(x, 3), 1),
    "autocontrast": (F.autocontrast, 1),
    "hue": (lambda x: F.adjust_hue(x, 0.3), 25),
    "blur": (lambda x: F.gaussian_blur(x, (5, 3), (1.5, 0.7)), 0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_rounded_operations_agree_nearly(name):
    operation, steps = SMOOTH[name]
    expected = planes_of(operation(PICTURE)).astype(int)
    found = operation(rl.tensor(PLANES)).numpy()
    assert found.dtype == np.uint8
    assert abs(found - expected).max() <= steps
    floats = operation(rl.tensor(PLANES / np.float32(255)))
    assert floats.dtype is rl.float32
    assert abs(floats.numpy() * 255 - found).max() <= 2.5


# ------------------------------------------------------------------------------------------- resize
SIZES = [
    (20, None, (20, 24)),
    ([20], None, (20, 24)),
    (20, 22, (18, 22)),
    ((7, 9), None, (7, 9)),
    (50, None, (50, 60)),
]


@pytest.mark.parametrize(("size", "most", "expected"), SIZES)
def test_sizes(size, most, expected):
    assert F.resize(PICTURE, size, max_size=most).size == expected[::-1]
    assert F.resize(PLANES, size, max_size=most).shape == (3, *expected)
    turned = PLANES.transpose(0, 2, 1)
    if most is None and not isinstance(size, tuple):
        assert F.resize(turned, size).shape == (3, *expected[::-1])


@pytest.mark.parametrize("mode", list(M))
def test_every_mode_is_pillow_s(mode):
    names = {"nearest-exact": "nearest"}
    number = Image.Resampling[names.get(mode.value, mode.value).upper()]
    expected = PICTURE.resize((31, 23), number)
    assert np.array_equal(F.resize(PICTURE, (23, 31), mode), expected)
    assert np.array_equal(F.resize(PICTURE, (23, 31), mode.value), expected)
    if mode is not M.NEAREST_EXACT:
        assert np.array_equal(F.resize(PICTURE, (23, 31), int(number)), expected)


def linear(old, new):
    """Rows of weights of linear interpolation between the middles of pixels."""
    weights = np.zeros((new, old))
    for row, place in enumerate((np.arange(new) + 0.5) * old / new - 0.5):
        place = max(place, 0)
        low = int(place)
        weights[row, low] += 1 - (place - low)
        weights[row, min(low + 1, old - 1)] += place - low
    return weights


def smoothed(old, new):
    """Rows of weights of a triangle as wide as two new pixels."""
    wide = max(old / new, 1)
    middles = (np.arange(new)[:, None] + 0.5) * old / new
    weights = np.maximum(0, 1 - abs(np.arange(old) + 0.5 - middles) / wide)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(11, 13), (40, 20), (90, 55), (1, 1)])
@pytest.mark.parametrize("antialias", [False, True])
def test_bilinear_weights(size, antialias):
    image = np.random.default_rng(0).random((2, 40, 48))
    matrix = smoothed if antialias else linear
    expected = matrix(40, size[0]) @ image @ matrix(48, size[1]).T
    assert np.allclose(F.resize(image, size, antialias=antialias), expected, atol=1e-12)


def test_cubic_weights_keep_a_parabola():
    x = np.arange(40.0)
    image = np.broadcast_to(x * x, (1, 40, 40))
    found = F.resize(image, (40, 60), M.BICUBIC, antialias=True)[0, 0]
    places = (np.arange(60) + 0.5) * 40 / 60 - 0.5
    inner = slice(6, -6)
    assert np.allclose(found[inner], (places * places)[inner], atol=1e-9)


def test_nearest_places():
    image = np.arange(10.0).reshape(1, 1, 10)
    assert F.resize(image, (1, 4), M.NEAREST).ravel().tolist() == [0, 2, 5, 7]
    assert F.resize(image, (1, 4), M.NEAREST_EXACT).ravel().tolist() == [1, 3, 6, 8]


# ------------------------------------------------------------------------------------ turn and bend
def test_a_quarter_turn_is_exact():
    square = PLANES[:, :30, :30]
    for angle, times in ((90, 1), (180, 2), (-90, 3)):
        for mode in (M.NEAREST, M.BILINEAR):
            found = F.rotate(square, angle, mode)
            assert np.array_equal(found, np.rot90(square, times, (1, 2)))


def test_affine_reads_where_its_matrix_says():
    image = np.random.default_rng(0).random((1, 20, 30))
    found = F.affine(image, 0, (0, 0), 2.0, 0, M.BILINEAR)
    y, x = 4, 7
    place_y, place_x = (y + 0.5 - 10) / 2 + 10 - 0.5, (x + 0.5 - 15) / 2 + 15 - 0.5
    top, left = int(place_y), int(place_x)
    part_y, part_x = place_y - top, place_x - left
    block = image[0, top : top + 2, left : left + 2]
    expected = np.array([1 - part_y, part_y]) @ block @ np.array([1 - part_x, part_x])
    assert np.isclose(found[0, y, x], expected)


def test_a_shear_moves_rows_by_their_distance_from_the_middle():
    image = np.zeros((1, 9, 9))
    image[0, :, 4] = 1
    found = F.affine(image, 0, (0, 0), 1, [45, 0])
    assert np.array_equal(found[0], np.eye(9)) or np.array_equal(found[0], np.eye(9)[::-1])
    picture = F.affine(Image.fromarray((image[0] * 255).astype(np.uint8)), 0, (0, 0), 1, [45, 0])
    assert np.array_equal(np.asarray(picture) > 0, found[0] > 0)


def test_perspective_takes_corners_to_corners():
    start = [[0, 0], [20, 0], [20, 20], [0, 20]]
    end = [[3, 2], [17, 1], [18, 19], [1, 16]]
    a, b, c, d, e, f, g, h = warping.perspective_coefficients(start, end)
    for (x, y), expected in zip(end, start, strict=True):
        below = g * x + h * y + 1
        place = (a * x + b * y + c) / below, (d * x + e * y + f) / below
        assert np.allclose(place, expected, atol=1e-4)
    assert np.array_equal(F.perspective(PLANES, start, start, M.NEAREST), PLANES)


def test_displacements_are_parts_of_the_image():
    image = np.random.default_rng(0).random((2, 6, 8))
    displacement = np.zeros((1, 6, 8, 2))
    displacement[..., 0] = 2 / 8  # one pixel to the right
    displacement[..., 1] = 4 / 6  # two down
    found = F.elastic_transform(image, displacement)
    assert np.allclose(found[:, :4, :7], image[:, 2:, 1:])
    assert np.allclose(found[:, 5], 0)
    assert np.array_equal(
        np.asarray(F.elastic_transform(PICTURE, np.zeros((1, 40, 48, 2), np.float32))), PIXELS
    )


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "F", "P"])
def test_fill_in_every_mode(mode):
    picture = PICTURE.convert(mode)
    padded = F.pad(picture, 2, fill=7)
    assert padded.mode == mode
    assert padded.size == (52, 44)
    if mode != "P":
        corner = padded.getpixel((0, 0))
        assert corner == ((7,) * len(corner) if isinstance(corner, tuple) else 7)
    else:
        assert padded.getpalette() == picture.getpalette()


# -------------------------------------------------------------------------------------- the classes
def test_five_and_ten_crops():
    crops = T.TenCrop((10, 12))(PLANES)
    assert len(crops) == 10
    assert np.array_equal(crops[0], PLANES[:, :10, :12])
    assert np.array_equal(crops[3], PLANES[:, -10:, -12:])
    assert np.array_equal(crops[4], PLANES[:, 15:25, 18:30])
    assert np.array_equal(crops[5], PLANES[:, :10, ::-1][:, :, :12])
    flipped = T.TenCrop((10, 12), vertical_flip=True)(PLANES)[5]
    assert np.array_equal(flipped, PLANES[:, ::-1][:, :10, :12])


def test_random_crop_pads_what_is_too_small():
    found = T.RandomCrop((50, 60), pad_if_needed=True, fill=5)(PLANES)
    assert found.shape == (3, 50, 60)
    assert (found == 5).any()
    with pytest.raises(ValueError, match=r"size \(50, 60\) is larger than input .* \(40, 48\)"):
        T.RandomCrop((50, 60))(PLANES)


def test_whitening():
    images = np.random.default_rng(0).random((5, 1, 2, 3)).astype(np.float32)
    matrix = np.random.default_rng(1).random((6, 6)).astype(np.float32)
    mean = np.arange(6, dtype=np.float32)
    found = T.LinearTransformation(rl.tensor(matrix), rl.tensor(mean))(rl.tensor(images))
    expected = ((images.reshape(5, 6) - mean) @ matrix).reshape(images.shape)
    assert np.allclose(found.numpy(), expected, atol=1e-5)


def test_normalise_passes_gradients_on():
    image = rl.ones(3, 2, 2, requires_grad=True)
    T.Normalize((0.5, 0.5, 0.5), (0.5, 0.25, 0.1))(image).sum().backward()
    assert np.allclose(image.grad.numpy()[:, 0, 0], [2, 4, 10])
    with pytest.raises(NotImplementedError, match=r"image\.detach"):
        T.Resize(5)(image)
