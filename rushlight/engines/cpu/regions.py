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
from rushlight.graph.movement import BETWEEN, RUN, WHOLE

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
    for axis, kind in enumerate(regions.equation.attributes):
        if kind not in (WHOLE, RUN):
            parts[axis] = scaled(parts[axis], number_at(first + rank + axis))
        if kind != WHOLE:
            parts[axis] = shifted(parts[axis], number_at(first + axis))
    draft.stores.append((regions.read_all(tracer, part), regions.place(parts)))
    return [regions.whole(x), draft]


def _pad(regions: Regions) -> list[Draft]:
    x, fill = regions.equation.inputs
    padding = _Padding(regions, x)
    for axis, kind in enumerate(regions.equation.attributes):
        padding.add_between(axis) if kind == BETWEEN else padding.add_around(axis, kind)
    draft = Draft("map", (0, len(padding.sizes), 0, 0), padding.sizes)
    tracer = Tracer(regions.fusion, regions.group, draft)
    if padding.cuts:
        step = tracer.read_axes(x, padding.sources)
    else:
        step = tracer.read(x, tuple(padding.indices))
    draft.stores.append((step, regions.place(padding.parts)))
    return [regions.whole(fill), draft]


class _Padding:
    """The loops of a pad's middle, and where it reads and writes."""

    def __init__(self, regions: Regions, x: int):
        self.regions, self.x = regions, x
        self.first, self.rank = regions.equation.first_number, len(regions.axes[x])
        self.sizes: list[Polynomial] = []
        self.indices: list[Affine] = []
        """Of the operand, one for each atom, and `sources`, one for each axis."""
        self.sources: list[Affine] = []
        self.parts: list[Affine] = []
        self.cuts = False

    def add_around(self, axis: int, kind: str) -> None:
        """All of the axis is read."""
        atoms, loops = self.regions.axes[self.x][axis], len(self.sizes)
        self.sizes += sizes_of(atoms)
        indices = tuple([counter(loops + i) for i in range(len(atoms))])
        self.indices += indices
        index = linear(indices, atoms)
        self.sources.append(index)
        low = number_at(self.first + axis)
        self.parts.append(index if kind == WHOLE else shifted(index, low))

    def add_between(self, axis: int) -> None:
        """Negative padding crops the axis; there may be gaps between its elements."""
        loop = len(self.sizes)
        self.sizes.append(self.cropped(axis, wants_first=False))
        index = shifted(counter(loop), self.cropped(axis, wants_first=True))
        atoms = self.regions.axes[self.x][axis]
        self.indices += [index] * len(atoms)
        self.cuts = self.cuts or len(atoms) > 1
        self.sources.append(index)
        spread = total(index, scaled(index, number_at(self.first + 2 * self.rank + axis)))
        self.parts.append(shifted(spread, number_at(self.first + axis)))

    def cropped(self, axis: int, wants_first: bool) -> Polynomial:
        """The first element that is kept, or how many are."""
        numbers = self.first + axis, self.first + 2 * self.rank + axis
        ends = (self.x, axis), (self.regions.value, axis)
        return derived(self.regions.fusion, Cropped(*numbers, *ends, wants_first))


def derived(fusion: Fusion, number: Cropped) -> Polynomial:
    """A polynomial that is a number to be derived when sizes are known."""
    if number not in fusion.derived:
        fusion.derived.append(number)
    return number_at(DERIVED - fusion.derived.index(number))


_RULES = {"concat": _concat, "update": _update, "pad": _pad}
