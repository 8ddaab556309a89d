"""Images of random numbers."""

import numpy as np
import pytest

from rushlight.vision.datasets import FakeData
from rushlight.vision.transforms import ToTensor


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_images_of_every_kind(channels, mode):
    image, label = FakeData(image_size=(channels, 4, 6), num_classes=3)[7]
    assert (image.mode, image.size) == (mode, (6, 4))
    assert label in range(3)
    assert type(label) is int


def test_each_is_a_function_of_its_index():
    def pixels(index, **options):
        return np.asarray(FakeData(9, (3, 8, 8), **options)[index][0]).tolist()

    assert pixels(2) == pixels(2) == pixels(1, random_offset=1) == pixels(-7)
    assert pixels(2) != pixels(3)
    assert pixels(0, random_offset=-5) != pixels(0, random_offset=5)


def test_it_is_a_dataset():
    dataset = FakeData(5, (1, 28, 28), transform=ToTensor(), target_transform=lambda label: -label)
    samples = list(dataset)
    assert len(dataset) == len(samples) == 5
    assert tuple(samples[0][0].shape) == (1, 28, 28)
    assert all(label <= 0 for _, label in samples)
    with pytest.raises(IndexError, match="FakeData index out of range"):
        dataset[5]
    assert repr(FakeData()) == "Dataset FakeData\n    Number of datapoints: 1000"
