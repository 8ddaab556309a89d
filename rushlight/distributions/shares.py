"""Distributions of shares between 0 and 1, by transforming others: Kumaraswamy, LogisticNormal."""

from __future__ import annotations

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.composed import TransformedDistribution, expanded
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.continuous import Normal, Parameter, Uniform
from rushlight.distributions.distribution import Distribution, Shape, batch_of, broadcast_all
from rushlight.distributions.transforms import (
    AffineTransform,
    PowerTransform,
    StickBreakingTransform,
)
from rushlight.tensor import Tensor

_EULER = 0.5772156649015329


class Kumaraswamy(TransformedDistribution):
    """A share between 0 and 1, much as Beta's, whose distribution function is 1 - (1 - x^a)^b."""

    arg_constraints = {"concentration1": constraints.positive}
    arg_constraints |= {"concentration0": constraints.positive}
    support: Constraint = constraints.unit_interval

    def __init__(
        self,
        concentration1: Parameter,
        concentration0: Parameter,
        validate_args: bool | None = None,
    ):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        zero = rl.zeros_like(self.concentration0)
        base = Uniform(zero, zero + 1, validate_args=validate_args)
        super().__init__(base, self._transforms(), validate_args=validate_args)
        self._batch_shape = batch_of(zero, concentration1, concentration0)

    def _transforms(self) -> list:
        inner, outer = 1 / self.concentration0, 1 / self.concentration1
        return [PowerTransform(inner), AffineTransform(1.0, -1.0), PowerTransform(outer)]

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Distribution:
        return expanded(self, batch_shape)

    def _moment(self, order: int) -> Tensor:
        """b B(1 + order / a, b), B the beta function."""
        a, b = 1 + order / self.concentration1, self.concentration0
        return b * (a.lgamma() + b.lgamma() - (a + b).lgamma()).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        inside = (a >= 1) & (b >= 1) & ((a > 1) | (b > 1))
        ratio = (a - 1) / rl.where(inside, a * b - 1, 1)
        return rl.where(inside, rl.where(inside, ratio, 0.5) ** (1 / a), float("nan"))

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + _EULER
        return (1 - 1 / b) + (1 - 1 / a) * harmonic - a.log() - b.log()


class LogisticNormal(TransformedDistribution):
    """Shares that add up to 1, one more of them than there are normal variables."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support: Constraint = constraints.simplex

    def __init__(self, loc: Parameter, scale: Parameter, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args=validate_args)
        base = base if base.batch_shape else base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The means of the normal variables."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviations of the normal variables."""
        return self.base_dist.base_dist.scale
