"""A kernel before it is code: what it computes for each step of its loops.

A `Draft` is what tracing a group gives, with symbolic strides.  `settle` merges loops that every
access runs through as if they were one, gives each size and stride a slot in the argument block,
and returns a `Kernel`, which is structure alone (equal kernels share one piece of code, whichever
program they come from), and the fillers, which say what the slots hold.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.engines.cpu.affine import (
    ONE,
    ZERO,
    Affine,
    Polynomial,
    size_of,
    times,
)
from rushlight.graph.dtype import DType

CHUNKS, PARTS = 0, 1
"""The slots of the number of chunks and of the number of partial results."""

STILL, NEXT = -2, -1
"""Strides that are structure: 0 and 1; others are slots."""


class Place(NamedTuple):
    """Elements of a stored value that a draft reads or writes."""

    storage: Any
    dtype: DType
    index: Affine


class Access(NamedTuple):
    """The same in a kernel: the slot of a pointer, and the stride of each loop."""

    pointer: int
    dtype: DType
    strides: tuple[int, ...]


class Op(NamedTuple):
    """One step of computing an element; inputs are numbers of earlier steps."""

    name: str
    dtype: DType
    inputs: tuple[int, ...] = ()
    detail: Any = None


class Kernel(NamedTuple):
    """A kernel's structure.

    `blocks` counts the loops of each kind: over partial results, over what is kept, over reduced
    dimensions, and over the innermost reduced run.  `sizes` are the slots of their sizes.
    """

    form: str
    blocks: tuple[int, int, int, int]
    sizes: tuple[int, ...]
    ops: tuple[Op, ...]
    stores: tuple[tuple[int, Access], ...]

    def __str__(self) -> str:
        lines = [f"{self.form} blocks {self.blocks}, sizes in slots {self.sizes}"]
        for i, op in enumerate(self.ops):
            sources = ", ".join([f"${source}" for source in op.inputs])
            detail = "" if op.detail is None else f" {op.detail}"
            lines.append(f"  ${i} {op.dtype.name} = {op.name}({sources}){detail}")
        lines += [f"  store ${value} to {access}" for value, access in self.stores]
        return "\n".join(lines)


class Filler(NamedTuple):
    """What a slot holds: a "polynomial", a "pointer", a "number", or the "chunks" and "parts"."""

    kind: str
    what: Any = None
    offset: Polynomial = ZERO
    dtype: DType | None = None


class Draft:
    """A kernel being traced."""

    def __init__(self, form: str, blocks: tuple[int, int, int, int], sizes: list[Polynomial]):
        self.form = form
        self.blocks = blocks
        self.sizes = sizes
        self.ops: list[Op] = []
        self.stores: list[tuple[int, Place]] = []
        self._known: dict[Op, int] = {}

    def add(self, op: Op) -> int:
        """Number a step, or find the equal one that is there."""
        key = op._replace(detail=repr(op.detail)) if op.name == "literal" else op
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.ops)
            self.ops.append(op)
        return found

    def settle(self) -> tuple[Kernel, list[Filler]]:
        """The kernel and what its slots hold."""
        return _Settling(self).run()


class _Settling:
    def __init__(self, draft: Draft):
        self.draft = draft
        self.fillers = [Filler("chunks"), Filler("parts")]
        self.slots: dict[Filler, int] = {Filler("parts"): PARTS}
        self.runs = self.find_runs()

    def indices(self) -> list[Affine]:
        found = [place.index for _, place in self.draft.stores]
        for op in self.draft.ops:
            if op.name in ("load", "partials"):
                found.append(op.detail[0].index)
            elif op.name in ("iota", "random_bits"):
                found.append(op.detail[0])
            elif op.name in ("lookup", "write"):
                found.append(op.detail[0].index)
        return found

    def find_runs(self) -> list[list[int]]:
        """Neighbouring loops that count as one, innermost last."""
        indices = [dict(index.strides) for index in self.indices()]
        starts, total = set(), 0
        for block in self.draft.blocks:
            starts.add(total)
            total += block
        runs: list[list[int]] = []
        for loop in range(total):
            whole = loop not in starts and all(
                strides.get(loop - 1, ZERO) == times(strides.get(loop, ZERO), self.size(loop))
                for strides in indices
            )
            if whole:
                runs[-1].append(loop)
            else:
                runs.append([loop])
        return runs

    def size(self, loop: int) -> Polynomial:
        return self.draft.sizes[loop]

    def slot(self, filler: Filler) -> int:
        found = self.slots.get(filler)
        if found is None:
            found = self.slots[filler] = len(self.fillers)
            self.fillers.append(filler)
        return found

    def stride(self, polynomial: Polynomial) -> int:
        if polynomial == ZERO:
            return STILL
        return NEXT if polynomial == ONE else self.slot(Filler("polynomial", polynomial))

    def strides(self, index: Affine) -> tuple[int, ...]:
        known = dict(index.strides)
        return tuple([self.stride(known.get(run[-1], ZERO)) for run in self.runs])

    def access(self, place: Place) -> Access:
        pointer = Filler("pointer", place.storage, place.index.offset, place.dtype)
        return Access(self.slot(pointer), place.dtype, self.strides(place.index))

    def offset(self, polynomial: Polynomial) -> int:
        """The slot of a number that is not a stride, unless it is 0."""
        return STILL if polynomial == ZERO else self.slot(Filler("polynomial", polynomial))

    def detail(self, op: Op) -> Any:
        if op.name == "load":
            return self.access(op.detail[0])
        if op.name == "partials":
            place, apart, combine = op.detail
            return self.access(place), self.offset(apart), combine
        if op.name == "number":
            return self.slot(Filler("number", op.detail, ZERO, op.dtype))
        if op.name in ("lookup", "write"):
            place, named, *flags = op.detail
            slots = [(self.stride(stride), self.offset(size)) for stride, size in named]
            return self.access(place), tuple(slots), *flags
        if op.name == "iota":
            (index,) = op.detail
            return self.offset(index.offset), self.strides(index)
        if op.name == "random_bits":
            index, seed, offset = op.detail
            keys = [self.slot(Filler("number", at, ZERO, None)) for at in (seed, offset)]
            return self.offset(index.offset), self.strides(index), *keys
        return repr(op.detail) if op.name == "literal" else op.detail

    def run(self) -> tuple[Kernel, list[Filler]]:
        ops = tuple([Op(*op[:3], self.detail(op)) for op in self.draft.ops])
        stores = tuple([(value, self.access(place)) for value, place in self.draft.stores])
        sizes = tuple([self.slot(self.size_filler(run)) for run in self.runs])
        ends, total = [], 0
        for block in self.draft.blocks:
            total += block
            ends.append(total)
        counts = [sum(run[-1] < end for run in self.runs) for end in ends]
        blocks = tuple([end - start for start, end in zip([0, *counts], counts, strict=False)])
        return Kernel(self.draft.form, blocks, sizes, ops, stores), self.fillers

    def size_filler(self, run: list[int]) -> Filler:
        if self.size(run[0]) == PART_SIZE:
            return Filler("parts")
        product = ONE
        for loop in run:
            product = times(product, self.size(loop))
        return Filler("polynomial", product)


PART_SIZE: Polynomial = (((-1,), ()),)
"""Stands for the number of partial results, which is decided when sizes are known."""


def sizes_of(atoms: tuple[int, ...]) -> list[Polynomial]:
    """The size of one loop for each atom."""
    return [size_of((atom,)) for atom in atoms]
