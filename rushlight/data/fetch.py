"""Reading the samples of one batch and collating them, with errors that say where."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from .dataset import read_each, read_many
from .located import Located, describe


class MapFetcher:
    """Reads samples by their indices; `batched` says whether an index is a list of them."""

    def __init__(self, dataset: Any, batched: bool, collate_fn: Callable[[Any], Any]):
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn

    def __call__(self, index: Any) -> Any:
        """Give the collated batch of a list of indices, or the converted sample of one."""
        if self.batched:
            samples = read_many(self.dataset, index)
        else:
            samples = read_each(self.dataset, [index])[0]
        with Located(lambda: describe("collating", index, self.dataset)):
            return self.collate_fn(samples)


class StreamFetcher:
    """Reads the next samples of an iterable dataset, as many as the index has entries."""

    def __init__(
        self, dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool
    ):
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.stream = iter(dataset)
        self.count = 0
        self.ended = False

    def __call__(self, index: Any) -> Any:
        """Give the next batch, or the next sample; StopIteration at the end of the stream."""
        wanted = len(index) if self.batched else 1
        samples = [] if self.ended else self._read(wanted)
        # An iterator that has ended once is not asked again: some would start anew.
        self.ended = len(samples) < wanted
        if not samples or (self.drop_last and self.ended):
            raise StopIteration
        places = list(range(self.count - len(samples), self.count))
        with Located(lambda: describe("collating", places, self.dataset)):
            return self.collate_fn(samples if self.batched else samples[0])

    def _read(self, wanted: int) -> list:
        samples: list = []
        with Located(lambda: describe("reading", self.count, self.dataset)):
            for sample in islice(self.stream, wanted):
                samples.append(sample)
                self.count += 1
        return samples
