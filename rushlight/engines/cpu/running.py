"""Pass 6: running.  A bound plan gets this run's addresses, and its native lists run in turn."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from rushlight.engines.cpu import host
from rushlight.engines.cpu.binding import SERIAL_OPERATIONS, Bound
from rushlight.engines.cpu.crafted import Crafted
from rushlight.engines.cpu.division import DIVISIONS
from rushlight.engines.cpu.plan import HostStep, NativeStep
from rushlight.engines.cpu.pool import run_list
from rushlight.engines.cpu.roots import is_number
from rushlight.engines.cpu.scans import Value, literal_value
from rushlight.graph import timing
from rushlight.graph.buffer import Buffer
from rushlight.graph.interrupts import honour
from rushlight.graph.program import Binding, EquationError

GUARD = os.environ.get("RUSHLIGHT_GUARD", "0")
"""How memory is guarded, if it is neither "" nor "0"; see `guard.py`."""


class NativeList(NamedTuple):
    """Kernels that run one after another without Python."""

    rows: np.ndarray
    """Kernel, arguments and number of chunks of each."""
    address: int
    count: int
    is_serial: bool
    """Whether there is too little work to wake other threads."""
    limit: int
    """How many may be broken off by an interrupt: the first write over an input is the end."""
    steps: list[int]
    """For each row, the number of its step among the native ones."""


def make_lists(bound: Bound, addresses: list[list[int]]) -> list[NativeList | HostStep]:
    """Native lists and host steps in order; consecutive kernels make one list."""
    tables, lists = bound.tables, _Lists(bound)
    position = 0
    for step in tables.plan.steps:
        if isinstance(step, HostStep):
            lists.end()
            lists.made.append(step)
            continue
        lists.add(step, position, addresses[position])
        position += 1
    lists.end()
    return lists.made


class _Lists:
    """The lists made so far, and the rows of the next."""

    def __init__(self, bound: Bound):
        self.bound, self.made = bound, []
        self.block = bound.block.ctypes.data
        self.begin()

    def begin(self) -> None:
        self.rows: list[tuple[int, int, int]] = []
        self.steps: list[int] = []
        self.work, self.limit = 0, None

    def add(self, step: NativeStep | Crafted, position: int, addresses: list[int]) -> None:
        bound, inherited = self.bound, self.bound.tables.plan.inherited
        if self.limit is None and any(storage in inherited for storage in step.writes):
            self.limit = len(self.rows) + 1
        arguments = self.block + 8 * bound.tables.starts[position]
        for address, chunks in zip(addresses, bound.chunks[position], strict=True):
            self.rows.append((address, arguments, chunks))
            self.steps.append(position)
        self.work += bound.work[position] * _cost(step)

    def end(self) -> None:
        if self.rows:
            rows, count = np.array(self.rows, np.int64), len(self.rows)
            limit = count if self.limit is None else self.limit
            parts = rows, rows.ctypes.data, count, self.work < SERIAL_OPERATIONS, limit, self.steps
            self.made.append(NativeList(*parts))
        self.begin()


def _cost(step: NativeStep | Crafted) -> int:
    return 2 if isinstance(step, Crafted) else max(len(step.kernel.ops), 1)


def run_bound(bound: Bound, binding: Binding) -> list[Buffer]:
    """Run a bound plan; gives the results."""
    if timing.watcher is not None:
        from rushlight.engines.cpu.profiled import ProfiledRun

        return ProfiledRun(bound, binding).run()
    if GUARD in ("", "0"):
        return Run(bound, binding).run()
    from rushlight.engines.cpu.guard import GuardedRun

    return GuardedRun(bound, binding).run()


class Run:
    """One run of a program."""

    def __init__(self, bound: Bound, binding: Binding):
        self.bound = bound
        self.binding = binding
        self.tables = bound.tables

    def run(self) -> list[Buffer]:
        """The results' buffers."""
        bound, tables, buffers = self.bound, self.tables, self.binding.buffers
        fresh = zip(tables.fresh, bound.fresh_bytes, strict=True)
        self.fresh = [self.allocate(value, nbytes) for value, nbytes in fresh]
        self.arena = self.allocate(None, bound.arena_bytes)
        addresses = [buffers[leaf].address for leaf in tables.inputs]
        addresses += [buffer.address for buffer in self.fresh]
        addresses.append(self.arena.address)
        bound.patch(addresses, self.binding.numbers)
        for item in bound.lists:
            honour()  # only the last list writes over inputs
            if isinstance(item, HostStep):
                self.check(item) if item.is_check else self.run_host(item)
            else:
                self.launch(item)
        held = [*buffers, *self.fresh]
        return [held[place] for place in tables.results]

    def launch(self, item: NativeList) -> None:
        """Run a list."""
        run_list(item.address, item.count, item.is_serial, item.limit)

    def allocate(self, value: int | None, nbytes: int) -> Buffer:
        """Memory for a result, or for all temporaries; an error says for what there is none."""
        try:
            return Buffer(nbytes)
        except (MemoryError, ValueError, OverflowError) as error:
            raise self.out_of_memory(value, nbytes) from error

    def out_of_memory(self, value: int | None, nbytes: int) -> EquationError:
        """Names the result, or the largest of the temporaries."""
        words = f"{nbytes:,} bytes were asked for"
        if value is None:
            largest = max(self.tables.plan.places, key=self.bytes_of)
            value = getattr(largest, "value", largest)
            words += ", for this and all other values on the way"
        leaves = len(self.tables.plan.fusion.graph.leaves)
        return EquationError(value - leaves, MemoryError(f"{words}."))

    def bytes_of(self, storage: Any) -> int:
        """The size of the value that a temporary is, or belongs to."""
        return self.binding.specs[getattr(storage, "value", storage)].nbytes

    def buffer_of(self, value: int) -> Buffer:
        """The buffer of an input or a result."""
        tables = self.tables
        value = tables.plan.inherited.get(value, value)
        if value < len(self.binding.buffers):
            return self.binding.buffers[value]
        return self.fresh[tables.addresses[value] - len(tables.inputs)]

    def value_of(self, value: int) -> np.ndarray:
        """A literal, or what a value's memory holds."""
        fusion, specs = self.tables.plan.fusion, self.binding.specs
        owner, leaves = fusion.owners[value], fusion.graph.leaves
        literal = leaves[owner].literal if owner < len(leaves) else None
        if literal is not None:
            return host.literal_value(literal, specs[value].dtype)
        memory, offset = self.memory_of(owner)
        return host.read_memory(memory, offset, specs[value])

    def check(self, step: HostStep) -> None:
        """Raise the error of a place that is out of range, or of a divisor that is zero."""
        fusion = self.tables.plan.fusion
        equation = fusion.equation(step.value)
        shape = self.binding.specs[equation.inputs[0]].shape
        wraps = equation.primitive.name in ("take", "put")
        places = fusion.checks[step.value]
        position = step.value - len(fusion.graph.leaves)
        if equation.primitive.name in DIVISIONS:
            host.check_divisor(self.number_or_value(places[0]), position)
            return
        axes = range(len(places)) if wraps else equation.attributes[:1]
        for axis, place in zip(axes, places, strict=True):
            found = np.asarray(self.number_or_value(place))
            host.check_places(found, axis, shape[axis], wraps, position)

    def number_or_value(self, value: int) -> object:
        """A run-time number, or what a value's memory holds."""
        fusion = self.tables.plan.fusion
        if not is_number(fusion.graph, value):
            return self.value_of(value)
        return self.binding.numbers[fusion.equation(value).first_number]

    def run_host(self, step: HostStep) -> None:
        """Let NumPy compute one equation, or run a scan."""
        if step.loop is not None:
            self.run_scan(step)
            return
        fusion = self.tables.plan.fusion
        graph, specs = fusion.graph, self.binding.specs
        arrays = [self.value_of(source) for source in fusion.equation(step.value).inputs]
        position = step.value - len(graph.leaves)
        result = host.compute_equation(graph, position, arrays, self.binding)
        memory, offset = self.memory_of(step.value)
        host.write_memory(memory, offset, specs[step.value], result)

    def run_scan(self, step: HostStep) -> None:
        """Run all steps of a scan."""
        fusion = self.tables.plan.fusion
        inputs = [self.place_of(source) for source in fusion.equation(step.value).inputs]
        results = [self.place_of(value) for value in step.writes]
        step.loop.run(inputs, results, self.binding.numbers)

    def place_of(self, value: int) -> Value:
        """Where a value lies, or a literal in memory of its own."""
        fusion, spec = self.tables.plan.fusion, self.binding.specs[value]
        owner, leaves = fusion.owners[value], fusion.graph.leaves
        literal = leaves[owner].literal if owner < len(leaves) else None
        return (
            literal_value(literal, spec)
            if literal is not None
            else Value(*self.memory_of(owner), spec)
        )

    def memory_of(self, value: int) -> tuple[np.ndarray, int]:
        """Where a value lies: an array of bytes, and its begin in it."""
        if value in self.tables.plan.places:
            return self.arena.memory, self.arena.offset + self.bound.offsets[value]
        buffer = self.buffer_of(value)
        return buffer.memory, buffer.offset
