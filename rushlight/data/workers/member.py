"""One worker process as its parent sees it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from multiprocessing import reduction
from typing import Any

from rushlight.data.workers import child
from rushlight.data.workers.crew import Task
from rushlight.data.workers.shared import SharedFile

LOG_BYTES = 1 << 14
_PIPE_BYTES = 1 << 15 if sys.platform == "linux" else 1 << 12
_STACK_TIME = 0.1
_SIGNALS = {each.value: each.name for each in signal.Signals}


class WorkerProcess:
    """One worker process, and what it has been given and not yet done."""

    def __init__(self, context: Any, link: tuple, given: tuple, others: list[WorkerProcess]):
        self.asked = 0
        self._outbox: queue.SimpleQueue | None = None
        self.tasks: dict[tuple[int, int], tuple[Task, int | None]] = {}
        self.state: dict = {}
        self.is_ready = False
        self.has_said_all = False
        self.spent: tuple | None = None
        self.memory: int | None = None
        (self.pipe, theirs), (self.questions, answering) = context.Pipe(), context.Pipe()
        self.log: SharedFile = link[1]
        ends = [(each.pipe, each.questions) for each in (*others, self)]
        # A bare fork would keep our ends open.
        strangers = ends if context.get_start_method() == "fork" else []
        arguments = child.Link(theirs, answering, *link), *given, strangers
        self.process = context.Process(target=child.main, args=arguments, daemon=True)
        try:
            self.process.start()
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            answering.close()

    def send(self, message: Any) -> None:
        """Tell it; what may be more than the pipe holds is sent by a thread.

        Else both sides could wait for each other, each in the middle of a long message.
        """
        data = bytes(reduction.ForkingPickler.dumps(message))
        if self._outbox is None and len(data) * (len(self.tasks) + 1) > _PIPE_BYTES:
            self._outbox = queue.SimpleQueue()
            sender = threading.Thread(target=_send_all, args=(self.pipe, self._outbox), daemon=True)
            sender.start()
        if self._outbox is not None:
            self._outbox.put(data)
        else:
            with contextlib.suppress(OSError):  # seen when receiving
                self.pipe.send_bytes(data)

    def close(self) -> None:
        """Let it end."""
        if self._outbox is not None:
            self._outbox.put(None)
        with contextlib.suppress(OSError, ValueError):
            self.pipe.close()
            self.questions.close()

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
        text = os.pread(self.log.handle, LOG_BYTES, 0).strip(b"\0").decode(errors="replace")
        threads = [part for part in text.split("\n\n") if "answer_questions" not in part]
        stack = "\n\n".join(threads).rstrip()
        return f"does not answer: a library holds the interpreter's lock\n{stack}"

    def obituary(self, worker: int, size: int) -> str:
        """How it ended, and what it had to do."""
        code = self.process.exitcode
        reading = ", ".join(f"{task.index}" for task, _ in self.tasks.values())[:200]
        words = f"worker {worker} of {size} (process {self.process.pid}) "
        if code is not None and code < 0:
            name = _SIGNALS.get(-code, f"signal {-code}")
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


def _send_all(pipe: Any, outbox: queue.SimpleQueue) -> None:
    with contextlib.suppress(OSError):
        while (data := outbox.get()) is not None:
            pipe.send_bytes(data)
