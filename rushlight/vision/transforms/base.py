"""What transforms have in common: a call, a print, and numbers drawn for the sample."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from rushlight.data.randomness import sample_generator


class Transform:
    """A function of one image that remembers its settings.

    A transform of one's own writes `forward`, or `draw` and `apply`: `draw(image)` chooses what
    to do, and `apply(image, drawn)` does it.  In `transforms.v2` all images of a sample share
    what was drawn.
    """

    def __call__(self, *inputs: Any) -> Any:
        """Apply it."""
        return self.forward(*inputs)

    def forward(self, image: Any) -> Any:
        """Apply it to one image."""
        return self.apply(image, self.draw(image))

    def draw(self, image: Any) -> Any:
        """What is done to this image: nothing is drawn unless a transform says so."""

    def apply(self, image: Any, drawn: Any) -> Any:
        """The image transformed as drawn."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


class RandomlyApplied(Transform):
    """A transform that is done with probability `p`."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def draw(self, image: Any) -> bool:
        """Whether to do it."""
        return happens(self.p)

    def apply(self, image: Any, drawn: Any) -> Any:
        """The image transformed, or as it is."""
        return self.change(image) if drawn else image

    def change(self, image: Any) -> Any:
        """The image transformed."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"p={self.p}"


# ------------------------------------------------------------------------------------------- drawn
def happens(probability: float) -> bool:
    """True with this probability."""
    return bool(sample_generator().random() < probability)


def uniform(low: float, high: float) -> float:
    """A number between the two."""
    return float(sample_generator().uniform(low, high))


def integer(low: int, high: int) -> int:
    """One of low, ..., high - 1."""
    return int(sample_generator().integers(low, high))


def permutation(count: int) -> np.ndarray:
    """0, ..., count - 1 in some order."""
    return sample_generator().permutation(count)


# ---------------------------------------------------------------------------------------- arguments
def image_size(size: Any) -> tuple[int, int]:
    """(height, width) of what a transform's `size` may be; ValueError for others."""
    if isinstance(size, Number):
        return int(size), int(size)
    if not isinstance(size, Sequence):
        raise TypeError(f"size should be a number or a sequence. Got {type(size)}")
    if isinstance(size, str) or len(size) not in (1, 2):
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return (size[0], size[-1])


def angles(value: Any, name: str, counts: tuple[int, ...] = (2,)) -> list[float]:
    """[-value, value] of a number, or a sequence as floats; ValueError or TypeError for others."""
    if isinstance(value, Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [-float(value), float(value)]
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be a sequence of length {_either(counts)}.")
    if len(value) not in counts:
        raise ValueError(f"{name} should be a sequence of length {_either(counts)}.")
    return [float(v) for v in value]


def _either(counts: tuple[int, ...]) -> str:
    return " or ".join(map(str, counts))


def check_fill(fill: Any) -> Any:
    """0 for None; TypeError unless it is a number or a sequence of numbers."""
    if fill is None:
        return 0
    if not isinstance(fill, (Sequence, Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


def check_points(values: Any, name: str, length: int = 2) -> None:
    """TypeError or ValueError unless it is a sequence of that many."""
    if not isinstance(values, Sequence):
        raise TypeError(f"{name} should be a sequence of length {length}.")
    if len(values) != length:
        raise ValueError(f"{name} should be a sequence of length {length}.")


def check_probability(p: Any) -> None:
    """ValueError or TypeError unless it is a number from 0 to 1."""
    if not isinstance(p, Number):
        raise TypeError("Argument p should be a number")
    if not 0 <= p <= 1:
        raise ValueError("Random erasing probability should be between 0 and 1")
