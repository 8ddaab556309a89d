"""Packing: a block of an operand copied so that a contraction reads it in order.

A packed panel holds, for each place along the contracted axis, `width` numbers that lie across
it, in the dtype that the contraction accumulates in.  Lanes beyond the operand's end are 0.
"""

from __future__ import annotations

from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.values import Value
from rushlight.graph import dtype as dtypes
from rushlight.graph.dtype import DType, int32, int64


def accumulator(dtype: DType) -> DType:
    """The dtype in which products are added up; integers wrap, so a wider one serves too."""
    if dtype.is_floating_point:
        return dtypes.float64 if dtype is dtypes.float64 else dtypes.float32
    return int64 if dtype.itemsize == 8 else int32


def emit_pack(module: Module, name: str, dtype: DType, width: int, lanes: int, tables: bool):
    """A helper `(source, across, along, target, valid, count)` that packs one panel.

    `across` and `along` are strides in elements, or pointers to tables of offsets; `valid` of the
    `width` lanes exist, `count` places lie along.  It may write up to `lanes` numbers after the
    panel's last whole vector, if `width` is no multiple of `lanes`.
    """
    kind = POINTER if tables else int64
    f = module.helper(name, (POINTER, kind, kind, POINTER, int64, int64))
    panel = _Panel(f, dtype, width, lanes)
    if tables:
        panel.by_tables()
        return f
    across, along = f.parameters[1:3]
    with f.when(across.equals(1)) as contiguous:
        panel.lanes_contiguous()
    with contiguous.otherwise():
        with f.when(along.equals(1)) as transposed:
            panel.places_contiguous()
        with transposed.otherwise():
            panel.by_strides()
    return f


class _Panel:
    """The code of one packing helper."""

    def __init__(self, f: Function, dtype: DType, width: int, lanes: int):
        self.f = f
        self.dtype, self.accumulate = dtype, accumulator(dtype)
        self.width, self.lanes = width, lanes
        self.source, self.across, self.along, self.target, self.valid, self.count = f.parameters
        self.starts = list(range(0, width, lanes))

    def _used(self, start: int) -> int:
        return min(self.lanes, self.width - start)

    def _masks(self) -> list[Value]:
        """Which lanes of each vector exist."""
        f, masks = self.f, []
        for start in self.starts:
            left = self.valid - start
            used = f.constant(self._used(start), int64)
            masks.append(f.mask(f.select(left < used, left, used), self.lanes))
        return masks

    def _load(self, pointer: Value, mask: Value | None) -> Value:
        return self.f.load(self.dtype, pointer, None, self.lanes, mask).cast(self.accumulate)

    def lanes_contiguous(self) -> None:
        """Neighbouring lanes are neighbours in memory: copy vectors."""
        f = self.f
        with f.when(self.valid.equals(self.width)) as full:
            self._copy([None if self._used(s) == self.lanes else m for s, m in self._pairs()])
        with full.otherwise():
            self._copy(self._masks())

    def _pairs(self) -> list[tuple[int, Value]]:
        return list(zip(self.starts, self._masks(), strict=True))

    def _copy(self, masks: list[Value | None]) -> None:
        f = self.f
        with f.loop(0, self.count) as k:
            row = f.at(self.dtype, self.source, k * self.along)
            place = f.at(self.accumulate, self.target, k * self.width)
            for start, mask in zip(self.starts, masks, strict=True):
                value = self._load(f.at(self.dtype, row, start), mask)
                f.store(value, place, start)

    def places_contiguous(self) -> None:
        """Neighbours along the contracted axis are neighbours in memory: transpose blocks."""
        f, lanes = self.f, self.lanes
        whole = (self.count // lanes) * lanes
        # the last lanes first: what their vectors write beyond the width is then overwritten
        for start in reversed(self.starts):
            exist = self.valid >= start + self._used(start)
            with f.when(exist) as full, f.loop(0, whole, lanes) as k:
                self._store_block(self._block(start, k, None), start, k)
            with full.otherwise(), f.loop(0, whole, lanes) as k:
                every = f.constant(True, dtypes.bool_, lanes)
                self._store_block(self._block(start, k, every), start, k)
            with f.when(whole < self.count):
                rest = f.mask(self.count - whole, lanes)
                self._store_tail(self._block(start, whole, rest), start, whole)

    def _block(self, start: int, k: Value, mask: Value | None) -> list[Value]:
        """The places k.. of the lanes from `start` on, transposed: one vector for each place."""
        f, rows = self.f, []
        zero = f.constant(0, self.accumulate, self.lanes)
        for lane in range(start, start + self._used(start)):
            pointer = f.at(self.dtype, self.source, self.across * lane + k)
            if mask is None:
                rows.append(self._load(pointer, None))
            else:
                exists = self.valid > lane
                never = f.constant(False, dtypes.bool_, self.lanes)
                rows.append(self._load(pointer, f.select(exists, mask, never)))
        rows += [zero] * (self.lanes - len(rows))
        return transpose(f, rows)

    def _store_block(self, block: list[Value], start: int, k: Value) -> None:
        place = self.f.at(self.accumulate, self.target, k * self.width + start)
        for i, vector in enumerate(block):
            self.f.store(vector, place, i * self.width)

    def _store_tail(self, block: list[Value], start: int, k: Value) -> None:
        """Only the places that exist, by way of the stack: the next panel may be another's."""
        f, lanes = self.f, self.lanes
        corner = f.stack(self.accumulate, lanes * lanes)
        for i, vector in enumerate(block):
            f.store(vector, corner, i * lanes)
        place = f.at(self.accumulate, self.target, k * self.width + start)
        with f.loop(0, self.count - k) as i:
            f.store(f.load(self.accumulate, corner, i * lanes, lanes), place, i * self.width)

    def by_strides(self) -> None:
        """No neighbours: gather each vector."""
        f = self.f
        offsets = [
            (f.iota(int64, self.lanes) + start) * f.splat(self.across, self.lanes)
            for start in self.starts
        ]
        with f.loop(0, self.count) as k:
            self._gather(offsets, f.at(self.dtype, self.source, k * self.along), k)

    def by_tables(self) -> None:
        """Any view: gather by tables of offsets."""
        f = self.f
        offsets = [
            f.load(int64, self.across, start, self.lanes, mask) for start, mask in self._pairs()
        ]
        with f.loop(0, self.count) as k:
            offset = f.load(int64, self.along, k)
            self._gather(offsets, f.at(self.dtype, self.source, offset), k)

    def _gather(self, offsets: list[Value], row: Value, k: Value) -> None:
        f = self.f
        place = f.at(self.accumulate, self.target, k * self.width)
        for start, mask, offset in zip(self.starts, self._masks(), offsets, strict=True):
            value = f.gather(self.dtype, row, offset, mask)
            f.store(value.cast(self.accumulate), place, start)


def transpose(f: Function, rows: list[Value]) -> list[Value]:
    """The columns of a square block of as many vectors as they have lanes."""
    lanes, size = rows[0].lanes, rows[0].dtype.itemsize
    part = min(lanes, 16 // size)  # shuffles are cheapest inside 16 bytes
    columns = list(rows)
    for first in range(0, lanes, part):
        columns[first : first + part] = _transpose_parts(f, rows[first : first + part])
    distance = part
    while distance < lanes:
        for i in range(lanes):
            if not i & distance:
                pair = columns[i], columns[i + distance]
                columns[i], columns[i + distance] = _exchange(f, *pair, distance)
        distance *= 2
    return columns


def _transpose_parts(f: Function, rows: list[Value]) -> list[Value]:
    """Transpose inside each 16 bytes of two or four vectors."""
    if len(rows) == 2:
        return [_interleave(f, *rows, 1, 2, high) for high in (0, 1)]
    a, b, c, d = rows
    low = _interleave(f, a, b, 1, 4, 0), _interleave(f, c, d, 1, 4, 0)
    high = _interleave(f, a, b, 1, 4, 1), _interleave(f, c, d, 1, 4, 1)
    return [_interleave(f, *pair, 2, 4, half) for pair in (low, high) for half in (0, 1)]


def _interleave(f: Function, a: Value, b: Value, unit: int, part: int, high: int) -> Value:
    """Units of a and b in turn, from the lower or upper half of each part."""
    picks = []
    for base in range(0, a.lanes, part):
        for start in range(base + high * part // 2, base + (high + 1) * part // 2, unit):
            picks += range(start, start + unit)
            picks += range(a.lanes + start, a.lanes + start + unit)
    return f.shuffle(a, b, picks)


def _exchange(f: Function, a: Value, b: Value, distance: int) -> tuple[Value, Value]:
    """Swap the odd blocks of a with the even blocks of b, in blocks of `distance` lanes."""
    lanes = range(a.lanes)
    first = [i if not i & distance else a.lanes + i - distance for i in lanes]
    second = [i + distance if not i & distance else a.lanes + i for i in lanes]
    return f.shuffle(a, b, first), f.shuffle(a, b, second)
