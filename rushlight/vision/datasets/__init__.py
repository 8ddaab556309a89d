"""Image datasets with torchvision's names: folders of pictures, MNIST and its kin, CIFAR, SVHN."""

from __future__ import annotations

from typing import Any

from rushlight.vision.datasets.cifar import CIFAR10, CIFAR100
from rushlight.vision.datasets.fakedata import FakeData
from rushlight.vision.datasets.folder import DatasetFolder, ImageFolder
from rushlight.vision.datasets.idx import read_idx
from rushlight.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from rushlight.vision.datasets.svhn import SVHN
from rushlight.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "SVHN",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
    "read_idx",
]


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"module 'rushlight.vision.datasets' has no attribute {name!r}: "
        "docs/differences.md lists what is not built"
    )
