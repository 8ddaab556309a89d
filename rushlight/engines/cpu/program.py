"""Pass 6: running.  A program binds its plan to sizes, patches pointers and runs native lists."""

from __future__ import annotations

import threading

import numpy as np

from rushlight.engines.cpu import dump, host
from rushlight.engines.cpu.binding import SERIAL_OPERATIONS, Bound, Tables
from rushlight.engines.cpu.crafted import Crafted
from rushlight.engines.cpu.fuse import fuse
from rushlight.engines.cpu.lower import emit_kernel
from rushlight.engines.cpu.normalise import normalise
from rushlight.engines.cpu.plan import HostStep, NativeStep, Plan, make_plan
from rushlight.engines.cpu.sizes import find_sizes
from rushlight.graph.buffer import Buffer
from rushlight.graph.interrupts import honour
from rushlight.graph.program import Binding, Graph
from rushlight.graph.spec import Spec
from rushlight.graph.verify import verify

_MOST_BOUND = 64
_LARGEST_BLOCK = 1 << 16


class CPUProgram:
    """A graph planned for the CPU; see `plan.py` for what it does in which order."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._bound: dict[tuple[Spec, ...], Bound | None] = {}
        self._tables: Tables | None = None
        self._known: dict[tuple, list[int]] = {}
        self._lock = threading.Lock()

    @property
    def tables(self) -> Tables:
        """The plan, made when the first run at sizes that are not interpreted needs it."""
        if self._tables is None:
            self._tables = Tables(plan_graph(self.graph))
        return self._tables

    def run(self, binding: Binding) -> list[Buffer]:
        """Compute the results; see `graph.program.Program`."""
        with self._lock:
            bound = self._bound.get(binding.specs, self)
            if bound is self:
                bound = self._bind(binding)
            if bound is None:
                return host.interpret(self.graph, binding)
            return _Run(bound, binding).run()

    def _bind(self, binding: Binding) -> Bound | None:
        specs = binding.specs
        bound = None
        if not host.is_interpreted(self.graph, specs):
            bound = Bound(self.tables, specs, binding.numbers)
            bound.lists = self._make_lists(bound)
        if len(self._bound) >= _MOST_BOUND:
            self._bound.pop(next(iter(self._bound)))
        self._bound[specs] = bound
        return bound

    def _make_lists(self, bound: Bound) -> list:
        """Native lists and host steps in order; consecutive kernels make one list."""
        tables = self.tables
        addresses = compile_kernels(tables.native, bound, self._known)
        lists: list = []
        rows: list[tuple[int, int, int]] = []
        work, position = 0, 0
        begin = bound.block.ctypes.data
        for step in tables.plan.steps:
            if isinstance(step, HostStep):
                if rows:
                    lists.append(_native_list(rows, work))
                lists.append(step)
                rows, work = [], 0
                continue
            arguments = begin + 8 * tables.starts[position]
            for address, chunks in zip(addresses[position], bound.chunks[position], strict=True):
                rows.append((address, arguments, chunks))
            work += bound.work[position] * _cost(step)
            position += 1
        if rows:
            lists.append(_native_list(rows, work))
        return lists

    def peak_bytes(self, specs: tuple[Spec, ...]) -> int:
        """The most memory that values use at one time, inputs left out."""
        numbers = [1] * (1 + max(self.tables.real_numbers, default=0))
        bound = Bound(self.tables, specs, numbers)
        return bound.arena_bytes + sum(bound.fresh_bytes)


def plan_graph(graph: Graph) -> Plan:
    """All passes from a recorded graph to a plan."""
    sizes = find_sizes(graph)
    normal = verify(normalise(graph, sizes), "normalise")
    plan = make_plan(fuse(normal, sizes))
    if dump.is_wanted():
        dump.write(dump.plan_text(graph, plan))
    return plan


def compile_kernels(
    steps: list[NativeStep | Crafted], bound: Bound, known: dict[tuple, list[int]]
) -> list[list[int]]:
    """The addresses of each step's kernels, compiled together as far as they are new.

    `known` are those of this program, by the step's position and the variant that sizes chose.
    """
    from rushlight.engines.cpu.build import kernel_addresses, module_text
    from rushlight.engines.cpu.pool import require_scratch

    require_scratch(bound.scratch_bytes)
    names = [(position, bound.variant(position)) for position in range(len(steps))]
    new = {name: _requests(steps[name[0]], name[1]) for name in names if name not in known}
    requests = [request for made in new.values() for request in made]
    if requests and dump.is_wanted():
        dump.write("\n".join([module_text(emit) for _, emit in requests]))
    addresses = iter(kernel_addresses(requests) if requests else ())
    for name, made in new.items():
        known[name] = [next(addresses) for _ in made]
    return [known[name] for name in names]


def _requests(step: NativeStep | Crafted, variant: str) -> list[tuple]:
    """What `build` needs to make the kernels of a step."""
    if isinstance(step, NativeStep):
        return [_request(step)]
    return step.family.requests(variant)


def _request(step: NativeStep) -> tuple:
    kernel = step.kernel
    return kernel, lambda f: emit_kernel(f, kernel)


def _cost(step: NativeStep | Crafted) -> int:
    return 2 if isinstance(step, Crafted) else max(len(step.kernel.ops), 1)


def _native_list(rows: list[tuple[int, int, int]], work: int) -> tuple:
    steps = np.array(rows, np.int64)
    return steps, steps.ctypes.data, len(rows), work < SERIAL_OPERATIONS


class _Run:
    """One run of a program."""

    def __init__(self, bound: Bound, binding: Binding):
        self.bound = bound
        self.binding = binding
        self.tables = bound.tables

    def run(self) -> list[Buffer]:
        from rushlight.engines.cpu.pool import run_list

        bound, tables, buffers = self.bound, self.tables, self.binding.buffers
        self.fresh = [Buffer(nbytes) for nbytes in bound.fresh_bytes]
        self.arena = Buffer(bound.arena_bytes)
        addresses = [buffers[leaf].address for leaf in tables.inputs]
        addresses += [buffer.address for buffer in self.fresh]
        addresses.append(self.arena.address)
        bound.patch(addresses, self.binding.numbers)
        for item in bound.lists:
            honour()  # only the last list writes over inputs
            if isinstance(item, HostStep):
                self.check(item) if item.is_check else self.run_host(item)
            else:
                run_list(item[1], item[2], item[3])
        held = [*buffers, *self.fresh]
        return [held[place] for place in tables.results]

    def buffer_of(self, value: int) -> Buffer:
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
        fusion = self.tables.plan.fusion
        equation = fusion.equation(step.value)
        shape = self.binding.specs[equation.inputs[0]].shape
        wraps = equation.primitive.name in ("take", "put")
        axes = range(len(fusion.lookups[step.value])) if wraps else equation.attributes[:1]
        position = step.value - len(fusion.graph.leaves)
        for axis, place in zip(axes, fusion.lookups[step.value], strict=True):
            host.check_places(self.value_of(place), axis, shape[axis], wraps, position)

    def run_host(self, step: HostStep) -> None:
        fusion = self.tables.plan.fusion
        graph, specs = fusion.graph, self.binding.specs
        arrays = [self.value_of(source) for source in fusion.equation(step.value).inputs]
        position = step.value - len(graph.leaves)
        result = host.compute_equation(graph, position, arrays, self.binding)
        memory, offset = self.memory_of(step.value)
        host.write_memory(memory, offset, specs[step.value], result)

    def memory_of(self, value: int) -> tuple[np.ndarray, int]:
        if value in self.tables.plan.places:
            return self.arena.memory, self.arena.offset + self.bound.offsets[value]
        buffer = self.buffer_of(value)
        return buffer.memory, buffer.offset


class CPUEngine:
    """Makes programs of compiled kernels."""

    name = "cpu"

    def plan(self, graph: Graph) -> CPUProgram:
        """A program for this structure."""
        return CPUProgram(graph)


ENGINE = CPUEngine()
