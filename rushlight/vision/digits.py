"""Handwritten digits that come with the package: 1,797 real images of 8 x 8 pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.data import Dataset

_FILE = Path(__file__).with_name("digits.npz")
_FULL_INK = 16  # a pixel counts the inked points of a 4 x 4 cell


class Digits(Dataset[tuple[Any, int]]):
    """The UCI handwritten digits: nothing to download, small enough to learn in seconds.

    A sample is an image and its label. The image is a float32 array of shape (1, 8, 8) with
    values from 0 (paper) to 1 (ink); the label is an int from 0 to 9. A fixed fifth, 359 images,
    is held out: it is what `train=False` reads. `transform` is called with the image as an array
    of shape (8, 8), and its result takes the image's place. `images` and `labels` hold the
    numbers of the file, as uint8 arrays. `DIGITS.md` beside this file names the source.

    >>> digits = Digits(train=True)
    >>> digits
    Digits(1438 images of 8 x 8, to learn from)
    >>> image, label = digits[0]
    >>> image.shape, label
    ((1, 8, 8), 0)
    """

    classes = tuple("0123456789")

    def __init__(self, train: bool = True, transform: Callable[[np.ndarray], Any] | None = None):
        self.train = train
        self.transform = transform
        with np.load(_FILE, allow_pickle=False) as file:
            chosen = file["held_out"] != train
            self.images = file["images"][chosen]
            self.labels = file["labels"][chosen]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.images[index].astype(np.float32) / _FULL_INK
        if self.transform is None:
            return image[None], int(self.labels[index])
        return self.transform(image), int(self.labels[index])

    def __repr__(self) -> str:
        part = "to learn from" if self.train else "held out"
        return f"Digits({len(self)} images of 8 x 8, {part})"
