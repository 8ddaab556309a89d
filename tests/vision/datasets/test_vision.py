"""The base of image datasets."""

import os

import pytest

from rushlight.vision.datasets import VisionDataset
from rushlight.vision.datasets.vision import StandardTransform


class Two(VisionDataset):
    def __getitem__(self, index):
        return self.transforms(index, -index)

    def __len__(self):
        return 2


def test_separate_transforms_become_one():
    dataset = Two(transform=str, target_transform=abs)
    assert dataset[1] == ("1", 1)
    assert isinstance(dataset.transforms, StandardTransform)
    assert (dataset.transform, dataset.target_transform) == (str, abs)


def test_a_transform_of_both():
    dataset = Two(transforms=lambda image, target: (target, image))
    assert dataset[1] == (-1, 1)
    assert dataset.transform is None
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        Two(transforms=max, target_transform=abs)


def test_where_it_lies(tmp_path):
    assert Two().root is None
    assert Two("~/data").root == os.path.expanduser("~/data")
    assert Two(tmp_path).root is tmp_path


class Deep:
    def __repr__(self):
        return "Deep(\n  more\n)"


class Told(Two):
    def extra_repr(self):
        return "one\ntwo"


def test_repr():
    assert repr(Two()) == "Dataset Two\n    Number of datapoints: 2"
    assert repr(Told("x", transform=Deep(), target_transform=Deep())) == (
        "Dataset Told\n    Number of datapoints: 2\n    Root location: x\n    one\n    two\n"
        "    StandardTransform\n"
        "Transform: Deep(\n             more\n           )\n"
        "Target transform: Deep(\n                    more\n                  )"
    )
    assert repr(StandardTransform()) == "StandardTransform"


def test_what_a_subclass_must_define():
    with pytest.raises(NotImplementedError):
        VisionDataset()[0]
    with pytest.raises(NotImplementedError):
        len(VisionDataset())
