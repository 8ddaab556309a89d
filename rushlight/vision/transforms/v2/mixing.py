"""Batches in which every image is mixed with its neighbour: MixUp and CutMix."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.randomness import sample_generator
from rushlight.vision.transforms.base import integer
from rushlight.vision.transforms.images import like, planes_of
from rushlight.vision.transforms.v2.samples import Transform, images_of, leaves, rebuilt


class _Mixing(Transform):
    """For a batch of images and their labels, after collating: in the loop or in `collate_fn`."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        num_classes: int | None = None,
        labels_getter: Callable[[Any], Any] | str | None = "default",
    ):
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self._labels_getter = labels_getter

    def forward(self, *inputs: Any) -> Any:
        """Mix a batch; ValueError unless it holds images and labels that fit each other."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels_of(sample)
        images = images_of([x for x in leaves(sample) if x is not labels])
        name = type(self).__name__
        if not images or not arrays.is_array(images[0]):
            raise ValueError(f"{name}() expects a batch of images in the sample")
        values, targets = planes_of(images[0], name, 0), self._one_hot(labels)
        if values.ndim != 4 or len(values) != len(targets):
            raise ValueError(
                f"Expected a batched input with 4 dims and as many labels, got shape "
                f"{values.shape} and {len(targets)} labels in {name}()"
            )
        share = float(sample_generator().beta(self.alpha, self.alpha))
        mixed, share = self.mix(values, share)
        targets = targets * share + np.roll(targets, 1, axis=0) * (1 - share)
        new = {id(images[0]): like(mixed, images[0]), id(labels): like(_float(targets), labels)}
        return rebuilt(sample, lambda thing: new.get(id(thing), thing))

    def mix(self, values: np.ndarray, share: float) -> tuple[np.ndarray, float]:
        """The images mixed, and each one's share of itself."""
        raise NotImplementedError

    def _labels_of(self, sample: Any) -> Any:
        getter = self._labels_getter
        if callable(getter):
            labels = getter(sample)
        elif getter == "default":
            labels = _usual_labels(sample)
        else:
            labels = sample[getter]
        if not arrays.is_array(labels):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        return labels

    def _one_hot(self, labels: Any) -> np.ndarray:
        values = arrays.to_array(labels)
        if values.ndim == 2 and values.dtype.kind == "f":
            if self.num_classes not in (None, values.shape[1]):
                raise ValueError(
                    f"When passing 2D labels, the number of elements in last dimension must match "
                    f"num_classes: {values.shape[1]} != {self.num_classes}."
                )
            return values
        if values.ndim != 1:
            raise ValueError(
                f"labels should be index based with shape (batch_size,) or probability based with "
                f"shape (batch_size, num_classes), but got shape {values.shape}."
            )
        if self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based")
        return np.eye(self.num_classes, dtype=np.float32)[values]


def _float(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32, copy=False)


def _usual_labels(sample: Any) -> Any:
    """The value under a key such as "labels"; else the second of a tuple or list."""
    if isinstance(sample, Mapping):
        keys = [key for key in sample if isinstance(key, str) and "label" in key.lower()]
        exact = [key for key in keys if key.lower() in ("label", "labels")]
        if keys:
            return sample[(exact or keys)[0]]
    if isinstance(sample, (tuple, list)) and len(sample) == 2:
        inner = sample[1]
        return _usual_labels(inner) if isinstance(inner, Mapping) else inner
    raise ValueError(
        "Could not infer where the labels are in the sample. Try passing a callable as the "
        "labels_getter parameter?"
    )


class MixUp(_Mixing):
    """Fades each image of a batch into its neighbour, and their labels too (Zhang et al., 2018).

    The share is drawn from a Beta distribution of `alpha`, once for the batch.  Labels of class
    numbers need `num_classes`, and become shares of classes; they are found as the second of a
    pair or under "labels", or by `labels_getter(sample)`.

    >>> images, labels = MixUp(num_classes=2)(np.zeros((4, 1, 2, 2)), np.array([0, 1, 0, 1]))
    >>> labels.sum(axis=1).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def mix(self, values: np.ndarray, share: float) -> tuple[np.ndarray, float]:
        """The images mixed, and each one's share of itself."""
        kind = values.dtype.type if values.dtype.kind == "f" else np.float32
        mixed = np.roll(values, 1, axis=0) * kind(1 - share)
        mixed += values * kind(share)
        return mixed.astype(values.dtype, copy=False), share


class CutMix(_Mixing):
    """Pastes a rectangle of its neighbour into each image of a batch (Yun et al., 2019).

    See `MixUp`; a label's share is the area that is left.

    >>> images, labels = CutMix(num_classes=2)(np.zeros((4, 1, 2, 2)), np.array([0, 1, 0, 1]))
    >>> images.shape, labels.shape
    ((4, 1, 2, 2), (4, 2))
    """

    def mix(self, values: np.ndarray, share: float) -> tuple[np.ndarray, float]:
        """The images mixed, and each one's share of itself."""
        height, width = values.shape[-2:]
        x, y = integer(0, width), integer(0, height)
        part = 0.5 * math.sqrt(1.0 - share)
        wide, high = int(part * width), int(part * height)
        left, right = max(x - wide, 0), min(x + wide, width)
        top, bottom = max(y - high, 0), min(y + high, height)
        mixed = values.copy()
        mixed[..., top:bottom, left:right] = np.roll(values, 1, axis=0)[..., top:bottom, left:right]
        return mixed, 1.0 - (right - left) * (bottom - top) / (width * height)
