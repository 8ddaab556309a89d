"""Distributions made of others: Independent, TransformedDistribution, LogNormal, mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.choices import Categorical
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.continuous import Normal, Parameter
from rushlight.distributions.distribution import Distribution, Shape
from rushlight.distributions.transforms import (
    ComposeTransform,
    ExpTransform,
    Transform,
    sum_rightmost,
)
from rushlight.size import Size
from rushlight.tensor import Tensor


class Independent(Distribution):
    """A distribution whose last batch dimensions are part of the event.

    >>> import rushlight as rl
    >>> normal = rl.distributions.Normal(rl.zeros(3), rl.ones(3))
    >>> rl.distributions.Independent(normal, 1).event_shape
    rushlight.Size([3])
    """

    arg_constraints: dict[str, Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ):
        shape = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(shape):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(shape)}"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        own = len(shape) - reinterpreted_batch_ndims
        event = (*shape[own:], *base_distribution.event_shape)
        super().__init__(shape[:own], event, validate_args)

    @property
    def has_rsample(self) -> bool:
        """Whether gradients can flow through outcomes."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint:
        count = self.reinterpreted_batch_ndims
        base = self.base_dist.support
        return constraints.independent(base, count) if count else base

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Distribution:
        inner = self._event_shape[: self.reinterpreted_batch_ndims]
        base = self.base_dist.expand((*batch_shape, *inner))
        return Independent(base, self.reinterpreted_batch_ndims, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)


class TransformedDistribution(Distribution):
    """Outcomes of a distribution, transformed.

    >>> import rushlight as rl
    >>> from rushlight.distributions import Normal, TransformedDistribution, transforms
    >>> positive = TransformedDistribution(Normal(0.0, 1.0), transforms.ExpTransform())
    >>> positive.log_prob(rl.tensor(1.0))
    tensor(-0.9189)
    """

    arg_constraints: dict[str, Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ):
        single = isinstance(transforms, Transform)
        self.transforms = [transforms] if single else list(transforms)
        self._event_dim = max([t.event_dim for t in self.transforms], default=0)
        needed = self._event_dim - len(base_distribution.event_shape)
        if needed > 0:
            base_distribution = Independent(base_distribution, needed)
        self.base_dist = base_distribution
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        shape = tuple(ComposeTransform(self.transforms).forward_shape(shape))
        own = len(shape) - len(base_distribution.event_shape)
        super().__init__(shape[:own], shape[own:], validate_args)

    @property
    def has_rsample(self) -> bool:
        """Whether gradients can flow through outcomes."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint:
        if not self.transforms:
            return self.base_dist.support
        codomain = self.transforms[-1].codomain
        more = len(self._event_shape) - codomain.event_dim
        return constraints.independent(codomain, more) if more else codomain

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Distribution:
        result = object.__new__(type(self))
        result.__dict__.update(self.__dict__)
        result.base_dist = self.base_dist.expand(batch_shape)
        result._batch_shape = Size(batch_shape)
        return result

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with rl.no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def _transformed(self, x: Tensor) -> Tensor:
        return ComposeTransform(self.transforms)(x)

    def log_prob(self, value: Tensor) -> Tensor:
        y, stretch = self._values_for(value), 0.0
        own = len(self._event_shape)
        for transform in reversed(self.transforms):
            x = transform._inverse(y)
            found = transform.log_abs_det_jacobian(x, y)
            stretch = stretch - sum_rightmost(found, own - transform.event_dim)
            y = x
        inner = self.base_dist.log_prob(y)
        return stretch + sum_rightmost(inner, own - len(self.base_dist.event_shape))

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform._inverse(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._transformed(self.base_dist.icdf(self._turned(value)))

    def _turned(self, probability: Tensor) -> Tensor:
        """1 - p where the transforms fall."""
        sign = ComposeTransform(self.transforms).sign
        return sign * (probability - 0.5) + 0.5


def expanded(distribution: TransformedDistribution, batch_shape: Shape) -> Distribution:
    """The base and the own parameters repeated, and the transforms made of these."""
    result = TransformedDistribution.expand(distribution, batch_shape)
    for name in distribution.arg_constraints:
        if name in distribution.__dict__:
            result.__dict__[name] = distribution.__dict__[name].expand(tuple(batch_shape))
    result.transforms = result._transforms()
    return result


class LogNormal(TransformedDistribution):
    """exp of a normal variable."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}

    def __init__(self, loc: Parameter, scale: Parameter, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale**2
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class MixtureSameFamily(Distribution):
    """One of several components, drawn anew for each outcome.

    The components are the last batch dimension of `component_distribution`.
    """

    arg_constraints: dict[str, Constraint] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an instance of "
                "rushlight.distributions.Categorical"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        batch = component_distribution.batch_shape[:-1]
        super().__init__(batch, component_distribution.event_shape, validate_args)

    @property
    def support(self) -> Constraint:
        return self.component_distribution.support

    def _weights(self) -> Tensor:
        probs = self.mixture_distribution.probs
        return probs.reshape((*probs.shape, *[1] * len(self._event_shape)))

    @property
    def mean(self) -> Tensor:
        axis = -1 - len(self._event_shape)
        return (self._weights() * self.component_distribution.mean).sum(axis)

    @property
    def variance(self) -> Tensor:
        axis, weights = -1 - len(self._event_shape), self._weights()
        within = (weights * self.component_distribution.variance).sum(axis)
        apart = self.component_distribution.mean - self.mean.unsqueeze(axis)
        return within + (weights * apart**2).sum(axis)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with rl.no_grad():
            own = len(self._event_shape)
            outcomes = self.component_distribution.sample(sample_shape)
            chosen = self.mixture_distribution.sample(sample_shape)
            chosen = chosen.expand(outcomes.shape[: outcomes.dim() - own - 1])
            chosen = chosen.reshape((*chosen.shape, *[1] * (own + 1)))
            axis = outcomes.dim() - own - 1
            places = chosen.expand((*outcomes.shape[:axis], 1, *outcomes.shape[axis + 1 :]))
            return outcomes.gather(axis, places).squeeze(axis)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._values_for(value).unsqueeze(-1 - len(self._event_shape))
        components = self.component_distribution.log_prob(value)
        return (components + self.mixture_distribution.logits).logsumexp(-1)
