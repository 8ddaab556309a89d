"""Distributions of positive numbers with long tails: Weibull, Pareto, HalfCauchy, InverseGamma."""

from __future__ import annotations

import math

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.composed import TransformedDistribution, expanded
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.continuous import Exponential, Parameter, open_uniform
from rushlight.distributions.distribution import Distribution, Shape, batch_of, broadcast_all
from rushlight.distributions.gamma import Gamma
from rushlight.distributions.transforms import AffineTransform, ExpTransform, PowerTransform
from rushlight.tensor import Tensor

_EULER = 0.5772156649015329


class Weibull(TransformedDistribution):
    """The time until a failure whose rate goes as a power of time."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support: Constraint = constraints.positive

    def __init__(
        self, scale: Parameter, concentration: Parameter, validate_args: bool | None = None
    ):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        base = Exponential(rl.ones_like(self.scale), validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)
        self._batch_shape = batch_of(self.scale, scale, concentration)

    def _transforms(self) -> list:
        return [PowerTransform(1 / self.concentration), AffineTransform(0.0, self.scale)]

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Distribution:
        return expanded(self, batch_shape)

    def _moment(self, order: int) -> Tensor:
        return self.scale**order * (1 + order / self.concentration).lgamma().exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1).clamp(min=0) / k) ** (1 / k)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Tensor:
        inverse = 1 / self.concentration
        return _EULER * (1 - inverse) + (self.scale * inverse).log() + 1


class Pareto(TransformedDistribution):
    """Numbers from `scale` up, whose chance to be larger falls with the power `alpha`."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Parameter, alpha: Parameter, validate_args: bool | None = None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)
        self._batch_shape = batch_of(self.scale, scale, alpha)

    def _transforms(self) -> list:
        return [ExpTransform(), AffineTransform(0.0, self.scale)]

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Distribution:
        return expanded(self, batch_shape)

    @property
    def support(self) -> Constraint:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha


class InverseGamma(TransformedDistribution):
    """One over a gamma variable."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support: Constraint = constraints.positive

    def __init__(
        self, concentration: Parameter, rate: Parameter, validate_args: bool | None = None
    ):
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-1.0), validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        """The shape of the gamma variable."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """The rate of the gamma variable."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        a = self.concentration
        return rl.where(a > 1, self.rate / rl.where(a > 1, a - 1, 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        less = rl.where(a > 2, (a - 1) ** 2 * (a - 2), 1)
        return rl.where(a > 2, self.rate**2 / less, math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class HalfCauchy(Distribution):
    """The size of a Cauchy variable about 0."""

    has_rsample = True
    arg_constraints = {"scale": constraints.positive}
    support: Constraint = constraints.nonnegative

    def __init__(self, scale: Parameter, validate_args: bool | None = None):
        (self.scale,) = broadcast_all(scale)
        super().__init__(batch_of(self.scale, scale), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return rl.full_like(self.scale, math.inf)

    @property
    def mode(self) -> Tensor:
        return rl.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return rl.full_like(self.scale, math.inf)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        u = open_uniform(self._extended_shape(sample_shape), self.scale.dtype)
        return self.scale * (math.pi / 2 * u).tan()

    def log_prob(self, value: Tensor) -> Tensor:
        z = self._values_for(value) / self.scale
        return math.log(2 / math.pi) - self.scale.log() - (z * z).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return (self._values_for(value) / self.scale).atan() * (2 / math.pi)

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (math.pi / 2 * value).tan()

    def entropy(self) -> Tensor:
        return self.scale.log() + math.log(2 * math.pi)
