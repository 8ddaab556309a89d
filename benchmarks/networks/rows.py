"""The steps that are timed: networks, sizes, optimisers, and the part of PyTorch's time to reach.

No framework is imported here: every peer builds its own program from the same row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

ODD_ALLOWANCE = 0.15  # how much more of PyTorch's time a variant of odd sizes may take


@dataclass(frozen=True)
class Row:
    """One line of the table: a training step, or with `optimizer=None` an inference."""

    name: str
    title: str
    target: float
    network: str
    sizes: dict[str, Any]
    kind: str
    inputs: dict[str, Any]
    optimizer: str | None = "AdamW"
    options: tuple[tuple[str, float], ...] = (("lr", 3e-4),)
    clip: float | None = None

    @property
    def trains(self) -> bool:
        return self.optimizer is not None

    def varied(self, name: str, title: str, sizes: dict, inputs: dict) -> Row:
        """The same step at other sizes."""
        return replace(
            self,
            name=f"{self.name}-{name}",
            title=f"{self.title.split(':')[0]}: {title}",
            target=round(self.target + ODD_ALLOWANCE, 2),
            sizes=self.sizes | sizes,
            inputs=self.inputs | inputs,
        )


def _text(batch: int, length: int, vocabulary: int) -> dict[str, Any]:
    return {"batch": batch, "length": length, "vocabulary": vocabulary}


def _gpt(name: str, title: str, target: float, batch: int, **sizes: Any) -> Row:
    inputs = _text(batch, sizes["length"], sizes["vocabulary"])
    return Row(name, title, target, "gpt", sizes, "text", inputs)


_LARGE = {"vocabulary": 1024, "width": 256, "heads": 8, "layers": 4, "length": 128}
_SMALL = {"vocabulary": 65, "width": 128, "heads": 4, "layers": 4, "length": 64}
_LONG = {"vocabulary": 1024, "width": 256, "heads": 4, "layers": 2, "length": 1024}
_PICTURES = {"batch": 32, "channels": 3, "size": 32, "classes": 10}
_MOMENTUM = (("lr", 1e-3), ("momentum", 0.9))
_RESNET = Row(
    "resnet",
    "ResNet-18: 32x32 images, batch 32, SGD with momentum",
    0.75,
    "resnet",
    {"classes": 10},
    "images",
    _PICTURES,
    "SGD",
    _MOMENTUM,
)
_INFERENCE = {"optimizer": None, "options": ()}

ROWS = (
    _gpt(
        "gpt",
        "GPT: 4 layers, d 256, 8 heads, T 128, batch 16, vocabulary 1024, AdamW",
        0.55,
        16,
        **_LARGE,
    ),
    _gpt("gpt-by-hand", "GPT, attention by hand: the same sizes", 0.60, 16, **_LARGE, by_hand=True),
    _gpt("gpt-long", "GPT, long: 2 layers, 4 heads of 64, T 1024, batch 2", 0.50, 2, **_LONG),
    _gpt(
        "gpt-letters",
        "GPT of letters: 4 layers, d 128, T 64, batch 12, vocabulary 65",
        0.70,
        12,
        **_SMALL,
    ),
    _RESNET,
    Row(
        "mnist",
        "MNIST network: two 3x3 convolutions, pooling, two linear layers, batch 100",
        0.80,
        "mnist",
        {"classes": 10, "channels": (32, 64), "hidden": 128, "size": 28},
        "images",
        {"batch": 100, "channels": 1, "size": 28, "classes": 10},
        "SGD",
        (("lr", 0.01),),
    ),
    Row(
        "inception",
        "Inception network: as in GoogLeNet, 32x32 images, batch 32, SGD with momentum",
        0.76,
        "inception",
        {"classes": 10},
        "images",
        _PICTURES,
        "SGD",
        _MOMENTUM,
    ),
    Row(
        "transformer",
        "Transformer: encoder and decoder, 2+2 layers, d 128, lengths 32, batch 32, Adam",
        0.65,
        "translator",
        {"vocabulary": 1000, "width": 128, "heads": 4, "layers": 2, "length": 64},
        "pairs",
        {"batch": 32, "source": 32, "target": 32, "vocabulary": 1000},
        "Adam",
    ),
    Row(
        "lstm",
        "LSTM language model: hidden 256, T 64, batch 32, Adam, clipping",
        0.85,
        "recurrent",
        {"vocabulary": 1000, "width": 256, "hidden": 256},
        "text",
        _text(32, 64, 1000),
        "Adam",
        (("lr", 1e-3),),
        clip=1.0,
    ),
    Row(
        "mlp",
        "MLP: 784-512-512-10, batch 128, Adam",
        0.50,
        "multilayer",
        {"layers": (784, 512, 512, 10)},
        "vectors",
        {"batch": 128, "inputs": 784, "classes": 10},
        "Adam",
        (("lr", 1e-3),),
    ),
    Row(
        "mlp-tiny",
        "MLP, tiny: 2-16-1, batch 4, SGD, nothing but overhead",
        1.30,
        "multilayer",
        {"layers": (2, 16, 1)},
        "vectors",
        {"batch": 4, "inputs": 2, "classes": 1},
        "SGD",
        (("lr", 1e-2),),
    ),
    replace(
        _RESNET,
        name="resnet-inference-1",
        title="ResNet-18, inference: batch 1",
        target=0.80,
        inputs=_PICTURES | {"batch": 1},
        **_INFERENCE,
    ),
    replace(
        _RESNET,
        name="resnet-inference-32",
        title="ResNet-18, inference: batch 32",
        target=0.80,
        **_INFERENCE,
    ),
    replace(
        _gpt("gpt-inference", "GPT, inference: T 128, batch 1", 0.72, 1, **_LARGE), **_INFERENCE
    ),
)


def _odd(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


_ODD_TEXT = {"vocabulary": 65, "length": 100}

ODD_ROWS = (
    _odd("gpt").varied(
        "odd", "T 100, batch 13, vocabulary 65", _ODD_TEXT, _ODD_TEXT | {"batch": 13}
    ),
    _odd("gpt-by-hand").varied(
        "odd", "T 100, batch 13, vocabulary 65", _ODD_TEXT, _ODD_TEXT | {"batch": 13}
    ),
    _odd("gpt-long").varied(
        "odd", "T 1021, batch 1", {"length": 1021}, {"length": 1021, "batch": 1}
    ),
    _odd("gpt-letters").varied("odd", "T 61, batch 11", {}, {"length": 61, "batch": 11}),
    _odd("resnet").varied("28", "28x28 images, batch 31", {}, {"size": 28, "batch": 31}),
    _odd("resnet").varied("50", "50 channels, batch 29", {"width": 50}, {"batch": 29}),
    _odd("resnet").varied(
        "224", "224x224 images, batch 3", {"large": True}, {"size": 224, "batch": 3}
    ),
    _odd("mnist").varied(
        "odd", "20 and 50 channels, batch 97", {"channels": (20, 50)}, {"batch": 97}
    ),
    _odd("inception").varied("odd", "28x28 images, batch 31", {}, {"size": 28, "batch": 31}),
    _odd("transformer").varied(
        "odd",
        "lengths 31 and 37, batch 29, vocabulary 997",
        {"vocabulary": 997},
        {"batch": 29, "source": 31, "target": 37, "vocabulary": 997},
    ),
    _odd("lstm").varied(
        "odd", "hidden 250, T 61, batch 31", {"hidden": 250}, {"length": 61, "batch": 31}
    ),
    _odd("mlp").varied(
        "odd", "784-509-509-10, batch 127", {"layers": (784, 509, 509, 10)}, {"batch": 127}
    ),
    _odd("mlp-tiny").varied(
        "odd", "3-17-1, batch 5", {"layers": (3, 17, 1)}, {"inputs": 3, "batch": 5}
    ),
    _odd("resnet-inference-1").varied(
        "224", "224x224 images, batch 1", {"large": True}, {"size": 224}
    ),
    _odd("resnet-inference-32").varied(
        "28", "28x28 images, batch 31", {}, {"size": 28, "batch": 31}
    ),
    _odd("gpt-inference").varied("odd", "T 100, vocabulary 65", _ODD_TEXT, _ODD_TEXT),
)


def _overhead(title: str, layers: tuple[int, ...], optimizer: str) -> Row:
    inputs = {"batch": 4, "inputs": layers[0], "classes": layers[-1]}
    name, options = f"recording-{title}", (("lr", 1e-3),)
    sizes = {"layers": layers}
    return Row(name, title, 1.0, "multilayer", sizes, "vectors", inputs, optimizer, options)


# Networks so small that computing takes next to nothing: a step's time is recording and launching.
RECORDING_ROWS = (
    _overhead("2-16-1, SGD", (2, 16, 1), "SGD"),
    _overhead("2-16-1, Adam", (2, 16, 1), "Adam"),
    _overhead("8 layers of 16, Adam", (16,) * 9, "Adam"),
    _overhead("24 layers of 16, SGD", (16,) * 25, "SGD"),
)


def find(name: str) -> Row:
    """The row of this name; KeyError if there is none."""
    return {row.name: row for row in (*ROWS, *ODD_ROWS, *RECORDING_ROWS)}[name]
