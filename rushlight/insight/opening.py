"""The data set that the words of a command line name: a file, a folder, or a program's own."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.data import DataLoader, Dataset, IterableDataset

PICTURES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".webp", ".tif", ".tiff", ".gif")


class TargetError(Exception):
    """What was named cannot be looked at; the words say why."""


class Pictures(Dataset[np.ndarray]):
    """The pictures of one folder, in the order of their names."""

    def __init__(self, folder: Path):
        self.paths = sorted(str(p) for p in folder.iterdir() if p.suffix.lower() in PICTURES)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        from rushlight.vision.datasets.folder import pil_loader

        return np.asarray(pil_loader(self.paths[index]))


def opened(target: str, length: int) -> Any:
    """A data set or a loader; `length` is that of a window of tokens."""
    if os.path.exists(target) or any(sign in target for sign in "{*"):
        try:
            return _of_path(target, length)
        except (ValueError, OSError) as error:  # what a reader says of a file
            raise TargetError(str(error)) from error
    where, colon, name = target.rpartition(":")
    if not colon or os.sep in name or "//" in name:
        raise TargetError(f"there is no file or folder {target!r}")
    return _of_program(where, name)


def _of_program(where: str, name: str) -> Any:
    """An object of a module, or of a Python file; a function is called."""
    value: Any = _module(where)
    for part in name.split("."):
        if not hasattr(value, part):
            raise TargetError(f"{where} has no {name!r}; it has {_listed(value)}")
        value = getattr(value, part)
    if callable(value) and not isinstance(value, DataLoader | Dataset):
        value = value()
    if not isinstance(value, DataLoader | IterableDataset) and not hasattr(value, "__getitem__"):
        raise TargetError(f"{name} is no data set and no loader, but {type(value).__name__}")
    return value


def _module(where: str) -> Any:
    """A worker process must find it too: so a file is imported by its name."""
    path = Path(where)
    name = where
    if path.suffix == ".py":
        if not path.exists():
            raise TargetError(f"there is no file {where!r}")
        sys.path.insert(0, str(path.resolve().parent))
        name = path.stem
    elif (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    module = importlib.import_module(name)
    found = getattr(module, "__file__", None)
    if path.suffix == ".py" and (found is None or not path.samefile(found)):
        raise TargetError(f"{where} has the name of another module, {found}: rename it")
    return module


def _listed(module: Any) -> str:
    names = [n for n, v in vars(module).items() if isinstance(v, DataLoader | Dataset)]
    return ", ".join(names) or "no data set or loader of its own"


def _of_path(target: str, length: int) -> Any:
    path = Path(target)
    if path.is_dir():
        return _of_folder(path, length)
    ending = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    ending = ending.lower().removesuffix(".gz")
    for endings, make in _READERS.items():
        if ending in endings:
            return make(target, length)
    if ending == ".py":
        raise TargetError(f"say which object of the program: {target}:NAME")
    known = " ".join(each for endings in _READERS for each in endings)
    raise TargetError(f"{target!r} ends in none of {known}")


def _of_folder(path: Path, length: int) -> Any:
    endings = {inner.suffix.lower() for inner in path.iterdir() if inner.is_file()}
    if endings & set(PICTURES):
        return Pictures(path)
    for known, make in _READERS.items():
        found = sorted(endings & set(known))
        if found:
            return make(str(path / f"*{found[0]}"), length)
    if any(inner.is_dir() for inner in path.iterdir()):
        from rushlight.vision.datasets.folder import ImageFolder

        return ImageFolder(path, transform=np.asarray)
    raise TargetError(f"in {str(path)!r} are neither pictures nor other files that can be read")


def _numpy(target: str, length: int) -> Any:
    from rushlight.data import NumpyDataset, TokenDataset

    if "*" in target:
        return TokenDataset(target, length)
    rows = NumpyDataset(target)  # which says more of a damaged file than NumPy
    array = np.load(target, mmap_mode="r", allow_pickle=False)
    is_tokens = array.ndim == 1 and array.dtype.kind in "ui"
    return TokenDataset(target, length) if is_tokens else rows


def _tokens(target: str, length: int) -> Any:
    from rushlight.data import TokenDataset

    return TokenDataset(target, length)


def _shards(target: str, length: int) -> Any:
    from rushlight.data import ShardDataset

    return ShardDataset(target).decode("rgb8")


def _rows(name: str) -> Callable[[str, int], Any]:
    def make(target: str, length: int) -> Any:
        import rushlight.data

        return getattr(rushlight.data, name)(target)

    return make


_READERS: dict[tuple[str, ...], Callable[[str, int], Any]] = {
    (".npy",): _numpy,
    (".bin",): _tokens,
    (".tar",): _shards,
    (".parquet",): _rows("ParquetDataset"),
    (".arrow", ".feather"): _rows("ArrowDataset"),
    (".csv",): _rows("CsvDataset"),
    (".jsonl", ".ndjson"): _rows("JsonLinesDataset"),
}
