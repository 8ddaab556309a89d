"""Workers that are threads: nothing is copied, and reading shares the interpreter's lock."""

from __future__ import annotations

import copy
import queue
import sys
import threading
import traceback
import weakref
from dataclasses import replace
from typing import Any

from rushlight.data import arrays
from rushlight.data.workers.crew import Crew, Job, Outcome, Pass, Task, note_of
from rushlight.data.workers.info import WorkerInfo, set_worker_info


class ThreadCrew(Crew):
    """Threads with a queue each; they end with the crew, or with the process."""

    def __init__(self, job: Job, size: int, seed: int):
        self.job, self.size, self.seed = job, size, seed
        self._done: queue.SimpleQueue = queue.SimpleQueue()
        self._orders: list[queue.SimpleQueue] = [queue.SimpleQueue() for _ in range(size)]
        self._pass = -1
        self._threads = [self._start(number) for number in range(size)]
        self._finish = weakref.finalize(self, _end, self._orders)

    def _start(self, number: int) -> threading.Thread:
        given = (self.job, number, self.size, self.seed, self._orders[number], self._done)
        thread = threading.Thread(target=_work, args=given, daemon=True, name=f"loader-{number}")
        thread.start()
        return thread

    def begin(self, new: Pass) -> None:
        """Threads that still read for an older pass finish their batch, and drop the rest."""
        self._pass = new.number
        for orders in self._orders:
            _drain(orders)
            orders.put(new)

    def give(self, worker: int, task: Task) -> None:
        """Put the task into the worker's queue."""
        self._orders[worker].put(task)

    def receive(self, timeout: float | None) -> list[Outcome]:
        """The next outcome of this pass."""
        while True:
            try:
                number, outcome = self._done.get(timeout=timeout)
            except queue.Empty:
                return []
            if number == self._pass:
                return [outcome]

    def doing(self) -> str:
        """The innermost lines of each thread."""
        frames = sys._current_frames()
        lines = []
        for number, thread in enumerate(self._threads):
            frame = frames.get(thread.ident or 0)
            if frame is not None:
                lines.append(
                    f"worker {number} is at\n{''.join(traceback.format_stack(frame)[-4:])}"
                )
        return "\n".join(lines)

    def close(self) -> None:
        """Tell them to end; a thread in the middle of a batch finishes it first."""
        self._finish()
        self._pass = -1


def _end(everyone: list[queue.SimpleQueue]) -> None:
    for orders in everyone:
        _drain(orders)
        orders.put(None)


def _drain(orders: queue.SimpleQueue) -> None:
    while True:
        try:
            orders.get_nowait()
        except queue.Empty:
            return


def _work(job: Job, number: int, size: int, seed: int, orders: Any, done: Any) -> None:
    if hasattr(job.dataset, "load_state_dict"):  # where it stands is each worker's own
        job = replace(job, dataset=copy.deepcopy(job.dataset))
    set_worker_info(WorkerInfo(number, size, seed + number, job.dataset))
    fetch, current, broken = None, -1, None
    if job.worker_init_fn is not None:
        try:
            job.worker_init_fn(number)
        except Exception as error:
            error.add_note(f"in worker_init_fn {note_of(number, size, 'thread')}")
            broken = error
    while (order := orders.get()) is not None:
        if isinstance(order, Pass):
            current, fetch, opened = order.number, None, order
            continue
        outcome = Outcome(order.number, number, error=broken)
        if broken is None:
            try:
                with arrays.immediate():
                    if fetch is None:
                        fetch = job.fetcher(opened, number)
                    fill(outcome, fetch, order)
            except Exception as error:
                error.add_note(note_of(number, size, "thread"))
                outcome.error = error
        done.put((current, outcome))


def fill(outcome: Outcome, fetch: Any, task: Task) -> None:
    """Read the batch of a task; a stream's end and its state belong to the outcome."""
    try:
        outcome.batch = fetch(task.number, task.index)
    except StopIteration:
        outcome.ended = True
    if hasattr(fetch, "state"):
        outcome.state = fetch.state()
