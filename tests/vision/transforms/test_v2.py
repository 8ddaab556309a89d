"""Transforms of whole samples."""

from collections import namedtuple

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader
from rushlight.data.randomness import Source, drawing_from
from rushlight.vision.transforms import v2

Image = pytest.importorskip("PIL.Image")
PIXELS = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
PICTURE = Image.fromarray(PIXELS)
Pair = namedtuple("Pair", "image label")


@pytest.fixture(autouse=True)
def one_sample():
    """All numbers of a test come from one seed."""
    with drawing_from(Source(3, 0)):
        yield


FLIP = v2.RandomHorizontalFlip(1)


def test_samples_keep_their_form():
    flipped = PICTURE.transpose(0)
    assert FLIP(PICTURE) == flipped
    assert FLIP(PICTURE, 3) == (flipped, 3)
    assert FLIP([PICTURE, "a"]) == [flipped, "a"]
    assert FLIP(Pair(PICTURE, 2)) == Pair(flipped, 2)
    found = FLIP({"a": (PICTURE, PICTURE.copy()), "b": {"c": 1, "d": None}})
    assert found == {"a": (flipped, flipped), "b": {"c": 1, "d": None}}
    assert FLIP(7) == 7


def test_the_first_tensor_is_the_image_where_there_is_no_other():
    image, mask = rl.arange(4).reshape(1, 2, 2), rl.arange(4).reshape(1, 2, 2)
    found = FLIP(image, mask)
    assert found[0].tolist() == [[[1, 0], [3, 2]]]
    assert found[1] is mask
    assert FLIP(PICTURE, mask)[1] is mask


def test_all_images_share_what_was_drawn():
    crop = v2.Compose([v2.RandomResizedCrop(3), v2.ColorJitter(0.5, 0.5, 0.5, 0.2)])
    for _ in range(5):
        first, (second,) = crop(PICTURE, [PICTURE.copy()])
        assert first == second


def test_own_transforms():
    class Shifted(v2.Transform):
        def make_params(self, flat_inputs):
            assert len(flat_inputs) == 1
            return {"by": 3}

        def transform(self, inpt, params):
            return inpt + params["by"]

    assert Shifted()({"x": np.zeros(2), "y": 1})["x"].tolist() == [3, 3]
    with pytest.raises(NotImplementedError, match="no transform"):
        v2.Transform()(np.zeros(2))


def test_the_usual_program():
    prepare = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop((4, 4), antialias=True),
            v2.RandomHorizontalFlip(p=0.5),
            v2.ToDtype(rl.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    image, label = prepare((PICTURE, 3))
    assert image.shape == (3, 4, 4)
    assert image.dtype is rl.float32
    assert label == 3
    loader = DataLoader([(PICTURE, n) for n in range(4)], 4, collate_fn=v2.Compose([len]))
    assert list(loader) == [4]


def test_dtypes():
    image = v2.ToImage()(PICTURE)
    assert image.dtype is rl.uint8
    assert np.array_equal(image.numpy(), PIXELS.transpose(2, 0, 1))
    assert v2.ToDtype(rl.int64)(image).dtype is rl.int64
    assert v2.ToDtype(rl.float32)(image).max().item() == 74
    assert np.isclose(v2.ToDtype(rl.float32, scale=True)(image).max().item(), 74 / 255)
    assert v2.ToDtype(rl.float32)(PICTURE) is PICTURE
    assert v2.ToImage()(np.zeros((4, 5))).shape == (1, 4, 5)


# --------------------------------------------------------------------------------------- mixing
IMAGES = np.random.default_rng(0).random((4, 3, 8, 8)).astype(np.float32)
LABELS = np.array([0, 1, 2, 1])


def test_mixup_fades_images_and_labels_alike():
    images, labels = v2.MixUp(num_classes=3)(rl.tensor(IMAGES), rl.tensor(LABELS))
    share = labels.numpy()[0, 0]
    assert 0 < share < 1
    expected = share * IMAGES + (1 - share) * np.roll(IMAGES, 1, 0)
    assert np.allclose(images.numpy(), expected, atol=1e-6)
    hot = np.eye(3)[LABELS]
    assert np.allclose(labels.numpy(), share * hot + (1 - share) * np.roll(hot, 1, 0))
    assert labels.dtype is rl.float32


def test_cutmix_pastes_a_rectangle():
    for _ in range(10):
        found = v2.CutMix(num_classes=3)({"pixels": rl.tensor(IMAGES), "labels": rl.tensor(LABELS)})
        images, labels = found["pixels"].numpy(), found["labels"].numpy()
        pasted = (images != IMAGES).any(axis=(0, 1))
        assert np.array_equal(images[:, :, pasted], np.roll(IMAGES, 1, 0)[:, :, pasted])
        rows, columns = pasted.any(1).sum(), pasted.any(0).sum()
        assert pasted.sum() == rows * columns
        assert np.isclose(labels[0, 0], 1 - pasted.mean())


def test_labels_may_be_shares_or_found_by_a_function():
    shares = np.full((4, 5), 0.2, np.float32)
    _, _, found = v2.MixUp(labels_getter=lambda sample: sample[2])(IMAGES, "x", shares)
    assert np.allclose(found, 0.2)


# ------------------------------------------------------------------------------------------- others
def test_sizes_that_are_drawn():
    image = np.zeros((3, 20, 40))
    assert {v2.RandomResize(5, 8)(image).shape[1] for _ in range(50)} == {5, 6, 7}
    shapes = {v2.RandomShortestSize([5, 15], max_size=20)(image).shape[1:] for _ in range(30)}
    assert shapes == {(5, 10), (10, 20)}
    widths = [v2.ScaleJitter((10, 10), (0.5, 1.0))(image).shape[2] for _ in range(50)]
    assert 5 <= min(widths) < max(widths) <= 10
    for _ in range(20):
        found = v2.RandomZoomOut(fill=1, side_range=(1, 2), p=1)(image)
        assert 20 <= found.shape[1] <= 40
        assert (found == 0).sum() == image.size


def test_noise_orders_and_compression():
    noise = v2.GaussianNoise(0.1, 0.2, clip=False)(np.zeros((3, 50, 50)))
    assert abs(noise.mean() - 0.1) < 0.02
    assert abs(noise.std() - 0.2) < 0.02
    assert v2.GaussianNoise(5.0)(PIXELS.transpose(2, 0, 1)).min() == 255
    orders = set()
    for _ in range(60):
        orders.add(tuple(v2.RandomChannelPermutation()(np.arange(3).reshape(3, 1, 1)).ravel()))
    assert len(orders) == 6
    planes = np.repeat(np.arange(0, 240, 10, dtype=np.uint8)[None, None], 24, 1).repeat(3, 0)
    worse, better = (v2.JPEG(quality)(planes).astype(int) for quality in (5, 95))
    assert abs(worse - planes).max() > abs(better - planes).max()
    distort = v2.RandomPhotometricDistort(p=1)
    assert distort(PICTURE).size == (5, 5)
    assert v2.RGB()(np.ones((1, 2, 2))).shape == (3, 2, 2)
    assert v2.RGB()(PICTURE.convert("L")).mode == "RGB"


def test_repr():
    steps = v2.Compose([v2.ToImage(), v2.RandomHorizontalFlip(), v2.ToDtype(rl.float32, True)])
    assert repr(steps) == (
        "Compose(\n      ToImage()\n      RandomHorizontalFlip(p=0.5)\n      ToDtype(scale=True)\n)"
    )
    found = repr(v2.RandomAffine(10))
    assert found == "RandomAffine(degrees=[-10.0, 10.0], interpolation=nearest, fill=0)"
