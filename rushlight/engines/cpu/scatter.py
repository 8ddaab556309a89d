"""Passes 3 and 4 for writes that may meet in one place: put, scatter and fold.

The result begins as a copy (or as zeros), and a second kernel goes through the written elements in
the order that the primitive names.  Different rows, or different vectors of a row, never meet, so
they are what is divided among chunks; along the dimensions that may meet, one thread goes in
order.  So the bits depend on the shapes alone.
"""

from __future__ import annotations

from typing import Any

from rushlight.engines.cpu.affine import (
    NOTHING,
    ZERO,
    Affine,
    Polynomial,
    counter,
    number_at,
    scaled,
    size_of,
    strides_of,
    total,
)
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Draft, Op, sizes_of
from rushlight.engines.cpu.loops import Form
from rushlight.engines.cpu.regions import Regions
from rushlight.engines.cpu.steps import ONCE, OUTER, ROW, VECTOR, Vector, combined
from rushlight.engines.cpu.trace import Tracer, Wide
from rushlight.engines.cpu.values import HALVES, Value
from rushlight.graph.dtype import float32

_BLOCK = 256
_COMBINE = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}


def flattened(ranges: list[list[int]]) -> list[int]:
    """All positions of some axes, in order."""
    return [position for positions in ranges for position in positions]


class Writing(Regions):
    """Traces the kernel that writes elements of a part one after another.

    float16 and bfloat16 are added up and multiplied in memory of float32, and rounded at the end.
    """

    def __init__(self, fusion: Fusion, group: Group, value: int):
        super().__init__(fusion, group, value)
        name, attributes = self.equation.primitive.name, self.equation.attributes
        rounds = name == "fold" or "add" in attributes or "multiply" in attributes
        if self.dtype in HALVES and rounds:
            self.storage, self.dtype = Wide(value), float32

    def draft_for(
        self, part: int, order: list[list[int]], form: str = "scatter"
    ) -> tuple[Draft, Tracer, list[Affine]]:
        """A kernel whose loops are atoms of the part: kept, one after another, innermost."""
        flat = self.fusion.sizes.flat[part]
        loops = [position for block in order for position in block]
        blocks = 0, *[len(block) for block in order]
        draft = Draft(form, blocks, sizes_of([flat[position] for position in loops]))
        tracer = Tracer(self.fusion, self.group, draft)
        self.index = tuple([counter(loops.index(i)) for i in range(len(flat))])
        return draft, tracer, tracer.split(part, self.index)

    def ranges(self, value: int) -> list[list[int]]:
        """The positions of each axis's atoms among all of a value."""
        found, position = [], 0
        for atoms in self.axes[value]:
            found.append(list(range(position, position + len(atoms))))
            position += len(atoms)
        return found

    def stride(self, axis: int) -> Polynomial:
        """The stride of one axis of the result."""
        strides = strides_of(self.fusion.sizes.flat[self.value])
        end = self.ranges(self.value)[axis]
        return strides[end[-1]] if end else ZERO

    def write(
        self, draft: Draft, value: int, places: tuple, named: list[int], parts: Any, mode: Any
    ) -> None:
        """End the kernel with the write itself."""
        slots = tuple([(self.stride(axis), size_of(self.axes[self.value][axis])) for axis in named])
        wraps = self.equation.primitive.name == "put"
        detail = self.place(parts), slots, wraps, mode
        if self.storage != self.value:
            value = draft.add(Op("cast", self.dtype, (value,)))
        draft.ops.append(Op("write", self.dtype, (value, *places), detail))

    def finished(self, drafts: list[Draft]) -> list[Draft]:
        """The kernels, and one that rounds what was accumulated in a wider dtype."""
        if self.storage == self.value:
            return drafts
        last, _, parts = self.along(self.value)
        wide = last.add(Op("load", self.dtype, (), (self.place(parts),)))
        rounded = last.add(Op("cast", self.equation.spec.dtype, (wide,)))
        self.storage, self.dtype = self.value, self.equation.spec.dtype
        last.stores.append((rounded, self.place(parts)))
        return [*drafts, last]


def _put(fusion: Fusion, group: Group, value: int) -> list[Draft]:
    writing = Writing(fusion, group, value)
    x, part, *places = writing.equation.inputs
    ranges = writing.ranges(part)
    shared = len(writing.axes[places[0]])
    first, rest = flattened(ranges[:shared]), flattened(ranges[shared:])
    draft, tracer, parts = writing.draft_for(part, [[], first, rest])
    read = tracer.read(part, writing.index)
    index = writing.index[: len(first)]
    found = tuple([tracer.read(place, index) for place in places])
    named = list(range(len(places)))
    where = [NOTHING] * len(places) + parts[shared:]
    writing.write(draft, read, found, named, where, writing.equation.attributes[0])
    return writing.finished([writing.whole(x), draft])


def _scatter(fusion: Fusion, group: Group, value: int) -> list[Draft]:
    writing = Writing(fusion, group, value)
    x, places, part = writing.equation.inputs
    axis, mode = writing.equation.attributes
    ranges = writing.ranges(part)
    others = flattened(ranges[:axis] + ranges[axis + 1 :])
    draft, tracer, parts = writing.draft_for(part, [others, ranges[axis], []])
    read = tracer.read(part, writing.index)
    found = (tracer.read(places, writing.index),)
    parts[axis] = NOTHING
    writing.write(draft, read, found, [axis], parts, mode)
    return writing.finished([writing.whole(x), draft])


def _fold(fusion: Fusion, group: Group, value: int) -> list[Draft]:
    writing = Writing(fusion, group, value)
    (x,), (axis,) = writing.equation.inputs, writing.equation.attributes
    ranges = writing.ranges(x)
    windows, inside = ranges[axis], ranges[-1]
    before, after = flattened(ranges[:axis]), flattened(ranges[axis + 1 : -1])
    draft, tracer, parts = writing.draft_for(x, [before, inside + windows, after])
    read = tracer.read(x, writing.index)
    first = writing.equation.first_number
    along = scaled(parts[axis], number_at(first))
    parts[axis] = total(along, scaled(parts.pop(), number_at(first + 1)))
    writing.write(draft, read, (), [], parts, "add")
    return writing.finished([_zeros(writing), draft])


def _zeros(writing: Writing) -> Draft:
    draft, _, parts = writing.along(writing.value)
    zero = draft.add(Op("literal", writing.dtype, (), 0))
    draft.stores.append((zero, writing.place(parts)))
    return draft


RULES = {"put": _put, "scatter": _scatter, "fold": _fold}


class Scatter(Form):
    """Element after element along the middle loops; rows and vectors apart."""

    def emit(self) -> None:
        """Write the code."""
        f = self.f
        self.begin(self.inner, self.outer)
        self.op = self.kernel.ops[-1]
        self.every = self.steps.needed(list(self.op.inputs), {})
        known: dict[int, Value] = {}
        self.steps.compute(self.every, known, {}, None, (ONCE,))
        size = self.count(self.inner)
        if not self.kept and self.inner:
            blocks = (size + (_BLOCK - 1)) // _BLOCK
            low, high = self.part_of(blocks, f.chunk, self.chunks)
            high = high * _BLOCK
            self.span = low * _BLOCK, f.select(high < size, high, size)
            self.row(known, {})
            return
        self.span = f.constant(0, size.dtype), size
        low, high = self.part_of(self.count(self.kept), f.chunk, self.chunks)
        with f.loop(low, high) as row:
            counters = self.split(row, self.kept)
            inside = dict(known)
            self.steps.compute(self.every, inside, counters, None, (ROW,))
            self.row(inside, counters)

    def row(self, known: dict, counters: dict) -> None:
        """All writes to one row, in order."""
        f, steps = self.f, self.steps
        with f.loop(0, self.count(self.outer)) as index:
            within = {**counters, **self.split(index, self.outer)}
            inside = dict(known)
            steps.compute(self.every, inside, within, None, (ROW, OUTER))
            steps.prepare(within)
            pointer = self.pointer(inside, within)

            def body(u: int, vector: Vector) -> None:
                values = dict(inside)
                steps.compute(self.every, values, within, vector, (VECTOR,))
                value = values[self.op.inputs[0]]
                value = f.splat(value, vector.lanes) if value.lanes < vector.lanes else value
                self.write(value, pointer, vector)

            if self.inner:
                self.vectors(*self.span, 2, body)
            else:
                self.write(inside[self.op.inputs[0]], pointer, None)

    def pointer(self, known: dict, counters: dict) -> Value:
        """Where the writes of a row begin."""
        f, (access, named, wraps, _) = self.f, self.op.detail
        pointer = self.steps.base(access, counters)
        for step, (stride, size) in zip(self.op.inputs[1:], named, strict=True):
            place = known[step]
            if wraps:
                place = f.select(place < 0, place + self.steps.slot(size), place)
            pointer = f.at(access.dtype, pointer, place * self.steps.slot(stride))
        return pointer

    def write(self, value: Value, pointer: Value, vector: Vector | None) -> None:
        """One write, which may combine with what is there."""
        access, _, _, mode = self.op.detail
        steps = self.steps
        if mode != "set":
            before = steps.load_from(pointer, access, vector)
            value = combined(self.f, _COMBINE[mode], before, value)
        steps.store_to(pointer, value, access, vector)
