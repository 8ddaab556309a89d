"""What runs in a worker process: read what the parent asks for, until it says no more.

It loads neither engine nor compiler: what loading code computes, the reference rules compute.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from rushlight.data import arrays
from rushlight.data.workers.crew import Job, Outcome, Pass, Task
from rushlight.data.workers.info import WorkerInfo, set_worker_info
from rushlight.data.workers.packing import lay_out, pack, unpack
from rushlight.data.workers.remote import pack_error
from rushlight.data.workers.ring import SharedFile, map_file
from rushlight.data.workers.threads import fill

Message = tuple
"""What goes through the pipe.  To the child: ("pass", Pass), ("ring", path, bytes of a slot),
("task", Task, slot) and None.  From it: ("ready",), ("failed", error) and
("done", pass number, outcome without batch, packed, places or buffers, slot)."""


def main(connection: Any, parcel: tuple, number: int, size: int, seed: int, log: str) -> None:
    """Read batches until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to end
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, open(log, "w"), chain=False)  # noqa: SIM115
    try:
        job = open_parcel(parcel)
        set_worker_info(WorkerInfo(number, size, seed + number, job.dataset))
        if job.worker_init_fn is not None:
            job.worker_init_fn(number)
        connection.send(("ready",))
    except Exception as error:  # the parent raises it
        connection.send(("failed", pack_error(error)))
        return
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # no parent
        _Worker(connection, job, number).run()
    sys.stdout.flush()
    os._exit(0)  # nothing is left to do, and threads of the dataset must not keep it


def make_parcel(job: Job, file_of: Callable[[int], SharedFile]) -> tuple:
    """The job as bytes; its arrays lie in shared memory that `file_of(size)` makes."""
    packed, buffers = pack(job)
    places, size = lay_out(buffers)
    if not size:
        return packed, None, places
    file = file_of(size)
    memory = map_file(file.path)
    for (offset, count), buffer in zip(places, buffers, strict=True):
        memory[offset : offset + count] = buffer
    memory.close()
    return packed, file.path, places


def open_parcel(parcel: tuple) -> Job:
    """The job; what is written to its arrays stays in this process."""
    packed, path, places = parcel
    memory = memoryview(b"" if path is None else map_file(path, private=True))
    return unpack(packed, [memory[offset : offset + size] for offset, size in places])


class _Worker:
    def __init__(self, connection: Any, job: Job, number: int):
        self.connection, self.job, self.number = connection, job, number
        self.memory: memoryview | None = None
        self.slot_bytes = 0
        self.opened: Pass | None = None
        self.fetch: Any = None

    def run(self) -> None:
        while (message := self.connection.recv()) is not None:
            match message:
                case ("pass", opened):
                    self.opened, self.fetch = opened, None
                case ("ring", path, slot_bytes):
                    self.memory, self.slot_bytes = memoryview(map_file(path)), slot_bytes
                    self.connection.send(("mapped",))
                case ("task", task, slot):
                    self.connection.send(self._answer(task, slot))
                case _:
                    raise AssertionError(message)

    def _answer(self, task: Task, slot: int | None) -> Message:
        outcome = Outcome(task.number, self.number)
        packed: Any = None
        try:
            with arrays.immediate():
                if self.fetch is None:
                    self.fetch = self.job.fetcher(self.opened, self.number)
                fill(outcome, self.fetch, task)
                packed, buffers = pack(outcome.batch)
                outcome.batch = None
        except Exception as error:  # the parent raises it
            outcome.batch = None
            failed = pack_error(error)
            return ("done", self.opened.number, outcome, None, failed, slot)
        places, size = lay_out(buffers)
        if slot is None or size > self.slot_bytes:
            copies = [bytes(buffer) for buffer in buffers]
            return ("done", self.opened.number, outcome, packed, copies, slot)
        start = slot * self.slot_bytes
        for (offset, count), buffer in zip(places, buffers, strict=True):
            self.memory[start + offset : start + offset + count] = buffer
        return ("done", self.opened.number, outcome, packed, places, slot)
