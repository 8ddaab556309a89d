"""Errors that say where in the data they arose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Located:
    """Adds a note to an exception that passes, and stops a StopIteration.

    Let through, that would end the epoch early and in silence.
    """

    def __init__(self, note: Callable[[], str]):
        self.note = note

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, StopIteration):
            raise RuntimeError(f"StopIteration raised {self.note()}") from error
        if isinstance(error, Exception):
            error.add_note(self.note())


def describe(action: str, index: Any, dataset: Any) -> str:
    """Say what is being done: `while reading sample 3 of MNIST`."""
    place = f"sample {index!r}"
    if isinstance(index, list | tuple):
        shown = ", ".join(repr(entry) for entry in index[:16])
        place = f"samples [{shown}{', ...' if len(index) > 16 else ''}]"
    return f"while {action} {place} of {type(dataset).__name__}"
