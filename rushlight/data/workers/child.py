"""What runs in a worker process: read what the parent asks for, until it says no more.

It loads neither engine nor compiler: what loading code computes, the reference rules compute.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from rushlight.data import arrays
from rushlight.data.located import lines_of
from rushlight.data.workers.crew import Job, Outcome, Task
from rushlight.data.workers.info import WorkerInfo, set_worker_info
from rushlight.data.workers.packing import lay_out, pack, unpack
from rushlight.data.workers.reader import Reader
from rushlight.data.workers.remote import pack_error
from rushlight.data.workers.shared import SharedFile

Message = tuple
"""What goes through the pipe.  To the child: ("pass", Pass), ("ring", bytes of a slot),
("task", Task, slot) and None.  From it: ("ready",), ("failed", error) and
("done", pass number, outcome without batch, packed, places or buffers, slot)."""


class Link(NamedTuple):
    """How a worker process and its parent are joined."""

    batches: Any
    """The pipe that tasks and batches go through."""
    questions: Any
    """The pipe through which the parent asks where the worker is, at any time."""
    ring: SharedFile
    """Where batches are put, once it has been given a size."""
    log: SharedFile
    """Where the worker's stack is written if it cannot answer."""


def main(link: Link, parcel: tuple, number: int, size: int, seed: int, strangers: list) -> None:
    """Read batches until the parent closes the pipe; `strangers` are pipe ends of the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to end
    for ends in strangers:
        for end in ends:
            end.close()
    worker = _Worker(link, number)
    threading.Thread(target=worker.answer_questions, daemon=True).start()
    _write_stack_when_told(link.log)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # no parent
        job = _received(link, parcel, number, size, seed)
        if job is not None:
            worker.run(job)
    sys.stdout.flush()
    os._exit(0)  # nothing is left to do, and threads of the dataset must not keep it


def _received(link: Link, parcel: tuple, number: int, size: int, seed: int) -> Job | None:
    """The job, after the worker's own function; None if that was not to be."""
    try:
        job = open_parcel(parcel)
        set_worker_info(WorkerInfo(number, size, seed + number, job.dataset))
        if job.worker_init_fn is not None:
            job.worker_init_fn(number)
    except Exception as error:  # the parent raises it
        link.batches.send(("failed", pack_error(error)))
        return None
    link.batches.send(("ready",))
    return job


def _write_stack_when_told(log: SharedFile) -> None:
    """SIGUSR1 works where no Python code can: while a library holds the interpreter's lock."""
    if not hasattr(signal, "SIGUSR1"):
        return
    import fcntl

    fcntl.fcntl(log.handle, fcntl.F_SETFL, os.O_APPEND)
    faulthandler.register(signal.SIGUSR1, log.handle, all_threads=False, chain=False)


def make_parcel(job: Job, file_of: Callable[[int], SharedFile]) -> tuple:
    """The job as bytes; its arrays lie in shared memory that `file_of(size)` makes."""
    packed, buffers = pack(job, maps_files=True)
    places, size = lay_out(buffers)
    if not size:
        return packed, None, places
    file = file_of(size)
    memory = file.map()
    for (offset, count), buffer in zip(places, buffers, strict=True):
        memory[offset : offset + count] = buffer
    memory.close()
    return packed, file, places


def open_parcel(parcel: tuple) -> Job:
    """The job; what is written to its arrays stays in this process."""
    packed, file, places = parcel
    memory = memoryview(b"" if file is None else file.map(private=True))
    return unpack(packed, [memory[offset : offset + size] for offset, size in places])


class _Worker:
    def __init__(self, link: Link, number: int):
        self.link, self.number = link, number
        self.thread = threading.get_ident()
        self.reader: Reader | None = None
        self.memory: memoryview | None = None
        self.slot_bytes = 0

    def run(self, job: Job) -> None:
        reader = self.reader = Reader(job, self.number, time.process_time)
        pipe = self.link.batches
        while (message := pipe.recv()) is not None:
            match message:
                case ("pass", opened):
                    reader.begin(opened)
                case ("ring", slot_bytes):
                    self.memory, self.slot_bytes = memoryview(self.link.ring.map()), slot_bytes
                case ("task", task, slot):
                    pipe.send(self._answer(reader, task, slot))
                    reader.rest()
                case _:
                    raise AssertionError(message)

    def _answer(self, reader: Reader, task: Task, slot: int | None) -> Message:
        opened = reader.opened
        assert opened is not None
        try:
            outcome = reader.read(task)
            with arrays.immediate():
                packed, buffers = pack(outcome.batch)
        except Exception as error:  # the parent raises it
            failed = pack_error(error)
            return ("done", opened.number, Outcome(task.number, self.number), None, failed, slot)
        outcome.batch = None
        sent = self._put(buffers, slot)
        reader.has_sent()
        outcome.spent = reader.meter.values()
        return ("done", opened.number, outcome, packed, sent, slot)

    def _put(self, buffers: list[memoryview], slot: int | None) -> list:
        """Where the buffers lie in the slot; or themselves, if it is too small."""
        places, size = lay_out(buffers)
        if slot is None or size > self.slot_bytes:
            return [bytes(buffer) for buffer in buffers]
        start = slot * self.slot_bytes
        for (offset, count), buffer in zip(places, buffers, strict=True):
            self.memory[start + offset : start + offset + count] = buffer
        return places

    def answer_questions(self) -> None:
        """Say where the worker is; without a parent end it, whatever it is doing."""
        pipe = self.link.questions
        with contextlib.suppress(EOFError, OSError):
            while True:
                number = pipe.recv()
                frame = sys._current_frames().get(self.thread)
                reader = self.reader
                starting = f"is starting\n{lines_of(frame)}"
                pipe.send((number, starting if reader is None else reader.doing(frame)))
        time.sleep(0.2)  # the worker itself ends more tidily, if it can
        os._exit(1)
