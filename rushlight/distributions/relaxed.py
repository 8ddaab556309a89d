"""Choices made smooth, so that gradients flow through outcomes.

Jang, Gu and Poole (2016), "Categorical reparameterization with Gumbel-softmax"; Maddison, Mnih and
Teh (2016), "The concrete distribution".
"""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.choices import Categorical, OneHotCategorical
from rushlight.distributions.composed import TransformedDistribution
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.continuous import open_uniform
from rushlight.distributions.discrete import ByChance
from rushlight.distributions.distribution import Distribution, Shape
from rushlight.distributions.transforms import ExpTransform, SigmoidTransform
from rushlight.nn import functional as F
from rushlight.tensor import Tensor


class LogitRelaxedBernoulli(ByChance):
    """The log odds of a relaxed Bernoulli variable."""

    has_rsample = True
    support: Constraint = constraints.real

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ):
        self.temperature = temperature
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        u = open_uniform(self._extended_shape(sample_shape), self._parameter.dtype)
        return (u.log() - (-u).log1p() + self.logits) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        apart = self.logits - self._values_for(value) * self.temperature
        temperature = rl.as_tensor(self.temperature, dtype=apart.dtype)
        return temperature.log() + apart - 2 * F.softplus(apart)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1, nearer to these the lower the `temperature`."""

    support: Constraint = constraints.unit_interval

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ):
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Tensor | float:
        """How far outcomes are from 0 and 1."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """The chance of 1, as the temperature goes to 0."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """The log odds of 1, as the temperature goes to 0."""
        return self.base_dist.logits


class ExpRelaxedCategorical(Distribution):
    """The logarithms of a relaxed choice."""

    has_rsample = True
    arg_constraints = Categorical.arg_constraints
    support: Constraint = constraints.real_vector

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        self.temperature = temperature
        self._categorical = Categorical(probs, logits, validate_args=False)
        count = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, count, validate_args)

    expand = OneHotCategorical.expand
    probs, logits = OneHotCategorical.probs, OneHotCategorical.logits

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        u = open_uniform(self._extended_shape(sample_shape), self.logits.dtype)
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        count, value = self._event_shape[0], self._values_for(value)
        scores = self.logits - value * self.temperature
        scores = (scores - scores.logsumexp(-1, keepdim=True)).sum(-1)
        temperature = rl.as_tensor(self.temperature, dtype=scores.dtype)
        size = rl.tensor(float(count), dtype=scores.dtype).lgamma()
        return scores + size + temperature.log() * (count - 1)


class RelaxedOneHotCategorical(TransformedDistribution):
    """Shares that add up to 1, nearer to a single choice the lower the `temperature`."""

    support: Constraint = constraints.simplex

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    temperature = RelaxedBernoulli.temperature
    probs, logits = RelaxedBernoulli.probs, RelaxedBernoulli.logits


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """Choices through which gradients flow as if they were their chances."""

    has_rsample = True

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
