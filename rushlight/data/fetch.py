"""Reading the samples of one batch and collating them, with errors that say where."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from .collate import default_collate
from .dataset import gathered, read_many
from .located import Located, describe
from .metering import Meter
from .randomness import Source, drawing_from

STREAM = ("dataset", "read", "workers", "lanes", "turn")
"""What a stream adds to the state of its loader."""


class MapFetcher:
    """Reads samples by their indices; `batched` says whether an index is a list of them.

    `keeps_globals` is False in a process that nobody else computes in.
    """

    def __init__(
        self,
        dataset: Any,
        batched: bool,
        collate_fn: Callable[[Any], Any],
        source: Source,
        keeps_globals: bool = True,
    ):
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn
        self.source = source
        self.keeps_globals = keeps_globals
        self.meter = source.meter = Meter()

    def __call__(self, number: int, index: Any) -> Any:
        """The collated batch of a list of indices, or the converted sample of one."""
        source, indices = self.source, index if self.batched else [index]
        meter = self.meter
        meter.begin()
        if self.batched and self.collate_fn is default_collate:
            batch = gathered(self.dataset, indices)
            if batch is not None:
                meter.has_read(len(indices))
                return batch
        with drawing_from(source, self.keeps_globals):
            source.start(("read", number))
            samples = source.watched(lambda: read_many(self.dataset, indices, source))
            meter.has_read(len(indices))
            source.start(("collate", number))
            with Located(lambda: describe("collating", index, self.dataset)):
                given = samples if self.batched else samples[0]
                batch = source.watched(lambda: self.collate_fn(given))
            meter.has_collated()
            return batch


class StreamFetcher:
    """Reads the next samples of an iterable dataset, as many as the index has entries.

    The global generators are seeded for each batch: what a stream draws may not be drawn again.
    """

    def __init__(
        self,
        dataset: Any,
        batched: bool,
        collate_fn: Callable[[Any], Any],
        drop_last: bool,
        source: Source,
        keeps_globals: bool = True,
    ):
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.source = source
        self.keeps_globals = keeps_globals
        source.meter = source.meter or Meter()  # lanes share theirs
        self.count = 0
        self.ended = False
        self.stream: Iterator[Any] = iter(())
        self.unfinished: list = []

    def open(self, state: dict[str, Any] | None) -> None:
        """Begin to read, or go on where `state()` was taken."""
        with self._drawing("start"):
            on_dataset = hasattr(self.dataset, "load_state_dict")
            if state is not None and on_dataset:
                self.dataset.load_state_dict(state["dataset"])
            self.stream = iter(self.dataset)
            if state is not None and not on_dataset:
                self.stream.load_state_dict(state["dataset"])
        self.count = 0 if state is None else state["read"]

    def state(self) -> dict[str, Any]:
        """What the dataset, or else its iterator, says of where it stands; or nothing."""
        for holder in (self.dataset, self.stream):
            if callable(getattr(holder, "state_dict", None)):
                return {"dataset": holder.state_dict(), "read": self.count}
        return {}

    def skip(self, batches: int, batch_size: int | None) -> None:
        """Read as many batches again as were read before, for a stream that has no state."""
        if batches:
            name = type(self.dataset).__name__
            warnings.warn(
                f"{name} has no state_dict: {batches} batches are read again and dropped. Give it "
                "state_dict() and load_state_dict(state) to go on at once.",
                stacklevel=4,
            )
        for number in range(batches):
            self(number, [None] * (batch_size or 1))

    def _drawing(self, index: Any) -> Any:
        self.source.start(index)
        return drawing_from(self.source, self.keeps_globals, seeded=True)

    def __call__(self, number: int, index: Any) -> Any:
        """The next batch, or the next sample; StopIteration at the end of the stream."""
        wanted = len(index) if self.batched else 1
        meter = self.source.meter
        meter.begin()
        with self._drawing(("stream", self.count)):
            samples = [] if self.ended else self._read(wanted)
            # An iterator that has ended once is not asked again: some would start anew.
            self.ended = len(samples) < wanted
            if not samples or (self.drop_last and self.ended):
                raise StopIteration
            meter.has_read(len(samples))
            places = list(range(self.count - len(samples), self.count))
            with Located(lambda: describe("collating", places, self.dataset)):
                batch = self.collate_fn(samples if self.batched else samples[0])
            meter.has_collated()
            return batch

    def _read(self, wanted: int) -> list:
        """What was read before an error belongs to the next batch."""
        samples = self.unfinished
        with Located(lambda: describe("reading", self.count, self.dataset)):
            for sample in islice(self.stream, wanted - len(samples)):
                samples.append(sample)
                self.count += 1
        self.unfinished = []
        return samples
