"""Samplers: which samples a pass takes, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from . import arrays, permutation
from .order import BatchOrder, BlockOrder, OrderIterator, OrderState, batch_count, random_stream

Index = TypeVar("Index")
DRAWS_PER_BLOCK = 4096


class Sampler(Generic[Index]):
    """Base of all samplers: anything that yields indices, or lists of them for a batch sampler.

    A subclass defines `__iter__`, and `__len__` where the length is known.

    >>> class Evens(Sampler[int]):
    ...     def __iter__(self):
    ...         return iter(range(0, 10, 2))
    >>> list(Evens())
    [0, 2, 4, 6, 8]
    """

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class OrderedSampler(Sampler[Index]):
    """A sampler whose order is a pure function of a seed and an epoch.

    A subclass defines `order(seed, epoch)`, a sequence that holds the whole pass. Each pass
    draws its seed from `generator`, or from the framework's default one.

    >>> class Backwards(OrderedSampler[int]):
    ...     def order(self, seed, epoch):
    ...         return range(4, -1, -1)
    >>> list(Backwards())
    [4, 3, 2, 1, 0]
    """

    generator: Any = None
    draws = True
    """Whether a pass needs a seed."""

    def order(self, seed: int, epoch: int) -> Sequence[Index]:
        """Give the indices of one pass, addressable by position."""
        raise NotImplementedError(f"{type(self).__name__} must define order")

    def first_state(self) -> OrderState:
        """Draw the seed of a new pass and give the state at its start."""
        return OrderState(arrays.draw_seed(self.generator) if self.draws else 0, epoch=0)

    def __iter__(self) -> OrderIterator[Index]:
        state = self.first_state()
        return OrderIterator(self.order(state.seed, state.epoch), state)


class SequentialSampler(OrderedSampler[int]):
    """Yields 0, 1, 2 ... up to the length of `data_source`, and draws no random number.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    draws = False

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def order(self, seed: int, epoch: int) -> Sequence[int]:
        """Give `range(len(data_source))`."""
        return range(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(OrderedSampler[int]):
    """Yields the indices of `data_source` shuffled, or drawn with replacement.

    `num_samples` defaults to the length of `data_source`; without replacement a larger number
    goes through further permutations. A `replacement` that is no bool is a TypeError, a
    `num_samples` that is no positive integer a ValueError.

    >>> sorted(RandomSampler(range(5)))
    [0, 1, 2, 3, 4]
    >>> len(list(RandomSampler(range(5), replacement=True, num_samples=12)))
    12
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                "num_samples should be a positive integer value, "
                f"but got num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """The number of indices in a pass; follows a data source that grows."""
        if self._num_samples is None:
            return len(self.data_source)
        return self._num_samples

    def order(self, seed: int, epoch: int) -> Sequence[int]:
        """Give permutations, or draws with replacement, of one seed and epoch."""
        size = len(self.data_source)
        if size == 0 and self.num_samples > 0:
            raise ValueError(f"cannot draw {self.num_samples} samples from an empty data source")

        def listed(block: int) -> np.ndarray:
            return random_stream(seed, epoch, block).permutation(size)

        def draws(block: int) -> np.ndarray:
            return random_stream(seed, epoch, block).integers(size, size=DRAWS_PER_BLOCK)

        if self.replacement:
            return BlockOrder(self.num_samples, DRAWS_PER_BLOCK, draws)
        if size > permutation.LISTED:
            return permutation.shuffled(size, self.num_samples, seed, epoch)
        return BlockOrder(self.num_samples, size, listed)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(OrderedSampler[int]):
    """Yields the given indices in random order, each once.

    >>> sorted(SubsetRandomSampler([3, 1, 4]))
    [1, 3, 4]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None):
        self.indices = indices
        self.generator = generator

    def order(self, seed: int, epoch: int) -> Sequence[int]:
        """Give the indices as one seed and epoch shuffle them."""
        # Tensors and arrays would yield scalars of their own, which lists cannot be indexed by.
        indices = self.indices
        if arrays.is_array(indices):
            indices = arrays.to_array(indices).tolist()
        places = random_stream(seed, epoch).permutation(len(indices))
        return [indices[place] for place in places.tolist()]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(OrderedSampler[int]):
    """Yields `num_samples` indices, each as likely as its weight.

    `weights` is a 1-D sequence that need not add up to one. Without replacement no index comes
    twice. Options of a wrong kind and weights of another rank are a ValueError; negative,
    infinite or all-zero weights, and more samples than weights without replacement, a
    RuntimeError.

    >>> set(WeightedRandomSampler([0.0, 2.0, 1.0], num_samples=50))
    {1, 2}
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ):
        _check_positive("num_samples", num_samples)
        _check_bool("replacement", replacement)
        self.weights = np.array(arrays.to_array(weights), dtype=np.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {self.weights.shape}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator
        self._checked_weights()

    def _checked_weights(self) -> np.ndarray:
        weights = self.weights
        problem = None
        if not np.isfinite(weights).all():
            problem = "a weight is infinite or NaN"
        elif (weights < 0).any():
            problem = "a weight is negative"
        elif not weights.any():
            problem = "the weights add up to 0"
        if problem is not None:
            raise RuntimeError(f"invalid multinomial distribution ({problem})")
        if not self.replacement and self.num_samples > len(weights):
            raise RuntimeError(
                f"cannot draw {self.num_samples} samples from {len(weights)} weights "
                "without replacement"
            )
        return weights

    def order(self, seed: int, epoch: int) -> Sequence[int]:
        """Give the draws of one seed and epoch."""
        weights = self._checked_weights()
        if self.replacement:
            # Scaling first keeps the sum of very large weights finite.
            ends = np.cumsum(weights / weights.max())
            last = np.flatnonzero(weights)[-1]

            def draws(block: int) -> np.ndarray:
                marks = random_stream(seed, epoch, block).random(DRAWS_PER_BLOCK) * ends[-1]
                return np.minimum(np.searchsorted(ends, marks, side="right"), last)

            return BlockOrder(self.num_samples, DRAWS_PER_BLOCK, draws)
        # The first arrival of exponential clocks is one draw, the second the next, and so on.
        arrivals = random_stream(seed, epoch).standard_exponential(len(weights))
        with np.errstate(divide="ignore", invalid="ignore"):
            arrivals = arrivals / weights
        return np.argsort(arrivals, kind="stable")[: self.num_samples].tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups the indices of another sampler, or of any iterable, into lists of `batch_size`.

    A `batch_size` that is no positive integer and a `drop_last` that is no bool are a
    ValueError.

    >>> list(BatchSampler(SequentialSampler(range(10)), batch_size=4, drop_last=False))
    [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        _check_positive("batch_size", batch_size)
        _check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        if isinstance(indices, OrderIterator):
            batches = BatchOrder(indices.order, self.batch_size, self.drop_last)
            return OrderIterator(batches, indices.state)
        return self._group(indices)

    def _group(self, indices: Iterator[int]) -> Iterator[list[int]]:
        while batch := list(islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        length = len(self.sampler)  # type: ignore[arg-type]
        return batch_count(length, self.batch_size, self.drop_last)


def order_of(sampler: Any) -> Callable[[int, int], Sequence] | None:
    """The whole pass as a function of seed and epoch; None if it can only be walked through.

    A subclass that defines `__iter__` of its own is walked through.
    """
    walk = getattr(type(sampler), "__iter__", None)
    if walk is OrderedSampler.__iter__:
        return sampler.order
    if walk is not BatchSampler.__iter__:
        return None
    order = order_of(sampler.sampler)
    if order is None:
        return None
    size, drop_last = sampler.batch_size, sampler.drop_last
    return lambda seed, epoch: BatchOrder(order(seed, epoch), size, drop_last)


def innermost(sampler: Any) -> Any:
    """The sampler that decides about the order of others that only group its indices."""
    while isinstance(sampler, BatchSampler):
        sampler = sampler.sampler
    return sampler


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _check_bool(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be a boolean value, but got {name}={value}")
