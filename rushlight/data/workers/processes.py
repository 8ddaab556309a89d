"""Workers that are processes: dataset and transforms run beside the interpreter's lock.

They come from a fork server that has loaded NumPy and this package, and no engine: they start in
some milliseconds and inherit no thread.  Where there is no fork server they are spawned.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
import weakref
from dataclasses import replace
from multiprocessing import connection as connections
from typing import Any

from rushlight.data.dataset import IterableDataset
from rushlight.data.lanes import LanedDataset
from rushlight.data.metering import Meter
from rushlight.data.workers import child, memory
from rushlight.data.workers.crew import Crew, Job, Member, Outcome, Pass, Task, note_of
from rushlight.data.workers.packing import lay_out, unpack, why_not
from rushlight.data.workers.remote import unpack_error
from rushlight.data.workers.ring import Ring
from rushlight.data.workers.shared import SharedFile

_PRELOADED = ["numpy", "rushlight.data.workers.child"]
_AT_START = (
    "It had not begun to read. A worker process imports the program that is running: let it start "
    'under `if __name__ == "__main__":`, or use worker_type="thread".'
)
_LOG_BYTES = 1 << 14
_ANSWER_TIME, _STACK_TIME = 1.0, 0.1
_ROOM = 1.25
"""A slot is so much larger than the first batch."""


class WorkerDiedError(RuntimeError):
    """A worker process ended although nobody told it to."""


class _Worker:
    """One worker process, and what it has been given and not yet done."""

    def __init__(self, process: Any, pipe: Any, questions: Any, log: SharedFile):
        self.process, self.pipe, self.questions, self.log = process, pipe, questions, log
        self.asked = 0
        self.tasks: dict[tuple[int, int], tuple[Task, int | None]] = {}
        self.state: dict = {}
        self.is_ready = False
        self.has_said_all = False
        self.spent: tuple | None = None
        self.memory: int | None = None

    def ask(self) -> None:
        """Ask where it is."""
        self.asked += 1
        with contextlib.suppress(OSError):
            self.questions.send(self.asked)

    def answer(self, deadline: float) -> str:
        """What it said to the last question; nothing if it was not in time."""
        with contextlib.suppress(EOFError, OSError):
            while self.questions.poll(max(0.0, deadline - time.monotonic())):
                number, words = self.questions.recv()
                if number == self.asked:
                    return words
        return ""

    def stack(self) -> str:
        """What it runs, written by a handler that needs no Python."""
        if not self.is_ready:
            return "is starting: it imports the program that is running, or what it needs"
        if not hasattr(signal, "SIGUSR1"):
            return "does not answer: a library holds the interpreter's lock"
        os.truncate(self.log.handle, 0)
        os.kill(self.process.pid, signal.SIGUSR1)
        time.sleep(_STACK_TIME)
        text = os.pread(self.log.handle, _LOG_BYTES, 0).strip(b"\0").decode(errors="replace")
        threads = [part for part in text.split("\n\n") if "answer_questions" not in part]
        stack = "\n\n".join(threads).rstrip()
        return f"does not answer: a library holds the interpreter's lock\n{stack}"


class ProcessCrew(Crew):
    """Processes with a pipe each, and one ring of shared memory for their batches."""

    def __init__(self, job: Job, size: int, seed: int, context: Any = None, slots: int = 4):
        self.job, self.size, self.seed, self._slots = job, size, seed, slots
        self._context = context or _default_context()
        self._pass = Pass(-1, 0, 0)
        self._files: list[SharedFile] = []
        self._members: list[_Worker] = []
        self._finish = weakref.finalize(self, _end, self._members, self._files)
        try:
            self._ring_file = self._new_file()
            self._parcel = self._make_parcel()
            for number in range(size):
                self._members.append(self._start(number))
        except BaseException:
            self.close()
            raise

    def _make_parcel(self) -> tuple:
        try:
            return child.make_parcel(self.job, self._new_file)
        except (OSError, KeyboardInterrupt):
            raise
        except Exception as error:
            parts = vars(self.job).items()
            raise TypeError(
                "worker processes need what they read to be picklable, but "
                + next(
                    (words for name, part in parts if (words := _problem(name, part))), str(error)
                )
                + '. Make it picklable, or use worker_type="thread".'
            ) from error

    def _new_file(self, size: int = 0) -> SharedFile:
        file = SharedFile(size)
        self._files.append(file)
        return file

    def _start(self, number: int) -> _Worker:
        (ours, theirs), (asking, answering) = self._context.Pipe(), self._context.Pipe()
        log = self._new_file(_LOG_BYTES)
        strangers: tuple = ()
        if self._context.get_start_method() == "fork":  # it would keep our ends open
            members = [(each.pipe, each.questions) for each in self._members]
            strangers = tuple(end for ends in members for end in ends) + (ours, asking)
        link = child.Link(theirs, answering, self._ring_file, log)
        given = (link, self._parcel, number, self.size, self.seed, strangers)
        process = self._context.Process(target=child.main, args=given, daemon=True)
        process.start()
        theirs.close()
        answering.close()
        return _Worker(process, ours, asking, log)

    # --------------------------------------------------------------------------------- telling
    def begin(self, new: Pass) -> None:
        """What workers still read for an older pass is dropped when it comes."""
        self._pass = new
        for member in self._members:
            member.state, member.spent = {}, None
            self._send(member, ("pass", new))

    def give(self, worker: int, task: Task) -> None:
        """Send the task, with a slot to put its batch in if one is free."""
        slot = None if self.ring is None else self.ring.take()
        member = self._members[worker]
        member.tasks[self._pass.number, task.number] = (task, slot)
        self._send(member, ("task", task, slot))

    def _send(self, member: _Worker, message: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # seen when receiving
            member.pipe.send(message)

    # ------------------------------------------------------------------------------- receiving
    def receive(self, timeout: float | None) -> list[Outcome]:
        """The outcomes that are there, waiting for the first; WorkerDiedError for a dead worker."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            waiting = {member.pipe: i for i, member in enumerate(self._members)}
            dying = {member.process.sentinel: i for i, member in enumerate(self._members)}
            ready = connections.wait([*waiting, *dying], left)
            if not ready:
                return []
            found = []
            for pipe in ready:
                if pipe in waiting:
                    found += self._read(waiting[pipe])
            if found:
                return found
            for sentinel in ready:
                if sentinel in dying and self._members[dying[sentinel]].has_said_all:
                    self._replace(dying[sentinel])

    def _read(self, worker: int) -> list[Outcome]:
        member = self._members[worker]
        try:
            message = member.pipe.recv()
        except (EOFError, ConnectionResetError):
            member.has_said_all = True
            return []
        match message:
            case ("ready",):
                member.is_ready = True
                return []
            case ("failed", error):
                self.close()
                raise unpack_error(error, note_of(worker, self.size, "process"))
            case ("done", number, outcome, packed, buffers, slot):
                member.tasks.pop((number, outcome.number), None)
                current = number == self._pass.number
                if current and outcome.error is None:
                    member.state, member.spent = outcome.state, outcome.spent or member.spent
                return self._open(outcome, packed, buffers, slot, current)
        raise AssertionError(message)

    def _open(self, outcome: Outcome, packed: Any, buffers: Any, slot: Any, current: bool) -> list:
        if not current or packed is None:
            if slot is not None and self.ring is not None:
                self.ring.give_back(slot)
            if not current:
                return []
            outcome.error = unpack_error(buffers, note_of(outcome.worker, self.size, "process"))
            return [outcome]
        if buffers and isinstance(buffers[0], tuple):
            outcome.batch = unpack(packed, self.ring.lease(slot, buffers))
            return [outcome]
        if slot is not None:
            self.ring.give_back(slot)
            self.ring.outgrown += 1
        copies = [bytearray(each) for each in buffers]
        outcome.batch = unpack(packed, copies)
        if self.ring is None and copies:
            self._make_ring(lay_out([memoryview(each) for each in copies])[1])
        return [outcome]

    def _make_ring(self, size: int) -> None:
        slot_bytes = -(-int(size * _ROOM) // 4096) * 4096
        self.ring = Ring(self._ring_file, slot_bytes, self._slots)
        for member in self._members:
            self._send(member, ("ring", slot_bytes))

    def _replace(self, worker: int) -> None:
        """A new process does what the dead one had to do; the caller learns of it."""
        dead = self._members[worker]
        dead.process.join()
        words = _obituary(worker, self.size, dead)
        if not dead.is_ready:
            self.close()
            raise WorkerDiedError(f"{words}{_AT_START}")
        dataset = self.job.dataset
        if isinstance(dataset, LanedDataset):
            dead.state = dead.state or self._pass.state_of(worker) or {}
        elif isinstance(dataset, IterableDataset) and not dead.state:
            self.close()
            raise WorkerDiedError(f"{words}Its stream has no state_dict, so the pass ends here.")
        for _, slot in dead.tasks.values():
            if slot is not None:
                self.ring.give_back(slot)
        dead.pipe.close()
        dead.questions.close()
        fresh = self._members[worker] = self._start(worker)
        if self.ring is not None:
            self._send(fresh, ("ring", self.ring.slot_bytes))
        states = [member.state or None for member in self._members]
        states[worker] = fresh.state = dead.state
        self._send(fresh, ("pass", replace(self._pass, states=tuple(states))))
        for (number, _), (task, _) in dead.tasks.items():
            if number == self._pass.number:
                self.give(worker, task)
        raise WorkerDiedError(f"{words}Go on with next(): another process has taken its place.")

    def doing(self) -> str:
        """What each worker says that it does; of one that cannot say, the stack."""
        for member in self._members:
            member.ask()
        deadline = time.monotonic() + _ANSWER_TIME
        lines = []
        for number, member in enumerate(self._members):
            words = member.answer(deadline) or member.stack()
            lines.append(f"worker {number} (process {member.process.pid}) {words}")
        return "\n".join(lines)

    def members(self) -> list[Member]:
        """What each process did in this pass, and how large it is, or was."""
        self._weigh()
        return [
            Member(Meter.of(each.spent) if each.spent else Meter(), each.process.pid, each.memory)
            for each in self._members
        ]

    def _weigh(self) -> None:
        """Look at how much memory the processes have, while they have it."""
        for member in self._members:
            if member.process.exitcode is None:
                member.memory = memory.proportional(member.process.pid) or member.memory

    def close(self) -> None:
        """End all processes; what they share is freed."""
        self._weigh()
        self._finish()


def _default_context() -> Any:
    methods = multiprocessing.get_all_start_methods()
    if "forkserver" not in methods:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def get_ready() -> None:
    """Let the fork server begin to load what workers need, while the program goes on."""
    context = _default_context()
    if context.get_start_method() == "forkserver" and multiprocessing.parent_process() is None:
        from multiprocessing import forkserver

        forkserver.ensure_running()


def _problem(name: str, part: Any) -> str:
    try:
        child.pack(part)
    except Exception:  # whatever a user's __reduce__ raises
        return why_not(part, name)
    return ""


def _end(members: list[_Worker], files: list[SharedFile]) -> None:
    for member in members:
        with contextlib.suppress(OSError, ValueError):
            member.pipe.close()
            member.questions.close()
    deadline = time.monotonic() + 0.3
    for member in members:
        member.process.join(max(0.0, deadline - time.monotonic()))
    for member in members:
        if member.process.is_alive():
            member.process.kill()
            member.process.join()
    for file in files:
        file.close()


def _obituary(worker: int, size: int, dead: _Worker) -> str:
    code = dead.process.exitcode
    reading = ", ".join(f"{task.index}" for task, _ in dead.tasks.values())[:200]
    words = f"worker {worker} of {size} (process {dead.process.pid}) "
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        words += f"was killed by {name}"
        words += {
            "SIGKILL": ": most likely the system was out of memory",
            "SIGSEGV": ": a library that the dataset uses wrote where it must not",
            "SIGBUS": ": most likely the shared memory was full",
        }.get(name, "")
    else:
        words += f"ended with exit code {code}"
    words += f". It had to read the samples {reading}. " if reading else ". "
    return words
