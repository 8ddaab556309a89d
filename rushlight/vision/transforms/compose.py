"""Transforms made of transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.data.metering import stage
from rushlight.data.randomness import sample_generator
from rushlight.vision.transforms.base import Transform, happens, permutation
from rushlight.vision.transforms.conversion import to_normalized_tensor
from rushlight.vision.transforms.tensors import Normalize, ToTensor


def _lines(transforms: Sequence[Any]) -> str:
    return "".join(f"\n    {transform}" for transform in transforms)


class Compose:
    """Applies transforms one after the other.

    >>> halve_twice = Compose([lambda x: x / 2, lambda x: x / 2])
    >>> halve_twice(6)
    1.5
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """Apply them all, in order."""
        with stage("transform"):
            steps = iter(self.transforms)
            for transform in steps:
                if type(transform) is ToTensor:
                    img = _as_tensor(img, transform, steps)
                else:
                    img = transform(img)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_lines(self.transforms)}\n)"


def _as_tensor(img: Any, transform: ToTensor, steps: Iterator) -> Any:
    """What ToTensor and the step after it make; Normalize works on the fresh tensor."""
    following = next(steps, None)
    if following is None:
        return transform(img)
    if type(following) is Normalize:
        return to_normalized_tensor(img, following.mean, following.std)
    if type(following) is ToTensor:
        return _as_tensor(transform(img), following, steps)
    return following(transform(img))


class Lambda:
    """Applies a function; one that cannot be called is a TypeError.

    >>> Lambda(lambda image: image + 1)(2)
    3
    """

    def __init__(self, lambd: Callable[[Any], Any]):
        if not callable(lambd):
            raise TypeError(
                f"Argument lambd should be callable, got {type(lambd).__name__!r}",
            )
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        """Apply the function."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Several(Transform):
    """Transforms of which a draw says which ones, or in which order."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def apply(self, image: Any, drawn: Sequence[int]) -> Any:
        """Apply the transforms with these numbers."""
        for place in drawn:
            image = self.transforms[place](image)
        return image

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_lines(self.transforms)}\n)"


class RandomApply(_Several):
    """Applies all the transforms with probability `p`, else none.

    >>> RandomApply([abs], p=1)(-3)
    3
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5):
        if not hasattr(transforms, "__iter__"):
            raise TypeError("Argument transforms should be a sequence of callables")
        self.transforms = transforms
        self.p = p

    def draw(self, image: Any) -> Sequence[int]:
        """All of them, or none."""
        return range(len(self.transforms)) if happens(self.p) else ()

    def apply(self, image: Any, drawn: Sequence[int]) -> Any:
        """Apply them all, or none."""
        for transform in self.transforms if len(drawn) else ():
            image = transform(image)
        return image

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n    p={self.p}{_lines(self.transforms)}\n)"


class RandomChoice(_Several):
    """Applies one of the transforms; `p` says how likely each is, evenly if left out.

    >>> RandomChoice([abs, float], p=[1, 0])(-3)
    3
    """

    def __init__(
        self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None
    ):
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def draw(self, image: Any) -> Sequence[int]:
        """One of them."""
        weights = None if self.p is None else np.asarray(self.p, np.float64)
        shares = None if weights is None else weights / weights.sum()
        return [int(sample_generator().choice(len(self.transforms), p=shares))]

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


class RandomOrder(_Several):
    """Applies all the transforms, in any order.

    >>> RandomOrder([abs])(-3)
    3
    """

    def draw(self, image: Any) -> Sequence[int]:
        """The order."""
        return permutation(len(self.transforms)).tolist()
