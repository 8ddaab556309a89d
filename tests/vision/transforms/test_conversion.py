import numpy as np
import pytest

from rushlight.data import arrays
from rushlight.vision.transforms import (
    Compose,
    ConvertImageDtype,
    Lambda,
    Normalize,
    PILToTensor,
    ToPILImage,
    ToTensor,
)

pytestmark = pytest.mark.usefixtures("plain_arrays")

GREY = np.array([[0, 51], [102, 255]], dtype=np.uint8)
COLOUR = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


def test_grey_becomes_one_channel_from_zero_to_one():
    image = ToTensor()(GREY)
    assert image.dtype == np.float32
    assert np.array_equal(image, GREY[None] / np.float32(255))


def test_channels_come_first_and_memory_is_in_order():
    image = ToTensor()(COLOUR)
    assert image.shape == (3, 2, 2)
    assert np.array_equal(image[1], COLOUR[..., 1] / np.float32(255))
    assert image.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_other_dtypes_keep_their_values(dtype):
    pixels = COLOUR.astype(dtype)
    image = ToTensor()(pixels)
    assert image.dtype == dtype
    assert np.array_equal(image, pixels.transpose(2, 0, 1))
    assert not np.shares_memory(image, pixels)


@pytest.mark.parametrize(("mode", "white"), [("L", 255), ("RGB", (255, 255, 255)), ("1", 1)])
def test_pillow_images(mode, white):
    pillow = pytest.importorskip("PIL.Image")
    image = ToTensor()(pillow.new(mode, (3, 2), white))
    assert image.dtype == np.float32
    assert image.shape == (len(mode) if mode == "RGB" else 1, 2, 3)
    assert (image == 1).all()


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"]
)
def test_every_mode_of_pillow(mode):
    pillow = pytest.importorskip("PIL.Image")
    numbers = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    if mode == "I;16":
        picture = pillow.fromarray(numbers[..., 0].astype(np.uint16) * 200)
    else:
        picture = pillow.fromarray(numbers).convert(mode)
    pixels = np.asarray(picture)
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    found = ToTensor()(picture)
    if pixels.dtype == np.uint8:
        assert np.array_equal(found, planes / np.float32(255))
    else:
        assert found.dtype == (np.float32 if mode == "1" else pixels.dtype)
        assert np.array_equal(found, planes)
    assert np.array_equal(PILToTensor()(picture), planes)
    if mode in ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F"):
        again = ToPILImage(mode)(pixels)
        assert again.mode == mode
        assert again.tobytes() == picture.tobytes()


STEPS = {
    "together": [ToTensor(), Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))],
    "twice": [ToTensor(), Normalize([0.5], [3]), Normalize([0.1], [0.3])],
    "apart": [ToTensor(), Lambda(lambda x: x * 2), Normalize([0.5], [0.3])],
    "first": [Lambda(lambda x: x), ToTensor()],
    "in place": [ToTensor(), Normalize([0.5], [0.3], inplace=True), Lambda(lambda x: x + 1)],
    "grey": [lambda x: x.convert("L"), ToTensor(), Normalize(0.5, 0.3)],
}


@pytest.mark.parametrize("kind", ["pillow", "array"])
@pytest.mark.parametrize("name", STEPS)
def test_composed_steps_give_the_bits_of_single_ones(name, kind):
    pillow = pytest.importorskip("PIL.Image")
    numbers = np.random.default_rng(0).integers(0, 256, (16, 48, 3)).astype(np.uint8)
    picture = image = pillow.fromarray(numbers) if kind == "pillow" or name == "grey" else numbers
    for step in STEPS[name]:
        image = step(image)
    assert np.array_equal(Compose(STEPS[name])(picture), image)
    with pytest.raises(ValueError, match="zero"):
        Compose([ToTensor(), Normalize(0, 0)])(picture)


# Values, dtype of the image and of the result, and what torchvision 0.28 gives.
CONVERSIONS = [
    ([0, 128, 255], "uint8", "float32", [0, np.float32(128) / np.float32(255), 1]),
    ([0, 0.5, 1], "float32", "uint8", [0, 127, 255]),
    ([0.0019, 0.0039, 0.999], "float32", "uint8", [0, 0, 255]),
    ([0, 128, 255], "uint8", "int16", [0, 16384, 32640]),
    ([0, 16384, 32767], "int16", "uint8", [0, 128, 255]),
    ([0, 100, 255], "uint8", "int32", [0, 838860800, 2139095040]),
    ([0, 0.5, 1], "float64", "int32", [0, 1073741823, 2147483646]),
    ([0.25, 1], "float64", "float32", [0.25, 1]),
    ([3, 200], "uint8", "uint8", [3, 200]),
]


@pytest.mark.parametrize(("values", "old", "new", "expected"), CONVERSIONS)
def test_dtypes(values, old, new, expected):
    found = ConvertImageDtype(np.dtype(new))(np.array([[values]], old))
    assert found.dtype == new
    assert np.allclose(found[0, 0], expected, rtol=1e-7, atol=1.01 if new == "int32" else 0)


BACK = [
    (np.array([[0, 255]], np.uint8), "L", [0, 255]),
    (np.array([[0, 300]], np.int16), "I;16", [0, 300]),
    (np.array([[-1, 70000]], np.int32), "I", [-1, 70000]),
    (np.array([[0, 0.5, 1.02]], np.float32), "L", [0, 127, 4]),
    (np.zeros((1, 2, 2), np.uint8), "LA", None),
    (np.zeros((1, 2, 4), np.uint8), "RGBA", None),
]


@pytest.mark.parametrize(("pixels", "mode", "expected"), BACK)
def test_back_to_pillow(pixels, mode, expected):
    pytest.importorskip("PIL")
    picture = ToPILImage()(pixels)
    assert picture.mode == mode
    if expected is not None:
        assert np.asarray(picture).ravel().tolist() == expected


def test_there_and_back():
    pillow = pytest.importorskip("PIL.Image")
    numbers = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    picture = pillow.fromarray(numbers)
    # In a data worker what ToTensor made is an array too, but with its channels first.
    assert ToPILImage()(ToTensor()(picture)).tobytes() == picture.tobytes()


BAD_IMAGES = [
    (ToTensor(), [[1, 2]], TypeError, "PIL Image or ndarray"),
    (ToTensor(), np.zeros(3), ValueError, "Got 1 dimensions"),
    (ToTensor(), np.zeros((1, 2, 3, 4)), ValueError, "Got 4 dimensions"),
    (Normalize([0], [1]), [[1.0]], TypeError, "Tensor Image"),
    (Normalize([0], [1]), COLOUR, TypeError, "float tensor. Got uint8"),
    (Normalize([0], [1]), np.zeros((2, 2)), ValueError, r"\(2, 2\)"),
    (Normalize([0], [0]), np.zeros((1, 2, 2)), ValueError, "std evaluated to zero"),
    (Normalize([0], [1e-60]), np.zeros((1, 2, 2), "f4"), ValueError, "zero.*float32"),
    (Normalize([0, 0], [1, 1]), np.zeros((3, 2, 2)), RuntimeError, r"tensor b \(2\)"),
]


@pytest.mark.parametrize(("transform", "image", "kind", "message"), BAD_IMAGES)
def test_bad_images(transform, image, kind, message):
    with pytest.raises(kind, match=message):
        transform(image)


@pytest.mark.parametrize("lead", [(), (4,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalise_by_channel(dtype, lead):
    image = np.random.default_rng(0).random((*lead, 3, 2, 2)).astype(dtype)
    before = image.copy()
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    found = Normalize(mean, std)(image)
    assert found.dtype == dtype
    for channel in range(3):
        shifted = before[..., channel, :, :] - np.dtype(dtype).type(mean[channel])
        expected = shifted / np.dtype(dtype).type(std[channel])
        assert np.array_equal(found[..., channel, :, :], expected)
    assert np.array_equal(image, before)
    assert Normalize(mean, std, inplace=True)(image) is image
    assert np.array_equal(image, found)


def test_one_number_serves_all_channels():
    image = np.ones((2, 1, 1))
    assert Normalize(0.5, 0.25)(image).tolist() == [[[2]], [[2]]]
    assert Normalize([0.5], [0.25])(image).tolist() == [[[2]], [[2]]]


def test_tensors_go_in_and_come_out():
    class Tensor:
        def __init__(self, values):
            self.values = values

    arrays.register_array_type(
        Tensor, lambda tensor: tensor.values, lambda array, owned: Tensor(array)
    )
    found = Compose([ToTensor(), Normalize((0.5,), (0.5,))])(GREY)
    assert isinstance(found, Tensor)
    assert found.values.max() == 1


def test_compose_applies_in_order():
    assert Compose([Lambda(lambda x: x + 1), Lambda(lambda x: x * 2)])(3) == 8
    assert Compose([])(3) == 3


def test_lambda_needs_a_function():
    with pytest.raises(TypeError, match="lambd should be callable, got 'int'"):
        Lambda(3)


def test_repr():
    steps = Compose([ToTensor(), Normalize((0.5,), (0.25,)), Lambda(abs)])
    assert repr(steps) == (
        "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.25,))\n    Lambda()\n)"
    )
