"""Pass 3: each group is written out as a kernel, step by step for one element.

In: a `Fusion`.  Out: a `Draft` for each kernel.  A view costs nothing here: it only changes the
index at which its operand is read.  A group of elementwise values is one kernel over their
dimensions.  A group that reduces the last dimension and keeps others works row by row: all its
reductions and elementwise values together.  Any other group with reductions becomes two kernels:
partial results, then their sums together with what is computed of them.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.engines.cpu.affine import (
    NOTHING,
    ZERO,
    Affine,
    counter,
    linear,
    number_at,
    scaled,
    shifted,
    size_of,
    strides_of,
    total,
)
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import PART_SIZE, Draft, Op, Place, sizes_of
from rushlight.engines.cpu.roles import LOOKUPS, PLACES, Role
from rushlight.engines.cpu.roots import move_index, place_indices
from rushlight.engines.cpu.values import HALVES
from rushlight.graph.dtype import DType, float32
from rushlight.graph.movement import RUN, WHOLE

Indices = tuple[Affine, ...]


class Partial:
    """The memory of a reduction's partial results."""

    def __init__(self, value: int):
        self.value = value

    def __repr__(self) -> str:
        return f"partial results of %{self.value}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Partial) and other.value == self.value

    def __hash__(self) -> int:
        return hash(("partial", self.value))


class Wide(NamedTuple):
    """Memory in which a value's elements are accumulated in a wider dtype."""

    value: int


def trace(fusion: Fusion, group: Group) -> list[Draft]:
    """The kernels of a group, in order."""
    if group.kept is None:
        return [_trace_map(fusion, group)]
    if group.has_rows and _is_worth_rows(fusion, group):
        return [_trace_rows(fusion, group)]
    return [_trace_partial(fusion, group), _trace_combination(fusion, group)]


def _trace_map(fusion: Fusion, group: Group) -> Draft:
    """One kernel over the dimensions of elementwise values."""
    draft = Draft("map", (0, len(group.flat), 0, 0), sizes_of(group.flat))
    tracer = Tracer(fusion, group, draft)
    tracer.store_members(group.members, tuple(map(counter, range(len(group.flat)))))
    return draft


def _trace_rows(fusion: Fusion, group: Group) -> Draft:
    """One kernel that takes each row through reductions and elementwise work."""
    outer, inner = split_reduced(group)
    order = [*group.kept, *outer, *inner]
    blocks = 0, len(group.kept), len(outer), len(inner)
    draft = Draft("rows", blocks, sizes_of([group.flat[position] for position in order]))
    tracer = Tracer(fusion, group, draft)
    tracer.full = tuple([counter(order.index(p)) for p in range(len(order))])
    row = tuple([counter(loop) for loop in range(len(group.kept))])
    for member in group.members:
        whole = fusion.roles[member] is not Role.REDUCE
        whole = whole and fusion.sizes.flat[member] == group.flat
        tracer.store_members([member], tracer.full if whole else row)
    return draft


def _trace_partial(fusion: Fusion, group: Group) -> Draft:
    """A kernel that reduces parts of the dimensions and keeps the results apart."""
    outer, inner = split_reduced(group)
    form = "partial_rows" if inner else "columns"
    order = [*group.kept, *outer, *inner]
    blocks = 1, len(group.kept), len(outer), len(inner)
    sizes = [PART_SIZE, *sizes_of([group.flat[position] for position in order])]
    draft = Draft(form, blocks, sizes)
    tracer = Tracer(fusion, group, draft)
    tracer.full = tuple([counter(1 + order.index(p)) for p in range(len(order))])
    row = tuple([counter(1 + loop) for loop in range(len(group.kept))])
    flat = group.kept_flat
    where = total(scaled(counter(0), size_of(flat)), linear(row, flat))
    for member in group.members:
        if fusion.roles[member] is Role.REDUCE:
            dtype = accumulator(fusion.graph.spec(member).dtype)
            step = tracer.reduced(member, row)
            draft.stores.append((step, Place(Partial(member), dtype, where)))
    return draft


def _trace_combination(fusion: Fusion, group: Group) -> Draft:
    """A kernel that adds partial results up, and what else is computed for each row."""
    flat = group.kept_flat
    draft = Draft("map", (0, len(flat), 0, 0), sizes_of(flat))
    tracer = Tracer(fusion, group, draft, combining=True)
    tracer.store_members(group.members, tuple(map(counter, range(len(flat)))))
    return draft


def _is_worth_rows(fusion: Fusion, group: Group) -> bool:
    """Whether a group has more than reductions that do not depend on each other."""
    reductions = [m for m in group.members if fusion.roles[m] is Role.REDUCE]
    others = [m for m in group.members if fusion.roles[m] is not Role.REDUCE]
    if any(fusion.sizes.flat[m] == group.flat for m in others):
        return True
    inside = set(group.members)
    return any(read.value in inside for m in reductions for read in fusion.reads[m])


def accumulator(dtype: DType) -> DType:
    """The dtype in which a sum is kept."""
    return float32 if dtype in HALVES else dtype


def split_reduced(group: Group) -> tuple[list[int], list[int]]:
    """The reduced dimensions of a group: the innermost run of them, and those before."""
    kept = set(group.kept or ())
    first = len(group.flat)
    while first and first - 1 not in kept:
        first -= 1
    outer = [position for position in range(first) if position not in kept]
    return outer, list(range(first, len(group.flat)))


class Tracer:
    """Writes the steps of one kernel."""

    def __init__(self, fusion: Fusion, group: Group, draft: Draft, combining: bool = False):
        self.fusion = fusion
        self.sizes = fusion.sizes
        self.group = group
        self.inside = set(group.members)
        self.draft = draft
        self.combining = combining
        self.known: dict[tuple[int, Indices], int] = {}
        self.full: Indices = ()

    def read(self, value: int, index: Indices) -> int:
        """The step that gives a value's element."""
        found = self.known.get((value, index))
        if found is None:
            found = self.known[value, index] = self.trace(value, index)
        return found

    def trace(self, value: int, index: Indices) -> int:
        """Write the steps that give a value's element."""
        fusion, role = self.fusion, self.fusion.roles[value]
        if role is Role.LITERAL:
            leaf = fusion.graph.leaves[value]
            return self.draft.add(Op("literal", leaf.spec.dtype, (), leaf.literal))
        if role is Role.LEAF or (value in fusion.roots and value not in self.inside):
            return self.load(value, linear(index, self.sizes.flat[value]))
        equation = fusion.equation(value)
        if role is Role.REDUCE:
            return self.place_of(value, index)
        if role is Role.CRAFTED:
            return self.draft.add(Op("result", equation.spec.dtype))
        if role is Role.VIEW:
            return self.view(value, index)
        if equation.primitive.family == "creation":
            return self.creation(value, index)
        if equation.primitive.name in LOOKUPS:
            return self.lookup(value, index)
        operands = []
        for source in equation.inputs:
            operands.append(self.read(source, index if self.sizes.flat[source] else ()))
        dtype = equation.spec.dtype
        return self.draft.add(Op(equation.primitive.name, dtype, tuple(operands)))

    def load(self, value: int, index: Affine) -> int:
        """Read a value from memory."""
        dtype = self.fusion.graph.spec(value).dtype
        place = Place(self.fusion.owners[value], dtype, index)
        return self.draft.add(Op("load", dtype, (), (place,)))

    def lookup(self, value: int, index: Indices) -> int:
        """Read a stored value at places that other values name."""
        equation = self.fusion.equation(value)
        x, axes = equation.inputs[0], self.sizes.axes
        operands = place_indices(equation, self.sizes, index)
        places = tuple([self.read(source, where) for source, where in operands])
        parts = self.split(value, index)
        if equation.primitive.name == "take":
            shared = len(axes[operands[0][0]])
            named = list(range(len(operands)))
            parts = [NOTHING] * len(operands) + parts[shared:]
        else:
            named = list(equation.attributes)
            parts[named[0]] = NOTHING
        flat, strides, position = self.sizes.flat[x], [], 0
        for atoms in axes[x]:
            position += len(atoms)
            strides.append(strides_of(flat)[position - 1] if atoms else ZERO)
        where = total(*[scaled(p, s) for p, s in zip(parts, strides, strict=True)])
        place = Place(self.fusion.owners[x], equation.spec.dtype, where)
        slots = tuple([(strides[axis], size_of(axes[x][axis])) for axis in named])
        detail = place, slots, equation.primitive.name == "take"
        return self.draft.add(Op("lookup", equation.spec.dtype, places, detail))

    def split(self, value: int, index: Indices) -> list[Affine]:
        """An index for each axis from one for each atom."""
        parts, position = [], 0
        for atoms in self.sizes.axes[value]:
            parts.append(linear(index[position : position + len(atoms)], atoms))
            position += len(atoms)
        return parts

    def creation(self, value: int, index: Indices) -> int:
        """A run-time number, an index or random bits."""
        equation = self.fusion.equation(value)
        name, first = equation.primitive.name, equation.first_number
        detail: object = first
        if name != "number":
            where = linear(index, self.sizes.flat[value])
            detail = (where,) if name == "iota" else (where, first, first + 1)
        return self.draft.add(Op(name, equation.spec.dtype, (), detail))

    def view(self, value: int, index: Indices) -> int:
        """Read what a view shows."""
        equation = self.fusion.equation(value)
        name, source = equation.primitive.name, equation.inputs[0]
        if name not in ("slice", "window"):
            return self.read(source, move_index(equation, self.sizes, value, index))
        if name == "slice":
            return self.slice(value, index)
        parts = self.split(value, index)
        first = equation.first_number
        (axis,), inside = equation.attributes, scaled(parts.pop(), number_at(first + 1))
        parts[axis] = total(scaled(parts[axis], number_at(first)), inside)
        return self.read_axes(source, parts)

    def slice(self, value: int, index: Indices) -> int:
        """Read an element of a slice; dimensions that go through whole keep their atoms."""
        equation, axes = self.fusion.equation(value), self.sizes.axes
        source, parts = equation.inputs[0], self.split(value, index)
        first, rank = equation.first_number, len(parts)
        kept: list[Indices] = []
        position = 0
        for axis, kind in enumerate(equation.attributes):
            count = len(axes[value][axis])
            atoms = index[position : position + count]
            position += count
            if kind != WHOLE:
                if kind != RUN:
                    parts[axis] = scaled(parts[axis], number_at(first + rank + axis))
                parts[axis] = shifted(parts[axis], number_at(first + axis))
                atoms = (parts[axis],) if axes[source][axis] else ()
            kept.append(atoms)
        if any(len(a) != len(b) for a, b in zip(kept, axes[source], strict=True)):
            return self.read_axes(source, parts)  # it cuts a product of atoms
        return self.read(source, tuple([part for atoms in kept for part in atoms]))

    def read_axes(self, value: int, parts: list[Affine]) -> int:
        """Read a value by one index for each axis, which may run over several atoms."""
        axes = self.sizes.axes[value]
        if all(len(atoms) < 2 for atoms in axes):
            pairs = zip(parts, axes, strict=True)
            return self.read(value, tuple([part for part, atoms in pairs if atoms]))
        strides = strides_of(self.sizes.flat[value])
        position, where = 0, NOTHING
        for part, atoms in zip(parts, axes, strict=True):
            position += len(atoms)
            if atoms:
                where = total(where, scaled(part, strides[position - 1]))
        return self.load(value, where)

    def reduced(self, value: int, index: Indices) -> int:
        """A reduction of the row, or its partial results put together."""
        equation = self.fusion.equation(value)
        dtype = equation.spec.dtype
        if self.combining:
            flat = self.sizes.flat[value]
            place = Place(Partial(value), accumulator(dtype), linear(index, flat))
            name = equation.primitive.name
            detail = place, size_of(flat), "max" if name in PLACES else name
            return self.draft.add(Op("partials", dtype, (), detail))
        operand = self.read(equation.inputs[0], self.full)
        name = equation.primitive.name
        if name in PLACES:
            (axis,) = equation.attributes
            along = self.split(equation.inputs[0], self.full)[axis]
            place = self.draft.add(Op("iota", dtype, (), (along,)))
            operand = self.draft.add(Op(f"{name}_key", dtype, (operand, place)))
            name = "max"
        return self.draft.add(Op(name, dtype, (operand,), "reduce"))

    def place_of(self, value: int, index: Indices) -> int:
        """A reduction; of argmax and argmin the place that is in the result."""
        found = self.reduced(value, index)
        equation = self.fusion.equation(value)
        if equation.primitive.name not in PLACES:
            return found
        return self.draft.add(Op("place_of_key", equation.spec.dtype, (found,)))

    def store_members(self, members: list[int], index: Indices) -> None:
        """Compute values, and write those to memory that are read elsewhere."""
        for value in members:
            step = self.read(value, index)
            if value in self.fusion.stored:
                dtype = self.fusion.graph.spec(value).dtype
                place = Place(value, dtype, linear(index, self.sizes.flat[value]))
                self.draft.stores.append((step, place))
