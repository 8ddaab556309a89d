"""The base of image datasets: where they lie, and which transforms they apply."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from rushlight.data import Dataset
from rushlight.data.metering import stage

Sample = TypeVar("Sample")
Transform = Callable[[Any], Any]


class VisionDataset(Dataset[Sample]):
    """Base of image datasets: a subclass defines `__getitem__` and `__len__`.

    `transform` is for images and `target_transform` for labels; or else `transforms` is for both
    at once. `root` is a folder, of which `~` is resolved in a string. Giving `transforms` together
    with one of the others is a ValueError.

    >>> class Squares(VisionDataset):
    ...     def __getitem__(self, index):
    ...         return self.transforms(index * index, index)
    ...     def __len__(self):
    ...         return 3
    >>> squares = Squares("data", transform=float)
    >>> squares[2]
    (4.0, 2)
    >>> squares
    Dataset Squares
        Number of datapoints: 3
        Root location: data
        StandardTransform
    Transform: <class 'float'>
    """

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Sample:
        raise NotImplementedError("Subclasses of VisionDataset should implement __getitem__.")

    def __len__(self) -> int:
        raise NotImplementedError("Subclasses of VisionDataset should implement __len__.")

    def extra_repr(self) -> str:
        """Lines that a subclass adds to its `repr`."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body.append(repr(self.transforms))
        return "\n    ".join([f"Dataset {type(self).__name__}", *body])

    def _applied(self, image: Any, target: Any) -> tuple[Any, Any]:
        """Image and label after their transforms; the attributes may have been replaced."""
        with stage("transform"):
            if self.transform is not None:
                image = self.transform(image)
            if self.target_transform is not None:
                target = self.target_transform(target)
        return image, target


class StandardTransform:
    """One transform of image and label together, made of two that know nothing of each other.

    >>> StandardTransform(abs, str)(-1, 2)
    (1, '2')
    """

    def __init__(
        self, transform: Transform | None = None, target_transform: Transform | None = None
    ):
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        """Apply both."""
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        named = {"Transform: ": self.transform, "Target transform: ": self.target_transform}
        for head, transform in named.items():
            if transform is not None:
                indent = "\n" + " " * len(head)
                lines.append(head + repr(transform).replace("\n", indent))
        return "\n".join(lines)
