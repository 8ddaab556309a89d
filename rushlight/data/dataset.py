"""Datasets: how to read one sample, and datasets made of other datasets."""

from __future__ import annotations

import math
import operator
import warnings
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from . import arrays
from .hub.rows import rows_of
from .located import Located, describe
from .order import random_stream
from .randomness import Source, current_source

Sample = TypeVar("Sample")


class Dataset(Generic[Sample]):
    """Base of map-style datasets: a key gives a sample.

    A subclass defines `__getitem__` and, for the samplers, `__len__`. It may define
    `__getitems__(indices)`, which reads the samples of a whole batch at once.

    >>> class Squares(Dataset[int]):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> Squares()[3]
    9
    """

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> Dataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample], Iterable[Sample]):
    """Base of datasets that are read as a stream, in an order of their own.

    A subclass defines `__iter__`, and `__len__` where the length is known.

    >>> class Countdown(IterableDataset[int]):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(Countdown() + Countdown())
    [3, 2, 1, 3, 2, 1]
    """

    @abstractmethod
    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError

    def __add__(self, other: Dataset) -> Dataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple]):
    """Rows of tensors or arrays of equal length: sample i is `(first[i], second[i], ...)`.

    Different lengths are an AssertionError.

    >>> import numpy as np
    >>> rows = TensorDataset(np.eye(3), np.array([7, 8, 9]))
    >>> int(rows[1][1])
    8
    """

    def __init__(self, *tensors: Any):
        if not tensors:
            raise AssertionError("TensorDataset needs at least one tensor")
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) > 1:
            raise AssertionError(
                f"Size mismatch between tensors: their first sizes are {lengths}, but must be equal"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices: list) -> list | None:
        """The batch that `default_collate` would make of these samples; see `gathered`."""
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None
        try:
            return arrays.gather(self.tensors, np.array(indices, np.int64))
        except (TypeError, ValueError, IndexError):
            return None  # reading them one by one says which is wrong

    def __len__(self) -> int:
        return len(self.tensors[0])


class StackDataset(Dataset[Any]):
    """Datasets side by side: sample i holds sample i of each, as a tuple or a dict.

    Given by position they make tuples, given by name dicts. Both, none, or datasets of
    different lengths are a ValueError.

    >>> StackDataset(letter="ab", number=[1, 2])[1]
    {'letter': 'b', 'number': 2}
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if bool(args) == bool(kwargs):
            raise ValueError("give datasets either by position (tuples) or by name (dicts)")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in args or kwargs.values()]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> tuple | dict:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list) -> list:
        if isinstance(self.datasets, dict):
            columns = [read_many(dataset, indices) for dataset in self.datasets.values()]
            return [
                dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)
            ]
        columns = [read_many(dataset, indices) for dataset in self.datasets]
        return list(zip(*columns, strict=True))

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Sample]):
    """Datasets one after the other.

    No dataset, or an iterable one, is an AssertionError.

    >>> ConcatDataset(["abc", "de"])[3]
    'd'
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Sample:
        position = index + len(self) if index < 0 else index
        if position < 0:
            raise ValueError(
                "absolute value of index should not exceed dataset length: "
                f"index {index}, length {len(self)}"
            )
        if position >= len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} samples")
        which = bisect_right(self.cumulative_sizes, position)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][position - start]


class ChainDataset(IterableDataset[Sample]):
    """Iterable datasets one after the other; a map-style one among them is an AssertionError.

    >>> class Letters(IterableDataset[str]):
    ...     def __iter__(self):
    ...         return iter("ab")
    >>> list(ChainDataset([Letters(), Letters()]))
    ['a', 'b', 'a', 'b']
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}"
                )
            yield dataset

    def __iter__(self) -> Iterator[Sample]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[Sample]):
    """The samples of another dataset at given indices.

    >>> Subset("abcdef", [4, 2])[0]
    'e'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Sample:
        if isinstance(index, list):
            return self.dataset[[self.indices[place] for place in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list) -> list:
        # A subclass that changes how one sample is read must not be bypassed.
        if type(self).__getitem__ is not Subset.__getitem__:
            return [self[index] for index in indices]
        return read_many(self.dataset, [self.indices[index] for index in indices])

    def __getbatch__(self, indices: list) -> Any:
        """The batch that `default_collate` would make of these samples; see `gathered`."""
        if type(self).__getitem__ is not Subset.__getitem__:
            return None
        return gathered(self.dataset, [self.indices[index] for index in indices])

    def __len__(self) -> int:
        return len(self.indices)


def gathered(dataset: Any, indices: Any) -> Any:
    """A whole batch in one go, where the dataset can; else None.

    A dataset may define `__getbatch__(indices)`: what `default_collate` would make of these
    samples, or None where it cannot tell.
    """
    read = getattr(dataset, "__getbatch__", None)
    if callable(read):
        return read(indices)
    rows = rows_of(dataset)
    return None if rows is None else rows.batch(indices)


def read_many(dataset: Any, indices: Any, source: Source | None = None) -> Any:
    """Read several samples at once where the dataset has `__getitems__`, else one by one."""
    read = getattr(dataset, "__getitems__", None)
    if not callable(read):
        return read_each(dataset, list(indices), source)
    with Located(lambda: describe("reading", indices, dataset)):
        rows = rows_of(dataset)
        found = None if rows is None else rows.samples(indices)
        return read(indices) if found is None else found


def read_each(dataset: Any, indices: list, source: Source | None = None) -> list:
    """Read samples one by one; an error says at which it arose."""
    samples: list = []
    with Located(lambda: describe("reading", indices[len(samples)], dataset)):
        if source is None:
            source = current_source()
        if source is not None:
            source.read(dataset, indices, samples)
        else:
            for index in indices:
                samples.append(dataset[index])
    return samples


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Any = None
) -> list[Subset]:
    """Cut a dataset into random parts that share no sample.

    `lengths` are numbers of samples, or fractions that add up to 1; what rounding down leaves
    over goes to the first parts, one each. Lengths that do not add up to the dataset's are a
    ValueError. `generator` defaults to the framework's default one.

    >>> train, test = random_split(range(10), [0.75, 0.25])
    >>> len(train), len(test)
    (8, 2)
    """
    counts = _counts(len(dataset), list(lengths))
    order = random_stream(arrays.draw_seed(generator), epoch=0).permutation(len(dataset)).tolist()
    starts = [sum(counts[:part]) for part in range(len(counts))]
    return [
        Subset(dataset, order[start : start + count])
        for start, count in zip(starts, counts, strict=True)
    ]


def _counts(total: int, lengths: list[int | float]) -> list[int]:
    whole = math.fsum(lengths)
    if math.isclose(whole, 1):
        return _counts_of_fractions(total, lengths)
    if whole != total:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"Expected {total}, but {lengths} add up to {whole:g}"
        )
    if min(lengths, default=0) < 0:
        raise ValueError(f"lengths must not be negative, but got {lengths}")
    return [operator.index(length) for length in lengths]  # type: ignore[arg-type]


def _counts_of_fractions(total: int, fractions: list[int | float]) -> list[int]:
    for place, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {place} is not between 0 and 1")
    counts = [math.floor(total * fraction) for fraction in fractions]
    for spare in range(total - sum(counts)):
        counts[spare % len(counts)] += 1
    for place, count in enumerate(counts):
        if count == 0:
            warnings.warn(
                f"Length of split at index {place} is 0. This might result in an empty dataset.",
                stacklevel=4,
            )
    return counts
