"""Saying where a batch hangs that does not come."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from .located import describe_turn, lines_of

PATIENCE = 60.0
"""Seconds after which a loader says where it is, unless its `patience` says otherwise."""


class StalledWarning(RuntimeWarning):
    """A batch has not come for as long as the loader's `patience`; the words say where it hangs."""


class Waiting:
    """The wait for one batch that workers read."""

    def __init__(self, timeout: float, patience: float | None):
        self.timeout = timeout or math.inf
        self.due = patience or math.inf
        self.started = time.monotonic()

    def left(self) -> float | None:
        """The seconds until somebody must be told; None for ever."""
        until = min(self.timeout, self.due)
        return None if until == math.inf else max(0.0, self.started + until - time.monotonic())

    def tell(self, where: Callable[[], str]) -> None:
        """Raise or warn if it has been too long; the next warning comes after twice the time."""
        waited = time.monotonic() - self.started
        if waited >= self.timeout:
            words = f"DataLoader timed out after {self.timeout} seconds, waiting for {where()}"
            raise RuntimeError(words)
        if waited >= self.due:
            words = f"no batch for {self.due:.4g} seconds, waiting for {where()}"
            self.due *= 2
            warnings.warn(words, StalledWarning, stacklevel=6)


class Watch:
    """What a pass without workers reads; a thread looks at it from time to time.

    The pass sets `task` and `since` when it begins to read a batch, and `since` to None after it.
    """

    def __init__(self, dataset: Any, patience: float | None):
        self.dataset = dataset
        self.fetch: Any = None
        self.patience = patience or math.inf
        self.thread = threading.get_ident()
        self.task: tuple[int, Any] = (0, None)
        self.since: float | None = None
        self._told: tuple[float, float] = (0.0, 0.0)
        if self.patience < math.inf:
            _watcher.add(self)

    def look(self) -> None:
        """Warn if it takes too long, and again after twice the time."""
        since = self.since
        if since is None:
            return
        due = self._told[1] * 2 if self._told[0] == since else self.patience
        if time.perf_counter() - since >= due:
            self._told = since, due
            self._warn(due)

    def _warn(self, waited: float) -> None:
        frame = sys._current_frames().get(self.thread)
        number, index = self.task
        words = (
            f"no batch for {waited:.4g} seconds: the main process is at batch {number}, "
            f"{describe_turn(self.fetch, index, self.dataset)}\n{lines_of(frame)}"
        )
        place = ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
        try:
            warnings.warn_explicit(words, StalledWarning, *place)
        except StalledWarning:  # made an error, which nobody could catch in this thread
            sys.stderr.write(f"StalledWarning: {words}\n")


class _Watcher:
    """One thread for all passes, which sleeps nearly always."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self.changed = threading.Event()
        self.pause = 0.0
        self.thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self.lock:
            self.watches.add(watch)
            if self.thread is None or not self.thread.is_alive():  # a forked process has none
                self.pause = watch.patience / 4
                self.thread = threading.Thread(target=self.run, daemon=True, name="loader-watch")
                self.thread.start()
            elif watch.patience / 4 < self.pause:
                self.pause = watch.patience / 4
                self.changed.set()

    def run(self) -> None:
        while True:
            self.changed.wait(self.pause)
            with self.lock:
                self.changed.clear()
                watches = list(self.watches)
                self.pause = min((each.patience for each in watches), default=PATIENCE) / 4
            for watch in watches:
                watch.look()
            del watches


_watcher = _Watcher()
if hasattr(os, "register_at_fork"):  # a forked process has neither the thread nor its locks
    os.register_at_fork(after_in_child=_watcher.__init__)  # type: ignore[misc]
