"""The profile itself: a block that watches, and the events that it saw."""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Any, NamedTuple

from rushlight.graph import places, timing
from rushlight.graph.recorder import recorder
from rushlight.graph.timing import Span, Watcher
from rushlight.profiler.averages import Averages
from rushlight.profiler.trace import write_trace


class ProfilerActivity(enum.Enum):
    """What can be watched; there is no other device than the CPU."""

    CPU = "cpu"


class KernelEvent(NamedTuple):
    """One kernel of one run: `parts` are (thread, begin, end, busy ns, chunks)."""

    name: str
    range: str
    form: str
    nbytes: int
    operations: int
    begin: int
    end: int
    parts: tuple[tuple[int, int, int, int, int], ...]

    @property
    def time(self) -> int:
        """From the first chunk's begin to the last one's end, in nanoseconds."""
        return self.end - self.begin


class record_function(contextlib.ContextDecorator):  # noqa: N801 - PyTorch's name
    """A named range: a `with` block, or a decorator of a function.

    Kernels are told apart by the range in which their work was recorded, whenever they run.

    >>> import rushlight as rl
    >>> with rl.profiler.record_function("preparing"):
    ...     x = rl.ones(3)
    """

    def __init__(self, name: str, args: str | None = None):
        self.name = name if args is None else f"{name} ({args})"
        self._begun: list[int] = []

    def __enter__(self) -> record_function:
        self._begun.append(perf_counter_ns())
        if timing.watcher is not None:
            timing.watcher.ranges.append(self.name)
        return self

    def __exit__(self, *_: object) -> None:
        begun, watcher = self._begun.pop(), timing.watcher
        if watcher is not None and self.name in watcher.ranges:
            watcher.ranges.remove(self.name)
            watcher.add(self.name, "range", begun)


class profile:  # noqa: N801 - PyTorch's name
    """Watch what is recorded and computed inside the block, on all threads.

    `activities` may name the CPU; bytes, operations and names are always recorded, so that the
    switches for them say nothing new.  `on_trace_ready` is called with the profile at the end.
    Profiles do not nest.

    >>> import rushlight as rl
    >>> with rl.profiler.profile() as prof:
    ...     total = (rl.rand(100, 100) @ rl.rand(100, 100)).sum().item()
    >>> "matmul" in prof.table()
    True
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        on_trace_ready: Any = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
    ):
        for activity in activities or ():
            if not isinstance(activity, ProfilerActivity):
                raise TypeError(f"Expected activities of ProfilerActivity.\nActual: {activity!r}.")
        self.on_trace_ready = on_trace_ready
        self.watcher = Watcher()
        self.steps = 0
        self._kernels: list[KernelEvent] | None = None

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to watch; what is pending is computed first, so that it does not count."""
        if timing.watcher is not None:
            raise RuntimeError("a profile is in progress already: profiles do not nest")
        recorder().compute()
        places.large = -1
        self.began = self._step_began = perf_counter_ns()
        self._clock = [_read_clock()]
        timing.watcher = self.watcher

    def stop(self) -> None:
        """Compute what is pending, and watch no more."""
        if timing.watcher is not self.watcher:
            return
        try:
            recorder().compute()
        finally:
            timing.watcher = None
            places.large = places.LARGE
            self.ended = perf_counter_ns()
            self._clock.append(_read_clock())
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Say that a step of training is over: each is a range of its own."""
        self.watcher.add(f"ProfilerStep#{self.steps}", "range", self._step_began)
        self.steps += 1
        self._step_began = perf_counter_ns()

    # ------------------------------------------------------------------------------- what it saw
    def spans(self) -> list[Span]:
        """What Python did, the ranges of `record_function` included."""
        return sorted(self.watcher.spans, key=lambda span: (span.begin, -span.end))

    def kernels(self) -> list[KernelEvent]:
        """Every kernel that ran, in order."""
        if self._kernels is None:
            found = [event for launch in self.watcher.launches for event in self._events(launch)]
            self._kernels = sorted(found, key=lambda event: event.begin)
        return self._kernels

    def _events(self, launch: Any) -> list[KernelEvent]:
        """The steps of a native list; several kernels of one step are one event."""
        parts: dict[int, list] = {}
        for row, at in enumerate(launch.steps):
            for thread, times in enumerate(launch.records[:, row].tolist()):
                begin, end, busy, chunks = times
                if chunks:
                    begin, end = self._nanoseconds(begin), self._nanoseconds(end)
                    busy = round(busy * self._nanoseconds_each())
                    parts.setdefault(at, []).append((thread, begin, end, busy, chunks))
        events = []
        for at, found in parts.items():
            facts = launch.facts[at]
            span = min(part[1] for part in found), max(part[2] for part in found)
            head = facts.operation, facts.range, facts.form, facts.nbytes, facts.operations
            events.append(KernelEvent(*head, *span, tuple(found)))
        return events

    def _nanoseconds_each(self) -> float:
        """How long a tick of the processor's counter is."""
        (first, start), (last, end) = self._clock
        return (end - start) / max(last - first, 1)

    def _nanoseconds(self, ticks: int) -> int:
        first, start = self._clock[0]
        return start + round((ticks - first) * self._nanoseconds_each())

    def key_averages(self) -> Averages:
        """What the same kernels took together."""
        return Averages(self)

    def table(self, sort_by: str | None = None, row_limit: int = 30) -> str:
        """Kernels, ranges and Python's part, as text; `Averages.table` tells of the arguments."""
        return self.key_averages().table(sort_by, row_limit)

    def export_chrome_trace(self, path: str | os.PathLike) -> None:
        """Write a file for chrome://tracing or https://ui.perfetto.dev."""
        write_trace(self, path)


def _read_clock() -> tuple[int, int]:
    """The processor's counter and the clock at one time; the counter needs the CPU engine."""
    from rushlight.engines.cpu.pool import ticks

    return ticks(), perf_counter_ns()
