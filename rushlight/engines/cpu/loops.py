"""Pass 4: kernels of elementwise work and reductions become loops.

In: a `Kernel`.  Out: its code, by way of the builder (`lower.py` picks the form).  Forms here:

* "map": each element by itself; the last loop runs in vectors;
* "rows": for each row, stages of vector loops, each with reductions whose results the next needs;
* "partial_rows": reductions along the last dimension, parts of it apart;
* "columns": reductions that keep the last dimension; vectors of columns go down the rows.

The order in which a reduction combines elements is a function of its operand's shape alone, in
every form and on every machine.  Along the last dimension, element i belongs to lane i mod 32; the
lanes go on through other reduced dimensions, or in blocks of 4096 elements that are added up; then
they are put together by halves, and the parts (at most 64) in order.  Down the rows, elements come
one by one in blocks of 128, and the blocks and then the parts in order.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.engines.cpu.arithmetic import Variable
from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.crossings import Tiles, is_crossed
from rushlight.engines.cpu.kernel import CHUNKS, PARTS, Kernel
from rushlight.engines.cpu.steps import (
    ONCE,
    OUTER,
    ROW,
    Steps,
    Vector,
    combined,
    identity,
    widened,
)
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64

REDUCTION_LANES = 32
_COLUMN_VECTORS = 4
_ROW_BLOCK = 128

Span = tuple[Value, Value]


class Form:
    """What the forms have in common."""

    def __init__(self, f: Function, kernel: Kernel):
        self.f = f
        self.kernel = kernel
        parts, kept, outer, _ = kernel.blocks
        loops = list(range(sum(kernel.blocks)))
        self.parts = loops[:parts]
        self.kept = loops[parts : parts + kept]
        self.outer = loops[parts + kept : parts + kept + outer]
        self.inner = loops[parts + kept + outer :]

    def begin(self, inner: list[int], outer: list[int]) -> None:
        """Read the arguments, once it is known which loops run in vectors."""
        self.steps = Steps(self.f, self.kernel, inner, outer)
        self.chunks = self.steps.slot(CHUNKS)

    def count(self, loops: list[int]) -> Value:
        """The product of the sizes of loops."""
        total = self.f.constant(1, int64)
        for loop in loops:
            total = total * self.steps.sizes[loop]
        return total

    def part_of(self, count: Value, part: Value, parts: Value) -> Span:
        """Where one of so many parts of a range begins and ends."""
        return part * count // parts, (part + 1) * count // parts

    def split(self, index: Value, loops: list[int]) -> dict[int, Value]:
        """The counters of loops from one that counts them all, the last one fastest."""
        counters = {}
        for loop in reversed(loops[1:]):
            size = self.steps.sizes[loop]
            counters[loop] = index % size
            index = index // size
        if loops:
            counters[loops[0]] = index
        return counters

    def sinks(self) -> list[int]:
        """The steps whose values are stored."""
        return [value for value, _ in self.kernel.stores]

    def vectors(
        self, low: Value, high: Value, unroll: int, body: Callable[[int, Vector], None]
    ) -> None:
        """A loop in whole vectors, `unroll` at a time, and a masked end."""
        f, lanes = self.f, self.steps.lanes
        step = lanes * unroll
        whole = low + (high - low) // step * step
        with f.loop(low, whole, step) as i:
            for u in range(unroll):
                body(u, Vector(i + u * lanes if u else i, lanes, None))
        for u in range(unroll):
            first = whole + u * lanes if u else whole
            with f.when(first < high):
                body(u, Vector(first, lanes, f.mask(high - first, lanes)))


class Map(Form):
    """Each element by itself."""

    def emit(self) -> None:
        """Write the code."""
        vector = self.kept[-1:]
        self.begin(vector, [])
        f, steps, known = self.f, self.steps, {}
        every = steps.needed(self.sinks(), known)
        steps.compute(every, known, {}, None, (ONCE,))
        if not vector:
            self.store(known, {}, None)
            return
        rows = self.kept[:-1]
        size = steps.sizes[vector[0]]
        if not rows:
            units = (size + (steps.lanes - 1)) // steps.lanes
            low, high = self.part_of(units, f.chunk, self.chunks)
            high = high * steps.lanes
            high = f.select(high < size, high, size)
            self.row(every, known, {}, low * steps.lanes, high)
            return
        if is_crossed(self):
            Tiles(self, every, known, size).emit()
            return
        low, high = self.part_of(self.count(rows), f.chunk, self.chunks)
        with f.loop(low, high) as row:
            counters = self.split(row, rows)
            inside = dict(known)
            steps.compute(every, inside, counters, None, (ROW,))
            self.row(every, inside, counters, f.constant(0, int64), size)

    def row(self, every: list[int], known: dict, counters: dict, low: Value, high: Value) -> None:
        """The vectors of one row."""
        self.steps.prepare(counters)

        def body(u: int, vector: Vector) -> None:
            inside = dict(known)
            self.steps.compute(every, inside, counters, vector)
            self.store(inside, counters, vector)

        self.vectors(low, high, 1, body)

    def store(self, known: dict, counters: dict, vector: Vector | None) -> None:
        """Write every result."""
        for value, access in self.kernel.stores:
            self.steps.store(known[value], access, counters, vector)


class Columns(Form):
    """Reductions down the rows, for vectors of columns."""

    def emit(self) -> None:
        """Write the code."""
        f = self.f
        vector = self.kept[-1:]
        self.begin(vector, self.outer)
        steps, known = self.steps, {}
        self.reductions = self.sinks()
        sinks = [self.kernel.ops[step].inputs[0] for step in self.reductions]
        self.every = steps.needed(sinks, known)
        steps.compute(self.every, known, {}, None, (ONCE,))
        width = steps.lanes * _COLUMN_VECTORS
        self.columns = steps.sizes[vector[0]]
        blocks = (self.columns + (width - 1)) // width
        rows = self.count(self.outer)
        outside = self.parts + self.kept[:-1]
        parts = steps.slot(PARTS)
        low, high = self.part_of(self.count(outside) * blocks, f.chunk, self.chunks)
        with f.loop(low, high) as unit:
            counters = self.split(unit // blocks, outside)
            inside = dict(known)
            steps.compute(self.every, inside, counters, None, (ROW,))
            span = self.part_of(rows, counters[self.parts[0]], parts)
            self.block((unit % blocks) * width, width, span, inside, counters)

    def block(self, first: Value, width: int, span: Span, known: dict, counters: dict) -> None:
        """A few vectors of columns, in whole or masked."""
        f, lanes = self.f, self.steps.lanes
        whole = self.columns - first >= width
        with f.when(whole):
            vectors = [
                Vector(first + u * lanes if u else first, lanes, None)
                for u in range(_COLUMN_VECTORS)
            ]
            self.run(vectors, span, known, counters)
        with f.when(~whole), f.loop(first, self.columns, lanes) as column:
            mask = f.mask(self.columns - column, lanes)
            self.run([Vector(column, lanes, mask)], span, known, counters)

    def run(self, vectors: list[Vector], span: Span, known: dict, counters: dict) -> None:
        """Go down a span of rows, block by block."""
        f, steps = self.f, self.steps
        totals = self.variables(vectors)
        with f.loop(*span, _ROW_BLOCK) as first:
            last = first + _ROW_BLOCK
            last = f.select(last < span[1], last, span[1])
            sums = self.variables(vectors)
            self.run_block(vectors, (first, last), sums, known, counters)
            for step, blocks, wholes in zip(self.reductions, sums, totals, strict=True):
                name = self.kernel.ops[step].name
                for block, whole in zip(blocks, wholes, strict=True):
                    whole.value = combined(f, name, whole.value, block.value)
        for (_, access), wholes in zip(self.kernel.stores, totals, strict=True):
            for vector, whole in zip(vectors, wholes, strict=True):
                steps.store(whole.value, access, counters, vector)

    def variables(self, vectors: list[Vector]) -> list[list[Variable]]:
        """For each reduction and vector, a place that begins with what changes nothing."""
        found = []
        for step in self.reductions:
            op = self.kernel.ops[step]
            dtype = widened_dtype(op.dtype)
            start = self.f.constant(identity(op.name, dtype), dtype, self.steps.lanes)
            found.append([self.f.variable(start) for _ in vectors])
        return found

    def run_block(
        self, vectors: list[Vector], span: Span, sums: list, known: dict, counters: dict
    ) -> None:
        """Row after row."""
        f, steps, ops = self.f, self.steps, self.kernel.ops
        with f.loop(*span) as row:
            within = {**counters, **self.split(row, self.outer)}
            inside = dict(known)
            steps.compute(self.every, inside, within, None, (OUTER,))
            steps.prepare(within)
            for u, vector in enumerate(vectors):
                values = dict(inside)
                steps.compute(self.every, values, within, vector)
                for step, variables in zip(self.reductions, sums, strict=True):
                    value = widened(values[ops[step].inputs[0]])
                    value = f.splat(value, steps.lanes) if value.lanes == 1 else value
                    before = variables[u].value
                    variables[u].value = combined(f, ops[step].name, before, value)


def widened_dtype(dtype):
    """The dtype in which results of this one are accumulated."""
    from rushlight.engines.cpu.trace import accumulator

    return accumulator(dtype)
