"""Distributions made of gamma variables: Gamma, Chi2, Beta, Dirichlet, StudentT.

Gamma variables are drawn by NumPy.  Their gradient is that of the outcome of the same rank:
dx/da = -(dP(a, x)/da) / p(x), P the distribution function and p the density (Figurnov, Mohamed and
Mnih, 2018, "Implicit reparameterization gradients").
"""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.autograd.operation import Operation
from rushlight.distributions import constraints
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.distribution import (
    Distribution,
    Shape,
    batch_of,
    broadcast_all,
    drawn,
)
from rushlight.graph.node import Node
from rushlight.graph.special import special
from rushlight.ops.gamma import igamma
from rushlight.tensor import Tensor

Parameter = Tensor | float


class StandardGamma(Operation):
    """Outcomes that were drawn for these parameters."""

    def forward(ctx, concentration: Node, outcomes: Node) -> Node:
        ctx.save_inputs(0, 1)
        return outcomes

    def backward(ctx, grad: Tensor) -> tuple:
        concentration, outcomes = ctx.saved
        return grad * StandardGammaSlope.apply((concentration, outcomes)), None


class StandardGammaSlope(Operation):
    """How outcomes change with their parameter."""

    def forward(ctx, concentration: Node, outcomes: Node) -> Node:
        return special("standard_gamma_slope", concentration, outcomes)


def standard_gamma(concentration: Tensor, shape: Shape) -> Tensor:
    """Gamma variables of rate 1, with a gradient."""
    outcomes = drawn(lambda rng, a, shape: rng.standard_gamma(a, shape), shape, concentration)
    tiny = rl.finfo(concentration.dtype).tiny
    return StandardGamma.apply((concentration.expand(tuple(shape)), outcomes.clamp(min=tiny)))


class Gamma(Distribution):
    """The gamma distribution of shape `concentration` and inverse scale `rate`.

    >>> import rushlight as rl
    >>> rl.distributions.Gamma(2.0, 4.0).mean
    tensor(0.5000)
    """

    has_rsample = True
    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support: Constraint = constraints.nonnegative

    def __init__(
        self, concentration: Parameter, rate: Parameter, validate_args: bool | None = None
    ):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        shape = batch_of(self.rate, concentration, rate)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return standard_gamma(self.concentration, self._extended_shape(sample_shape)) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        value, a = self._values_for(value), self.concentration
        scaled = a * self.rate.log() + (a - 1) * value.log()
        return scaled - self.rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        return igamma(self.concentration, self.rate * self._values_for(value))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal variables."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Parameter, validate_args: bool | None = None):
        (self.df,) = broadcast_all(df)
        Distribution.__init__(self, batch_of(self.df, df), validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        """Half the degrees of freedom."""
        return self.df / 2

    @property
    def rate(self) -> Tensor:
        """1 / 2."""
        return rl.full_like(self.df, 0.5)


class Dirichlet(Distribution):
    """Shares that add up to 1, along the last dimension."""

    has_rsample = True
    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support: Constraint = constraints.simplex

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clamp(min=0)
        return less / less.sum(-1, True)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        parts = standard_gamma(self.concentration, self._extended_shape(sample_shape))
        return parts / parts.sum(-1, True)

    def log_prob(self, value: Tensor) -> Tensor:
        value, a = self._values_for(value), self.concentration
        return ((a - 1) * value.log()).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, count = self.concentration, self._event_shape[0]
        total = a.sum(-1)
        spread = (count - total) * total.digamma() + ((a - 1) * a.digamma()).sum(-1)
        return a.lgamma().sum(-1) - total.lgamma() - spread


class Beta(Distribution):
    """A share between 0 and 1, likelier near 1 the more `concentration1` outweighs the other."""

    has_rsample = True
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
        shape = batch_of(self.concentration1, concentration1, concentration0)
        super().__init__(shape, validate_args=validate_args)

    @property
    def _dirichlet(self) -> Dirichlet:
        both = rl.stack([self.concentration1, self.concentration0], -1)
        return Dirichlet(both, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        return self._dirichlet.variance[..., 0]

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._values_for(value)
        return self._dirichlet.log_prob(rl.stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()


class StudentT(Distribution):
    """A normal variable over the root of a chi-square one, moved and scaled."""

    has_rsample = True
    arg_constraints = {"df": constraints.positive, "loc": constraints.real}
    arg_constraints |= {"scale": constraints.positive}
    support: Constraint = constraints.real

    def __init__(
        self,
        df: Parameter,
        loc: Parameter = 0.0,
        scale: Parameter = 1.0,
        validate_args: bool | None = None,
    ):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(batch_of(self.df, df, loc, scale), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return rl.where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        df = self.df
        large = self.scale**2 * df / rl.where(df > 2, df - 2, 1)
        return rl.where(df > 2, large, rl.where(df > 1, math.inf, math.nan))

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape: Any = self._extended_shape(sample_shape)
        squares = 2 * standard_gamma(self.df / 2, shape)
        z = rl.randn(tuple(shape), dtype=self.df.dtype)
        return self.loc + self.scale * z * (squares / self.df).rsqrt()

    def log_prob(self, value: Tensor) -> Tensor:
        z, half = (self._values_for(value) - self.loc) / self.scale, self.df / 2
        size = self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
        size = size + half.lgamma() - (half + 0.5).lgamma()
        return -(half + 0.5) * (z * z / self.df).log1p() - size

    def entropy(self) -> Tensor:
        half = self.df / 2
        beta = half.lgamma() + math.log(math.pi) / 2 - (half + 0.5).lgamma()
        spread = (half + 0.5) * ((half + 0.5).digamma() - half.digamma())
        return self.scale.log() + spread + 0.5 * self.df.log() + beta


class FisherSnedecor(Distribution):
    """The ratio of two chi-square variables, each over its degrees of freedom."""

    has_rsample = True
    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support: Constraint = constraints.positive

    def __init__(self, df1: Parameter, df2: Parameter, validate_args: bool | None = None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(batch_of(self.df2, df1, df2), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        df2 = self.df2
        return rl.where(df2 > 2, df2 / rl.where(df2 > 2, df2 - 2, 1), math.nan)

    @property
    def mode(self) -> Tensor:
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return rl.where(self.df1 > 2, found, math.nan)

    @property
    def variance(self) -> Tensor:
        df2 = rl.where(self.df2 > 4, self.df2, 5)
        found = 2 * df2**2 * (self.df1 + df2 - 2)
        found = found / (self.df1 * (df2 - 2) ** 2 * (df2 - 4))
        return rl.where(self.df2 > 4, found, math.nan)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        upper = standard_gamma(self.df1 / 2, shape) / self.df1
        return upper / (standard_gamma(self.df2 / 2, shape) / self.df2)

    def log_prob(self, value: Tensor) -> Tensor:
        value, a, b = self._values_for(value), self.df1 / 2, self.df2 / 2
        ratio = self.df1 / self.df2
        size = (a + b).lgamma() - a.lgamma() - b.lgamma()
        powers = a * ratio.log() + (a - 1) * value.log()
        return size + powers - (a + b) * (ratio * value).log1p()
