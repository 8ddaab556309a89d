"""Pass 3, for values put together of regions: pad, update and concat.

Each region is a kernel of its own that computes its elements and writes them where they belong in
the result: the fill and then the middle of a pad, the whole and then the part of an update, the
parts of a concat.  So what is put together is never copied first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.engines.cpu.affine import (
    NOTHING,
    ZERO,
    Affine,
    Polynomial,
    counter,
    linear,
    number_at,
    plus,
    scaled,
    shifted,
    size_of,
    strides_of,
    total,
)
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Draft, Op, Place, sizes_of
from rushlight.engines.cpu.trace import Tracer

DERIVED = -2
"""Numbers from here downwards are derived from others when sizes are known; see `Cropped`."""


class Cropped(NamedTuple):
    """The elements of one axis that a pad keeps: all, but for negative padding."""

    low: int
    gap: int
    size: tuple[int, int]
    whole: tuple[int, int]
    """A value and an axis, as `size`: the operand's and the result's."""
    wants_first: bool

    def evaluate(self, specs: tuple, numbers: list) -> int:
        """The first element kept, or how many."""
        start, step = numbers[self.low], numbers[self.gap] + 1
        size, whole = (specs[value].shape[axis] for value, axis in (self.size, self.whole))
        first = max(0, -(start // step))
        last = min(size, -((start - whole) // step))
        return first if self.wants_first else max(0, last - first)


def trace_regions(fusion: Fusion, group: Group) -> list[Draft]:
    """The kernels of a value that is written region by region."""
    from rushlight.engines.cpu import scatter
    from rushlight.engines.cpu.running_values import COMBINES, trace_running

    (value,) = group.members
    name = fusion.equation(value).primitive.name
    if name in COMBINES:
        return trace_running(fusion, group, value)
    if name in scatter.RULES:
        return scatter.RULES[name](fusion, group, value)
    return _RULES[name](Regions(fusion, group, value))


class Regions:
    """Places in a result, and kernels that write there."""

    def __init__(self, fusion: Fusion, group: Group, value: int):
        self.fusion, self.group, self.value = fusion, group, value
        self.equation = fusion.equation(value)
        self.axes = fusion.sizes.axes
        self.storage: Any = value
        """The memory that is written; `dtype` is that of its elements."""
        self.dtype = self.equation.spec.dtype

    def place(self, parts: list[Affine]) -> Place:
        """Where the result's element is, by one index for each axis."""
        strides = strides_of(self.fusion.sizes.flat[self.value])
        position, where = 0, NOTHING
        for part, atoms in zip(parts, self.axes[self.value], strict=True):
            position += len(atoms)
            if atoms:
                where = total(where, scaled(part, strides[position - 1]))
        return Place(self.storage, self.dtype, where)

    def along(self, source: int) -> tuple[Draft, Tracer, list[Affine]]:
        """A kernel over an operand's dimensions, and its index along each axis."""
        flat = self.fusion.sizes.flat[source]
        draft = Draft("map", (0, len(flat), 0, 0), sizes_of(flat))
        parts, loop = [], 0
        for atoms in self.axes[source]:
            indices = tuple([counter(loop + i) for i in range(len(atoms))])
            parts.append(linear(indices, atoms))
            loop += len(atoms)
        return draft, Tracer(self.fusion, self.group, draft), parts

    def read_all(self, tracer: Tracer, source: int) -> int:
        """The step that gives the element of an operand at the loops of its own kernel."""
        flat = self.fusion.sizes.flat[source]
        return tracer.read(source, tuple(map(counter, range(len(flat)))))

    def whole(self, source: int) -> Draft:
        """A kernel that fills the whole result with an operand, or repeats one of rank 0."""
        draft, tracer, parts = self.along(self.value)
        repeated = not self.fusion.sizes.flat[source]
        step = tracer.read(source, ()) if repeated else self.read_all(tracer, source)
        if self.storage != self.value:
            step = draft.add(Op("cast", self.dtype, (step,)))
        draft.stores.append((step, self.place(parts)))
        return draft


def _concat(regions: Regions) -> list[Draft]:
    (axis,) = regions.equation.attributes
    drafts, before = [], ZERO
    for source in regions.equation.inputs:
        draft, tracer, parts = regions.along(source)
        parts[axis] = shifted(parts[axis], before)
        draft.stores.append((regions.read_all(tracer, source), regions.place(parts)))
        drafts.append(draft)
        before = plus(before, size_of(regions.axes[source][axis]))
    return drafts


def _update(regions: Regions) -> list[Draft]:
    x, part = regions.equation.inputs
    draft, tracer, parts = regions.along(part)
    first, rank = regions.equation.first_number, len(parts)
    for axis, index in enumerate(parts):
        if regions.equation.attributes[axis] != 1:
            index = scaled(index, number_at(first + rank + axis))
        parts[axis] = shifted(index, number_at(first + axis))
    draft.stores.append((regions.read_all(tracer, part), regions.place(parts)))
    return [regions.whole(x), draft]


def _pad(regions: Regions) -> list[Draft]:
    x, fill = regions.equation.inputs
    first, rank = regions.equation.first_number, len(regions.axes[x])

    def cropped(axis: int, wants_first: bool) -> Polynomial:
        numbers = first + axis, first + 2 * rank + axis
        ends = (x, axis), (regions.value, axis)
        return derived(regions.fusion, Cropped(*numbers, *ends, wants_first))

    sizes = [cropped(axis, wants_first=False) for axis in range(rank)]
    draft = Draft("map", (0, rank, 0, 0), sizes)
    tracer = Tracer(regions.fusion, regions.group, draft)
    parts, sources = [], []
    for axis in range(rank):
        index = shifted(counter(axis), cropped(axis, wants_first=True))
        sources.append(index)
        spread = index
        if regions.equation.attributes[axis]:
            spread = total(index, scaled(index, number_at(first + 2 * rank + axis)))
        parts.append(shifted(spread, number_at(first + axis)))
    draft.stores.append((tracer.read_axes(x, sources), regions.place(parts)))
    return [regions.whole(fill), draft]


def derived(fusion: Fusion, number: Cropped) -> Polynomial:
    """A polynomial that is a number to be derived when sizes are known."""
    if number not in fusion.derived:
        fusion.derived.append(number)
    return number_at(DERIVED - fusion.derived.index(number))


_RULES = {"concat": _concat, "update": _update, "pad": _pad}
