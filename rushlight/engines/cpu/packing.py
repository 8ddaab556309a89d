"""Packing: a block of an operand copied so that a contraction reads it in order.

A packed panel holds, for each place along the contracted axis, `width` numbers that lie across
it, in the dtype that the contraction accumulates in.  Lanes beyond the operand's end hold
anything: they only lead to results that nobody stores.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.values import Value
from rushlight.graph import dtype as dtypes
from rushlight.graph.dtype import DType, int32, int64


def accumulator(dtype: DType) -> DType:
    """The dtype in which products are added up; integers wrap, so a wider one serves too."""
    if dtype.is_floating_point:
        return dtypes.float64 if dtype is dtypes.float64 else dtypes.float32
    return int64 if dtype.itemsize == 8 else int32


def emit_pack(module: Module, dtype: DType, width: int, lanes: int, tables: bool) -> Function:
    """A helper `(source, across, along, target, valid, count)` that packs one panel.

    `across` and `along` are strides in elements, or pointers to tables of offsets; `valid` of the
    `width` lanes exist, `count` places lie along.  It may write up to `lanes` numbers after the
    panel's last whole vector, if `width` is no multiple of `lanes`.
    """
    kind = POINTER if tables else int64
    parameters = (POINTER, kind, kind, POINTER, int64, int64)
    name = f"pack.{dtype.name}.{width}x{lanes}.{'tables' if tables else 'strides'}"

    def emit(f: Function) -> None:
        panel = _Panel(f, dtype, width, lanes)
        if tables:
            panel.by_tables()
            return
        with f.when(panel.across.equals(1)) as contiguous:
            panel.lanes_contiguous()
        with contiguous.otherwise():
            panel.by_strides()

    return module.shared_helper(name, parameters, emit)


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
            self._copy(self._full_masks())
        with full.otherwise():
            self._copy(self._masks())

    def _full_masks(self) -> list[Value | None]:
        """The same where all lanes exist: only a last vector that is wider needs one."""
        return [None if self._used(s) == self.lanes else m for s, m in self._pairs()]

    def _pairs(self) -> list[tuple[int, Value]]:
        return list(zip(self.starts, self._masks(), strict=True))

    def _copy(self, masks: list[Value | None], first: Value | None = None) -> None:
        """Copy vectors; with `first`, the offset of lane 0, the places along have a table."""
        f = self.f
        with f.loop(0, self.count) as k:
            if first is None:
                offset = k * self.along
            else:
                offset = f.load(int64, self.along, k) + first
            row = f.at(self.dtype, self.source, offset)
            place = f.at(self.accumulate, self.target, k * self.width)
            for start, mask in zip(self.starts, masks, strict=True):
                value = self._load(f.at(self.dtype, row, start), mask)
                f.store(value, place, start)

    def by_strides(self) -> None:
        """Transpose blocks where neighbours along are neighbours in memory; else gather."""
        f = self.f
        with f.when(self.along.equals(1) & (self.count >= self.lanes)) as blocks:
            self._transpose_blocks(lambda lane: self.across * lane)
        with blocks.otherwise():
            offsets = [
                self._existing(f.iota(int64, self.lanes) + start) * f.splat(self.across, self.lanes)
                for start in self.starts
            ]
            with f.loop(0, self.count) as k:
                self._gather(offsets, f.at(self.dtype, self.source, k * self.along), k)

    def _existing(self, lane: Value) -> Value:
        """The lane, or the last one that exists, so that reading it is safe."""
        last = self.f.like(self.valid - 1, lane)
        return self.f.select(lane < last, lane, last)

    def _transpose_blocks(self, place_of: Callable[[Value], Value]) -> None:
        """Square blocks of lanes by places; the last one moved back to end with the panel."""
        f, lanes = self.f, self.lanes
        zero = f.constant(0, self.accumulate, lanes)
        # the last lanes first: what their vectors write beyond the width is then overwritten
        for start in reversed(self.starts):
            used = [f.constant(start + i, int64) for i in range(self._used(start))]
            offsets = [place_of(self._existing(lane)) for lane in used]
            with f.loop(0, self.count, lanes) as step:
                last = self.count - lanes
                k = f.select(step < last, step, last)
                rows = [f.at(self.dtype, self.source, offset + k) for offset in offsets]
                block = [self._load(row, None) for row in rows]
                block += [zero] * (lanes - len(block))
                place = f.at(self.accumulate, self.target, k * self.width + start)
                for i, vector in enumerate(transpose(f, block)):
                    f.store(vector, place, i * self.width)

    def by_tables(self) -> None:
        """Any view: as by strides where offsets follow each other, else gather."""
        f, offsets = self.f, []
        first, apart = f.load(int64, self.across, 0), []
        for start in self.starts:
            lanes = self._existing(f.iota(int64, self.lanes) + start)
            offset = f.gather(int64, self.across, lanes)
            apart.append((offset - f.splat(first, self.lanes)).differs(lanes))
            offsets.append(offset)
        scattered = apart[0]
        for other in apart[1:]:
            scattered = scattered | other
        with f.when(f.any(scattered)) as lanes_apart:
            with f.when(self._is_run_along() & (self.count >= self.lanes)) as blocks:
                start = f.load(int64, self.along, 0)
                self._transpose_blocks(lambda lane: f.load(int64, self.across, lane) + start)
            with blocks.otherwise(), f.loop(0, self.count) as k:
                offset = f.load(int64, self.along, k)
                self._gather(offsets, f.at(self.dtype, self.source, offset), k)
        with lanes_apart.otherwise():
            with f.when(self.valid.equals(self.width)) as full:
                self._copy(self._full_masks(), first)
            with full.otherwise():
                self._copy(self._masks(), first)

    def _is_run_along(self) -> Value:
        """Whether the places along follow each other in memory."""
        f = self.f
        first = f.load(int64, self.along, 0)
        gaps = f.variable(f.constant(0, int64))
        with f.loop(0, self.count) as k:
            gaps.value = gaps.value | (f.load(int64, self.along, k) - first - k)
        return gaps.value.equals(0)

    def _gather(self, offsets: list[Value], row: Value, k: Value) -> None:
        f = self.f
        place = f.at(self.accumulate, self.target, k * self.width)
        for start, offset in zip(self.starts, offsets, strict=True):
            f.store(f.gather(self.dtype, row, offset).cast(self.accumulate), place, start)


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
        a, b = rows
        return [_interleave(f, a, b, 1, 2, high) for high in (0, 1)]
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
