"""Where the time of loading goes: counted by those who load, and cheap enough to be always on."""

from __future__ import annotations

from time import perf_counter as clock
from typing import Any

from .randomness import current_source


class Meter:
    """What one worker, or a pass without workers, did: counts and seconds.

    `read` and `collate` leave out what `stage` counts under names of its own.  `sending` is the
    way of a batch to the loop, `idle` the wait for the next one to read, `processor` the time in
    which a core worked.
    """

    def __init__(self) -> None:
        self.batches = self.samples = 0
        self.read = self.collate = self.sending = self.idle = self.processor = 0.0
        self.stages: dict[str, float] = {}
        self.apart = 0.0
        self._start = 0.0

    def begin(self) -> None:
        """A batch is begun."""
        self.apart = 0.0
        self._start = clock()

    def has_read(self, samples: int) -> None:
        """Its samples have been read."""
        now = clock()
        self.read += now - self._start - self.apart
        self.apart, self._start = 0.0, now
        self.samples += samples
        self.batches += 1

    def has_collated(self) -> None:
        """They have been collated."""
        self.collate += clock() - self._start - self.apart
        self.apart = 0.0

    def values(self) -> tuple:
        """All of it, as it goes from a worker process to its parent."""
        times = self.read, self.collate, self.sending, self.idle, self.processor
        return self.batches, self.samples, times, self.stages

    @staticmethod
    def of(values: tuple) -> Meter:
        """The meter with these values."""
        meter = Meter()
        meter.batches, meter.samples, times, meter.stages = values
        meter.read, meter.collate, meter.sending, meter.idle, meter.processor = times
        return meter


class Tally:
    """What the loop that asks for batches did in one pass."""

    def __init__(self) -> None:
        self.begun = clock()
        self.batches = self.samples = self.first_samples = 0
        self.wait = self.first_wait = 0.0
        self.first = self.last = 0.0

    def given(self, asked: float, samples: int) -> None:
        """A batch, asked for at a time, has been given."""
        now = self.last = clock()
        self.wait += now - asked
        self.samples += samples
        self.batches += 1
        if not self.first:
            self.first, self.first_samples, self.first_wait = now, samples, self.wait


class stage:  # noqa: N801  (used as a function)
    """Count what is done in here under a name of its own in `loader.stats()`, apart from reading.

    For the code of datasets and collate functions; elsewhere it does nothing.

    >>> with stage("decode"):
    ...     pixels = bytes(3)
    """

    __slots__ = ("_apart", "_meter", "_start", "name")

    def __init__(self, name: str):
        self.name = name

    def __enter__(self) -> None:
        source = current_source()
        self._meter: Meter | None = None if source is None else source.meter
        if self._meter is not None:
            self._apart, self._start = self._meter.apart, clock()

    def __exit__(self, *error: Any) -> None:
        meter = self._meter
        if meter is not None:
            passed = clock() - self._start
            own = passed - (meter.apart - self._apart)
            meter.stages[self.name] = meter.stages.get(self.name, 0.0) + own
            meter.apart = self._apart + passed
