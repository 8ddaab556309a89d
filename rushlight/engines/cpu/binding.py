"""Sizes and numbers put into a plan: argument blocks, memory offsets and numbers of chunks.

`Tables` holds what is the same for all sizes; `Bound` is a plan at certain sizes.  A repeated run
at known sizes only patches pointers and numbers, a few NumPy assignments for the whole program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.engines.cpu.affine import Polynomial, size_of, times
from rushlight.engines.cpu.crafted import Arrangement, Crafted, Workspace
from rushlight.engines.cpu.expressions import is_costly
from rushlight.engines.cpu.kernel import CHUNKS, PARTS
from rushlight.engines.cpu.layout import find_lifetimes, lay_out
from rushlight.engines.cpu.plan import HostStep, NativeStep, Plan, reduction_shape
from rushlight.engines.cpu.regions import DERIVED
from rushlight.engines.cpu.trace import Partial, Wide, accumulator
from rushlight.graph.dtype import bool_, float32
from rushlight.graph.spec import Spec

MOST_PARTS = 64
_PART_ELEMENTS = 16384
_MANY_ROWS, _MANY_COLUMNS = 64, 4096
_CHUNK_ELEMENTS = 8192
_MOST_CHUNKS = 64
SERIAL_OPERATIONS = 50_000


def number_of_parts(kept: int, outer: int, inner: int) -> int:
    """Into how many parts a reduction is cut: a function of its shape alone."""
    if inner:
        if kept >= _MANY_ROWS:
            return 1
        wanted = outer * inner // _PART_ELEMENTS
        most = outer if outer > 1 else -(-inner // 32)
    else:
        if kept >= _MANY_COLUMNS:
            return 1
        wanted = outer * kept // _PART_ELEMENTS
        most = outer
    return max(1, min(wanted, most, MOST_PARTS))


class Tables:
    """Where everything goes, whatever the sizes."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.polynomials: dict[Polynomial, int] = {}
        self.starts: list[int] = []
        self.count = 0
        leaves = plan.fusion.graph.leaves
        self.inputs = [i for i, leaf in enumerate(leaves) if leaf.literal is None]
        self.addresses: dict[Any, int] = {leaf: i for i, leaf in enumerate(self.inputs)}
        self.fresh: list[int] = []
        for value in plan.results:
            if value not in self.addresses and value not in plan.inherited:
                self.addresses[value] = len(self.addresses)
                self.fresh.append(value)
        for value, leaf in plan.inherited.items():
            self.addresses[value] = self.addresses[leaf]
        self.arena = len(self.inputs) + len(self.fresh)
        self.results = [self.place_of_result(value) for value in plan.results]
        self.sizes: list[tuple[int, int]] = []  # slot, polynomial
        self.pointers: list[tuple[int, int, Any, int, int]] = []
        self.integers: list[tuple[int, int]] = []
        self.singles: list[tuple[int, int]] = []
        self.doubles: list[tuple[int, int]] = []
        self.tables: list[tuple[int, list]] = []
        self.native = [step for step in plan.steps if not isinstance(step, HostStep)]
        self.totals = []
        for step in self.native:
            self.starts.append(self.count)
            self.add(step)
            self.totals.append(self.index_of(self.total(step)))
        self.crafted = {
            position: np.array([self.index_of(size) for size in step.sizes], np.int64)
            for position, step in enumerate(self.native)
            if isinstance(step, Crafted)
        }
        self.loops = [i for i in range(len(self.native)) if i not in self.crafted]
        self.build_evaluation()

    def place_of_result(self, value: int) -> int:
        """Where a result's buffer is among those of the leaves and the fresh ones."""
        leaves = len(self.plan.fusion.graph.leaves)
        value = self.plan.inherited.get(value, value)
        return value if value < leaves else leaves + self.fresh.index(value)

    def total(self, step: NativeStep | Crafted) -> Polynomial:
        """How many elements a kernel goes through."""
        product = size_of(())
        if isinstance(step, Crafted):
            if step.work is not None:
                return step.work
            for size in step.sizes:
                product = times(product, size)
            return product
        for slot in step.kernel.sizes:
            if step.fillers[slot].kind == "polynomial":
                product = times(product, step.fillers[slot].what)
        return product

    def index_of(self, polynomial: Polynomial) -> int:
        """The number of a polynomial; equal ones are evaluated once."""
        return self.polynomials.setdefault(polynomial, len(self.polynomials))

    def add(self, step: NativeStep | Crafted) -> None:
        """Note what each slot of a step holds."""
        for slot, filler in enumerate(step.fillers, self.count):
            if filler.kind == "polynomial":
                self.sizes.append((slot, self.index_of(filler.what)))
            elif filler.kind == "pointer":
                address = self.addresses.get(filler.what, self.arena)
                offset = self.index_of(filler.offset)
                storage = filler.what if address == self.arena else None
                parts = slot, address, storage, offset, filler.dtype.itemsize
                self.pointers.append(parts)
            elif filler.kind == "table":
                runs = [
                    [[self.index_of(p) for p in part] for part in (run.sizes, run.strides)]
                    for run in filler.what
                ]
                self.tables.append((slot, runs))
            elif filler.kind == "number":
                dtype = filler.dtype
                if dtype is None or dtype is bool_ or not dtype.is_floating_point:
                    self.integers.append((slot, filler.what))
                elif dtype is float32:
                    self.singles.append((slot, filler.what))
                else:
                    self.doubles.append((slot, filler.what))
        self.count += len(step.fillers)

    def build_evaluation(self) -> None:
        """Arrays that evaluate all polynomials at once."""
        atoms, numbers = set(), set()
        for polynomial in self.polynomials:
            for monomial in polynomial:
                numbers.update(monomial[0])
                atoms.update(monomial[1])
        self.atoms = sorted(atoms)
        self.numbers = sorted(numbers, reverse=True)
        self.derived = [self.plan.fusion.derived[DERIVED - n] for n in self.numbers if n < 0]
        real = [n for n in self.numbers if n >= 0]
        real += [n for number in self.derived for n in (number.low, number.gap)]
        self.real_numbers = sorted(set(real))
        place = {("atom", atom): 1 + i for i, atom in enumerate(self.atoms)}
        first = 1 + len(self.atoms)
        place.update({("number", n): first + i for i, n in enumerate(self.numbers)})
        rows, self.spans = [], []
        for polynomial in self.polynomials:
            begin = len(rows)
            for number_factors, atom_factors in polynomial:
                row = [place["number", n] for n in number_factors]
                rows.append(row + [place["atom", a] for a in atom_factors])
            self.spans.append((begin, len(rows)))
        width = max([len(row) for row in rows], default=0) or 1
        padded = [row + [0] * (width - len(row)) for row in rows]
        self.factors = np.array(padded, np.int64).reshape(len(rows), width)
        self.sums = [i for i, (begin, end) in enumerate(self.spans) if end - begin != 1]
        self.heads = np.array([begin for begin, _ in self.spans], np.int64)
        origins = self.plan.fusion.sizes.origins
        self.origins = [origins[atom] for atom in self.atoms]
        self.build_patches()

    def build_patches(self) -> None:
        """Which slots of the argument blocks get what, as arrays."""
        self.slot_of_size = np.array([slot for slot, _ in self.sizes], np.int64)
        self.size_of_slot = np.array([i for _, i in self.sizes], np.int64)
        self.slot_of_pointer = np.array([pointer[0] for pointer in self.pointers], np.int64)
        self.address_of_pointer = np.array([pointer[1] for pointer in self.pointers], np.int64)
        self.offset_of_pointer = np.array([pointer[3] for pointer in self.pointers], np.int64)
        self.itemsizes = np.array([pointer[4] for pointer in self.pointers], np.int64)
        self.total_indices = np.array(self.totals, np.int64)
        loops = np.array([self.starts[i] for i in self.loops], np.int64)
        self.chunk_slots, self.part_slots = loops + CHUNKS, loops + PARTS
        self.parts = [self.reduction(step) for step in self.native]
        self.rows = [
            position
            for position, step in enumerate(self.native)
            if isinstance(step, NativeStep) and step.kernel.form == "rows"
        ]
        self.lifetimes = find_lifetimes(self.plan.steps, self.plan.places)

    def reduction(self, step: NativeStep | Crafted) -> tuple | None:
        """The shape that decides the number of parts of a kernel's reductions."""
        if isinstance(step, Crafted) or step.group is None:
            return None
        return reduction_shape(step.group)

    def evaluate(self, specs: tuple[Spec, ...], numbers: list) -> np.ndarray:
        """The values of all polynomials."""
        sizes = [specs[value].shape[axis] for value, axis in self.origins]
        given = [numbers[n] for n in self.numbers if n >= 0]
        given += [number.evaluate(specs, numbers) for number in self.derived]
        known = np.array([1, *sizes, *given], np.int64)
        products = known[self.factors].prod(axis=1)
        heads = np.minimum(self.heads, max(len(products) - 1, 0))
        values = products[heads] if len(products) else np.zeros(len(self.spans), np.int64)
        for i in self.sums:
            begin, end = self.spans[i]
            values[i] = products[begin:end].sum()
        return values


class Bound:
    """A plan at certain sizes: its argument block, and what must be patched for a run."""

    def __init__(self, tables: Tables, specs: tuple[Spec, ...], numbers: list):
        self.tables = tables
        self.specs = specs
        plan = tables.plan
        values = tables.evaluate(specs, numbers)
        self.used_numbers = [numbers[n] for n in tables.real_numbers]
        self.block = np.zeros(max(tables.count, 1), np.int64)
        self.singles = self.block.view(np.float32)
        self.doubles = self.block.view(np.float64)
        self.fresh_bytes = [specs[value].nbytes for value in tables.fresh]
        self.parts = [
            1
            if shape is None
            else number_of_parts(*[_size(sizes, specs, plan) for sizes in shape])
            if shape[2] or shape[1]
            else 1
            for shape in tables.parts
        ]
        self.work = values[tables.total_indices].tolist()
        self.chunks = [(max(1, min(n // _CHUNK_ELEMENTS, _MOST_CHUNKS)),) for n in self.work]
        self.block[tables.chunk_slots] = [self.chunks[i][0] for i in tables.loops]
        self.block[tables.part_slots] = [self.parts[i] for i in tables.loops]
        self.arrangements: dict[int, Arrangement] = {}
        for position, sizes in tables.crafted.items():
            self.arrange(position, values[sizes].tolist())
        self.lay_out(plan)
        self.fill(values)
        self.scratch_needs = {at: made.scratch_bytes for at, made in self.arrangements.items()}
        self.scratch_needs |= {position: self.row_bytes(position) for position in tables.rows}
        self.scratch_bytes = max(self.scratch_needs.values(), default=0)

    def variant(self, position: int) -> str:
        """Which variant of its kernels a step uses at these sizes."""
        arranged = self.arrangements.get(position)
        return arranged.variant if arranged is not None else ""

    def arrange(self, position: int, sizes: list[int]) -> None:
        """How hand-made kernels divide their work: a function of its sizes."""
        self.take(position, self.tables.native[position].family.arrange(*sizes))

    def take(self, position: int, arranged: Arrangement) -> None:
        """Divide a step's work so."""
        step, start = self.tables.native[position], self.tables.starts[position]
        self.arrangements[position] = arranged
        self.chunks[position] = arranged.chunks
        first = start + step.family.first_arranged
        self.block[first : first + len(arranged.numbers)] = arranged.numbers

    def fill(self, values: np.ndarray) -> None:
        """Put in what sizes and integer numbers decide."""
        tables = self.tables
        self.block[tables.slot_of_size] = values[tables.size_of_slot]
        offsets = values[tables.offset_of_pointer] * tables.itemsizes
        self.offset_tables: dict[tuple, tuple[np.ndarray, int]] = {}
        known = values.tolist()
        for slot, runs in tables.tables:
            steps = tuple([tuple([known[i] for part in run for i in part]) for run in runs])
            if steps not in self.offset_tables:  # those of equal layers are equal
                table = _table(runs, known)
                self.offset_tables[steps] = table, table.ctypes.data
            self.block[slot] = self.offset_tables[steps][1]
        places = [0 if p[2] is None else self.offsets[p[2]] for p in tables.pointers]
        self.pointer_offsets = offsets + np.array(places, np.int64)

    def lay_out(self, plan: Plan) -> None:
        """Where each temporary begins in the program's memory."""
        nbytes: dict[Any, int] = {}
        extra = self.extra_bytes()
        for storage in plan.places:
            found = extra.get(storage)
            nbytes[storage] = self.specs[storage].nbytes if found is None else found
        self.storage_bytes = nbytes
        self.offsets, self.arena_bytes = lay_out(self.tables.lifetimes, nbytes)

    def extra_bytes(self) -> dict[Any, int]:
        """The sizes of memory that holds no value: partial results and packed operands."""
        found: dict[Any, int] = {}
        for position, step in enumerate(self.tables.native):
            for storage in step.writes:
                if isinstance(storage, Partial):
                    spec = self.specs[storage.value]
                    size = spec.size * accumulator(spec.dtype).itemsize
                    found[storage] = size * self.parts[position]
                elif isinstance(storage, Wide):
                    found[storage] = self.specs[storage.value].size * float32.itemsize
                elif isinstance(storage, Workspace):
                    found[storage] = self.arrangements[position].workspace_bytes
        return found

    def row_bytes(self, position: int) -> int:
        """The scratch memory that a kernel needs for the costly steps of a row."""
        step = self.tables.native[position]
        row = [_size(atoms, self.specs, self.tables.plan) for atoms in self.tables.parts[position]]
        costly = sum([is_costly(op.name) for op in step.kernel.ops])
        return 8 * row[1] * row[2] * costly

    def patch(self, addresses: list[int], numbers: list) -> None:
        """Put in this run's addresses and numbers."""
        tables, block = self.tables, self.block
        if tables.real_numbers:
            used = [numbers[n] for n in tables.real_numbers]
            if used != self.used_numbers:
                self.used_numbers = used
                self.fill(tables.evaluate(self.specs, numbers))
        where = np.array(addresses, np.int64)[tables.address_of_pointer]
        block[tables.slot_of_pointer] = where + self.pointer_offsets
        for slot, number in tables.integers:
            block[slot] = wrapped(numbers[number])
        for slot, number in tables.singles:
            self.singles[2 * slot] = numbers[number]
        for slot, number in tables.doubles:
            self.doubles[slot] = numbers[number]


def _table(runs: list, values: list[int]) -> np.ndarray:
    """Offsets of all steps of some runs, one column for each run."""
    columns = []
    for sizes, strides in runs:
        offsets = np.zeros(1, np.int64)
        for size, stride in zip(sizes, strides, strict=True):
            steps = np.arange(values[size]) * values[stride]
            offsets = (offsets[:, None] + steps).ravel()
        columns.append(offsets)
    return np.ascontiguousarray(np.array(columns).T)


def wrapped(number: Any) -> int:
    """An integer of up to 64 bits as a signed one of 64."""
    number = int(number)
    return ((number + (1 << 63)) & 0xFFFFFFFFFFFFFFFF) - (1 << 63)


def _size(atoms: tuple[int, ...], specs: tuple[Spec, ...], plan: Plan) -> int:
    total = 1
    for atom in atoms:
        value, axis = plan.fusion.sizes.origins[atom]
        total *= specs[value].shape[axis]
    return total
