"""Pass 4, rows: reductions along the last dimension, and what is computed around them.

In the form "rows" a row goes through stages of vector loops.  The reductions of one stage are
scalars in the next, so softmax is three stages of one kernel.  What is costly and needed again in
a later stage is kept for the row in the thread's scratch memory.  In the form "partial_rows" there
are reductions alone, and each unit of work is one part of one row.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.engines.cpu.expressions import is_costly
from rushlight.engines.cpu.kernel import PARTS, STILL
from rushlight.engines.cpu.loops import REDUCTION_LANES, Form, Span, widened_dtype
from rushlight.engines.cpu.steps import (
    ONCE,
    OUTER,
    ROW,
    VECTOR,
    Vector,
    combined,
    identity,
    widened,
)
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64, uint8

_BLOCK = 128 * REDUCTION_LANES


class _Pass(NamedTuple):
    """The work of one stage for each element of a row."""

    every: list[int]
    reductions: list[int]
    stores: list
    keeping: list[int]
    """The costly steps that go to scratch memory."""


class Rows(Form):
    """Stages of vector loops for each row."""

    kept_steps: dict[int, int]
    again: list[int]
    """The kept steps that the present stage reads from scratch memory."""

    def emit(self) -> None:
        """Write the code."""
        f = self.f
        self.begin(self.inner, self.outer)
        self.stages = self.find_stages()
        self.kept_steps = self.find_kept_steps()
        known: dict[int, Value] = {}
        every = self.steps.needed(self.sinks(), known)
        self.steps.compute(every, known, {}, None, (ONCE,))
        self.prepare_extents()
        low, high = self.part_of(self.count(self.kept), f.chunk, self.chunks)
        with f.loop(low, high) as row:
            self.row(dict(known), self.split(row, self.kept))

    def prepare_extents(self) -> None:
        """The sizes of a row."""
        self.inner_size = self.count(self.inner)
        self.outer_size = self.count(self.outer)
        self.number_of_parts = self.steps.slot(PARTS)

    def find_stages(self) -> list[int]:
        """For each step, how many stages of reductions come before it."""
        stages: list[int] = []
        for op in self.kernel.ops:
            before = max([stages[source] for source in op.inputs], default=0)
            stages.append(before + (op.detail == "reduce"))
        return stages

    def is_full(self, store: tuple) -> bool:
        """Whether a store writes something for each element of the row."""
        strides = store[1].strides
        return any(strides[loop] != STILL for loop in (*self.outer, *self.inner))

    def work_of(self, stage: int) -> tuple[list[int], list]:
        """The reductions and the stores of a stage."""
        reductions = [
            step
            for step, op in enumerate(self.kernel.ops)
            if op.detail == "reduce" and self.stages[step] == stage + 1
        ]
        stores = [
            store
            for store in self.kernel.stores
            if self.is_full(store) and self.stages[store[0]] == stage
        ]
        return reductions, stores

    def find_kept_steps(self) -> dict[int, int]:
        """The costly steps that a later stage needs again, and which row of scratch each has."""
        ops, known = self.kernel.ops, {}
        times: dict[int, int] = {}
        for stage in range(max(self.stages) + 1):
            reductions, stores = self.work_of(stage)
            sinks = [ops[step].inputs[0] for step in reductions] + [value for value, _ in stores]
            for step in self.steps.needed(sinks, known):
                times[step] = times.get(step, 0) + 1
            known |= dict.fromkeys(reductions)
        kept = [
            step
            for step, count in times.items()
            if count > 1 and self.steps.levels[step] == VECTOR and is_costly(ops[step].name)
        ]
        return {step: row for row, step in enumerate(sorted(kept))}

    def scratch_row(self, step: int, counters: dict) -> Value:
        """Where a kept step's values lie for the row's inner loop."""
        f, dtype = self.f, self.kernel.ops[step].dtype
        size = self.outer_size * self.inner_size
        where = size * (8 * self.kept_steps[step])
        pointer = f.at(uint8, f.scratch, where)
        if not self.outer:
            return pointer
        index = f.constant(0, int64)
        for loop in self.outer:
            index = index * self.steps.sizes[loop] + counters[loop]
        return f.at(dtype, pointer, index * self.inner_size)

    def row(self, known: dict, counters: dict) -> None:
        """All stages of one row."""
        self.steps.prepare(counters)
        self.in_scratch: set[int] = set()
        for stage in range(max(self.stages) + 1):
            reductions, stores = self.work_of(stage)
            if reductions or stores:
                self.stage(reductions, stores, known, counters)
        rest = [store for store in self.kernel.stores if not self.is_full(store)]
        steps = self.steps.needed([value for value, _ in rest], known)
        self.steps.compute(steps, known, counters, None, (ONCE, ROW))
        for value, access in rest:
            self.steps.store(known[value], access, counters, None)

    def stage(self, reductions: list[int], stores: list, known: dict, counters: dict) -> None:
        """One pass over a row."""
        f, steps = self.f, self.steps
        sinks = [self.kernel.ops[step].inputs[0] for step in reductions]
        at_hand = {**known, **dict.fromkeys(self.in_scratch)}
        sinks += [value for value, _ in stores]
        every = steps.needed(sinks, at_hand)
        self.again = [step for step in sorted(self.in_scratch) if self.is_read(step, every, sinks)]
        steps.compute(every, known, counters, None, (ONCE, ROW))
        if not reductions:
            self.run_part(every, [], stores, known, counters, None)
            return
        totals = []
        for step in reductions:
            op = self.kernel.ops[step]
            dtype = widened_dtype(op.dtype)
            totals.append(f.variable(f.constant(identity(op.name, dtype), dtype)))
        with f.loop(0, self.number_of_parts) as part:
            found = self.run_part(every, reductions, stores, known, counters, part)
            for step, total, value in zip(reductions, totals, found, strict=True):
                total.value = combined(f, self.kernel.ops[step].name, total.value, value)
        for step, total in zip(reductions, totals, strict=True):
            known[step] = total.value.cast(self.kernel.ops[step].dtype)
        self.in_scratch |= set(self.kept_steps) & set(every)

    def is_read(self, step: int, every: list[int], sinks: list[int]) -> bool:
        """Whether a stage reads a kept step."""
        return step in sinks or any(step in self.kernel.ops[other].inputs for other in every)

    def spans(self, part: Value | None) -> tuple[Span, Span]:
        """The outer and the inner range of one part."""
        zero = self.f.constant(0, int64)
        outer, inner = (zero, self.outer_size), (zero, self.inner_size)
        if part is None:
            return outer, inner
        if self.outer:
            return self.part_of(self.outer_size, part, self.number_of_parts), inner
        blocks = (self.inner_size + (REDUCTION_LANES - 1)) // REDUCTION_LANES
        low, high = self.part_of(blocks, part, self.number_of_parts)
        high = high * REDUCTION_LANES
        high = self.f.select(high < self.inner_size, high, self.inner_size)
        return outer, (low * REDUCTION_LANES, high)

    def run_part(
        self,
        every: list[int],
        reductions: list[int],
        stores: list,
        known: dict,
        counters: dict,
        part: Value | None,
    ) -> list[Value]:
        """One pass over a part of a row; gives the reductions' results for it."""
        f, steps = self.f, self.steps
        unroll = max(1, REDUCTION_LANES // steps.lanes) if reductions else 1
        totals = self.variables(reductions, unroll)
        (first, last), (low, high) = self.spans(part)
        keeping = [step for step in every if step in self.kept_steps]
        work = _Pass(every, reductions, stores, keeping)

        if self.outer:
            with f.loop(first, last) as index:
                within = {**counters, **self.split(index, self.outer)}
                inside = dict(known)
                steps.compute(every, inside, within, None, (OUTER,))
                steps.prepare(within)
                self.run_block(work, totals, (low, high), inside, within)
        elif not reductions:
            self.run_block(work, totals, (low, high), known, counters)
        else:
            with f.loop(low, high, _BLOCK) as start:
                end = start + _BLOCK
                end = f.select(end < high, end, high)
                sums = self.variables(reductions, unroll)
                self.run_block(work, sums, (start, end), known, counters)
                for step, blocks, wholes in zip(reductions, sums, totals, strict=True):
                    for block, whole in zip(blocks, wholes, strict=True):
                        name = self.kernel.ops[step].name
                        whole.value = combined(f, name, whole.value, block.value)
        return [
            self.put_together(self.kernel.ops[step].name, variables)
            for step, variables in zip(reductions, totals, strict=True)
        ]

    def run_block(
        self, work: _Pass, sums: list[list], span: Span, known: dict, counters: dict
    ) -> None:
        """The vectors of a span of the innermost loop."""
        f, steps, ops = self.f, self.steps, self.kernel.ops
        rows = {step: self.scratch_row(step, counters) for step in (*self.again, *work.keeping)}

        def body(u: int, vector: Vector) -> None:
            values = dict(known)
            for step in self.again:
                dtype = ops[step].dtype
                values[step] = f.load(dtype, rows[step], vector.first, vector.lanes, vector.mask)
            steps.compute(work.every, values, counters, vector)
            for step in work.keeping:
                f.store(values[step], rows[step], vector.first, vector.mask)
            for value, access in work.stores:
                steps.store(values[value], access, counters, vector)
            for step, variables in zip(work.reductions, sums, strict=True):
                value = widened(values[ops[step].inputs[0]])
                value = f.splat(value, vector.lanes) if value.lanes < vector.lanes else value
                before = variables[u].value
                after = combined(f, ops[step].name, before, value)
                if vector.mask is not None:
                    after = f.select(vector.mask, after, before)
                variables[u].value = after

        self.vectors(*span, len(sums[0]) if sums else 1, body)

    def variables(self, reductions: list[int], unroll: int) -> list[list]:
        """Vectors of lanes for each reduction."""
        return [
            [self.f.variable(self.beginning(step)) for _ in range(unroll)] for step in reductions
        ]

    def beginning(self, step: int) -> Value:
        """What each lane of a reduction begins with."""
        op = self.kernel.ops[step]
        dtype = widened_dtype(op.dtype)
        return self.f.constant(identity(op.name, dtype), dtype, self.steps.lanes)

    def put_together(self, name: str, variables: list) -> Value:
        """The lanes of several vectors, put together by halves."""
        values = [variable.value for variable in variables]
        while len(values) > 1:
            half = len(values) // 2
            pairs = zip(values[:half], values[half:], strict=True)
            values = [combined(self.f, name, a, b) for a, b in pairs]
        return self.f.fold(values[0], lambda a, b: combined(self.f, name, a, b))


class PartialRows(Rows):
    """Reductions of parts of rows; the results of the parts are kept apart."""

    def emit(self) -> None:
        """Write the code."""
        f = self.f
        self.begin(self.inner, self.outer)
        self.kept_steps, self.again = {}, []
        self.prepare_extents()
        known: dict[int, Value] = {}
        reductions = self.sinks()
        sinks = [self.kernel.ops[step].inputs[0] for step in reductions]
        every = self.steps.needed(sinks, known)
        self.steps.compute(every, known, {}, None, (ONCE,))
        units = self.number_of_parts * self.count(self.kept)
        low, high = self.part_of(units, f.chunk, self.chunks)
        with f.loop(low, high) as unit:
            counters = self.split(unit, self.parts + self.kept)
            inside = dict(known)
            self.steps.compute(every, inside, counters, None, (ROW,))
            part = counters[self.parts[0]]
            self.steps.prepare(counters)
            found = self.run_part(every, reductions, [], inside, counters, part)
            for value, (_, access) in zip(found, self.kernel.stores, strict=True):
                self.steps.store(value, access, counters, None)
