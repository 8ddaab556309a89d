"""Packing: a block of an operand copied so that a contraction reads it in order.

A packed panel holds, for each place along the contracted axis, `width` numbers that lie across
it, in the dtype that the contraction accumulates in; or, for an instruction that takes pairs, two
numbers of bfloat16 that are neighbours along it, in 32 bits.  Lanes beyond the operand's end hold
anything: they only lead to results that nobody stores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.values import Value, register_type
from rushlight.graph import dtype as dtypes
from rushlight.graph.dtype import DType, int32, int64, uint16, uint32

Reader: TypeAlias = Callable[[Value], list[Value]]
"""Gives the vectors that lie across at a place along."""


def accumulator(dtype: DType) -> DType:
    """The dtype in which products are added up; integers wrap, so a wider one serves too."""
    if dtype.is_floating_point:
        return dtypes.float64 if dtype is dtypes.float64 else dtypes.float32
    return int64 if dtype.itemsize == 8 else int32


def emit_pack(
    module: Module, dtype: DType, width: int, lanes: int, tables: bool, together: int = 1
) -> Function:
    """A helper `(source, across, along, target, valid, count)` that packs one panel.

    `across` and `along` are strides in elements, or pointers to tables of offsets; `valid` of the
    `width` lanes exist, `count` places lie along.  It may write up to `lanes` numbers after the
    panel's last whole vector, if `width` is no multiple of `lanes`.  With 2 `together`, numbers are
    packed in pairs; the last one of an odd `count` is beside a 0.
    """
    kind = POINTER if tables else int64
    parameters = (POINTER, kind, kind, POINTER, int64, int64)
    name = f"pack.{dtype.name}.{width}x{lanes}.{'tables' if tables else 'strides'}.{together}"

    def emit(f: Function) -> None:
        panel = _Pairs(f, width, lanes) if together == 2 else _Panel(f, dtype, width, lanes)
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
        self.dtype, self.packed = dtype, accumulator(dtype)
        self.width, self.lanes = width, lanes
        self.source, self.across, self.along, self.target, self.valid, self.count = f.parameters
        self.starts = list(range(0, width, lanes))

    def _used(self, start: int) -> int:
        return min(self.lanes, self.width - start)

    def _masks(self) -> list[Value | None]:
        """Which lanes of each vector exist."""
        f, masks = self.f, []
        for start in self.starts:
            left = self.valid - start
            used = f.constant(self._used(start), int64)
            masks.append(f.mask(f.select(left < used, left, used), self.lanes))
        return masks

    def _full_masks(self) -> list[Value | None]:
        """The same where all lanes exist: only a last vector that is wider needs one."""
        pairs = zip(self.starts, self._masks(), strict=True)
        return [None if self._used(start) == self.lanes else mask for start, mask in pairs]

    def _each(self, read: Reader) -> None:
        """Pack what is read at each place along."""
        with self.f.loop(0, self.count) as k:
            self._put(k, [vector.cast(self.packed) for vector in read(k)])

    def _put(self, number: Value, vectors: list[Value]) -> None:
        place = self.f.at(self.packed, self.target, number * self.width)
        for start, vector in zip(self.starts, vectors, strict=True):
            self.f.store(vector, place, start)

    def lanes_contiguous(self) -> None:
        """Neighbouring lanes are neighbours in memory: copy vectors."""
        self._copy(lambda k: k * self.along)

    def _copy(self, offset: Callable[[Value], Value]) -> None:
        """Copy the vectors that begin at the offset of a place along."""
        f = self.f

        def vectors(masks: list[Value | None]) -> Reader:
            def read(k: Value) -> list[Value]:
                row = f.at(self.dtype, self.source, offset(k))
                places = [f.at(self.dtype, row, start) for start in self.starts]
                pairs = zip(places, masks, strict=True)
                return [f.load(self.dtype, at, None, self.lanes, mask) for at, mask in pairs]

            return read

        with f.when(self.valid.equals(self.width)) as full:
            self._each(vectors(self._full_masks()))
        with full.otherwise():
            self._each(vectors(self._masks()))

    def by_strides(self) -> None:
        """Transpose blocks where neighbours along are neighbours in memory; else gather."""
        f = self.f
        with f.when(self.along.equals(1) & (self._whole() >= self.lanes)) as blocks:
            self._transpose_blocks(lambda lane: self.across * lane)
            self._rest(self._stepping)
        with blocks.otherwise():
            self._each(self._stepping())

    def _stepping(self) -> Reader:
        """Gathers by the strides."""
        f, lanes = self.f, self.lanes
        counts = [self._existing(f.iota(int64, lanes) + start) for start in self.starts]
        offsets = [count * f.splat(self.across, lanes) for count in counts]

        def read(k: Value) -> list[Value]:
            row = f.at(self.dtype, self.source, k * self.along)
            return [f.gather(self.dtype, row, offset) for offset in offsets]

        return read

    def _existing(self, lane: Value) -> Value:
        """The lane, or the last one that exists, so that reading it is safe."""
        last = self.f.like(self.valid - 1, lane)
        return self.f.select(lane < last, lane, last)

    def _whole(self) -> Value:
        """How many packed numbers are read as they lie in memory."""
        return self.count

    def _rest(self, reader: Callable[[], Reader]) -> None:
        """Pack what is left behind those."""

    def _block_row(self, offset: Value, k: Value) -> Value:
        """As many packed numbers as a vector holds, from the one of that number on."""
        row = self.f.at(self.dtype, self.source, offset + k)
        return self.f.load(self.dtype, row, None, self.lanes).cast(self.packed)

    def _transpose_blocks(self, place_of: Callable[[Value], Value]) -> None:
        """Square blocks of lanes by places; the last one moved back to end with the panel."""
        f, lanes, whole = self.f, self.lanes, self._whole()
        zero = f.constant(0, self.packed, lanes)
        # the last lanes first: what their vectors write beyond the width is then overwritten
        for start in reversed(self.starts):
            used = [f.constant(start + i, int64) for i in range(self._used(start))]
            offsets = [place_of(self._existing(lane)) for lane in used]
            with f.loop(0, whole, lanes) as step:
                last = whole - lanes
                k = f.select(step < last, step, last)
                block = [self._block_row(offset, k) for offset in offsets]
                block += [zero] * (lanes - len(block))
                place = f.at(self.packed, self.target, k * self.width + start)
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

        def read(k: Value) -> list[Value]:
            row = f.at(self.dtype, self.source, f.load(int64, self.along, k))
            return [f.gather(self.dtype, row, offset) for offset in offsets]

        with f.when(f.any(scattered)) as lanes_apart:
            with f.when(self._is_run_along() & (self._whole() >= self.lanes)) as blocks:
                start = f.load(int64, self.along, 0)
                self._transpose_blocks(lambda lane: f.load(int64, self.across, lane) + start)
                self._rest(lambda: read)
            with blocks.otherwise():
                self._each(read)
        with lanes_apart.otherwise():
            self._copy(lambda k: f.load(int64, self.along, k) + first)

    def _is_run_along(self) -> Value:
        """Whether the places along follow each other in memory."""
        f = self.f
        first = f.load(int64, self.along, 0)
        gaps = f.variable(f.constant(0, int64))
        with f.loop(0, self.count) as k:
            gaps.value = gaps.value | (f.load(int64, self.along, k) - first - k)
        return gaps.value.equals(0)


class _Pairs(_Panel):
    """The same for bfloat16 in pairs: the bits of two places along, the first in the lower half."""

    def __init__(self, f: Function, width: int, lanes: int):
        super().__init__(f, uint16, width, lanes)
        self.packed = uint32

    def _whole(self) -> Value:
        return self.count // 2

    def _each(self, read: Reader) -> None:
        with self.f.loop(0, self._whole()) as number:
            sides = read(number * 2), read(number * 2 + 1)
            pairs = zip(*sides, strict=True)
            self._put(number, [low.cast(uint32) | (high.cast(uint32) << 16) for low, high in pairs])
        self._rest(lambda: read)

    def _rest(self, reader: Callable[[], Reader]) -> None:
        """The last place of an odd number of them."""
        with self.f.when((self.count % 2) > 0):
            last = reader()(self.count - 1)
            self._put(self._whole(), [low.cast(uint32) for low in last])

    def _block_row(self, offset: Value, k: Value) -> Value:
        f, lanes = self.f, self.lanes
        row = f.at(uint16, self.source, offset + k * 2)
        bits = f.load(uint16, row, None, 2 * lanes)
        return f.emit(uint32, lanes, f"bitcast {bits.typed} to {register_type(uint32, lanes)}")


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
