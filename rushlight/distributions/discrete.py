"""Distributions of counts."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.distribution import (
    Distribution,
    Shape,
    batch_of,
    broadcast_all,
    clamp_probs,
    drawn,
)
from rushlight.nn import functional as F
from rushlight.size import Size
from rushlight.tensor import Tensor

Parameter = Tensor | float | None


def one_of(probs: Any, logits: Any) -> None:
    """ValueError unless one of both is given."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class ByChance(Distribution):
    """A distribution told by the chance of success: `probs`, or `logits`, its log odds."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(
        self,
        probs: Parameter = None,
        logits: Parameter = None,
        validate_args: bool | None = None,
    ):
        one_of(probs, logits)
        given = probs if logits is None else logits
        (parameter,) = broadcast_all(given)
        if logits is None:
            self.__dict__["probs"] = parameter
        else:
            self.__dict__["logits"] = parameter
        super().__init__(batch_of(parameter, given), validate_args=validate_args)

    @property
    def _parameter(self) -> Tensor:
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.__dict__["logits"]

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._parameter.shape

    def __getattr__(self, name: str) -> Any:
        if name == "probs" and "logits" in self.__dict__:
            return self.__dict__["logits"].sigmoid()
        if name == "logits" and "probs" in self.__dict__:
            p = clamp_probs(self.__dict__["probs"])
            return p.log() - (-p).log1p()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class Bernoulli(ByChance):
    """1 with probability `probs`, else 0.

    >>> import rushlight as rl
    >>> rl.distributions.Bernoulli(probs=0.25).log_prob(rl.tensor(1.0)).exp()
    tensor(0.2500)
    """

    support: Constraint = constraints.boolean
    has_enumerate_support = True

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        p = self.probs
        return rl.where(p == 0.5, float("nan"), (p >= 0.5).to(p.dtype))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return rl.bernoulli(self.probs.detach().expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = rl.broadcast_tensors(self.logits, self._values_for(value))
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        logits, probs = rl.broadcast_tensors(self.logits, self.probs)
        return F.binary_cross_entropy_with_logits(logits, probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = rl.arange(2, dtype=self._parameter.dtype)
        values = values.reshape((2, *[1] * len(self._batch_shape)))
        return values.expand((2, *self._batch_shape)) if expand else values


class Geometric(ByChance):
    """The number of failures before the first success."""

    support: Constraint = constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return rl.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with rl.no_grad():
            probs = self.probs.detach()
            u = rl.rand(tuple(self._extended_shape(sample_shape)), dtype=probs.dtype)
            tiny = rl.finfo(probs.dtype).tiny
            return (u.clamp(min=tiny).log() / (-probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        value, probs = rl.broadcast_tensors(self._values_for(value), self.probs)
        certain = (probs == 1) & (value == 0)
        return value * (-rl.where(certain, 0, probs)).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        cost = F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return cost / self.probs


class Binomial(Distribution):
    """The number of successes among `total_count` tries."""

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }

    def __init__(
        self,
        total_count: Tensor | int = 1,
        probs: Parameter = None,
        logits: Parameter = None,
        validate_args: bool | None = None,
    ):
        one_of(probs, logits)
        given = probs if logits is None else logits
        count = float(total_count) if isinstance(total_count, int) else total_count
        parameter, counts = broadcast_all(given, count)
        self.total_count = counts.to(parameter.dtype)
        self.__dict__["probs" if logits is None else "logits"] = parameter
        super().__init__(batch_of(parameter, given, total_count), validate_args=validate_args)

    __getattr__ = ByChance.__getattr__

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)

        def draw(generator: Any, probs: Any, count: Any, shape: tuple) -> Any:
            return generator.binomial(count.astype("int64"), probs, shape)

        return drawn(draw, shape, self.probs, self.total_count)

    def log_prob(self, value: Tensor) -> Tensor:
        value, n, logits = self._values_for(value), self.total_count, self.logits
        chosen = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return chosen + value * logits - n * F.softplus(logits)


class Poisson(Distribution):
    """The number of events in a unit of time, where `rate` are expected.

    >>> import rushlight as rl
    >>> rl.distributions.Poisson(3.0).log_prob(rl.tensor(0.0))
    tensor(-3.)
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support: Constraint = constraints.nonnegative_integer

    def __init__(self, rate: Tensor | float, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(batch_of(self.rate, rate), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return drawn(
            lambda generator, rate, shape: generator.poisson(rate, shape), shape, self.rate
        )

    def log_prob(self, value: Tensor) -> Tensor:
        rate, value = rl.broadcast_tensors(self.rate, self._values_for(value))
        zero = value == 0
        powers = rl.where(zero, 0, value * rl.where(zero, 1, rate).log())
        return powers - rate - (value + 1).lgamma()


class NegativeBinomial(Binomial):
    """The number of successes, of chance `probs`, before `total_count` failures."""

    arg_constraints = {
        "total_count": constraints.nonnegative,
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)

        def draw(generator: Any, probs: Any, count: Any, shape: tuple) -> Any:
            rates = generator.standard_gamma(count, shape) * (probs / (1 - probs))
            return generator.poisson(rates)

        return drawn(draw, shape, self.probs, self.total_count)

    def log_prob(self, value: Tensor) -> Tensor:
        value, n, logits = self._values_for(value), self.total_count, self.logits
        arrangements = (n + value).lgamma() - (1 + value).lgamma() - n.lgamma()
        arrangements = rl.where((n + value) == 0, 0, arrangements)
        return n * F.logsigmoid(-logits) + value * F.logsigmoid(logits) + arrangements
