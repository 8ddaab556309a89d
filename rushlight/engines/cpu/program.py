"""The program: a plan, bound to the sizes that come, with its kernels compiled."""

from __future__ import annotations

import threading

from rushlight.engines.cpu import dump, host
from rushlight.engines.cpu.binding import Bound, Tables
from rushlight.engines.cpu.crafted import Crafted
from rushlight.engines.cpu.fuse import fuse
from rushlight.engines.cpu.lower import emit_kernel
from rushlight.engines.cpu.normalise import normalise
from rushlight.engines.cpu.plan import NativeStep, Plan, make_plan
from rushlight.engines.cpu.running import make_lists, run_bound
from rushlight.engines.cpu.sizes import find_sizes
from rushlight.graph.buffer import Buffer
from rushlight.graph.program import Binding, Graph
from rushlight.graph.spec import Spec
from rushlight.graph.timing import span
from rushlight.graph.verify import verify

_MOST_BOUND = 64


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
            with span("plan"):
                self._tables = Tables(plan_graph(self.graph))
        return self._tables

    def run(self, binding: Binding) -> list[Buffer]:
        """Compute the results; see `graph.program.Program`."""
        with self._lock:
            bound = self._bound.get(binding.specs, self)
            if bound is self:
                bound = self._bind(binding)
            if bound is None:
                with span("interpret"):
                    return host.interpret(self.graph, binding)
            return run_bound(bound, binding)

    def _bind(self, binding: Binding) -> Bound | None:
        specs = binding.specs
        bound = None
        if not host.is_interpreted(self.graph, specs):
            tables = self.tables
            with span("bind"):
                bound = Bound(tables, specs, binding.numbers)
            with span("compile"):
                addresses = compile_kernels(tables.native, bound, self._known)
            bound.lists = make_lists(bound, addresses)
        if len(self._bound) >= _MOST_BOUND:
            self._bound.pop(next(iter(self._bound)))
        self._bound[specs] = bound
        return bound

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
    if dump.stages():
        dump.show_plan(graph, plan)
    return plan


def compile_kernels(
    steps: list[NativeStep | Crafted], bound: Bound, known: dict[tuple, list[int]]
) -> list[list[int]]:
    """The addresses of each step's kernels, compiled together as far as they are new.

    `known` are those of this program, by the step's position and the variant that sizes chose.
    """
    from rushlight.engines.cpu.build import kernel_addresses
    from rushlight.engines.cpu.pool import require_scratch

    require_scratch(bound.scratch_bytes)
    names = [(position, bound.variant(position)) for position in range(len(steps))]
    new = {name: _requests(steps[name[0]], name[1]) for name in names if name not in known}
    requests = [request for made in new.values() for request in made]
    if requests and dump.stages():
        dump.show_code(requests)
    addresses = iter(kernel_addresses(requests, lasting=True) if requests else ())
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


class CPUEngine:
    """Makes programs of compiled kernels."""

    name = "cpu"

    def plan(self, graph: Graph) -> CPUProgram:
        """A program for this structure."""
        return CPUProgram(graph)


ENGINE = CPUEngine()
