"""The innermost code of a contraction: a tile of results in registers, and its way to memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rushlight.engines.cpu.arrange import Slot, Tile
from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int32, int64

_UNROLLED = 4
_MOST_SUMS_UNROLLED = 16  # with more sums in registers, unrolled loads would push some out


@dataclass
class Place:
    """A vector of results and where it belongs; what an epilogue gets."""

    function: Function
    value: Value
    batch: Value
    row: Value
    column: Value
    """Of the first lane."""
    offset: Value
    """In C, in elements."""
    mask: Value | None

    @property
    def lanes(self) -> int:
        """How many columns the vector covers."""
        return self.value.lanes


Store = Callable[[Place], None]
Prepare = Callable[[Function], Store]


def plain_store(dtype: DType) -> Prepare:
    """The epilogue of a contraction that only stores its results, rounded to `dtype`."""

    def prepare(f: Function) -> Store:
        result = f.argument(POINTER, Slot.C)

        def store(place: Place) -> None:
            f.store(place.value.cast(dtype), result, place.offset, place.mask)

        return store

    return prepare


def emit_micro(module: Module, tile: Tile, rows: int) -> Function:
    """A helper `(a, b, count, target, stride, partial, adds)`: a tile's sums over `count`.

    `a` and `b` are packed, `a` always for tall tiles; `count` is of packed numbers along.
    The sums, added to the tile at `partial` if `adds` is not 0, are stored as rows `stride` apart.
    """
    kinds = (POINTER, POINTER, int64, POINTER, int64, POINTER, int64)
    name = f"micro.{tile.dtype.name}.{rows}x{tile.vectors}x{tile.lanes}.{tile.rows}.{tile.together}"
    return module.shared_helper(name, kinds, lambda f: _emit_sums(f, tile, rows))


def _emit_sums(f: Function, tile: Tile, rows: int) -> None:
    a, b, count, target, stride, partial, adds = f.parameters
    zero = f.constant(0, tile.dtype, tile.lanes)
    sums = [[f.variable(zero) for _ in range(tile.vectors)] for _ in range(rows)]
    unrolled = _UNROLLED if tile.rows * tile.vectors <= _MOST_SUMS_UNROLLED else 1
    whole = (count // unrolled) * unrolled
    with f.loop(0, whole, unrolled) as k:
        left, right = f.at(tile.dtype, a, k * tile.rows), f.at(tile.dtype, b, k * tile.columns)
        for i in range(unrolled):
            _accumulate(f, tile, sums, left, right, i)
    with f.loop(whole, count) as k:
        left, right = f.at(tile.dtype, a, k * tile.rows), f.at(tile.dtype, b, k * tile.columns)
        _accumulate(f, tile, sums, left, right, 0)
    results = [[one.value for one in row] for row in sums]
    with f.when(adds.equals(0)) as plain:
        _store_rows(f, tile, results, target, stride)
    with plain.otherwise():
        for r, row in enumerate(results):
            for v in range(tile.vectors):
                place = r * tile.columns + v * tile.lanes
                row[v] = f.load(tile.dtype, partial, place, tile.lanes) + row[v]
        _store_rows(f, tile, results, target, stride)


def _accumulate(f: Function, tile: Tile, sums: list, left: Value, right: Value, i: int) -> None:
    """Add the products of one place along the depth, or of the two that are packed together."""
    packed = int32 if tile.together == 2 else tile.dtype
    row_of_b = [
        f.load(packed, right, i * tile.columns + v * tile.lanes, tile.lanes)
        for v in range(tile.vectors)
    ]
    for r, row in enumerate(sums):
        scalar = f.load(packed, left, i * tile.rows + r)
        repeated = f.splat(scalar, tile.lanes)
        for vector, total in zip(row_of_b, row, strict=True):
            total.value = _product_added(f, repeated, vector, total.value)


def _product_added(f: Function, a: Value, b: Value, total: Value) -> Value:
    if total.dtype is not a.dtype:
        return f.dot_of_pairs(a, b, total)
    return f.fma(a, b, total) if a.dtype.is_floating_point else a * b + total


def _store_rows(f: Function, tile: Tile, results: list, target: Value, stride: Value) -> None:
    for r, row in enumerate(results):
        place = f.at(tile.dtype, target, stride * r)
        for v, value in enumerate(row):
            f.store(value, place, v * tile.lanes)


def emit_finish(module: Module, tile: Tile, prepare: Prepare) -> Function:
    """A helper `(arguments, tile, batch, base, row, column, height)`: a stored tile's way out.

    It goes through the epilogue; `base` is the batch element's offset in C.  Whole tiles go two
    rows at a time without masks, to give the processor independent work.
    """
    f = module.helper("finish", (POINTER, POINTER, int64, int64, int64, int64, int64))
    f.arguments, source, batch, base, row, column, height = f.parameters
    stride = f.argument(int64, Slot.C_STRIDE)
    rows_left = f.argument(int64, Slot.ROWS) - row
    columns_left = f.argument(int64, Slot.COLUMNS) - column
    rows = f.select(rows_left < height, rows_left, height)
    store = prepare(f)

    def emit_row(r: Value, masks: list[Value | None]) -> None:
        offset = base + (row + r) * stride + column
        for v, mask in enumerate(masks):
            start = v * tile.lanes
            value = f.load(tile.dtype, source, r * tile.columns + start, tile.lanes)
            place = Place(f, value, batch, row + r, column + start, offset + start, mask)
            store(place)

    with f.when(columns_left >= tile.columns) as wide:
        pairs = (rows // 2) * 2
        with f.loop(0, pairs, 2) as r:
            emit_row(r, [None] * tile.vectors)
            emit_row(r + 1, [None] * tile.vectors)
        with f.loop(pairs, rows) as r:
            emit_row(r, [None] * tile.vectors)
    with wide.otherwise():
        masks = [f.mask(columns_left - v * tile.lanes, tile.lanes) for v in range(tile.vectors)]
        with f.loop(0, rows) as r:
            emit_row(r, masks)
    return f
