"""SVHN: house numbers in photographs of streets, 32 x 32 pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.vision.datasets.matlab import read_mat
from rushlight.vision.datasets.pictures import picture, places_of, whole_batch
from rushlight.vision.datasets.utils import check_integrity, download_url, verify_str_arg
from rushlight.vision.datasets.vision import Transform, VisionDataset

_SITE = "http://ufldl.stanford.edu/housenumbers/"


class SVHN(VisionDataset[tuple[Any, Any]]):
    """Digits of house numbers, colour images of 32 x 32 pixels.

    `split` is "train" (73,257 images), "test" (26,032) or "extra" (531,131); any other is a
    ValueError. The file `train_32x32.mat` and its like lie in `root`; `download=True` fetches the
    one that is missing. A sample is an image, for a transform as in `MNIST`, and an int: the digit,
    also for 0, which the files call 10. `data` is a uint8 array of shape (N, 3, 32, 32), `labels`
    an int64 array.

    >>> SVHN("no-such-folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found or corrupted...
    """

    # Checksums are those that torchvision 0.28 publishes.
    split_list = {
        "train": [
            f"{_SITE}train_32x32.mat",
            *("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        ],
        "test": [
            f"{_SITE}test_32x32.mat",
            *("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
        ],
        "extra": [
            f"{_SITE}extra_32x32.mat",
            *("extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"),
        ],
    }

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        path = Path(self.root, self.filename)
        if download:
            self.download()
        elif not check_integrity(path, self.file_md5):
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it\n"
                f"Expected: {path} with the MD5 checksum {self.file_md5}."
            )
        self.data, self.labels = _load(path)

    def download(self) -> None:
        """Fetch the file of this split, unless it is there."""
        download_url(self.url, self.root, self.filename, self.file_md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pixels, target = self.data[index].transpose(1, 2, 0), int(self.labels[index])
        return self._applied(picture(pixels, self.transform, type(self).__name__), target)

    def __getbatch__(self, indices: list) -> list | None:
        """The batch that `default_collate` would make of these samples; see `data.dataset`."""
        own = type(self).__getitem__ is SVHN.__getitem__ and self.target_transform is None
        places = places_of(indices, len(self)) if own else None
        if places is None:
            return None
        try:
            images = whole_batch(self.data[places].transpose(0, 2, 3, 1), self.transform)
        except (TypeError, ValueError):
            return None  # reading them one by one says which is wrong
        if images is None:
            return None
        targets = np.asarray(self.labels)[places].astype(np.int64)
        return [images, arrays.from_array(targets, owned=True)]

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {self.split}"


def _load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images, channels first, and digits."""
    found = read_mat(path)
    images, labels = found.get("X"), found.get("y")
    if images is None or images.dtype != np.uint8 or images.shape[:-1] != (32, 32, 3):
        shown = "none" if images is None else f"{images.dtype} of shape {images.shape}"
        raise ValueError(f"{path}: expected images X, uint8 of shape (32, 32, 3, N), found {shown}")
    if labels is None or labels.size != images.shape[-1]:
        raise ValueError(f"{path}: expected {images.shape[-1]} labels y")
    digits = labels.reshape(-1).astype(np.int64)
    digits[digits == 10] = 0
    return images.transpose(3, 2, 0, 1), digits
