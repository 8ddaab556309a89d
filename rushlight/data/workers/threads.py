"""Workers that are threads: no data is copied, and reading shares the interpreter's lock."""

from __future__ import annotations

import queue
import sys
import threading
import time
import weakref
from dataclasses import replace
from typing import Any

from rushlight.data.located import lines_of
from rushlight.data.metering import Meter
from rushlight.data.workers.crew import Crew, Job, Member, Outcome, Pass, Task, note_of
from rushlight.data.workers.info import WorkerInfo, set_worker_info
from rushlight.data.workers.own import own_dataset
from rushlight.data.workers.reader import Reader


class ThreadCrew(Crew):
    """Threads with a queue each; they end with the crew, or with the process."""

    def __init__(self, job: Job, size: int, seed: int):
        self.job, self.size, self.seed = job, size, seed
        self._done: queue.SimpleQueue = queue.SimpleQueue()
        self._orders: list[queue.SimpleQueue] = [queue.SimpleQueue() for _ in range(size)]
        self._pass = -1
        self._readers: list[Reader | None] = [None] * size
        jobs = [replace(job, dataset=own_dataset(job.dataset)) for _ in range(size)]
        self._threads = [self._start(number, own) for number, own in enumerate(jobs)]
        self._finish = weakref.finalize(self, _end, self._orders)

    def _start(self, number: int, job: Job) -> threading.Thread:
        given: tuple = (job, number, self.size, self.seed, self._orders[number], self._done)
        given += (self._readers,)
        thread = threading.Thread(target=_work, args=given, daemon=True, name=f"loader-{number}")
        thread.start()
        return thread

    def begin(self, new: Pass) -> None:
        """Threads that still read for an older pass finish their batch, and drop the rest."""
        self._pass = self.serving = new.number
        for orders in self._orders:
            _drain(orders)
            orders.put(new)

    def give(self, worker: int, task: Task) -> None:
        """Put the task into the worker's queue."""
        self._orders[worker].put(task)

    def receive(self, timeout: float | None) -> list[Outcome]:
        """The next outcome of this pass."""
        if self.is_closed:
            raise RuntimeError("the worker threads of this pass have ended: begin a new pass")
        while True:
            try:
                number, outcome = self._done.get(timeout=timeout)
            except queue.Empty:
                return []
            if number is None:  # a worker could not begin
                self.close()
                outcome.result()
            if number == self._pass:
                return [outcome]

    def doing(self) -> str:
        """What each thread reads, and the innermost lines that it runs."""
        frames = sys._current_frames()
        lines = []
        for number, (thread, reader) in enumerate(zip(self._threads, self._readers, strict=True)):
            frame = frames.get(thread.ident or 0)
            words = f"is starting\n{lines_of(frame)}" if reader is None else reader.doing(frame)
            lines.append(f"worker {number} (thread) {words}")
        return "\n".join(lines)

    def members(self) -> list[Member]:
        """What each thread did in this pass."""
        return [Member(Meter() if each is None else each.meter) for each in self._readers]

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


def _work(job: Job, number: int, size: int, seed: int, orders: Any, done: Any, desk: list) -> None:
    set_worker_info(WorkerInfo(number, size, seed + number, job.dataset))
    if job.worker_init_fn is not None:
        try:
            job.worker_init_fn(number)
        except BaseException as error:
            error.add_note(f"in worker_init_fn {note_of(number, size, 'thread')}")
            done.put((None, Outcome(-1, number, error=error)))
            return
    reader = desk[number] = Reader(job, number, time.thread_time)
    current = -1
    while (order := orders.get()) is not None:
        if isinstance(order, Pass):
            current = order.number
            reader.begin(order)
            continue
        try:
            outcome = reader.read(order)
        except BaseException as error:  # the loop raises it, also a SystemExit
            error.add_note(note_of(number, size, "thread"))
            outcome = Outcome(order.number, number, error=error)
        done.put((current, outcome))
        del outcome  # an error in it holds the loop, which holds this thread
        reader.rest()
