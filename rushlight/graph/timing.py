"""What a profile is told while it watches; nobody is told anything when there is none.

    with span("plan"):
        ...

Engines and the recorder say when they plan, compile, bind and run; `rushlight.profiler` listens.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from threading import get_ident
from time import perf_counter_ns
from typing import Any, NamedTuple

from rushlight.graph.node import Node
from rushlight.graph.work import operations_of


class Span(NamedTuple):
    """Something that Python did: times are of `time.perf_counter_ns`."""

    name: str
    kind: str
    begin: int
    end: int
    thread: int


class Origins(NamedTuple):
    """Of each node of a program: what recorded it, inside which range, and how much work it is."""

    names: list[str]
    ranges: list[str]
    operations: list[int]


class Watcher:
    """Collects what happens."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.launches: list[Any] = []
        self.origins = Origins([], [], [])
        self.range = ""  # in which the scan that runs was recorded
        self.own_time = 0  # of the profile itself, while the program records
        self._local = threading.local()

    @property
    def ranges(self) -> list[str]:
        """The names of the ranges that this thread is in."""
        if not hasattr(self._local, "ranges"):
            self._local.ranges = []
        return self._local.ranges

    def add(self, name: str, kind: str, begin: int) -> None:
        """Note what began then and ends now."""
        self.spans.append(Span(name, kind, begin, perf_counter_ns(), get_ident()))

    def note(self, nodes: Sequence[Node]) -> None:
        """The nodes that the program which comes next computes."""
        names, ranges, latest = [], [], ""
        for node in nodes:
            origin = node.origin
            names.append(node.primitive.name if origin is None else origin.operation)
            if origin is not None and type(origin.module) is str:
                latest = origin.module  # others say in which module they may fail
            ranges.append(latest)
        self.origins = Origins(names, ranges, [operations_of(node) for node in nodes])


watcher: Watcher | None = None


class span:  # noqa: N801 - a block like those of contextlib
    """A block whose time is told to the watcher, if there is one."""

    __slots__ = ("begin", "kind", "name")

    def __init__(self, kind: str, name: str = ""):
        self.kind, self.name = kind, name or kind

    def __enter__(self) -> None:
        self.begin = perf_counter_ns() if watcher is not None else 0

    def __exit__(self, *_: object) -> None:
        if watcher is not None and self.begin:
            watcher.add(self.name, self.kind, self.begin)
