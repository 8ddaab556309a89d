"""The scan: its body is planned like any graph, and its kernels run once for each step.

The steps of a block make one native list, each with an argument block of its own, in which only
the addresses of carried values and of the elements of sequences and stacked results differ: no
Python runs between them.  A carried value is never copied: each step writes it where the next one
reads it, which is the stacked result that it also is, if there is one, else one of two buffers in
turn.  Operands that all steps share are packed for matrix products once.

A body with host steps (sorting, another scan) runs step by step from Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rushlight.engines.cpu import host
from rushlight.engines.cpu.fuse import Fusion
from rushlight.engines.cpu.scan_binding import BodyBound, BodyTables
from rushlight.graph import timing
from rushlight.graph.buffer import ALIGNMENT, Buffer
from rushlight.graph.program import Binding, EquationError, Graph
from rushlight.graph.spec import Spec

_BLOCK = 64
_MOST_BOUND = 64


class Value(NamedTuple):
    """Where a value of the outer program lies."""

    memory: np.ndarray
    offset: int
    spec: Spec

    @property
    def address(self) -> int:
        """Its first byte."""
        return self.memory.ctypes.data + self.offset

    @property
    def array(self) -> np.ndarray:
        """Its elements as they are stored."""
        return np.ndarray(self.spec.shape, self.spec.dtype.storage, self.memory, self.offset)


class Loop:
    """A scan of a program: a body with those results that are wanted, and its plan."""

    def __init__(self, fusion: Fusion, members: list[int]):
        self.equation = members[0] - len(fusion.graph.leaves)
        equations = [fusion.equation(value) for value in members]
        self.first = equations[0]
        _, body, self.reverse, self.counts = self.first.attributes
        which = [equation.attributes[0] for equation in equations]
        carries = self.counts.carries
        self.stacked = sorted({place for place in which if place >= carries})
        self.order = [
            place if place < carries else carries + self.stacked.index(place) for place in which
        ]
        results = [*body.graph.results[:carries], *[body.graph.results[i] for i in self.stacked]]
        self.graph = Graph(body.graph.leaves, body.graph.equations, tuple(results))
        self._tables: BodyTables | None = None
        self._program: Any = None
        self._known: dict = {}
        self._bound: dict[tuple[Spec, ...], BodyBound] = {}

    @property
    def tables(self) -> BodyTables:
        """The body's plan, made when it runs for the first time."""
        if self._tables is None:
            from rushlight.engines.cpu.program import plan_graph

            self._tables = BodyTables(plan_graph(self.graph), self.counts)
        return self._tables

    def run(self, inputs: list[Value], results: list[Value], numbers: list) -> None:
        """Compute the results, one for each member, at the outer program's addresses."""
        first = self.first.first_number
        length, specs, *own = numbers[first : first + self.first.number_count]
        run = _LoopRun(self, inputs, results, (length, specs, own))
        if not length:
            run.run_nothing()
        elif self.tables.is_native and not _is_guarded():
            run.run_native()
        else:
            run.run_steps()
        for copy, value in run.again:
            copy.array[...] = value.array

    def bind(self, specs: tuple[Spec, ...], numbers: list) -> BodyBound:
        """The body at certain sizes, with its kernels compiled."""
        bound = self._bound.get(specs)
        if bound is None:
            from rushlight.engines.cpu.program import compile_kernels

            bound = BodyBound(self.tables, specs, numbers)
            addresses = compile_kernels(self.tables.native, bound, self._known)
            bound.make_lists(addresses, _BLOCK)
            if len(self._bound) >= _MOST_BOUND:
                self._bound.pop(next(iter(self._bound)))
            self._bound[specs] = bound
        return bound

    @property
    def program(self) -> Any:
        """The body as a program of its own."""
        if self._program is None:
            from rushlight.engines.cpu.program import CPUProgram

            self._program = CPUProgram(self.graph)
        return self._program


def _is_guarded() -> bool:
    from rushlight.engines.cpu.running import GUARD

    return GUARD not in ("", "0")


def _run_timed(bound: BodyBound, where: tuple[int, int, bool, int]) -> None:
    from rushlight.engines.cpu.profiled import run_body

    run_body(bound, where)


class _LoopRun:
    """One run of a scan."""

    def __init__(self, loop: Loop, inputs: list[Value], results: list[Value], given: tuple):
        self.loop = loop
        self.length, self.specs, self.numbers = given
        constants, carries, _ = loop.counts
        self.constants = inputs[:constants]
        self.starts = inputs[constants : constants + carries]
        self.sequences = inputs[constants + carries :]
        self.last: list[Value | None] = [None] * carries
        self.stacks: list[Value] = [None] * len(loop.stacked)  # type: ignore[list-item]
        self.again: list[tuple[Value, Value]] = []
        """Results that are wanted twice."""
        for place, value in zip(loop.order, results, strict=True):
            known: list = self.last if place < carries else self.stacks
            place -= 0 if place < carries else carries
            if known[place] is not None:
                self.again.append((value, known[place]))
            else:
                known[place] = value
        steps = np.arange(self.length)
        self.elements = steps[::-1] if loop.reverse else steps
        """For each step, which element of the sequences it takes."""

    def run_nothing(self) -> None:
        """No step: the first carried values are the last."""
        for start, last in zip(self.starts, self.last, strict=True):
            if last is not None:
                last.array[...] = start.array

    # ------------------------------------------------------------------------- without any Python
    def run_native(self) -> None:
        """Run the body's kernels in blocks of steps, then what is left to copy."""
        from rushlight.engines.cpu.pool import run_list

        bound = self.loop.bind(self.specs, self.numbers)
        addresses = self.find_addresses(bound)
        bound.patch(addresses[0].tolist(), self.numbers)
        if bound.prelude is not None:
            run_list(*bound.prelude)
        for begin in range(0, self.length, _BLOCK):
            count = min(_BLOCK, self.length - begin)
            bound.patch_steps(addresses[begin : begin + count])
            where = bound.rows.ctypes.data, count * bound.row_count, bound.is_serial, 1 << 30
            if timing.watcher is None:
                run_list(*where)
            else:
                _run_timed(bound, where)
        self.finish()

    def find_addresses(self, bound: BodyBound) -> np.ndarray:
        """For each step, the addresses of the body's inputs, results and temporaries."""
        tables, length = bound.tables, self.length
        constants, carries, _ = self.loop.counts
        apart = -(-max(bound.fresh_bytes, default=0) // ALIGNMENT) * ALIGNMENT
        self.turns = Buffer(2 * apart * len(tables.fresh))
        self.arena = Buffer(bound.arena_bytes)
        table = np.empty((length, tables.arena + 1), np.int64)
        table[:, tables.arena] = self.arena.address
        for place, value in enumerate(tables.fresh):
            column = tables.addresses[value]
            table[:, column] = self.addresses_of(value, self.turns.address + 2 * apart * place)
        for position, constant in enumerate(self.constants):
            table[:, tables.addresses[position]] = constant.address
        for position, sequence in enumerate(self.sequences, constants + carries):
            nbytes = self.specs[position].nbytes
            table[:, tables.addresses[position]] = sequence.address + self.elements * nbytes
        for position, start in enumerate(self.starts):
            column = tables.addresses[constants + position]
            table[0, column] = start.address
            source = tables.addresses[tables.plan.results[position]]
            table[1:, column] = start.address if source == column else table[:-1, source]
        return table

    def addresses_of(self, value: int, turns: int) -> np.ndarray:
        """Where each step writes a value."""
        owners, (_, carries, _) = self.loop.tables.plan.results, self.loop.counts
        nbytes, length = self.specs[value].nbytes, self.length
        places = [i for i, owner in enumerate(owners) if owner == value]
        stacked = [i - carries for i in places if i >= carries]
        if stacked:
            return self.stacks[stacked[0]].address + self.elements * nbytes
        found = turns + np.arange(length) % 2 * (-(-nbytes // ALIGNMENT) * ALIGNMENT)
        before = self.stack_before(places[0])
        if before is not None:  # the next step's carried value is stacked
            found[:-1] = self.stacks[before].address + self.elements[1:] * nbytes
        last = self.last[places[0]]
        if last is not None:
            found[-1] = last.address
        return found

    def stack_before(self, carry: int) -> int | None:
        """The stacked result that is a carried value as the steps get it."""
        constants, carries, _ = self.loop.counts
        owners = self.loop.tables.plan.results[carries:]
        wanted = constants + carry
        return owners.index(wanted) if wanted in owners else None

    def finish(self) -> None:
        """Copy what is wanted in more than one place, or was there before."""
        owners, (constants, carries, _) = self.loop.tables.plan.results, self.loop.counts
        for position, (owner, last) in enumerate(zip(owners, self.last, strict=False)):
            if last is None:
                continue
            if owner == constants + position:
                last.array[...] = self.starts[position].array
            elif owner in owners[carries:]:
                stack = self.stacks[owners.index(owner, carries) - carries]
                last.array[...] = stack.array[self.elements[-1]]
        for place, owner in enumerate(owners[carries:]):
            first = owners.index(owner, carries) - carries
            if first != place:
                self.stacks[place].array[...] = self.stacks[first].array
            elif owner < constants + carries + len(self.sequences):
                self.finish_given(self.stacks[place].array, owner)

    def finish_given(self, stack: np.ndarray, leaf: int) -> None:
        """The stack of a value that the body hands on as it gets it."""
        owners, (constants, carries, _) = self.loop.tables.plan.results, self.loop.counts
        if leaf < constants:
            stack[...] = self.constants[leaf].array
            return
        if leaf >= constants + carries:
            stack[...] = self.sequences[leaf - constants - carries].array
            return
        start, owner = self.starts[leaf - constants].array, owners[leaf - constants]
        if owner == leaf:
            stack[...] = start
            return
        stack[self.elements[0]] = start
        if owner in owners[carries:]:  # else the kernels wrote it where it belongs
            source = self.stacks[owners.index(owner, carries) - carries].array
            stack[self.elements[1:]] = source[self.elements[:-1]]

    # --------------------------------------------------------------------------- step by step
    def run_steps(self) -> None:
        """Run the body as a program of its own for each step."""
        carries = self.loop.counts.carries
        constants = [Buffer.around(value.array) for value in self.constants]
        carried = [Buffer.around(value.array) for value in self.starts]
        sequences = [value.array for value in self.sequences]
        literals = [None] * (len(self.loop.graph.leaves) - len(constants) - len(carried))
        literals = literals[len(sequences) :]
        results = self.loop.graph.results
        for element in self.elements.tolist():
            parts = [Buffer.around(sequence[element, ...]) for sequence in sequences]
            buffers = (*constants, *carried, *parts, *literals)
            try:
                found = self.loop.program.run(Binding(buffers, self.numbers, self.specs))
            except EquationError as failure:
                raise EquationError(self.loop.equation, failure.error) from failure.error
            carried = found[:carries]
            for stack, buffer, value in zip(
                self.stacks, found[carries:], results[carries:], strict=True
            ):
                spec = self.specs[value]
                stack.array[element] = buffer.stored(spec.shape, spec.dtype)
        for last, buffer, value in zip(self.last, carried, results, strict=False):
            if last is not None:
                spec = self.specs[value]
                last.array[...] = buffer.stored(spec.shape, spec.dtype)


def literal_value(literal: object, spec: Spec) -> Value:
    """A literal of the outer program in memory of its own."""
    array = np.ascontiguousarray(host.literal_value(literal, spec.dtype))
    return Value(array.reshape(-1).view(np.uint8), 0, spec)
