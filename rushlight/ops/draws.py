"""Random counts whose numbers NumPy draws: Poisson's and the binomial distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal
from rushlight.graph.node import Node
from rushlight.ops.bits import draw
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.random import Generator
from rushlight.tensor import Tensor, from_array


class Poisson(Operation):
    """Counts that were drawn for rates; their gradient is zero."""

    def forward(ctx, rate: Node, counts: Node) -> Node:
        return e.add(counts, e.mul(rate, literal(0, rate.spec.dtype)))

    def backward(ctx, grad: Tensor) -> tuple:
        return grad * 0, None


class Binomial(Operation):
    """Counts that were drawn for trials and probabilities; they have no derivative."""

    def forward(ctx, count: Node, prob: Node, drawn: Node) -> Node:
        return drawn


def _source(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator of the numbers at our generator's place."""
    seed, offset = draw(generator)
    return np.random.Generator(np.random.Philox(key=(offset << 64) | seed))


def _rates(name: str, argument: str, tensor: Any) -> np.ndarray:
    dtype = check_tensor(name, argument, tensor)._spec.dtype
    if not dtype.is_floating_point:
        words = f'"{name}_cpu" not implemented for {dtype.name!r}'
        fail(NotImplementedError, name, words, "floating point numbers", describe(tensor))
    return tensor.detach()._values().astype(np.float64)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts of Poisson's distribution with these rates; a sync point.

    RuntimeError for a negative rate.

    >>> import rushlight as rl
    >>> rl.poisson(rl.zeros(2))
    tensor([0., 0.])
    """
    rates = _rates("poisson", "input", input)
    if not (rates >= 0).all():
        words = "invalid Poisson rate, expected rate to be non-negative"
        fail(RuntimeError, "poisson", words, "rates of 0 or more", f"at least {rates.min()}")
    counts = np.asarray(_source(generator).poisson(rates), np.float64)
    return Poisson.apply((input, from_array(counts).to(input.dtype)))


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials succeed, each with probability `prob`; a sync point.

    >>> import rushlight as rl
    >>> rl.binomial(rl.tensor([3.0]), rl.tensor([1.0]))
    tensor([3.])
    """
    trials, chances = _rates("binomial", "count", count), _rates("binomial", "prob", prob)
    chances = np.clip(np.nan_to_num(chances), 0, 1)
    drawn = _source(generator).binomial(np.maximum(trials, 0).astype(np.int64), chances)
    counted = from_array(np.asarray(drawn, np.float64)).to(count.dtype)
    return Binomial.apply((count, prob, counted))


FUNCTIONS: dict[str, Any] = {"poisson": poisson, "binomial": binomial}
METHODS: dict[str, Any] = {}
