"""The rows of the comparison, and the settings in which each side runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SETTINGS = {
    "rushlight": ("0", "2 threads", "2 processes"),
    "torch": ("0", "2 processes"),
}
STARTS = {
    "rushlight": ("2 threads", "2 processes"),
    "torch": ("2 processes", "2 spawned"),
}


@dataclass(frozen=True)
class Row:
    """One kind of data, loaded by the function of this name in `feeding.programs`."""

    name: str
    title: str
    goal: float | None  # samples a second, as a multiple of PyTorch's at its better setting
    batch: int
    nbytes: int = 0  # read and written for a sample, where nothing else must be done
    data: str = ""  # the data of another row
    network: str = ""  # of `networks`, trained on the batches; else they are only loaded
    sizes: tuple[tuple[str, Any], ...] = ()

    @property
    def program(self) -> str:
        """The function in `feeding.programs` that makes its data."""
        return self.data or self.name


ROWS = [
    Row("tensors", "`TensorDataset` of 60,000 images of 28x28, batch 128", 20, 128, 2 * 3144),
    Row("records", "dicts of small arrays, batch 256", 1.5, 256),
    Row("texts", "texts padded by a `collate_fn`, batch 64", 1.8, 64),
    Row("images", "JPEG files of 256x256, crop and flip, batch 32", 1.5, 32),
    Row("windows", "random windows of a 200 MB token file, batch 64", 5, 64, 514 + 4096),
    Row("windows_by_hand", "the same by a user's dataset of arrays", 1.3, 64),
    Row("windows_as_tensors", "the same by a user's dataset of tensors", 1.3, 64),
]
TRAINING = [
    Row(
        "train_tensors",
        "`TensorDataset` of 28x28, a network of two convolutions",
        None,
        128,
        data="pictures",
        network="mnist",
        sizes=(("classes", 10), ("channels", (8, 16)), ("hidden", 64), ("size", 28)),
    ),
    Row(
        "train_texts",
        "padded texts, an LSTM language model",
        None,
        64,
        data="sentences",
        network="recurrent",
        sizes=(("vocabulary", 10_000), ("width", 64), ("hidden", 64)),
    ),
    Row(
        "train_images",
        "JPEG files cropped to 64x64, a ResNet-18 of a quarter's width",
        None,
        32,
        data="crops",
        network="resnet",
        sizes=(("classes", 10), ("width", 16)),
    ),
]


def find(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS + TRAINING if row.name == name)


def options_of(side: str, setting: str) -> dict:
    """The options of a DataLoader in this setting."""
    count, _, kind = setting.partition(" ")
    if count == "0":
        return {}
    options: dict = {"num_workers": int(count), "persistent_workers": True}
    if side == "rushlight":
        options["worker_type"] = {"threads": "thread", "processes": "process"}[kind]
    elif kind == "spawned":
        options["multiprocessing_context"] = "spawn"
    return options
