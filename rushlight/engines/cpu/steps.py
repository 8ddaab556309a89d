"""The code of a kernel's steps: where elements are, and what is computed of them.

A kernel has four levels of code: once for a chunk, once for each row, once for each outer reduced
index of a row, and for each vector along the innermost loop.  A step is computed at the level of
the loops that it depends on, so what is the same for a whole row is computed once, as a scalar.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.expressions import emit_map, is_costly, threefry
from rushlight.engines.cpu.kernel import NEXT, PARTS, STILL, Access, Kernel, Op
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.values import HALVES, POINTER, Value
from rushlight.graph.dtype import DType, bool_, float32, float64, int64, uint32

ONCE, ROW, OUTER, VECTOR = range(4)
_MOST_INLINE = 8  # costly steps of a kernel that are written where they are needed

Counters = dict[int, Value]
"""The counters of loops that are running."""


class Vector(NamedTuple):
    """Consecutive steps of the innermost loops that are computed together."""

    first: Value
    lanes: int
    mask: Value | None


class Steps:
    """Writes the steps of a kernel into a function."""

    def __init__(
        self,
        f: Function,
        kernel: Kernel,
        inner: list[int],
        outer: list[int],
        first_slot: int = 0,
    ):
        self.f = f
        self.first_slot = first_slot
        self.kernel = kernel
        self.inner = inner
        self.outer = outer
        self.lanes = lanes_of(kernel)
        f.outlines |= sum([is_costly(op.name) for op in kernel.ops]) > _MOST_INLINE
        self.slots: dict[tuple[int, DType], Value] = {}
        self.moving = [self.find_loops(op) for op in kernel.ops]
        self.levels: list[int] = []
        for op in kernel.ops:
            self.levels.append(self.find_level(op))
        self.sizes = [self.slot(slot) for slot in kernel.sizes]
        self.pointers = {
            access.pointer: self.slot(access.pointer, POINTER) for access in accesses(kernel)
        }
        self.prepared: dict[tuple, Value] = {}
        self.load_slots()

    def load_slots(self) -> None:
        """Read every slot at the beginning, so that no loop does."""
        for access in accesses(self.kernel):
            for stride in access.strides:
                self.slot(stride)
        self.keys = {}
        for step, op in enumerate(self.kernel.ops):
            if op.name == "partials":
                self.slot(PARTS), self.slot(op.detail[1])
            elif op.name in ("lookup", "write"):
                for stride, size in op.detail[1]:
                    self.slot(stride), self.slot(size)
            elif op.name in ("iota", "random_bits"):
                for stride in (op.detail[0], *op.detail[1]):
                    self.slot(stride)
            if op.name == "random_bits":
                self.keys[step] = self.random_key(op)

    def slot(self, slot: int, dtype: DType = int64) -> Value:
        """An argument of the kernel."""
        if slot < 0:
            return self.f.constant(0 if slot == STILL else 1, int64)
        found = self.slots.get((slot, dtype))
        if found is None:
            found = self.slots[slot, dtype] = self.f.argument(dtype, self.first_slot + slot)
        return found

    def find_loops(self, op: Op) -> frozenset[int]:
        """The loops along which a step reads other elements."""
        strides: tuple[int, ...] = ()
        if op.name in ("load", "partials", "lookup", "write"):
            access = op.detail if op.name == "load" else op.detail[0]
            strides = access.strides
        elif op.name in ("iota", "random_bits"):
            strides = op.detail[1]
        return frozenset([loop for loop, stride in enumerate(strides) if stride != STILL])

    def find_level(self, op: Op) -> int:
        """The level at which a step is computed."""
        if op.detail == "reduce":
            return ROW
        if op.name == "result":
            return VECTOR
        loops = self.moving[len(self.levels)]
        level = ONCE
        if loops & set(self.inner):
            level = VECTOR
        elif loops & set(self.outer):
            level = OUTER
        elif loops:
            level = ROW
        return max([level, *[self.levels[source] for source in op.inputs]])

    def needed(self, sinks: list[int], known: dict[int, Value]) -> list[int]:
        """The steps that lead to these, in order, without those known already."""
        wanted, pending = set(), list(sinks)
        while pending:
            step = pending.pop()
            if step not in wanted and step not in known:
                wanted.add(step)
                pending += self.kernel.ops[step].inputs
        return sorted(wanted)

    def compute(
        self,
        steps: list[int],
        known: dict[int, Value],
        counters: Counters,
        vector: Vector | None = None,
        levels: tuple[int, ...] = (VECTOR,),
    ) -> None:
        """Write the code of those steps that belong to these levels."""
        for step in steps:
            if step not in known and self.levels[step] in levels:
                known[step] = self.one(step, known, counters, vector)

    def one(self, step: int, known: dict, counters: Counters, vector: Vector | None) -> Value:
        """The code of one step whose inputs are known."""
        f, op = self.f, self.kernel.ops[step]
        if op.name == "load":
            return self.load(op.detail, counters, vector)
        if op.name == "literal":
            return f.constant(_number_of(op.detail), op.dtype)
        if op.name == "number":
            return self.number(op)
        if op.name == "iota":
            return self.place(op.detail[0], op.detail[1], counters, vector)
        if op.name == "random_bits":
            index = self.place(op.detail[0], op.detail[1], counters, vector)
            high = (index >> 32).cast(uint32)
            return threefry(f, self.keys[step], index.cast(uint32), high)[0]
        if op.name == "partials":
            return self.partials(op, counters, vector)
        if op.name == "lookup":
            return self.lookup(op, [known[source] for source in op.inputs], counters, vector)
        return emit_map(f, op.name, op.dtype, [known[source] for source in op.inputs])

    def number(self, op: Op) -> Value:
        """A run-time number; narrow floats travel as float64, small integers as int64."""
        if op.dtype is bool_:
            return self.slot(op.detail).differs(0)
        if op.dtype.is_floating_point:
            wide = float32 if op.dtype is float32 else float64
            return self.slot(op.detail, wide).cast(op.dtype)
        return self.slot(op.detail).cast(op.dtype)

    def random_key(self, op: Op) -> tuple[Value, Value]:
        """The key of a random stream, from its seed and offset."""
        seed, offset = (self.slot(slot) for slot in op.detail[2:])
        words = [(word.cast(uint32), (word >> 32).cast(uint32)) for word in (seed, offset)]
        return threefry(self.f, words[0], *words[1])

    # ------------------------------------------------------------------ places

    def prepare(self, counters: Counters) -> None:
        """Compute where the rows begin, before a vector loop that needs it."""
        running = _names(counters)
        for access in accesses(self.kernel):
            if any(access.strides[loop] != STILL for loop in self.inner):
                self.prepared[access, running] = self.base(access, counters)

    def base(self, access: Access, counters: Counters) -> Value:
        """A pointer to the element at the counters, with the innermost loops at 0."""
        found = self.prepared.get((access, _names(counters)))
        if found is not None:
            return found
        offset = None
        for loop, stride in enumerate(access.strides):
            if stride == STILL or loop not in counters:
                continue
            part = counters[loop] if stride == NEXT else counters[loop] * self.slot(stride)
            offset = part if offset is None else offset + part
        pointer = self.pointers[access.pointer]
        return pointer if offset is None else self.f.at(access.dtype, pointer, offset)

    def inner_strides(self, strides: tuple[int, ...]) -> list[int]:
        """The strides along the loops that run in vectors."""
        return [strides[loop] for loop in self.inner]

    def offsets(self, strides: list[int], vector: Vector) -> Value:
        """How far each lane is from the first element, where the innermost loops do not run on."""
        f = self.f
        index = f.iota(int64, vector.lanes) + vector.first
        if len(strides) == 1:
            return index * self.slot(strides[0])
        total = None
        for loop, stride in reversed(list(zip(self.inner, strides, strict=True))):
            size = self.sizes[loop]
            part = (index % size) * self.slot(stride)
            total = part if total is None else total + part
            index = index // size
        return total

    def load(self, access: Access, counters: Counters, vector: Vector | None) -> Value:
        """An element at the counters, or a vector of them."""
        return self.load_from(self.base(access, counters), access, vector)

    def load_from(self, pointer: Value, access: Access, vector: Vector | None) -> Value:
        """An element, or a vector of them, of the row that begins at a pointer."""
        f, dtype = self.f, access.dtype
        strides = self.inner_strides(access.strides)
        if vector is None or all(stride == STILL for stride in strides):
            return f.load(dtype, pointer)
        if strides == [NEXT]:
            return f.load(dtype, pointer, vector.first, vector.lanes, vector.mask)
        return f.gather(dtype, pointer, self.offsets(strides, vector), vector.mask)

    def store(
        self, value: Value, access: Access, counters: Counters, vector: Vector | None
    ) -> None:
        """Write an element, or a vector of them."""
        self.store_to(self.base(access, counters), value, access, vector)

    def store_to(self, pointer: Value, value: Value, access: Access, vector: Vector | None) -> None:
        """Write an element, or a vector of them, of the row that begins at a pointer."""
        if vector is None:
            self.f.store(value, pointer)
            return
        value = self.f.splat(value, vector.lanes) if value.lanes < vector.lanes else value
        strides = self.inner_strides(access.strides)
        if strides == [NEXT]:
            self.f.store(value, pointer, vector.first, vector.mask)
        else:
            self.f.scatter(value, pointer, self.offsets(strides, vector), vector.mask)

    def place(
        self, offset: int, strides: tuple[int, ...], counters: Counters, vector: Vector | None
    ) -> Value:
        """An index itself, as a number."""
        total = self.slot(offset)
        for loop, stride in enumerate(strides):
            if stride != STILL and loop in counters:
                total = total + counters[loop] * self.slot(stride)
        inner = self.inner_strides(strides)
        if vector is None or all(stride == STILL for stride in inner):
            return total
        return self.offsets(inner, vector) + total

    def lookup(
        self, op: Op, places: list[Value], counters: Counters, vector: Vector | None
    ) -> Value:
        """The element at places that other values name; a check has been made before."""
        f = self.f
        access, named, wraps = op.detail
        offset = None
        for place, (stride, size) in zip(places, named, strict=True):
            if wraps:
                place = f.select(place < 0, place + self.slot(size), place)
            part = place * self.slot(stride)
            offset = part if offset is None else offset + part
        pointer = self.base(access, counters)
        if offset.lanes == 1:
            return self.load_from(f.at(access.dtype, pointer, offset), access, vector)
        strides = self.inner_strides(access.strides)
        if any(stride != STILL for stride in strides):
            offset = offset + self.offsets(strides, vector)
        return f.gather(access.dtype, pointer, offset, vector.mask)

    def partials(self, op: Op, counters: Counters, vector: Vector | None) -> Value:
        """Partial results put together in the order of their parts."""
        f = self.f
        access, apart, combine = op.detail
        lanes = vector.lanes if vector else 1
        sum_ = f.variable(f.constant(identity(combine, access.dtype), access.dtype, lanes))
        with f.loop(0, self.slot(PARTS)) as part:
            pointer = f.at(access.dtype, self.base(access, counters), part * self.slot(apart))
            one = self.load_from(pointer, access, vector)
            sum_.value = combined(f, combine, sum_.value, one)
        return sum_.value.cast(op.dtype)


def _names(counters: Counters) -> tuple:
    return tuple([(loop, value.name) for loop, value in counters.items()])


def accesses(kernel: Kernel) -> list[Access]:
    """Every access of a kernel."""
    found = [access for _, access in kernel.stores]
    for op in kernel.ops:
        if op.name == "load":
            found.append(op.detail)
        elif op.name in ("partials", "lookup", "write"):
            found.append(op.detail[0])
    return found


def lanes_of(kernel: Kernel) -> int:
    """How many elements a kernel computes together: what fits a vector of its widest floats."""
    dtypes = [op.dtype for op in kernel.ops]
    floats = [dtype.itemsize for dtype in dtypes if dtype.is_floating_point]
    widest = max(floats or [dtype.itemsize for dtype in dtypes] or [4])
    return machine().vector_bytes // max(4, widest)


def _number_of(text: str) -> bool | int | float:
    return {"True": True, "False": False}.get(text) if text in ("True", "False") else _plain(text)


def _plain(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def identity(name: str, dtype: DType) -> bool | int | float:
    """What a reduction begins with."""
    if name in ("sum", "prod"):
        return name == "prod" if dtype is bool_ else int(name == "prod")
    least = name == "max"
    if dtype is bool_:
        return not least
    if dtype.is_floating_point:
        return float("-inf") if least else float("inf")
    bits = 8 * dtype.itemsize
    if dtype.kind == "u":
        return 0 if least else (1 << bits) - 1
    return -(1 << (bits - 1)) if least else (1 << (bits - 1)) - 1


def combined(f: Function, name: str, a: Value, b: Value) -> Value:
    """One step of a reduction."""
    if name == "max":
        return f.maximum(a, b)
    if name == "min":
        return f.minimum(a, b)
    if name == "prod":
        return a * b
    return a | b if a.dtype is bool_ else a + b


def widened(value: Value) -> Value:
    """An operand of a reduction in the dtype in which it is accumulated."""
    return value.retyped(float32) if value.dtype in HALVES else value
