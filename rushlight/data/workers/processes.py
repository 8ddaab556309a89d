"""Workers that are processes: dataset and transforms run beside the interpreter's lock.

They come from a fork server that has loaded NumPy and this package, and no engine: they start in
some milliseconds and inherit no thread.  Where there is no fork server they are spawned.
"""

from __future__ import annotations

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
from rushlight.data.workers.member import LOG_BYTES, WorkerProcess
from rushlight.data.workers.packing import lay_out, unpack, why_not
from rushlight.data.workers.remote import unpack_error
from rushlight.data.workers.ring import Ring
from rushlight.data.workers.shared import SharedFile

_PRELOADED = ["numpy", "rushlight.data.workers.child", "rushlight.data.workers.calm"]
_AT_START = (
    "It had not begun to read. A worker process imports the program that is running: let it start "
    'under `if __name__ == "__main__":`, or use worker_type="thread".'
)
_ANSWER_TIME = 1.0
_ROOM = 1.25
"""A slot is so much larger than the first batch."""


class WorkerDiedError(RuntimeError):
    """A worker process ended although nobody told it to."""


class ProcessCrew(Crew):
    """Processes with a pipe each, and one ring of shared memory for their batches."""

    def __init__(self, job: Job, size: int, seed: int, context: Any = None, slots: int = 4):
        self.job, self.size, self.seed, self._slots = job, size, seed, slots
        self._context = context or _default_context()
        self._pass = Pass(-1, 0, 0)
        self._files: list[SharedFile] = []
        self._members: list[WorkerProcess] = []
        self._finish = weakref.finalize(self, _end, self._members, self._files, os.getpid())
        try:
            if context is None:
                get_ready()
            self._ring_file = self._new_file()
            self._parcel = self._make_parcel()
            for number in range(size):
                self._members.append(self._start(number))
            _server.serves = True
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                _server.stop_starting()
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

    def _start(self, number: int) -> WorkerProcess:
        link = self._ring_file, self._new_file(LOG_BYTES)
        given = self._parcel, number, self.size, self.seed
        return WorkerProcess(self._context, link, given, self._members)

    # --------------------------------------------------------------------------------- telling
    def begin(self, new: Pass) -> None:
        """What workers still read for an older pass is dropped when it comes."""
        self._pass, self.serving = new, new.number
        for member in self._members:
            member.state, member.spent = {}, None
            member.send(("pass", new))

    def give(self, worker: int, task: Task) -> None:
        """Send the task, with a slot to put its batch in if one is free."""
        slot = None if self.ring is None else self.ring.take()
        member = self._members[worker]
        member.tasks[self._pass.number, task.number] = (task, slot)
        member.send(("task", task, slot))

    # ------------------------------------------------------------------------------- receiving
    def receive(self, timeout: float | None) -> list[Outcome]:
        """The outcomes that are there, waiting for the first; WorkerDiedError for a dead worker."""
        end = None if timeout is None else time.monotonic() + timeout
        if self.is_closed:
            raise RuntimeError("the worker processes of this pass have ended: begin a new pass")
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
        except (EOFError, OSError):  # it may have died in the middle of a word
            member.has_said_all = True
            return []
        match message:
            case ("ready",):
                member.is_ready = True
                return []
            case ("failed", error):
                self.close()
                raise _explained(unpack_error(error, note_of(worker, self.size, "process")))
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
        try:
            self.ring = Ring(self._ring_file, slot_bytes, self._slots)
        except BaseException:
            self.close()
            raise
        for member in self._members:
            member.send(("ring", slot_bytes))

    def _replace(self, worker: int) -> None:
        """A new process does what the dead one had to do; the caller learns of it."""
        dead = self._members[worker]
        dead.process.join()
        words = dead.obituary(worker, self.size)
        if not dead.is_ready and (dead.process.exitcode or 0) >= 0:
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
        dead.close()
        fresh = self._members[worker] = self._start(worker)
        if self.ring is not None:
            fresh.send(("ring", self.ring.slot_bytes))
        states = [member.state or None for member in self._members]
        states[worker] = fresh.state = dead.state
        fresh.send(("pass", replace(self._pass, states=tuple(states))))
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
        self._parcel = ()
        if self.ring is not None:
            self.ring.close()


def _default_context() -> Any:
    methods = multiprocessing.get_all_start_methods()
    if "forkserver" not in methods:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


class _Server:
    """What we know of the fork server: whether it has given us a process already."""

    serves = False

    def stop_starting(self) -> None:
        """End it if it is still loading: it would go on with that after the program's end."""
        if self.serves:
            return
        from multiprocessing import forkserver

        process = getattr(forkserver._forkserver, "_forkserver_pid", None)  # type: ignore[attr-defined]
        if process is not None:
            os.kill(process, signal.SIGTERM)


_server = _Server()


def get_ready() -> None:
    """Let the fork server begin to load what workers need, while the program goes on."""
    context = _default_context()
    if context.get_start_method() != "forkserver" or multiprocessing.parent_process() is not None:
        return
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()
    interrupt = {signal.SIGINT}  # Ctrl-C is ours to tell of; `calm.py` lets it through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interrupt)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _explained(error: BaseException) -> BaseException:
    if isinstance(error, AttributeError) and "__main__" in str(error):
        error.add_note(
            "A worker process does not find what is defined in a notebook or at a prompt: put the "
            'dataset into a file and import it, or use worker_type="thread".'
        )
    return error


def _problem(name: str, part: Any) -> str:
    try:
        child.pack(part)
    except Exception:  # whatever a user's __reduce__ raises
        return why_not(part, name)
    return ""


def _end(members: list[WorkerProcess], files: list[SharedFile], owner: int) -> None:
    if os.getpid() != owner:  # a fork of the program: they are not its children
        return
    for member in members:
        member.close()
    deadline = time.monotonic() + 0.3
    for member in members:
        member.process.join(max(0.0, deadline - time.monotonic()))
    for member in members:
        if member.process.is_alive():
            member.process.kill()
            member.process.join()
    for file in files:
        file.close()
