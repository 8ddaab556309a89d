"""Where in the user's program something was recorded, and errors that say so."""

from __future__ import annotations

import sys
from time import perf_counter_ns
from types import FrameType

from rushlight.graph import timing
from rushlight.graph.node import Node, Origin

_OURS, _EXAMPLES = "rushlight.", "rushlight.examples"
_AUTOGRAD = "rushlight.autograd."
_OPERATIONS = ("rushlight.ops.", "rushlight.optim.", "rushlight.random", "rushlight.nn.functional")

LARGE = 64 << 20
large = LARGE
"""Values of more bytes remember what recorded them: there may be no memory for them.  A profile
sets it below 0."""


def origin_here(primitive: str) -> Origin:
    """The operation that is being recorded, and the user's line that called it."""
    watcher = timing.watcher
    if watcher is None:
        return _find_origin(primitive, "")
    begin = perf_counter_ns()
    origin = _find_origin(primitive, "/".join(watcher.ranges))
    watcher.own_time += perf_counter_ns() - begin
    return origin


def _find_origin(primitive: str, ranges: str) -> Origin:
    frame: FrameType | None = sys._getframe(3)
    operation = primitive
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(_OURS) or module.startswith(_EXAMPLES):
            break
        name = frame.f_code.co_qualname
        if module.startswith(_OPERATIONS) and "<" not in name:
            operation = name.removeprefix("_")
        elif operation == primitive and module.startswith(_AUTOGRAD):
            operation = f"{primitive} of gradients"
        frame = frame.f_back
    place = "an unknown place" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return Origin(operation, place, ranges)


def located(error: Exception, node: Node) -> Exception:
    """The error with the operation and the user's line that recorded it."""
    if isinstance(error, MemoryError):
        error = _out_of_memory(error, node)
    if node.origin is None or not error.args:
        return error
    return type(error)(f"{error.args[0]}\nIn {node.origin}.")


def _out_of_memory(error: MemoryError, node: Node) -> MemoryError:
    """Names the value; an engine may have said more than that it lacks room for it."""
    asked = error.args[0] if type(error) is MemoryError and error.args else ""
    words = f"not enough memory for {node.primitive.name} of {node.spec}: "
    return MemoryError(words + (asked or f"{node.spec.nbytes:,} bytes were asked for."))
