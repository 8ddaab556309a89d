"""What a worker does, be it a thread or a process: read batches, and know what it is doing."""

from __future__ import annotations

from types import FrameType
from typing import Any

from rushlight.data import arrays
from rushlight.data.located import describe_turn, lines_of
from rushlight.data.workers.crew import Job, Outcome, Pass, Task


class Reader:
    """Reads the batches that one worker is given, pass after pass."""

    def __init__(self, job: Job, number: int):
        self.job, self.number = job, number
        self.opened: Pass | None = None
        self.task: Task | None = None
        self.fetch: Any = None

    def begin(self, opened: Pass) -> None:
        """From now on tasks belong to this pass."""
        self.opened, self.fetch = opened, None

    def read(self, task: Task) -> Outcome:
        """The batch of a task; a stream's end and its state belong to the outcome."""
        assert self.opened is not None
        outcome = Outcome(task.number, self.number)
        self.task = task
        with arrays.immediate():
            if self.fetch is None:
                self.fetch = self.job.fetcher(self.opened, self.number)
            try:
                outcome.batch = self.fetch(task.number, task.index)
            except StopIteration:
                outcome.ended = True
            if hasattr(self.fetch, "state"):
                outcome.state = self.fetch.state()
        return outcome

    def doing(self, frame: FrameType | None) -> str:
        """What it reads and where in the program it is, given what its thread runs."""
        task = self.task
        if task is None:
            return "has nothing to read"
        place = describe_turn(self.fetch, task.index, self.job.dataset)
        return f"is at batch {task.number}, {place}\n{lines_of(frame)}"
