"""CIFAR-10 and CIFAR-100: colour images of 32 x 32 pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.vision.datasets.pictures import picture, places_of, whole_batch
from rushlight.vision.datasets.utils import check_integrity, fetch_and_unpack
from rushlight.vision.datasets.vision import Transform, VisionDataset

_SIZE, _CHANNELS = 32, 3
_LABELS = ("labels", "fine_labels")


class CIFAR10(VisionDataset[tuple[Any, Any]]):
    """Colour images of ten classes, 32 x 32 pixels: 50,000 to learn from and 10,000 to test on.

    `root` is the folder that has the folder `cifar-10-batches-py`, as torchvision leaves it; with
    `download=True` it is fetched if it is not there or damaged. Its files are pickles, which are
    read as data: nothing in them is run.

    A sample is an image and its label, an int. The image is a Pillow image; a `transform` that
    begins with `ToTensor` gets the pixels as an array instead, which makes the same tensor without
    Pillow. `data` is a uint8 array of shape (N, 32, 32, 3), `targets` a list of ints; `classes`
    has the names, `class_to_idx` the label of each.

    Missing or damaged files are a RuntimeError, and a `DownloadError` if they cannot be fetched.

    >>> CIFAR10("no-such-folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found or corrupted...
    """

    # Addresses and checksums are those that torchvision 0.28 publishes.
    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }

    def __init__(
        self,
        root: str | os.PathLike,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        files = self.train_list if train else self.test_list
        problem = self._problem(files)
        if problem and download:
            self.download()
            problem = self._problem(files)
        if problem:
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it\n"
                + problem
            )
        self.data, self.targets = self._load(files)
        self.classes = self._class_names()
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}

    # --------------------------------------------------------------------------------- the files
    def _path(self, name: str) -> Path:
        return Path(self.root, self.base_folder, name)

    def _problem(self, files: list) -> str | None:
        """What is wrong with the files, in words."""
        for name, md5 in [*files, [self.meta["filename"], self.meta["md5"]]]:
            path = self._path(name)
            if not path.is_file():
                return f"Expected: the file {path}.\nActual: it is not there."
            if not check_integrity(path, md5):
                return f"Expected: {path} with the MD5 checksum {md5}.\nActual: it has another."
        return None

    def download(self) -> None:
        """Fetch and unpack the archive, unless all files are there."""
        if self._problem([*self.train_list, *self.test_list]):
            fetch_and_unpack([self.url], Path(self.root, self.filename), self.tgz_md5)

    def _read(self, name: str) -> dict:
        from rushlight.io.pickle_read import read_pickle

        path = self._path(name)
        found = read_pickle(path.read_bytes(), path)
        if not isinstance(found, dict):
            raise ValueError(f"{path} does not hold a dict, but a {type(found).__name__}")
        return found

    def _load(self, files: list) -> tuple[np.ndarray, list[int]]:
        """All images, channels last, and their labels."""
        images: list[np.ndarray] = []
        labels: list[int] = []
        for name, _ in files:
            entry = self._read(name)
            data = entry.get("data")
            found = next((entry[key] for key in _LABELS if key in entry), None)
            _check_entry(self._path(name), data, found)
            images.append(data)
            labels.extend(found)
        planes = np.concatenate(images).reshape(-1, _CHANNELS, _SIZE, _SIZE)
        return planes.transpose(0, 2, 3, 1), labels

    def _class_names(self) -> list[str]:
        path, key = self._path(self.meta["filename"]), self.meta["key"]
        names = self._read(self.meta["filename"]).get(key)
        if type(names) is not list or any(type(name) is not str for name in names):
            raise ValueError(f"{path}: expected the names of classes, a list, as {key!r}")
        return names

    # ------------------------------------------------------------------------------- the samples
    def __getitem__(self, index: int) -> tuple[Any, Any]:
        target = self.targets[index]
        image = picture(self.data[index], self.transform, type(self).__name__)
        return self._applied(image, target)

    def __getbatch__(self, indices: list) -> list | None:
        """The batch that `default_collate` would make of these samples; see `data.dataset`."""
        own = type(self).__getitem__ is CIFAR10.__getitem__ and self.target_transform is None
        places = places_of(indices, len(self.targets)) if own else None
        if places is None:
            return None
        targets = [self.targets[place] for place in places.tolist()]
        if any(type(target) is not int for target in targets):
            return None
        try:
            images = whole_batch(self.data[places], self.transform)
        except (TypeError, ValueError, IndexError):
            return None  # reading them one by one says which is wrong
        if images is None:
            return None
        return [images, arrays.from_array(np.array(targets, np.int64), owned=True)]

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """CIFAR-10's form with a hundred classes, in the folder `cifar-100-python`; see `CIFAR10`.

    >>> CIFAR100.base_folder
    'cifar-100-python'
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }


def _check_entry(path: Path, data: Any, labels: Any) -> None:
    numbers = _CHANNELS * _SIZE * _SIZE
    kind = type(data).__name__
    if type(data) is np.ndarray:
        kind = f"{data.dtype} of shape {data.shape}"
    if not kind.startswith("uint8 of") or data.ndim != 2 or data.shape[1] != numbers:
        raise ValueError(f"{path}: expected data of uint8, {numbers} a row, but found {kind}")
    if type(labels) is not list or len(labels) != len(data):
        raise ValueError(f"{path}: expected a list of {len(data)} labels")
    if any(type(label) is not int for label in labels):
        raise ValueError(f"{path}: expected labels that are whole numbers")
