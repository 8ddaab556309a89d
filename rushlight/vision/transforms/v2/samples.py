"""The images within a sample of any shape: tuples, lists and dicts of images, labels and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from rushlight.data import arrays
from rushlight.vision.transforms import base
from rushlight.vision.transforms.images import is_pillow


def leaves(sample: Any) -> list[Any]:
    """What a nested sample holds, in order.

    >>> leaves((1, {"a": [2, 3]}))
    [1, 2, 3]
    """
    if isinstance(sample, Mapping):
        return [leaf for value in sample.values() for leaf in leaves(value)]
    if isinstance(sample, (tuple, list)):
        return [leaf for value in sample for leaf in leaves(value)]
    return [sample]


def rebuilt(sample: Any, replace: Callable[[Any], Any]) -> Any:
    """A sample of the same form, with each thing that it holds replaced.

    >>> rebuilt((1, {"a": [2, 3]}), lambda leaf: -leaf)
    (-1, {'a': [-2, -3]})
    """
    kind: Any = type(sample)
    if isinstance(sample, Mapping):
        return kind({key: rebuilt(value, replace) for key, value in sample.items()})
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return kind(*(rebuilt(value, replace) for value in sample))
    if isinstance(sample, (tuple, list)):
        return kind([rebuilt(value, replace) for value in sample])
    return replace(sample)


def images_of(things: list[Any]) -> list[Any]:
    """The Pillow images; where there are none, the first tensor or array."""
    found = [thing for thing in things if is_pillow(thing)]
    return found or [thing for thing in things if arrays.is_array(thing)][:1]


class Transform(base.Transform):
    """A function of samples: all images in one are transformed alike, all else stays.

    A sample is one image, or several arguments, or a nest of tuples, lists and dicts.  Its images
    are the Pillow images, or, where there are none, the first tensor.  A transform of one's own
    writes `transform(inpt, params)`, and `make_params(flat_inputs)` if it draws.

    >>> class Negative(Transform):
    ...     def transform(self, inpt, params):
    ...         return -inpt
    >>> Negative()({"image": np.ones((1, 1, 1)), "label": 3})
    {'image': array([[[-1.]]]), 'label': 3}
    """

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise an error for a sample that cannot be transformed."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn for a sample, given its images."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One image transformed."""
        raise NotImplementedError(f"{type(self).__name__} has no transform")

    def forward(self, *inputs: Any) -> Any:
        """Transform a sample."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        things = leaves(sample)
        self.check_inputs(things)
        images = self.chosen(things)
        if not images:
            return sample
        params = self.make_params(images)
        numbers = {id(image) for image in images}
        return rebuilt(sample, lambda x: self.transform(x, params) if id(x) in numbers else x)

    def chosen(self, things: list[Any]) -> list[Any]:
        """The images among what a sample holds."""
        return images_of(things)

    def extra_repr(self) -> str:
        """The settings that are numbers, names or sequences."""
        shown = (bool, int, float, str, tuple, list, Enum)
        items = [(k, v) for k, v in vars(self).items() if k[0] != "_" and isinstance(v, shown)]
        return ", ".join(f"{name}={_plain(value)}" for name, value in items)


def _plain(value: Any) -> Any:
    return value.value if type(value).__name__ == "InterpolationMode" else value


class Shared(Transform):
    """A transform of one image, done to all images of a sample with the same draw."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn for the first image."""
        return {"drawn": self.draw(flat_inputs[0])}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One image transformed."""
        return self.apply(inpt, params["drawn"])
