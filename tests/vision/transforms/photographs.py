"""Images that worker processes can make and transform."""

import sys

import numpy as np
from PIL import Image

from rushlight.data import Dataset
from rushlight.vision import transforms

HEAVY = ("llvmlite", "rushlight.engines.cpu", "rushlight.nn", "torch")


def photograph(height=40, width=48, seed=0):
    """A smooth picture with some noise, (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 7 + channel) * np.cos(y / (9 + channel)) for channel in range(3)]
    noise = np.random.default_rng(seed).normal(0, 9, (height, width, 3))
    return np.clip(127 + 90 * np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)


def augmentation():
    """Something of every kind that draws."""
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(24),
            transforms.RandomHorizontalFlip(),
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            transforms.RandAugment(),
            transforms.RandomOrder([transforms.RandomRotation(20), transforms.RandomInvert(0.3)]),
            transforms.RandomChoice([transforms.AugMix(), transforms.RandomPerspective(p=1)]),
            transforms.ToTensor(),
            transforms.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)),
            transforms.RandomErasing(value="random"),
        ]
    )


class Photographs(Dataset):
    def __init__(self, length=12):
        self.pixels = [photograph(seed=index) for index in range(length)]
        self.transform = augmentation()

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.pixels[index])), index


class Loaded(Photographs):
    """Which heavy modules are there after a sample is transformed."""

    def __getitem__(self, index):
        super().__getitem__(index)
        return np.array([name in sys.modules for name in HEAVY])
