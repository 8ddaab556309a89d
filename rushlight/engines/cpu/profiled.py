"""A run whose kernels are timed, and what is known of each: names, bytes and operations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rushlight.engines.cpu.binding import Bound
from rushlight.engines.cpu.crafted import Crafted
from rushlight.engines.cpu.plan import HostStep, NativeStep
from rushlight.engines.cpu.pool import get_num_threads, run_list
from rushlight.engines.cpu.running import NativeList, Run
from rushlight.graph import timing
from rushlight.graph.timing import Origins, span

if TYPE_CHECKING:
    from rushlight.engines.cpu.scan_binding import BodyBound

_FREE = {"load", "literal", "number", "iota", "lookup", "write", "partials", "random_bits"}
"""Steps of a kernel that compute nothing."""


class Facts(NamedTuple):
    """What a step is, apart from how long it took."""

    operation: str
    """What the user called, as far as it is known."""
    range: str
    """The ranges of `record_function` in which it was recorded."""
    form: str
    nbytes: int
    """Of all that it reads and writes, each once."""
    operations: int


class Launch(NamedTuple):
    """A native list that ran: for each thread and row first begin, last end, busy and chunks."""

    steps: Sequence[int]
    """For each row, which step it is part of."""
    facts: dict[int, Facts]
    records: np.ndarray
    begin: int
    end: int


def timed(where: tuple[int, int, bool, int]) -> tuple[np.ndarray, int, int]:
    """Run a list; gives its records, and when it began and ended."""
    records = np.zeros((get_num_threads(), where[1], 4), np.int64)
    begin = perf_counter_ns()
    with span("launch"):
        run_list(*where, records.ctypes.data)
    return records, begin, perf_counter_ns()


class ProfiledRun(Run):
    """A run that tells the watcher of every kernel and host step."""

    def launch(self, item: NativeList) -> None:
        """Run a list with times."""
        found = timed((item.address, item.count, item.is_serial, item.limit))
        watcher = timing.watcher
        if watcher is not None:
            facts = {at: facts_of(self.bound, at, watcher.origins) for at in set(item.steps)}
            watcher.launches.append(Launch(item.steps, facts, *found))

    def run_host(self, step: HostStep) -> None:
        """Let NumPy compute one equation, or run a scan, and tell of it."""
        fusion = self.tables.plan.fusion
        if step.loop is None:
            with span("host", fusion.equation(step.value).primitive.name):
                super().run_host(step)
            return
        watcher = timing.watcher
        if watcher is not None:
            watcher.range = watcher.origins.ranges[step.value - len(fusion.graph.leaves)]
        super().run_host(step)


def run_body(bound: BodyBound, where: tuple[int, int, bool, int]) -> None:
    """Run a block of steps of a scan with times: each kernel of each step is an event."""
    found = timed(where)
    watcher = timing.watcher
    if watcher is not None:
        origins = _origins_in(bound, watcher.range)
        each = [facts_of(bound, position, origins) for position in bound.positions]
        count = where[1]
        facts = {row: each[row % len(each)] for row in range(count)}
        watcher.launches.append(Launch(range(count), facts, *found))


def _origins_in(bound: BodyBound, within: str) -> Origins:
    """Names for the equations of a scan's body: those of their primitives."""
    graph, specs = bound.tables.plan.fusion.graph, bound.specs
    names = [f"scan: {equation.primitive.name}" for equation in graph.equations]
    operations = []
    for value, equation in enumerate(graph.equations, len(graph.leaves)):
        each = 1
        if equation.primitive.family == "contraction":
            shape = specs[equation.inputs[0]].shape
            each = 2 * prod([shape[axis] for axis in equation.attributes[2]])
        operations.append(each * specs[value].size)
    return Origins(names, [within] * len(names), operations)


def facts_of(bound: Bound, position: int, origins: Origins) -> Facts:
    """What is known of a native step."""
    step, specs = bound.tables.native[position], bound.specs
    storages = [s for s in dict.fromkeys((*step.reads, *step.writes)) if isinstance(s, int)]
    first = len(bound.tables.plan.fusion.graph.leaves)
    places = [getattr(storage, "value", storage) - first for storage in step.writes]
    names = list(dict.fromkeys([origins.names[place] for place in places]))
    ranges = [origins.ranges[place] for place in places] or [""]
    if isinstance(step, Crafted):
        operations = sum([origins.operations[place] for place in set(places)])
        nbytes = sum([specs[storage].nbytes for storage in storages])
    else:
        work = bound.work[position]
        operations = work * sum([op.name not in _FREE for op in step.kernel.ops])
        # a lookup or a slice reads no more than an element for each that is computed
        pieces = [(specs[s].nbytes, work * specs[s].dtype.itemsize) for s in storages]
        nbytes = sum([min(piece) for piece in pieces])
    return Facts(_joined(names), ranges[0], form_of(step), nbytes, operations)


def form_of(step: NativeStep | Crafted) -> str:
    """The kind of kernel."""
    return step.kernel.form if isinstance(step, NativeStep) else type(step.family).__name__.lower()


def _joined(names: list[str]) -> str:
    if len(names) <= _MOST_NAMES:
        return " + ".join(names)
    return " + ".join(names[:_MOST_NAMES]) + f" + {len(names) - _MOST_NAMES} more"


_MOST_NAMES = 3
