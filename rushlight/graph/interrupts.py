"""Interrupts (Ctrl-C) wait while a program runs, so that it is done whole or was never begun.

Python raises KeyboardInterrupt between any two steps of its own.  Inside `held` the interrupt is
only noted; engines let it through by `honour()` where nothing that is seen outside has been
written yet, else it comes when the results are handed over.
"""

from __future__ import annotations

import _signal  # the functions of `signal` itself take ten times as long
import os
import signal
import threading
from signal import SIGINT, default_int_handler
from threading import get_ident
from typing import Any

_main = threading.main_thread()


def _find_main_thread() -> None:
    global _main
    _main = threading.main_thread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_find_main_thread)


class _Held:
    """A `with` block that interrupts do not break off; only the main thread gets any."""

    depth = 0
    handler: Any = None
    arrived: tuple | None = None

    def __enter__(self) -> None:
        if get_ident() != _main.ident:
            return
        if not self.depth:
            handler = _signal.getsignal(SIGINT)
            if handler is None:
                return  # not Python's to change
            _signal.signal(SIGINT, self._note)
            self.handler = handler
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        if not self.depth or get_ident() != _main.ident:
            return
        self.depth -= 1
        if not self.depth:
            arrived, self.arrived = self.arrived, None
            _signal.signal(SIGINT, self.handler)
            if arrived is not None:
                self._deliver(arrived)

    def _note(self, *arrived: Any) -> None:
        self.arrived = arrived

    def _deliver(self, arrived: tuple) -> None:
        if callable(self.handler):
            self.handler(*arrived)
        else:
            signal.raise_signal(SIGINT)


held = _Held()


def honour() -> None:
    """Raise the KeyboardInterrupt that waits, if one does.

    A handler of the user's own comes when the program is done: it may read values of it.
    """
    arrived = held.arrived
    if arrived is not None and held.handler is default_int_handler and get_ident() == _main.ident:
        held.arrived = None
        held.handler(*arrived)
