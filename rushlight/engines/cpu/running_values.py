"""Passes 3 and 4 for values that run along an axis: cumulative sums, products and extremes.

The order depends on the shape alone.  Along the last axis four elements at a time are put together
(each with the one before it, then with what is two before), and the result up to then is combined
with each of them.  Along another axis elements come one by one, for vectors of columns.  Sums and
products of floats accumulate in float64 and round once, as the reference engine's do.
"""

from __future__ import annotations

from rushlight.engines.cpu.arithmetic import Variable
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Draft, Op
from rushlight.engines.cpu.loops import Form
from rushlight.engines.cpu.scatter import Writing, flattened
from rushlight.engines.cpu.steps import ONCE, OUTER, ROW, VECTOR, Vector, combined, identity
from rushlight.engines.cpu.values import HALVES, Value
from rushlight.graph.dtype import DType, float32, float64

COMBINES = {"cumsum": "sum", "cumprod": "prod", "cummax": "max", "cummin": "min"}
_GROUP = 4
_COLUMNS = 4
"""How many vectors of columns go down together."""


def trace_running(fusion: Fusion, group: Group, value: int) -> list[Draft]:
    """The kernel of a running primitive."""
    writing = Writing(fusion, group, value)
    (x,), (axis,) = writing.equation.inputs, writing.equation.attributes
    ranges, dtype = writing.ranges(x), writing.equation.spec.dtype
    before, along, after = flattened(ranges[:axis]), ranges[axis], flattened(ranges[axis + 1 :])
    order = [before, along, after] if after else [before, [], along]
    draft, tracer, parts = writing.draft_for(x, order, "running")
    read = tracer.read(x, writing.index)
    name = COMBINES[writing.equation.primitive.name]
    step = draft.add(Op("running", dtype, (read,), name))
    draft.stores.append((step, writing.place(parts)))
    return [draft]


def accumulated_dtype(name: str, dtype: DType) -> DType:
    """The dtype in which a running value is kept."""
    if name in ("sum", "prod") and dtype.is_floating_point:
        return float64
    return float32 if dtype in HALVES else dtype


class Running(Form):
    """Rows, or vectors of columns, apart; the axis itself in order."""

    def emit(self) -> None:
        """Write the code."""
        f = self.f
        self.begin(self.inner, self.outer)
        self.op = self.kernel.ops[-1]
        self.every = self.steps.needed(list(self.op.inputs), {})
        self.dtype = accumulated_dtype(self.op.detail, self.op.dtype)
        known: dict[int, Value] = {}
        self.steps.compute(self.every, known, {}, None, (ONCE,))
        self.size = self.count(self.inner)
        if self.outer:
            self.run_columns(known)
            return
        self.steps.lanes = max(self.steps.lanes, _GROUP)
        low, high = self.part_of(self.count(self.kept), f.chunk, self.chunks)
        with f.loop(low, high) as row:
            counters = self.split(row, self.kept)
            inside = dict(known)
            self.steps.compute(self.every, inside, counters, None, (ROW,))
            self.run_row(inside, counters)

    def beginning(self, lanes: int) -> Variable:
        """What a running value begins with."""
        start = identity(self.op.detail, self.dtype)
        return self.f.variable(self.f.constant(start, self.dtype, lanes))

    def operand(self, known: dict, counters: dict, vector: Vector) -> Value:
        """A vector of elements in the dtype that accumulates."""
        values = dict(known)
        self.steps.compute(self.every, values, counters, vector, (VECTOR,))
        value = values[self.op.inputs[0]]
        value = self.f.splat(value, vector.lanes) if value.lanes < vector.lanes else value
        return value.cast(self.dtype)

    def store(self, value: Value, counters: dict, vector: Vector) -> None:
        """Write a vector of results."""
        ((_, access),) = self.kernel.stores
        self.steps.store(value.cast(self.op.dtype), access, counters, vector)

    def run_row(self, known: dict, counters: dict) -> None:
        """Along the last axis, a vector at a time."""
        f, name = self.f, self.op.detail
        self.steps.prepare(counters)
        carried = self.beginning(_GROUP)

        def body(u: int, vector: Vector) -> None:
            value = self.operand(known, counters, vector)
            groups = []
            for first in range(0, vector.lanes, _GROUP):
                lanes = [first + lane for lane in range(_GROUP)]
                part = self.prefixes(f.shuffle(value, value, lanes))
                before = carried.value
                groups.append(combined(f, name, before, part))
                last = f.shuffle(part, part, [_GROUP - 1] * _GROUP)
                carried.value = combined(f, name, before, last)
            self.store(self.joined(groups), counters, vector)

        self.vectors(f.constant(0, self.size.dtype), self.size, 1, body)

    def prefixes(self, part: Value) -> Value:
        """Four elements, each combined with those before it."""
        f, name = self.f, self.op.detail
        start = f.constant(identity(name, self.dtype), self.dtype, _GROUP)
        for distance in (1, 2):
            lanes = [_GROUP + lane - distance if lane >= distance else 0 for lane in range(_GROUP)]
            part = combined(f, name, f.shuffle(start, part, lanes), part)
        return part

    def joined(self, groups: list[Value]) -> Value:
        """One vector of several."""
        while len(groups) > 1:
            pairs = zip(groups[::2], groups[1::2], strict=True)
            groups = [self.f.shuffle(a, b, list(range(2 * a.lanes))) for a, b in pairs]
        return groups[0]

    def run_columns(self, known: dict) -> None:
        """Down the axis, for some vectors of columns at a time."""
        f, steps = self.f, self.steps
        width = steps.lanes * _COLUMNS
        blocks = (self.size + (width - 1)) // width
        low, high = self.part_of(self.count(self.kept) * blocks, f.chunk, self.chunks)
        with f.loop(low, high) as unit:
            counters = self.split(unit // blocks, self.kept)
            first = (unit % blocks) * width
            inside = dict(known)
            steps.compute(self.every, inside, counters, None, (ROW,))
            whole = self.size - first >= width
            with f.when(whole):
                vectors = [
                    Vector(first + u * steps.lanes, steps.lanes, None) for u in range(_COLUMNS)
                ]
                self.run_block(vectors, inside, counters)
            with f.when(~whole), f.loop(first, self.size, steps.lanes) as column:
                mask = f.mask(self.size - column, steps.lanes)
                self.run_block([Vector(column, steps.lanes, mask)], inside, counters)

    def run_block(self, vectors: list[Vector], known: dict, counters: dict) -> None:
        """All of the axis for these columns."""
        f, steps = self.f, self.steps
        carried = [self.beginning(steps.lanes) for _ in vectors]
        with f.loop(0, self.count(self.outer)) as index:
            within = {**counters, **self.split(index, self.outer)}
            inside = dict(known)
            steps.compute(self.every, inside, within, None, (OUTER,))
            steps.prepare(within)
            for vector, variable in zip(vectors, carried, strict=True):
                value = self.operand(inside, within, vector)
                variable.value = combined(f, self.op.detail, variable.value, value)
                self.store(variable.value, within, vector)
