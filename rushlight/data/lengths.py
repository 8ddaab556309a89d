"""Samples of many lengths: batches of like lengths, and collating that pads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import arrays
from .collate import default_collate
from .order import random_stream
from .sampler import OrderedSampler


class LengthBatchSampler(OrderedSampler[list[int]]):
    """Batches of samples of like length: at most `max_tokens` when padded to the longest.

    `lengths` says how long each sample is.  Each pass shuffles samples of equal length among each
    other, and the batches; without `shuffle` the shortest come first.  `max_samples` bounds the
    number in a batch too.  Pass it as `batch_sampler`.  A sample longer than `max_tokens` is a
    ValueError that names it.

    >>> list(LengthBatchSampler([3, 9, 4, 2, 8], max_tokens=12, shuffle=False))
    [[3, 0, 2], [4], [1]]
    """

    def __init__(
        self,
        lengths: Iterable[int],
        max_tokens: int,
        max_samples: int | None = None,
        shuffle: bool = True,
        generator: Any = None,
    ):
        self.lengths = np.asarray(arrays.to_array(lengths), np.int64).reshape(-1)
        self.max_tokens = max_tokens
        self.max_samples = max_samples
        self.shuffle = self.draws = shuffle
        self.generator = generator
        if self.lengths.size and self.lengths.max() > max_tokens:
            place = int(self.lengths.argmax())
            raise ValueError(
                f"sample {place} has {self.lengths[place]} tokens, but max_tokens is {max_tokens}"
            )
        self._ends = self._cut(np.sort(self.lengths).tolist())

    def _cut(self, ascending: list[int]) -> list[int]:
        """Where batches end among the samples in ascending order: the same in every pass."""
        most = self.max_samples or len(ascending)
        ends, start = [], 0
        for place, length in enumerate(ascending):
            count = place - start + 1
            if count > 1 and (count * length > self.max_tokens or count > most):
                ends.append(place)
                start = place
        return [*ends, len(ascending)] if ascending else []

    def order(self, seed: int, epoch: int) -> Sequence[list[int]]:
        """Give the batches of one seed and epoch."""
        stream = random_stream(seed, epoch)
        count = len(self.lengths)
        places = stream.permutation(count) if self.shuffle else np.arange(count)
        places = places[np.argsort(self.lengths[places], kind="stable")].tolist()
        starts = [0, *self._ends[:-1]]
        batches = [places[a:b] for a, b in zip(starts, self._ends, strict=False)]
        if self.shuffle:
            batches = [batches[i] for i in stream.permutation(len(batches))]
        return batches

    def __len__(self) -> int:
        return len(self._ends)


class PadCollate:
    """A `collate_fn` that pads samples to the longest along their first axis.

    In samples that are dicts or tuples, `fields` (keys or places) are padded; by default those
    whose arrays differ in length.  The rest goes through `default_collate`.  `value` fills up, at
    the `side` "right" or "left"; lengths are rounded up to a `multiple`.  With `lengths="name"` a
    dict gains the lengths of its first padded field.  Arrays that differ in other axes too are a
    RuntimeError.

    >>> pad = PadCollate(value=-1, multiple=4)
    >>> pad([np.array([1, 2, 3]), np.array([4])]).tolist()
    [[1, 2, 3, -1], [4, -1, -1, -1]]
    """

    def __init__(
        self,
        fields: Sequence[Any] | None = None,
        value: float = 0,
        side: str = "right",
        multiple: int = 1,
        lengths: str | None = None,
    ):
        if side not in ("right", "left"):
            raise ValueError(f'side should be "right" or "left", but got {side!r}')
        if multiple < 1:
            raise ValueError(f"multiple should be at least 1, but got {multiple}")
        self.fields = fields
        self.value = value
        self.side = side
        self.multiple = multiple
        self.lengths = lengths

    def __call__(self, batch: Sequence[Any]) -> Any:
        """Make a batch of a list of samples."""
        first = batch[0]
        if isinstance(first, Mapping):
            return self._of_dicts(batch)
        if isinstance(first, tuple | list):
            columns = zip(*batch, strict=True)
            return [self._column(column, place) for place, column in enumerate(columns)]
        return self._column(batch, None)

    def _of_dicts(self, batch: Sequence[Mapping]) -> dict:
        columns = {name: [sample[name] for sample in batch] for name in batch[0]}
        made = {name: self._column(column, name) for name, column in columns.items()}
        padded = [name for name, column in columns.items() if self._pads(column, name)]
        if self.lengths is not None and padded:
            counts = [len(value) for value in columns[padded[0]]]
            made[self.lengths] = arrays.from_array(np.array(counts, np.int64), owned=True)
        return made

    def _pads(self, column: Sequence[Any], name: Any) -> bool:
        if name is not None and self.fields is not None:
            return name in self.fields
        if not all(arrays.is_array(value) and len(value.shape) for value in column):
            return False
        return name is None or len({len(value) for value in column}) > 1

    def _column(self, column: Sequence[Any], name: Any) -> Any:
        if not self._pads(column, name):
            return default_collate(list(column))
        values = [arrays.to_array(value) for value in column]
        _check_tails(values, name)
        longest = max(len(value) for value in values)
        longest = -(-longest // self.multiple) * self.multiple
        dtype = np.result_type(*values)
        made = np.full((len(values), longest, *values[0].shape[1:]), self.value, dtype)
        for row, value in zip(made, values, strict=True):
            start = 0 if self.side == "right" else longest - len(value)
            row[start : start + len(value)] = value
        return arrays.from_array(made, owned=True)


def _check_tails(values: list[np.ndarray], name: Any) -> None:
    tails = [value.shape[1:] for value in values]
    for place, tail in enumerate(tails):
        if tail != tails[0]:
            field = "samples" if name is None else f"field {name!r}"
            raise RuntimeError(
                f"PadCollate pads the first axis, but {field} differ in others: "
                f"{list(values[0].shape)} at entry 0, {list(values[place].shape)} at entry {place}"
            )
