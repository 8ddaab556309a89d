"""Products of small blocks that lie in a thread's own memory, and copies into and out of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from rushlight.engines.cpu.arrange import Tile, tiles_of
from rushlight.engines.cpu.attention.slots import Source, fewer
from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64

_UNROLLED = 4


class Layout(Enum):
    """Where the left operand of a product has its element (row r, place k along the sum)."""

    ROWS = "rows"
    """At r * stride + k."""
    COLUMNS = "columns"
    """At k * (columns of a panel) + r."""
    PANELS = "panels"
    """Panels side by side, `stride` apart: in each, at r * (columns of a panel) + k."""


class Products:
    """Products of blocks: target = left @ right, or target += left @ right.

    The right operand has rows of vectors, the target too.  A product takes whole tiles: it may
    read and write rows up to a tile's height beyond those asked for, in memory of the thread.
    """

    def __init__(self, f: Function, tile: Tile):
        self.f, self.tile = f, tile

    def helper(self, layout: Layout, height: int) -> Function:
        """(left, stride, right, right stride, count, target, target stride, adds): one tile."""
        tile = self.tile
        kinds = (POINTER, int64, POINTER, int64, int64, POINTER, int64, int64)
        name = f"block.{layout.value}.{tile.dtype.name}.{height}x{tile.vectors}x{tile.lanes}"

        def emit(f: Function) -> None:
            _Tile(f, tile, layout, height).emit()

        return self.f.module.shared_helper(name, kinds, emit)

    def over_rows(self, rows: Value, emit: Callable[[Value, int], None]) -> None:
        """Cover the rows by tiles: emit(first row, height); the last may reach beyond them."""
        f, tall, short = self.f, self.tile.rows, self.tile.short_rows
        whole = rows // tall * tall
        with f.loop(0, whole, tall) as row:
            emit(row, tall)
        rest = rows - whole
        with f.when(rest > short) as higher:
            emit(whole, tall)
        with higher.otherwise(), f.when(rest > 0):
            emit(whole, short)

    def over_panel(self, valid: Value, emit: Callable[[Value, int], None]) -> None:
        """Cover a panel's queries, of which so many exist; all of them without going beyond."""
        f, tile = self.f, self.tile
        tall, short = tiles_of(tile, tile.columns)
        assert tall * tile.rows + short * tile.short_rows == tile.columns
        with f.when(valid >= tile.columns) as whole:
            row = 0
            for height in [tile.rows] * tall + [tile.short_rows] * short:
                emit(f.constant(row, int64), height)
                row += height
        with whole.otherwise():
            self.over_rows(valid, emit)


class _Tile:
    """The code of one tile of results, held in registers."""

    def __init__(self, f: Function, tile: Tile, layout: Layout, height: int):
        self.f, self.tile, self.layout, self.height = f, tile, layout, height
        self.left, self.stride, self.right, self.right_stride, self.count = f.parameters[:5]
        self.target, self.target_stride, self.adds = f.parameters[5:]
        zero = f.constant(0, tile.dtype, tile.lanes)
        self.sums = [[f.variable(zero) for _ in range(tile.vectors)] for _ in range(height)]

    def emit(self) -> None:
        f, tile, count = self.f, self.tile, self.count
        if self.layout is Layout.ROWS:
            self.add_along([f.at(tile.dtype, self.left, self.stride * r) for r in self.rows()])
        elif self.layout is Layout.COLUMNS:
            self.add_across()
        else:
            with f.loop(0, count, tile.columns) as first:
                panel = f.at(tile.dtype, self.left, first // tile.columns * self.stride)
                self.right = f.at(tile.dtype, f.parameters[2], first * self.right_stride)
                self.count = fewer(f, count - first, tile.columns)
                self.add_along([f.at(tile.dtype, panel, r * tile.columns) for r in self.rows()])
        self.store()

    def rows(self) -> range:
        return range(self.height)

    def add_along(self, rows: list[Value]) -> None:
        """Add products where each row's numbers are neighbours along the sum."""
        f, dtype = self.f, self.tile.dtype

        def scalars(k: Value) -> Callable[[int, int], Value]:
            return lambda i, r: f.load(dtype, f.at(dtype, rows[r], k), i)

        self.accumulate(scalars)

    def add_across(self) -> None:
        """Add products where a column's numbers are neighbours."""
        f, dtype, columns = self.f, self.tile.dtype, self.tile.columns

        def scalars(k: Value) -> Callable[[int, int], Value]:
            start = f.at(dtype, self.left, k * columns)
            return lambda i, r: f.load(dtype, start, i * columns + r)

        self.accumulate(scalars)

    def accumulate(self, scalars: Callable[[Value], Callable[[int, int], Value]]) -> None:
        """Run along the sum, some places at a time."""
        f = self.f
        whole = self.count // _UNROLLED * _UNROLLED
        for low, high, step in ((f.constant(0, int64), whole, _UNROLLED), (whole, self.count, 1)):
            with f.loop(low, high, step) as k:
                scalar, right = scalars(k), f.at(self.tile.dtype, self.right, k * self.right_stride)
                for i in range(step):
                    self.add_place([scalar(i, r) for r in self.rows()], right)
                    right = f.at(self.tile.dtype, right, self.right_stride)

    def add_place(self, scalars: list[Value], right: Value) -> None:
        """Add the products of one place along the sum."""
        f, tile = self.f, self.tile
        vectors = [
            f.load(tile.dtype, right, v * tile.lanes, tile.lanes) for v in range(tile.vectors)
        ]
        for r, row in enumerate(self.sums):
            repeated = f.splat(scalars[r], tile.lanes)
            for vector, total in zip(vectors, row, strict=True):
                total.value = f.fma(repeated, vector, total.value)

    def store(self) -> None:
        f, tile = self.f, self.tile
        results = [[total.value for total in row] for row in self.sums]
        with f.when(self.adds.equals(0)) as plain:
            self.store_rows(results)
        with plain.otherwise():
            for r, row in enumerate(results):
                place = f.at(tile.dtype, self.target, self.target_stride * r)
                for v, value in enumerate(row):
                    row[v] = f.load(tile.dtype, place, v * tile.lanes, tile.lanes) + value
            self.store_rows(results)

    def store_rows(self, results: list[list[Value]]) -> None:
        f, tile = self.f, self.tile
        for r, row in enumerate(results):
            place = f.at(tile.dtype, self.target, self.target_stride * r)
            for v, value in enumerate(row):
                f.store(value, place, v * tile.lanes)


def over_vectors(
    f: Function, count: Value, lanes: int, emit: Callable[[Value, Value | None], None]
) -> None:
    """emit(first, mask) for each vector of a row; only the last one has a mask."""
    whole = count // lanes * lanes
    with f.loop(0, whole, lanes) as i:
        emit(i, None)
    with f.when(whole < count):
        emit(whole, f.mask(count - whole, lanes))


def emit_copy(module: Module, dtype: DType, tile: Tile, tables: bool) -> Function:
    """A helper `(source, across, along, target, pitch, rows, count)` that copies rows of numbers.

    They become rows `pitch` apart in the accumulator's dtype, filled up to a whole vector by 0;
    `count` is not 0.
    """
    kind = POINTER if tables else int64
    kinds = (POINTER, kind, kind, POINTER, int64, int64, int64)
    name = f"copy.{dtype.name}.{tile.dtype.name}.{tile.lanes}.{'tables' if tables else 'strides'}"
    emit = _copy_by_tables if tables else _copy_by_strides
    return module.shared_helper(name, kinds, lambda f: emit(f, dtype, tile))


def _copy_by_tables(f: Function, dtype: DType, tile: Tile) -> None:
    source, across, along, target, pitch, rows, count = f.parameters
    with f.loop(0, rows) as row:
        start = f.at(dtype, source, f.load(int64, across, row))
        place = f.at(tile.dtype, target, row * pitch)
        _fill_last(f, tile, place, count)
        with f.loop(0, count) as i:
            value = f.load(dtype, start, f.load(int64, along, i))
            f.store(value.cast(tile.dtype), place, i)


def _copy_by_strides(f: Function, dtype: DType, tile: Tile) -> None:
    source, across, along, target, pitch, rows, count = f.parameters
    with f.loop(0, rows) as row:
        start = f.at(dtype, source, row * across)
        place = f.at(tile.dtype, target, row * pitch)

        def copy(i: Value, mask: Value | None, start: Value = start, place: Value = place) -> None:
            value = f.load(dtype, start, i, tile.lanes, mask)
            f.store(value.cast(tile.dtype), place, i)

        with f.when(along.equals(1)) as contiguous:
            over_vectors(f, count, tile.lanes, copy)
        with contiguous.otherwise():
            _fill_last(f, tile, place, count)
            with f.loop(0, count) as i:
                f.store(f.load(dtype, start, i * along).cast(tile.dtype), place, i)


def _fill_last(f: Function, tile: Tile, row: Value, count: Value) -> None:
    """Set a row's last vector to 0."""
    f.store(f.constant(0, tile.dtype, tile.lanes), row, (count - 1) // tile.lanes * tile.lanes)


def copy_rows(
    f: Function, tile: Tile, source: Source, target: Value, pitch: Value, rows: Value, count: Value
) -> None:
    """Copy rows of an operand into the thread's memory."""
    helper = emit_copy(f.module, source.dtype, tile, source.tables)
    place = source.pointer, source.across, source.along
    f.call(helper, *place, target, pitch, rows, count)


def store_rows(
    f: Function,
    dtype: DType,
    tile: Tile,
    source: tuple[Value, Value],
    target: tuple[Value, Value],
    rows: Value,
    count: Value,
    factor: Callable[[Value], Value],
) -> None:
    """Store rows times a factor of each, as `dtype`; source and target are (pointer, pitch)."""
    with f.loop(0, rows) as row:
        times = f.splat(factor(row), tile.lanes)
        start = f.at(tile.dtype, source[0], row * source[1])
        place = f.at(dtype, target[0], row * target[1])

        sides = start, place, times

        def emit(i: Value, mask: Value | None, sides: tuple[Value, ...] = sides) -> None:
            start, place, times = sides
            value = f.load(tile.dtype, start, i, tile.lanes) * times
            f.store(value.cast(dtype), place, i, mask)

        over_vectors(f, count, tile.lanes, emit)


def clear(f: Function, tile: Tile, target: Value, count: Value) -> None:
    """Set numbers to 0, in whole vectors."""
    zero = f.constant(0, tile.dtype, tile.lanes)
    with f.loop(0, count, tile.lanes) as i:
        f.store(zero, target, i)
