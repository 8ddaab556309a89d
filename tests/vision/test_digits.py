import numpy as np
import pytest

from rushlight.vision import Digits
from rushlight.vision.transforms import ToTensor


def test_a_fixed_fifth_is_held_out():
    learn, held_out = Digits(train=True), Digits(train=False)
    assert (len(learn), len(held_out)) == (1438, 359)
    assert np.bincount(learn.labels).min() > 130
    assert np.bincount(held_out.labels).min() >= 30


def test_no_image_is_on_both_sides():
    learn, held_out = ({image.tobytes() for image in Digits(train=t).images} for t in (True, False))
    assert not learn & held_out


def test_a_sample_is_a_plane_of_ink_and_an_int():
    image, label = Digits(train=False)[5]
    assert image.shape == (1, 8, 8)
    assert image.dtype == np.float32
    assert 0 <= image.min() < image.max() <= 1
    assert type(label) is int


def test_a_transform_sees_rows_and_columns():
    digits = Digits(transform=lambda image: image.shape)
    assert digits[0][0] == (8, 8)


def test_the_transforms_of_images_suit_it():
    plain, _ = Digits()[3]
    made, _ = Digits(transform=ToTensor())[3]
    np.testing.assert_array_equal(np.asarray(made), plain)


def test_past_the_end_is_an_index_error():
    with pytest.raises(IndexError):
        Digits(train=False)[359]
