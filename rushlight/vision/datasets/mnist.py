"""MNIST and the datasets of its form: greyscale images of 28 x 28 pixels in IDX files."""

from __future__ import annotations

import os
import string
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.vision.datasets.idx import read_idx
from rushlight.vision.datasets.pictures import picture, places_of, whole_batch
from rushlight.vision.datasets.utils import fetch_and_unpack, verify_str_arg
from rushlight.vision.datasets.vision import Transform, VisionDataset


class MNIST(VisionDataset[tuple[Any, Any]]):
    """Handwritten digits, 28 x 28 pixels: 60,000 to learn from and 10,000 to test on.

    The IDX files are looked for in `root/MNIST/raw`, where torchvision puts them, and in `root`,
    under their usual names (`train-images-idx3-ubyte`, ...), plain or with `.gz`. `train` says
    which pair is read; the other need not be there. `download=True` fetches the files that are
    missing.

    A sample is an image and its label, an int. The image is a Pillow image; a `transform` that
    begins with `ToTensor` gets the pixels as an array instead, which makes the same tensor without
    Pillow. `data` (uint8, of shape (N, 28, 28)) and `targets` (int64) hold all of them as tensors.

    Files that are missing are a RuntimeError, and a `DownloadError` if no mirror gives them;
    foreign, truncated or mismatched ones are a ValueError.

    >>> MNIST("no-such-folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found...
    """

    # Addresses and checksums are those that torchvision 0.28 publishes.
    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [
        *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
        *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
    ]

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
        if download:
            self.download()
        self.data, self.targets = self._load_data()

    # --------------------------------------------------------------------------------- the files
    @property
    def raw_folder(self) -> str:
        """Where downloaded files go."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class by its name."""
        return {name: label for label, name in enumerate(self.classes)}

    def _names(self) -> tuple[str, str]:
        """The files of images and of labels."""
        prefix = "train" if self.train else "t10k"
        return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"

    def _folders(self) -> list[Path]:
        return [Path(self.raw_folder), Path(self.root)]

    def _find(self, name: str) -> Path | None:
        for folder in self._folders():
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    return path
        return None

    def _load_data(self) -> tuple[Any, Any]:
        """Images and labels as tensors."""
        image_path, label_path = (self._find(name) for name in self._names())
        if image_path is None or label_path is None:
            wanted = " and ".join(f"{name}[.gz]" for name in self._names())
            raise RuntimeError(
                "Dataset not found. You can use download=True to download it\n"
                f"Expected: {wanted} in {' or '.join(map(str, self._folders()))}."
            )
        images, labels = read_idx(image_path), read_idx(label_path)
        _check_pair(image_path, images, label_path, labels)
        targets = arrays.from_array(labels.astype(np.int64), owned=True)
        return arrays.from_array(images, owned=True), targets

    def download(self) -> None:
        """Fetch the files that are missing, from the first mirror that has them."""
        for name, md5 in self.resources:
            if self._find(name.removesuffix(".gz")) is None:
                urls = [f"{mirror}{name}" for mirror in self.mirrors]
                fetch_and_unpack(urls, Path(self.raw_folder, name), md5)

    # ------------------------------------------------------------------------------- the samples
    def __getitem__(self, index: int) -> tuple[Any, Any]:
        # The attributes are read anew each time: programs replace them to choose samples.
        pixels = arrays.to_array(self.data)[index]
        target = int(arrays.to_array(self.targets)[index])
        return self._applied(picture(pixels, self.transform, type(self).__name__), target)

    def __getbatch__(self, indices: list) -> list | None:
        """The batch that `default_collate` would make of these samples; see `data.dataset`."""
        own = type(self).__getitem__ is MNIST.__getitem__ and self.target_transform is None
        places = places_of(indices, len(self)) if own else None
        if places is None:
            return None
        targets = arrays.to_array(self.targets)[places]
        if targets.dtype.kind != "i":
            return None
        try:
            images = whole_batch(arrays.to_array(self.data)[places], self.transform)
        except (TypeError, ValueError):
            return None  # reading them one by one says which is wrong
        if images is None:
            return None
        return [images, arrays.from_array(targets.astype(np.int64), owned=True)]

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"

    # ----------------------------------------------------------------------------- former names
    @property
    def train_data(self) -> Any:
        """`data`, by its former name."""
        return self._renamed("train_data", "data")

    @property
    def test_data(self) -> Any:
        """`data`, by its former name."""
        return self._renamed("test_data", "data")

    @property
    def train_labels(self) -> Any:
        """`targets`, by its former name."""
        return self._renamed("train_labels", "targets")

    @property
    def test_labels(self) -> Any:
        """`targets`, by its former name."""
        return self._renamed("test_labels", "targets")

    def _renamed(self, old: str, new: str) -> Any:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)


class FashionMNIST(MNIST):
    """Pictures of clothes in MNIST's form, by Zalando; see `MNIST`.

    >>> FashionMNIST.classes[:3]
    ['T-shirt/top', 'Trouser', 'Pullover']
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ]


class KMNIST(MNIST):
    """Ten cursive Japanese letters in MNIST's form (Kuzushiji-MNIST); see `MNIST`.

    >>> KMNIST.classes[0]
    'o'
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_MERGED = frozenset("cijklmopsuvwxyz")
"""Small letters that are written as their capitals, and count as these."""
_ALL = sorted(string.digits + string.ascii_letters)
_DISTINCT = [letter for letter in _ALL if letter not in _MERGED]


class EMNIST(MNIST):
    """Handwritten letters and digits in MNIST's form; `split` says which of six selections.

    `byclass` (62 classes), `bymerge` and `balanced` (47: small letters that look like their
    capitals count as these), `letters` (26 and the unused class 0), `digits` and `mnist`. Any other
    is a ValueError. As in the files, images lie on their side: rows and columns are exchanged.
    The six come in one archive of half a gigabyte; see `MNIST` for the rest.

    >>> EMNIST("data", split="words")
    Traceback (most recent call last):
    ValueError: Unknown value 'words' for argument split...
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": _ALL,
        "bymerge": _DISTINCT,
        "balanced": _DISTINCT,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | os.PathLike, split: str, **kwargs: Any):
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def _names(self) -> tuple[str, str]:
        prefix = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"

    def _folders(self) -> list[Path]:
        return [*super()._folders(), Path(self.raw_folder, "gzip")]

    def download(self) -> None:
        """Fetch the archive if the files of this split are missing."""
        if any(self._find(name) is None for name in self._names()):
            path = Path(self.raw_folder, os.path.basename(self.url))
            fetch_and_unpack([self.url], path, self.md5)


def read_image_file(path: str | os.PathLike) -> Any:
    """The images of an IDX file, as a uint8 tensor of shape (N, height, width)."""
    return arrays.from_array(_checked(Path(path), "images", 3), owned=True)


def read_label_file(path: str | os.PathLike) -> Any:
    """The labels of an IDX file, as an int64 tensor."""
    return arrays.from_array(_checked(Path(path), "labels", 1).astype(np.int64), owned=True)


def _checked(path: Path, what: str, axes: int, array: np.ndarray | None = None) -> np.ndarray:
    array = read_idx(path) if array is None else array
    if array.dtype != np.uint8 or array.ndim != axes:
        plural = "axis" if axes == 1 else "axes"
        raise ValueError(
            f"{path} does not hold {what}: expected uint8 values with {axes} {plural}, "
            f"but found {array.dtype} with {array.ndim}"
        )
    return array


def _check_pair(image_path: Path, images: np.ndarray, label_path: Path, labels: np.ndarray) -> None:
    _checked(image_path, "images", 3, images)
    _checked(label_path, "labels", 1, labels)
    if len(images) != len(labels):
        raise ValueError(
            f"{image_path} holds {len(images)} images, but {label_path} {len(labels)} labels"
        )
