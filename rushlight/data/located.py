"""Errors that say where in the data they arose."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

_SHOWN_FRAMES = 8


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


def describe_turn(fetch: Any, index: Any, dataset: Any) -> str:
    """Which of a batch's samples `fetch` reads, or that it collates them."""
    match () if fetch is None else fetch.source.turn:
        case (("collate", _), *_):
            return describe("collating", index, dataset)
        case (("stream", _), *_):
            return describe("reading", fetch.count, dataset)
        case (("lane", number, _), *_):
            count = fetch.lanes[number].count
            return f"{describe('reading', count, dataset)} (lane {number})"
        case (("sample", number, sample, _), *_):
            return f"{describe('reading', sample, dataset)} (lane {number})"
        case (("read", _) | "start", *_) | ():
            return describe("reading", index, dataset)
        case (sample, *_):
            return describe("reading", sample, dataset)
    raise AssertionError(index)


def lines_of(frame: FrameType | None) -> str:
    """The innermost lines of the program that a thread runs."""
    if frame is None:
        return ""
    return "".join(traceback.format_stack(frame)[-_SHOWN_FRAMES:]).rstrip()
