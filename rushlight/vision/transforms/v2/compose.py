"""Transforms made of transforms, for samples that may be several arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.data.metering import stage
from rushlight.data.randomness import sample_generator
from rushlight.vision.transforms import compose
from rushlight.vision.transforms.base import happens, permutation
from rushlight.vision.transforms.v2.samples import Transform, rebuilt


class _Together(Transform):
    """Transforms of samples that may be several arguments."""

    def __init__(self, transforms: Sequence[Callable]):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        self.transforms = transforms

    def __repr__(self) -> str:
        lines = [f"    {transform}" for transform in self.transforms]
        if len(lines) == 1:
            return f"{type(self).__name__}({lines[0]})"
        return f"{type(self).__name__}(" + "".join(f"\n  {line}" for line in lines) + "\n)"

    def _done(self, order: Sequence[int], inputs: tuple) -> Any:
        for place in order:
            outputs = self.transforms[place](*inputs)
            inputs = outputs if len(inputs) > 1 else (outputs,)
        return inputs if len(inputs) > 1 else inputs[0]


class Compose(_Together):
    """Applies transforms one after the other, to one argument or to several.

    >>> Compose([abs, float])(-3)
    3.0
    """

    def __init__(self, transforms: Sequence[Callable]):
        super().__init__(transforms)
        if not transforms:
            raise ValueError("Pass at least one transform")

    def forward(self, *inputs: Any) -> Any:
        """Apply them all, in order."""
        with stage("transform"):
            return self._done(range(len(self.transforms)), inputs)


class RandomApply(_Together):
    """Applies all the transforms with probability `p`, else none.

    >>> RandomApply([abs], p=1)(-3)
    3
    """

    def __init__(self, transforms: Sequence[Callable], p: float = 0.5):
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """Apply them all, or none."""
        return self._done(range(len(self.transforms)) if happens(self.p) else (), inputs)


class RandomChoice(_Together):
    """Applies one of the transforms; `p` says how likely each is, evenly if left out.

    >>> RandomChoice([abs, float], p=[1, 0])(-3)
    3
    """

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None):
        super().__init__(transforms)
        weights = [1.0] * len(transforms) if p is None else list(p)
        if len(weights) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: "
                f"{len(weights)} != {len(transforms)}"
            )
        self.p = [weight / sum(weights) for weight in weights]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(transforms={list(self.transforms)}, p={self.p})"

    def forward(self, *inputs: Any) -> Any:
        """Apply one of them."""
        return self._done([int(sample_generator().choice(len(self.p), p=self.p))], inputs)


class RandomOrder(_Together):
    """Applies all the transforms, in any order.

    >>> RandomOrder([abs])(-3)
    3
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}(transforms={list(self.transforms)})"

    def forward(self, *inputs: Any) -> Any:
        """Apply them all."""
        return self._done(permutation(len(self.transforms)).tolist(), inputs)


class Identity(Transform):
    """Changes nothing.

    >>> Identity()(3)
    3
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image itself."""
        return inpt


class Lambda(Transform):
    """Applies a function to everything in a sample that is of one of `types`.

    >>> Lambda(abs, int)((-3, "label"))
    (3, 'label')
    """

    def __init__(self, lambd: Callable[[Any], Any], *types: type):
        compose.Lambda(lambd)
        self.lambd = lambd
        self.types = types or (object,)

    def forward(self, *inputs: Any) -> Any:
        """Apply the function."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        return rebuilt(sample, lambda x: self.lambd(x) if isinstance(x, self.types) else x)

    def extra_repr(self) -> str:
        """The function's name and the types."""
        name = getattr(self.lambd, "__name__", "")
        return ", ".join([name, f"types={[kind.__name__ for kind in self.types]}"])
