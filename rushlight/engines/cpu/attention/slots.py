"""What the argument block of attention's kernels holds, and how they reach their operands."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from rushlight.engines.cpu.arrange import Tile, tile_of
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.packing import accumulator
from rushlight.engines.cpu.values import Operand as Number
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64


class Slot(IntEnum):
    """The slots; those of an operand are its pointer and the strides of its two axes.

    An operand that cannot be counted through with one stride has pointers to tables of offsets
    instead.  BATCHES points to offsets of each operand, for each batch element.
    """

    QUERY = 0
    KEY = 3
    VALUE = 6
    MASK = 9
    RESULT = 12
    GRADIENT = 15
    LOG_SUM_EXP = 18
    SCALE = 21
    BATCHES = 22
    WORKSPACE = 23
    RESULTS = 24
    """Pointers to the results: at most three."""
    BATCH_COUNT = 27
    QUERIES = 28
    KEYS = 29
    SIZE = 30
    VALUES = 31
    PARTS = 32
    """Into how many parts the queries (forward) or the keys (gradient) of a batch are cut."""
    PART = 33
    """The length of a part."""
    BLOCK = 34
    """How many keys are taken at a time."""
    FIRST_FREE = 35


OPERANDS = (
    *(Slot.QUERY, Slot.KEY, Slot.VALUE, Slot.MASK, Slot.RESULT, Slot.GRADIENT),
    Slot.LOG_SUM_EXP,
)


class Structure(NamedTuple):
    """What the code of the kernels depends on."""

    dtype: DType
    mask: DType | None
    causal: bool
    tables: tuple[bool, ...]
    """For each of OPERANDS, whether it has tables of offsets."""
    wanted: tuple[bool, ...]
    """Which results are stored: (result, log_sum_exp), or those of query, key and value."""


class Source(NamedTuple):
    """An operand's element from which to read, and the strides (or tables) from there."""

    dtype: DType
    tables: bool
    pointer: Value
    across: Value
    along: Value


class Operands:
    """Where the operands of one batch element begin."""

    def __init__(self, f: Function, structure: Structure, batch: Value):
        self.f, self.structure, self.batch = f, structure, batch
        self.offsets = f.argument(POINTER, Slot.BATCHES)

    def source(self, slot: Slot, row: Value, place: Number = 0) -> Source:
        """An operand from a row and a place along it on."""
        f, structure = self.f, self.structure
        number = OPERANDS.index(slot)
        tables = structure.tables[number]
        dtype = structure.dtype
        if slot is Slot.LOG_SUM_EXP:
            dtype = accumulator(dtype)
        elif slot is Slot.MASK and structure.mask is not None:
            dtype = structure.mask
        kind = POINTER if tables else int64
        pointer, across, along = (
            f.argument(POINTER, slot),
            f.argument(kind, slot + 1),
            f.argument(kind, slot + 2),
        )
        start = f.load(int64, self.offsets, self.batch * len(OPERANDS) + number)
        place = f.constant(place, int64)
        if tables:
            across, along = f.at(int64, across, row), f.at(int64, along, place)
        else:
            start = start + row * across + place * along
        return Source(dtype, tables, f.at(dtype, pointer, start), across, along)


class Geometry:
    """The sizes of one computation as values of a kernel."""

    def __init__(self, f: Function, dtype: DType):
        self.tile: Tile = tile_of(dtype)
        self.batches, self.queries, self.keys, self.size, self.values = (
            f.argument(int64, slot) for slot in range(Slot.BATCH_COUNT, Slot.PARTS)
        )
        self.parts, self.part, self.block = (
            f.argument(int64, slot) for slot in range(Slot.PARTS, Slot.FIRST_FREE)
        )
        panel = self.tile.columns
        self.size_pitch = (self.size + (panel - 1)) // panel * panel
        """How far apart rows of query and key are once they are copied."""
        self.values_pitch = (self.values + (panel - 1)) // panel * panel


class Scratch:
    """Hands out the memory of the running thread piece by piece."""

    def __init__(self, f: Function, dtype: DType):
        self.f, self.dtype, self._next = f, dtype, f.scratch

    def take(self, count: Number) -> Value:
        """A pointer to room for so many numbers."""
        start = self._next
        rounded = (self.f.constant(count, int64) + 15) // 16 * 16
        self._next = self.f.at(self.dtype, start, rounded)
        return start


def fewer(f: Function, a: Value, b: Number) -> Value:
    """The smaller of two counts."""
    return f.select(a < b, a, b)


def clipped(f: Function, a: Value, most: Value) -> Value:
    """A count between 0 and `most`."""
    return f.select(a < 0, f.constant(0, int64), fewer(f, a, most))
