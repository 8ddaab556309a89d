"""The base of all distributions, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.distributions.constraints import Constraint
from rushlight.random import default_generator
from rushlight.size import Size
from rushlight.tensor import Tensor, from_array

Shape = Sequence[int]
NUMBERS = (bool, int, float)


class Distribution:
    """Random variables: `batch_shape` of them, each an event of `event_shape`.

    `sample` draws, `rsample` draws so that gradients flow to the parameters, `log_prob` is the
    logarithm of the density or the probability.  Parameters and values are checked unless
    `validate_args` is False (a sync point); ValueError names what is wrong.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: dict[str, Constraint] = {}
    _validate_args = True

    def __init__(
        self,
        batch_shape: Shape = (),
        event_shape: Shape = (),
        validate_args: bool | None = None,
    ):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if name in self.__dict__:
                    self._check(name, constraint)

    def _check(self, name: str, constraint: Constraint) -> None:
        value = self.__dict__[name]
        if not bool(constraint.check(value.detach()).all()):
            raise ValueError(
                f"Expected parameter {name} (Tensor of shape {tuple(value.shape)}) of distribution "
                f"{type(self).__name__} to satisfy the constraint {constraint!r}, but found "
                f"invalid values:\n{value.detach()}"
            )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their arguments unless told."""
        if value not in (True, False):
            raise ValueError("set_default_validate_args expects True or False")
        Distribution._validate_args = value

    # ---------------------------------------------------------------------------------- shapes
    @property
    def batch_shape(self) -> Size:
        """The shape of the variables."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one outcome."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Shape = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Distribution:
        """The same distribution with its variables repeated to this shape."""
        result = object.__new__(type(self))
        result.__dict__.update(self.__dict__)
        for name, constraint in self.arg_constraints.items():
            if name in self.__dict__:
                value, own = self.__dict__[name], constraint.event_dim
                shape = (*batch_shape, *value.shape[value.dim() - own :])
                result.__dict__[name] = value.expand(shape)
        result._batch_shape = Size(batch_shape)
        return result

    # --------------------------------------------------------------------------------- outcomes
    @property
    def support(self) -> Constraint:
        """The values that an outcome may have."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The expected outcome."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The likeliest outcome."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Outcomes of shape sample_shape + batch_shape + event_shape, without a gradient."""
        with rl.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """Outcomes through which gradients flow to the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample: use sample and log_prob")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or the probability, at a value."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of an outcome up to a value."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The outcome below which others lie with this probability."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The expected -log_prob."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All outcomes, along a new first dimension."""
        raise NotImplementedError

    def _validate_sample(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        shape, want = tuple(value.shape), self._extended_shape()
        own = len(shape) - len(self._event_shape)
        if shape[max(own, 0) :] != tuple(self._event_shape):
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{value.shape} vs {self._event_shape}."
            )
        for have, size in zip(reversed(shape), reversed(want), strict=False):
            if have not in (1, size) and size != 1:
                raise ValueError(f"Value is not broadcastable with batch_shape: {shape}, {want}.")
        if self._validate_args and not bool(self.support.check(value.detach()).all()):
            raise ValueError(
                f"Expected value argument (Tensor of shape {shape}) to be within the support "
                f"({self.support!r}) of the distribution {self!r}, but found invalid values:\n"
                f"{value.detach()}"
            )

    def _values_for(self, value: Tensor) -> Tensor:
        """The value, checked."""
        if self._validate_args:
            self._validate_sample(value)
        return value

    def __repr__(self) -> str:
        given = [name for name in self.arg_constraints if name in self.__dict__]
        values = [self.__dict__[name].detach() for name in given]
        shown = [value.item() if value.numel() == 1 else value.shape for value in values]
        told = ", ".join([f"{name}: {value}" for name, value in zip(given, shown, strict=True)])
        return f"{type(self).__name__}({told})"


def broadcast_all(*values: Any) -> list[Tensor]:
    """Numbers and tensors as tensors of one shape; numbers in a tensor's dtype if there is one."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not all(isinstance(value, (Tensor, *NUMBERS)) for value in values):
        raise ValueError("Input arguments must all be instances of Number or Tensor.")
    dtype = tensors[0].dtype if tensors else rl.get_default_dtype()
    found = [
        value if isinstance(value, Tensor) else rl.tensor(value, dtype=dtype) for value in values
    ]
    return list(rl.broadcast_tensors(*found))


def batch_of(parameter: Tensor, *given: Any) -> Size:
    """The batch shape of parameters: none if all were numbers."""
    return Size(()) if all(isinstance(value, NUMBERS) for value in given) else parameter.shape


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept from 0 and 1 by rounding, so that logarithms are finite."""
    eps = rl.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def drawn(draw: Any, shape: Shape, *parameters: Tensor) -> Tensor:
    """What a NumPy generator draws of these parameters, in the first one's dtype; a sync point."""
    seed, offset = default_generator.draw()
    generator = np.random.Generator(np.random.Philox(key=(offset << 64) | seed))
    values = [np.asarray(p.detach()._values(), np.float64) for p in parameters]
    dtype = parameters[0].dtype
    return from_array(np.asarray(draw(generator, *values, tuple(shape)), np.float64)).to(dtype)
