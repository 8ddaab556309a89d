"""Errors on their way from a worker process: with their own type where that can be done."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

PackedError = tuple[bytes | None, str, str, list[str]]


def pack_error(error: BaseException) -> PackedError:
    """The error as bytes if it can travel, its name and words, its traceback, its notes."""
    text = "".join(traceback.format_exception(error))
    words = "".join(traceback.format_exception_only(error)).strip()
    notes = list(getattr(error, "__notes__", ()))
    try:
        packed = pickle.dumps(error)
        same = type(pickle.loads(packed)) is type(error)
    except Exception:  # whatever a user's __reduce__ raises
        same = False
    return (packed if same else None), words, text, notes


def unpack_error(packed: PackedError, note: str) -> BaseException:
    """The error, with the worker's traceback and where it was as notes."""
    data, words, text, notes = packed
    error = _loaded(data)
    if error is None:
        error = RuntimeError(f"an error that cannot travel between processes: {words}")
    if hasattr(error, "__notes__"):
        del error.__notes__
    for each in [*notes, note, f"the worker's traceback:\n{text}"]:
        error.add_note(each)
    return error


def _loaded(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return pickle.loads(data)
    except Exception:  # its module may not be importable here
        return None
