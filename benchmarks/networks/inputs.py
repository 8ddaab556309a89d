"""What goes in, the same numbers for every framework: batches and initial weights, as arrays."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np

Batch = tuple[np.ndarray, ...]
DIFFERENT_BATCHES = 4


def batches(kind: str, sizes: dict[str, Any], count: int = DIFFERENT_BATCHES) -> list[Batch]:
    """Some batches of `kind`, from a fixed seed."""
    numbers = np.random.default_rng(7)
    return [KINDS[kind](numbers, **sizes) for _ in range(count)]


def rotating(made: list[Any]) -> Iterator[Any]:
    """The batches over and over: as in a training loop, no step sees the data of the last one."""
    return cycle(made)


def _text(numbers: np.random.Generator, batch: int, length: int, vocabulary: int) -> Batch:
    words = numbers.integers(0, vocabulary, (batch, length + 1))
    return np.ascontiguousarray(words[:, :-1]), np.ascontiguousarray(words[:, 1:])


def _pairs(
    numbers: np.random.Generator, batch: int, source: int, target: int, vocabulary: int
) -> Batch:
    return (
        numbers.integers(0, vocabulary, (batch, source)),
        *_text(numbers, batch, target, vocabulary),
    )


def _images(
    numbers: np.random.Generator, batch: int, channels: int, size: int, classes: int
) -> Batch:
    pixels = numbers.standard_normal((batch, channels, size, size), np.float32)
    return pixels, numbers.integers(0, classes, batch)


def _vectors(numbers: np.random.Generator, batch: int, inputs: int, classes: int) -> Batch:
    x = numbers.standard_normal((batch, inputs), np.float32)
    if classes == 1:
        return x, numbers.standard_normal((batch, 1), np.float32)
    return x, numbers.integers(0, classes, batch)


KINDS: dict[str, Callable[..., Batch]] = {
    "text": _text,
    "pairs": _pairs,
    "images": _images,
    "vectors": _vectors,
}


def length_of_last(outputs: np.ndarray) -> float:
    """The length of the last vector of the outputs: what two frameworks must agree on."""
    return float(np.linalg.norm(outputs.reshape(-1, outputs.shape[-1])[-1]))


def initial_weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The first value of a parameter: a function of its name and shape alone.

    Vectors are ones (scales of normalisation) or zeros (biases); the rest is drawn with the
    deviation 1 / sqrt(inputs).
    """
    if len(shape) == 1:
        return np.full(shape, float(name.endswith("weight")), np.float32)
    numbers = np.random.default_rng(zlib.crc32(name.encode()))
    deviation = 1 / math.sqrt(math.prod(shape[1:]))
    return (numbers.standard_normal(shape) * deviation).astype(np.float32)
