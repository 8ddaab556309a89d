"""Datasets and loaders as people write them: one program for Rushlight and for PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from networks.framework import framework, name, optim

from feeding.rows import Row

data = import_module(f"{name}.utils.data")
pad_sequence = import_module(f"{name}.nn.utils.rnn").pad_sequence
FOLDER = Path(os.environ.get("BENCHMARK_FILES", "."))
WINDOW = 256
DRAWN = 20_000  # windows a pass


class Records(data.Dataset):
    """Rows of a table, each a dict of small arrays."""

    def __init__(self, count: int = 50_000):
        numbers = np.random.default_rng(1)
        self.features = numbers.random((count, 8), np.float32)
        self.place = numbers.random((count, 2), np.float32)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> dict:
        return {"features": self.features[index], "place": self.place[index], "label": index % 10}


class Texts(data.Dataset):
    """Sentences of different lengths, as a tokenizer gives them: lists of numbers; with a label."""

    def __init__(self, count: int = 20_000):
        numbers = np.random.default_rng(2)
        lengths = numbers.integers(5, 60, count)
        self.texts = [numbers.integers(0, 10_000, n).tolist() for n in lengths]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple:
        return framework.tensor(self.texts[index]), index % 2


def pad(samples: list) -> tuple:
    """A batch of sentences filled up to the longest, their labels, and their lengths."""
    texts, labels = zip(*samples, strict=True)
    lengths = framework.tensor([len(text) for text in texts])
    return pad_sequence(texts, batch_first=True), framework.tensor(labels), lengths


class Images(data.Dataset):
    """Photographs in files: decoded, cropped and flipped at random."""

    def __init__(self, size: int = 224) -> None:
        library = "torchvision" if name == "torch" else "rushlight.vision"
        transforms = import_module(f"{library}.transforms")
        self.paths = sorted((FOLDER / "images").iterdir())
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple:
        return self.transform(self.decoded(index)), index % 10

    def decoded(self, index: int) -> Any:
        from PIL import Image

        with Image.open(self.paths[index]) as image:
            return image.convert("RGB")


class Windows(data.Dataset):
    """Windows of a long text of token numbers, and what follows each of them."""

    def __init__(self) -> None:
        self.tokens = np.memmap(FOLDER / "tokens.bin", np.uint16, "r")

    def __len__(self) -> int:
        return len(self.tokens) - WINDOW

    def __getitem__(self, index: int) -> tuple:
        piece = self.tokens[index : index + WINDOW + 1].astype(np.int64)
        return piece[:-1], piece[1:]


class TensorWindows(Windows):
    """The same, made tensors one by one."""

    def __getitem__(self, index: int) -> tuple:
        return tuple(map(framework.from_numpy, super().__getitem__(index)))


def tensors() -> tuple:
    return _in_memory(28, 28), {"batch_size": 128, "shuffle": True}


def _in_memory(*shape: int) -> Any:
    numbers = np.random.default_rng(4)
    images = framework.from_numpy(numbers.random((60_000, *shape), np.float32))
    return data.TensorDataset(images, framework.from_numpy(numbers.integers(0, 10, 60_000)))


def records() -> tuple:
    return Records(), {"batch_size": 256, "shuffle": True}


def texts() -> tuple:
    return Texts(), {"batch_size": 64, "shuffle": True, "collate_fn": pad}


def images() -> tuple:
    return Images(), {"batch_size": 32, "shuffle": True}


def windows_by_hand() -> tuple:
    return _drawn_from(Windows())


def windows_as_tensors() -> tuple:
    return _drawn_from(TensorWindows())


def windows() -> tuple:
    """With Rushlight's own dataset; PyTorch has none, so its user's stands in."""
    if name == "torch":
        return windows_by_hand()
    return _drawn_from(data.TokenDataset(FOLDER / "tokens.bin", WINDOW, dtype="uint16"))


def _drawn_from(dataset: Any) -> tuple:
    drawn = data.RandomSampler(dataset, replacement=True, num_samples=DRAWN)
    return dataset, {"batch_size": 64, "sampler": drawn}


def pictures() -> tuple:
    """Images with a channel, for a network."""
    return _in_memory(1, 28, 28), {"batch_size": 128, "shuffle": True}


def sentences() -> tuple:
    return Texts(), {"batch_size": 64, "shuffle": True, "collate_fn": words_and_next}


def words_and_next(samples: list) -> tuple:
    """Sentences, and the same one word on."""
    words, _, _ = pad(samples)
    return words[:, :-1], words[:, 1:]


def crops() -> tuple:
    return Images(64), {"batch_size": 32, "shuffle": True}


def loader_of(row: Row) -> Any:
    """A function of a row's DataLoader; the dataset is made, and calling it makes the loader."""
    dataset, own = globals()[row.program]()
    return lambda **options: data.DataLoader(dataset, drop_last=True, **own, **options)


def least_work_of(row: Row) -> tuple[Callable[[int], Any], int]:
    """What is done for each sample whoever loads it, and how many samples there are."""
    dataset, _ = globals()[row.program]()
    work = dataset.decoded if isinstance(dataset, Images) else dataset.__getitem__
    return work, len(dataset)


def step_of(row: Row) -> Callable[[tuple], Any]:
    """What is done with a batch: nothing, or a step of training."""
    if not row.network:
        return lambda batch: batch
    network = import_module(f"networks.{row.network}")
    model = network.network(**dict(row.sizes))
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def step(batch: tuple) -> float:
        optimizer.zero_grad()
        loss = network.loss(model, *batch)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
