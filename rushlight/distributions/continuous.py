"""Distributions of real numbers that are moved and scaled, or transformed, uniform or normal."""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.distribution import (
    Distribution,
    Shape,
    batch_of,
    broadcast_all,
    drawn,
)
from rushlight.special import i0e, i1e
from rushlight.tensor import Tensor

_EULER = 0.5772156649015329
Parameter = Tensor | float


class _Located(Distribution):
    """A standard variable times `scale`, plus `loc`."""

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support: Constraint = constraints.real

    def __init__(self, loc: Parameter, scale: Parameter, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(batch_of(self.loc, loc, scale), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.loc + self.scale * self._standard(shape, self.loc.dtype)

    def _standard(self, shape: Shape, dtype: Any) -> Tensor:
        """Outcomes for loc 0 and scale 1."""
        return open_uniform(shape, dtype)

    def _standardised(self, value: Tensor) -> Tensor:
        return (self._values_for(value) - self.loc) / self.scale


def open_uniform(shape: Shape, dtype: Any) -> Tensor:
    """Uniform numbers between 0 and 1, neither of them."""
    eps = rl.finfo(dtype).eps
    return rl.rand(tuple(shape), dtype=dtype).clamp(min=eps / 2, max=1 - eps / 2)


class Normal(_Located):
    """The normal distribution of mean `loc` and standard deviation `scale`.

    >>> import rushlight as rl
    >>> rl.distributions.Normal(0.0, 1.0).log_prob(rl.tensor(0.0))
    tensor(-0.9189)
    """

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale * self.scale

    def _standard(self, shape: Shape, dtype: Any) -> Tensor:
        return rl.randn(tuple(shape), dtype=dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        z = self._standardised(value)
        return -z * z / 2 - self.scale.log() - math.log(2 * math.pi) / 2

    def cdf(self, value: Tensor) -> Tensor:
        return (self._standardised(value) * math.sqrt(0.5)).erf() / 2 + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Laplace(_Located):
    """The distribution whose density falls as exp(-|x - loc| / scale) on both sides."""

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale * self.scale

    @property
    def stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def _standard(self, shape: Shape, dtype: Any) -> Tensor:
        u = open_uniform(shape, dtype) * 2 - 1
        return -u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        return -self._standardised(value).abs() - (2 * self.scale).log()

    def cdf(self, value: Tensor) -> Tensor:
        z = self._standardised(value)
        return 0.5 - 0.5 * z.sign() * (-z.abs()).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        u = value - 0.5
        return self.loc - self.scale * u.sign() * (-2 * u.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()


class Cauchy(_Located):
    """The ratio of two normal variables, without a mean or variance."""

    @property
    def mean(self) -> Tensor:
        return rl.full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        return rl.full_like(self.loc, math.inf)

    def _standard(self, shape: Shape, dtype: Any) -> Tensor:
        return (math.pi * (open_uniform(shape, dtype) - 0.5)).tan()

    def log_prob(self, value: Tensor) -> Tensor:
        z = self._standardised(value)
        return -math.log(math.pi) - self.scale.log() - (z * z).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self._standardised(value).atan() / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class Gumbel(_Located):
    """The largest of many variables, in the limit."""

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * _EULER

    @property
    def variance(self) -> Tensor:
        return math.pi**2 / 6 * self.scale * self.scale

    def _standard(self, shape: Shape, dtype: Any) -> Tensor:
        return -(-open_uniform(shape, dtype).log()).log()

    def log_prob(self, value: Tensor) -> Tensor:
        z = -self._standardised(value)
        return z - z.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return (-(-self._standardised(value)).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + _EULER)


class Uniform(Distribution):
    """All values from `low` up to `high` alike.

    >>> import rushlight as rl
    >>> rl.distributions.Uniform(0.0, 4.0).mean
    tensor(2.)
    """

    has_rsample = True

    def __init__(self, low: Parameter, high: Parameter, validate_args: bool | None = None):
        self.low, self.high = broadcast_all(low, high)
        super().__init__(batch_of(self.low, low, high), validate_args=validate_args)
        if self._validate_args and not bool((self.low < self.high).all()):
            raise ValueError("Uniform is not defined when low>= high")

    arg_constraints = {"low": constraints.real, "high": constraints.real}

    @property
    def support(self) -> Constraint:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        return rl.full_like(self.high, math.nan)

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.low + rl.rand(shape, dtype=self.low.dtype) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._values_for(value)
        inside = (self.low <= value) & (self.high > value)
        return inside.to(self.low.dtype).log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        return ((self._values_for(value) - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class Exponential(Distribution):
    """The time until an event that happens `rate` times in a unit of time.

    >>> import rushlight as rl
    >>> rl.distributions.Exponential(2.0).mean
    tensor(0.5000)
    """

    has_rsample = True
    arg_constraints = {"rate": constraints.positive}
    support: Constraint = constraints.nonnegative

    def __init__(self, rate: Parameter, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(batch_of(self.rate, rate), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def mode(self) -> Tensor:
        return rl.zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return 1 / (self.rate * self.rate)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return -open_uniform(shape, self.rate.dtype).log() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        return self.rate.log() - self.rate * self._values_for(value)

    def cdf(self, value: Tensor) -> Tensor:
        return -(-self.rate * self._values_for(value)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()


class HalfNormal(Distribution):
    """The size of a normal variable of mean 0 and standard deviation `scale`."""

    has_rsample = True
    arg_constraints = {"scale": constraints.positive}
    support: Constraint = constraints.nonnegative

    def __init__(self, scale: Parameter, validate_args: bool | None = None):
        (self.scale,) = broadcast_all(scale)
        super().__init__(batch_of(self.scale, scale), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        return rl.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.scale * self.scale * (1 - 2 / math.pi)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.scale * rl.randn(shape, dtype=self.scale.dtype).abs()

    def log_prob(self, value: Tensor) -> Tensor:
        z = self._values_for(value) / self.scale
        return math.log(2 / math.pi) / 2 - z * z / 2 - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return (self._values_for(value) / self.scale * math.sqrt(0.5)).erf()

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * value.erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 * math.log(math.pi / 2) + 0.5 + self.scale.log()


class VonMises(Distribution):
    """Angles about `loc`, the closer the larger `concentration`: the normal one on a circle.

    Outcomes are drawn by NumPy; no gradient flows through them.
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support: Constraint = constraints.real

    def __init__(self, loc: Parameter, concentration: Parameter, validate_args: bool | None = None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        shape = batch_of(self.loc, loc, concentration)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """1 less the mean length of the sum of outcomes."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        draw = lambda rng, loc, k, shape: rng.vonmises(loc, k, shape)  # noqa: E731
        return drawn(draw, shape, self.loc, self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        k = self.concentration
        turned = (self._values_for(value) - self.loc).cos()
        return k * (turned - 1) - math.log(2 * math.pi) - i0e(k).log()
