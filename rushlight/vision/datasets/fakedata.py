"""Images of random numbers, to try a program without any files."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.vision.datasets.pictures import picture
from rushlight.vision.datasets.vision import Transform, VisionDataset


class FakeData(VisionDataset[tuple[Any, Any]]):
    """Images of random pixels with random labels; each is a function of its index alone.

    `image_size` is (channels, height, width) with 1 to 4 channels. `random_offset` is added to the
    index that the numbers depend on, so that two datasets can differ. A sample is an image, for
    a transform as in `MNIST`, and an int.

    >>> from rushlight.vision.transforms import ToTensor
    >>> image, label = FakeData(size=5, image_size=(3, 4, 6), transform=ToTensor())[2]
    >>> tuple(image.shape), 0 <= label < 10
    ((3, 4, 6), True)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        place = index % len(self) + self.random_offset
        generator = np.random.default_rng([place < 0, abs(place)])
        channels, height, width = self.image_size
        shape = (height, width) if channels == 1 else (height, width, channels)
        pixels = generator.integers(256, size=shape, dtype=np.uint8)
        target = int(generator.integers(self.num_classes))
        return self._applied(picture(pixels, self.transform, type(self).__name__), target)

    def __len__(self) -> int:
        return self.size
