"""What a worker does, be it a thread or a process: read batches, and know what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

from rushlight.data import arrays
from rushlight.data.located import describe_turn, lines_of
from rushlight.data.metering import Meter, clock
from rushlight.data.workers.crew import Job, Outcome, Pass, Task


class Reader:
    """Reads the batches that one worker is given, pass after pass."""

    def __init__(self, job: Job, number: int, processor_time: Callable[[], float]):
        self.job, self.number = job, number
        self.processor_time = processor_time
        self._done = self._rested = self._processor = 0.0
        self.opened: Pass | None = None
        self.task: Task | None = None
        self.fetch: Any = None

    def begin(self, opened: Pass) -> None:
        """From now on tasks belong to this pass."""
        self.opened, self.fetch, self._rested = opened, None, 0.0

    def read(self, task: Task) -> Outcome:
        """The batch of a task; a stream's end and its state belong to the outcome."""
        assert self.opened is not None
        outcome = Outcome(task.number, self.number)
        self.task, self._done = task, clock()  # anew below, unless reading fails
        with arrays.immediate():
            if self.fetch is None:
                self._processor = self.processor_time()
                self.fetch = self.job.fetcher(self.opened, self.number)
            meter = self.meter
            if self._rested:
                meter.idle += self._done - self._rested
            before = meter.samples
            try:
                outcome.batch = self.fetch(task.number, task.index)
            except StopIteration:
                outcome.ended = True
            if hasattr(self.fetch, "state"):
                outcome.state = self.fetch.state()
        outcome.samples = meter.samples - before
        self._done = clock()
        return outcome

    @property
    def meter(self) -> Meter:
        """Where the time of this pass is counted."""
        return Meter() if self.fetch is None else self.fetch.source.meter

    def has_sent(self) -> None:
        """The batch, or a part of it, has been sent."""
        now = clock()
        meter = self.meter
        meter.sending += now - self._done
        meter.processor = self.processor_time() - self._processor
        self._done = now

    def rest(self) -> None:
        """The task is done; wait for another."""
        self.has_sent()
        self._rested, self.task = self._done, None

    def doing(self, frame: FrameType | None) -> str:
        """What it reads and where in the program it is, given what its thread runs."""
        task = self.task
        if task is None:
            return "has nothing to read"
        place = describe_turn(self.fetch, task.index, self.job.dataset)
        return f"is at batch {task.number}, {place}\n{lines_of(frame)}"
