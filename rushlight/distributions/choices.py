"""Distributions of choices among several."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.discrete import ByChance, one_of
from rushlight.distributions.distribution import Distribution, Shape, clamp_probs
from rushlight.nn import functional as F
from rushlight.size import Size
from rushlight.tensor import Tensor


class Categorical(Distribution):
    """One of several choices, by its number.

    Told by `probs`, which need not add up to 1, or by `logits`, their logarithms; the choices are
    the last dimension.

    >>> import rushlight as rl
    >>> rl.distributions.Categorical(probs=rl.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        one_of(probs, logits)
        given = probs if logits is None else logits
        if given.dim() < 1:
            name = "probs" if logits is None else "logits"
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if logits is None:
            self.__dict__["probs"] = given / given.sum(-1, keepdim=True)
        else:
            self.__dict__["logits"] = logits - logits.logsumexp(-1, keepdim=True)
        self._count = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    def __getattr__(self, name: str) -> Any:
        if name == "probs" and "logits" in self.__dict__:
            return self.__dict__["logits"].softmax(-1)
        if name == "logits" and "probs" in self.__dict__:
            return clamp_probs(self.__dict__["probs"]).log()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    _parameter, param_shape = ByChance._parameter, ByChance.param_shape

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self._count - 1)

    @property
    def mean(self) -> Tensor:
        return rl.full(self._batch_shape, float("nan"), dtype=self._parameter.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self.mean

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape, count = self._extended_shape(sample_shape), Size(sample_shape).numel()
        rows = self.probs.detach().reshape(-1, self._count)
        if not count or not rows.shape[0]:
            return rl.zeros(tuple(shape), dtype=rl.int64)
        return rl.multinomial(rows, count, True).T.reshape(tuple(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        places = self._values_for(value).long().unsqueeze(-1)
        shape = rl.broadcast_shapes(places.shape[:-1], self.logits.shape[:-1])
        logits = self.logits.expand((*shape, self._count))
        return logits.gather(-1, places.expand((*shape, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=rl.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = rl.arange(self._count).reshape((-1, *[1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


class OneHotCategorical(Distribution):
    """One of several choices, as a vector with a 1 at its place."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support: Constraint = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        self._categorical = Categorical(probs, logits, validate_args=False)
        count = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, count, validate_args)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Distribution:
        result = super().expand(batch_shape)
        result._categorical = self._categorical.expand(batch_shape)
        return result

    @property
    def probs(self) -> Tensor:
        """The chance of each choice."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the chances."""
        return self._categorical.logits

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return F.one_hot(self._categorical.mode, self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        chosen = self._categorical.sample(sample_shape)
        return F.one_hot(chosen, self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        return self._categorical.log_prob(self._values_for(value).argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = self._event_shape[0]
        values = rl.eye(count, dtype=self.probs.dtype)
        values = values.reshape((count, *[1] * len(self._batch_shape), count))
        return values.expand((count, *self._batch_shape, count)) if expand else values


class Multinomial(Distribution):
    """How often each choice comes up among `total_count`."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args=False)
        count = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, count, validate_args)

    expand = OneHotCategorical.expand
    probs, logits = OneHotCategorical.probs, OneHotCategorical.logits

    @cached_property
    def support(self) -> Constraint:
        each = constraints.integer_interval(0, self.total_count)
        return constraints.independent(each, 1)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        chosen = self._categorical.sample((self.total_count, *sample_shape))
        return F.one_hot(chosen, self._event_shape[0]).sum(0).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        value, logits = rl.broadcast_tensors(self._values_for(value), self.logits)
        arrangements = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        impossible = (value == 0) & (logits == -float("inf"))
        return arrangements + (rl.where(impossible, 0, logits) * value).sum(-1)
