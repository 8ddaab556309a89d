"""What a transform is given: a Pillow image, or plain pixels where that makes no difference."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.optional import needed
from rushlight.vision.transforms import Compose, Normalize, ToTensor


def picture(pixels: np.ndarray, transform: Any, user: str) -> Any:
    """The Pillow image of pixels (height, width) or (height, width, channels).

    A transform that begins with `ToTensor` gets the pixels themselves: it makes the same tensor
    of both, sooner, and without Pillow.
    """
    if type(_first(transform)) is ToTensor:
        return pixels
    return needed("PIL.Image", user, "images").fromarray(pixels)


def whole_batch(pixels: np.ndarray, transform: Any) -> Any:
    """The batch of transformed images, if the transform does the same to many as to one.

    That is `ToTensor`, alone or followed by `Normalize`; for others the result is None.
    """
    steps = _steps(transform)
    if not steps or type(steps[0]) is not ToTensor or pixels.dtype != np.uint8:
        return None
    if any(type(step) is not Normalize for step in steps[1:]):
        return None
    planes = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
    batch = arrays.from_array(np.divide(planes, np.float32(255), order="C"), owned=True)
    for normalize in steps[1:]:
        batch = normalize(batch)
    return batch


def places_of(indices: Any, count: int) -> np.ndarray | None:
    """Indices as an array; None unless all are whole numbers of samples that are there."""
    places = np.asarray(indices)
    if places.dtype.kind != "i" or places.ndim != 1 or not places.size:
        return None
    return places if -count <= places.min() and places.max() < count else None


def _first(transform: Any) -> Any:
    while type(transform) is Compose and transform.transforms:
        transform = transform.transforms[0]
    return transform


def _steps(transform: Any) -> list:
    """The transforms that are applied one after the other."""
    if type(transform) is not Compose:
        return [transform]
    return [step for part in transform.transforms for step in _steps(part)]
