"""What a crew of workers is told and gives back, whatever it is made of."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rushlight.data.dataset import IterableDataset
from rushlight.data.fetch import MapFetcher, StreamFetcher
from rushlight.data.lanes import LanedDataset, LaneFetcher
from rushlight.data.metering import Meter
from rushlight.data.randomness import Source
from rushlight.data.workers.info import get_worker_info
from rushlight.data.workers.ring import Ring


@dataclass(frozen=True)
class Job:
    """What a crew reads: the dataset, and how batches are made of it."""

    dataset: Any
    collate_fn: Callable[[Any], Any]
    batched: bool
    drop_last: bool = False
    worker_init_fn: Callable[[int], None] | None = None

    def fetcher(self, opened: Pass, worker: int) -> Any:
        """What reads the batches of a pass; the streams of workers draw different numbers."""
        if not isinstance(self.dataset, IterableDataset):
            source = Source(opened.seed, opened.epoch)
            return MapFetcher(self.dataset, self.batched, self.collate_fn, source, False)
        made = (self.dataset, self.batched, self.collate_fn, self.drop_last)
        if isinstance(self.dataset, LanedDataset):
            lanes = LaneFetcher(made, Source(opened.seed, opened.epoch), False)
            info = get_worker_info()
            lanes.open(opened.state_of(worker), worker, info.num_workers if info else 1)
            return lanes
        source = Source(opened.seed + worker, opened.epoch)
        stream = StreamFetcher(*made, source, False)
        stream.open(opened.state_of(worker))
        return stream


@dataclass(frozen=True)
class Pass:
    """One pass: `number` tells it from others; `states` is where each worker's stream begins."""

    number: int
    seed: int
    epoch: int
    states: tuple[dict | None, ...] = ()

    def state_of(self, worker: int) -> dict | None:
        """Where the stream of this worker begins."""
        return self.states[worker] if self.states else None


@dataclass(frozen=True)
class Task:
    """A batch to read: its number in the pass, and its indices."""

    number: int
    index: Any


@dataclass
class Outcome:
    """What became of a task: a batch, an error, or the end of the worker's stream."""

    number: int
    worker: int
    batch: Any = None
    error: BaseException | None = None
    ended: bool = False
    state: dict = field(default_factory=dict)
    """Of a stream, after this batch."""
    samples: int = 0
    spent: tuple | None = None
    """From a process: the values of its meter."""

    def result(self) -> Any:
        """The batch; or the error is raised."""
        error, self.error = self.error, None
        try:
            if error is not None:
                raise error
            return self.batch
        finally:
            del error  # its traceback holds this frame


@dataclass(frozen=True)
class Member:
    """One worker as others see it: what it did in this pass, its process, its bytes."""

    meter: Meter
    process: int | None = None
    memory: int | None = None


class Crew(ABC):
    """Workers that read one dataset, pass after pass."""

    size: int
    serving: int = -1
    """The number of the pass that was begun last."""
    ring: Ring | None = None
    """Where batches of processes lie."""
    _finish: weakref.finalize

    @property
    def is_closed(self) -> bool:
        """Whether the workers have been ended."""
        return not self._finish.alive

    @abstractmethod
    def begin(self, new: Pass) -> None:
        """From now on tasks belong to this pass; what is left of the one before is dropped."""

    @abstractmethod
    def give(self, worker: int, task: Task) -> None:
        """Let a worker read a batch."""

    @abstractmethod
    def receive(self, timeout: float | None) -> list[Outcome]:
        """What is finished, at least one; empty if nothing was in time."""

    @abstractmethod
    def doing(self) -> str:
        """Where each worker is now, for a message."""

    @abstractmethod
    def members(self) -> list[Member]:
        """What each worker did in this pass."""

    @abstractmethod
    def close(self) -> None:
        """End all workers and free what they used; may be called twice."""


def note_of(worker: int, size: int, kind: str) -> str:
    """The note that an error from a worker carries."""
    return f"in worker {worker} of {size} ({kind})"
