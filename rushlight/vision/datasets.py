"""Image datasets that are read from files on disk."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.data import Dataset, arrays

_GZIP = b"\x1f\x8b"
_IDX_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> np.ndarray:
    """Read an array from a file in the IDX format of MNIST, plain or compressed by gzip.

    The file's element type gives the dtype. A file that is no IDX file, is damaged, or is
    shorter or longer than its header says is a ValueError that names it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path).tolist()
    [5, 0, 4]
    """
    content = Path(path).read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error
    dtype, shape, start = _read_header(path, content)
    needed = dtype.itemsize * math.prod(shape)
    present = len(content) - start
    if present != needed:
        problem = "truncated" if present < needed else "too long"
        raise ValueError(
            f"{path} is {problem}: an IDX array of shape {shape} and type {dtype.name} "
            f"needs {needed} bytes after the header, but {present} are there"
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(path: str | Path, content: bytes) -> tuple[np.dtype, tuple[int, ...], int]:
    known = len(content) >= 4 and content[:2] == b"\0\0" and content[2] in _IDX_DTYPES
    if not known:
        found = content[:4].hex(" ") or "nothing"
        raise ValueError(
            f"{path} is not an IDX file: expected 00 00, a type from 08 to 0e and the number "
            f"of axes at its start, but found {found}"
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"{path} is truncated: it ends within its header of {start} bytes")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    return np.dtype(_IDX_DTYPES[content[2]]), shape, start


class MNIST(Dataset[tuple[Any, Any]]):
    """Handwritten digits, 28 x 28 pixels: 60,000 to learn from and 10,000 to test on.

    The four IDX files are looked for in `root` and in `root/MNIST/raw`, under their usual names
    (`train-images-idx3-ubyte`, ...), plain or with `.gz`. `train` says which pair is read; the
    other need not be there. A sample is an image, a uint8 array of shape (28, 28) before
    `transform`, and its label, an int before `target_transform`. `data` and `targets` hold all
    of them as tensors.

    Files that are missing are a RuntimeError, or a NotImplementedError with `download=True`;
    foreign, truncated or mismatched ones a ValueError.

    >>> MNIST("no-such-folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found...
    """

    classes = [
        *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
        *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
    ]

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ):
        self.root = Path(root).expanduser()
        self.train = train
        self.transform = transform
        self.target_transform = target_transform
        prefix = "train" if train else "t10k"
        image_path = self._find(f"{prefix}-images-idx3-ubyte", download)
        label_path = self._find(f"{prefix}-labels-idx1-ubyte", download)
        images, labels = read_idx(image_path), read_idx(label_path)
        _check_pair(image_path, images, label_path, labels)
        self.data = arrays.from_array(images)
        self.targets = arrays.from_array(labels.astype(np.int64))

    def _find(self, name: str, download: bool) -> Path:
        folders = [self.root, self.root / type(self).__name__ / "raw"]
        for folder in folders:
            for path in (folder / name, folder / f"{name}.gz"):
                if path.is_file():
                    return path
        places = " and ".join(map(str, folders))
        if download:
            raise NotImplementedError(
                f"{name} is not in {places}, and downloading is not built yet: "
                "put the files there by hand"
            )
        raise RuntimeError(f"Dataset not found: looked for {name} and {name}.gz in {places}")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        # The attributes are read anew each time: programs replace them to choose samples.
        image = arrays.to_array(self.data)[index]
        target = int(arrays.to_array(self.targets)[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        split = "Train" if self.train else "Test"
        return (
            f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}\n"
            f"    Root location: {self.root}\n    Split: {split}"
        )


def _check_pair(image_path: Path, images: np.ndarray, label_path: Path, labels: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 3:
        raise ValueError(
            f"{image_path} does not hold images: expected uint8 values with 3 axes, "
            f"but found {images.dtype} with {images.ndim}"
        )
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(
            f"{label_path} does not hold labels: expected uint8 values with 1 axis, "
            f"but found {labels.dtype} with {labels.ndim}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{image_path} holds {len(images)} images, but {label_path} {len(labels)} labels"
        )
