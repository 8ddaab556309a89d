"""A profile as a file of trace events, which browsers draw as a picture."""

from __future__ import annotations

import json
import os
from typing import Any

_PYTHON = 1000  # rows of Python's threads come below those of kernels


def write_trace(profile: Any, path: str | os.PathLike) -> None:
    """Write Chrome's trace event format: kernels for each thread, and what Python did."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"traceEvents": trace_events(profile), "displayTimeUnit": "ms"}, file)


def trace_events(profile: Any) -> list[dict]:
    """Complete events, with times in microseconds from the profile's begin."""
    process, events = os.getpid(), []
    rows: dict[int, str] = {}
    threads: dict[int, int] = {}
    for span in profile.spans():
        row = threads.setdefault(span.thread, _PYTHON + len(threads))
        rows[row] = f"Python thread {row - _PYTHON}"
        times = _times(profile, span.begin, span.end)
        events.append({"name": span.name, "cat": span.kind, "ph": "X", "tid": row, **times})
    for kernel in profile.kernels():
        facts = {"bytes": kernel.nbytes, "flops": kernel.operations, "form": kernel.form}
        if kernel.range:
            facts["range"] = kernel.range
        for thread, begin, end, busy, chunks in kernel.parts:
            rows[thread] = f"kernels, thread {thread}"
            more = {**facts, "chunks": chunks, "busy us": busy / 1e3}
            times = _times(profile, begin, end)
            event = {"name": kernel.name, "cat": "kernel", "ph": "X", "tid": thread}
            events.append({**event, **times, "args": more})
    names = [
        {"name": "thread_name", "ph": "M", "tid": row, "args": {"name": name}}
        for row, name in sorted(rows.items())
    ]
    return [{"pid": process, **event} for event in [*names, *events]]


def _times(profile: Any, begin: int, end: int) -> dict[str, float]:
    return {"ts": (begin - profile.began) / 1e3, "dur": max(end - begin, 0) / 1e3}
