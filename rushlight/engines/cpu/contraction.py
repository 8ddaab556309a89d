"""Contractions: batch x rows x columns x depth, the family of the matrix product.

How a program uses it:

    shape = Contraction(dtype, a_tables=False, b_tables=False, epilogue=key_or_None)
    work = arrange(dtype, batch, rows, columns, depth)       # of sizes: cheap and cached
    requests = kernel_requests(shape, work.variant, prepare)  # one or two (key, emit)
    addresses = build.kernel_addresses(requests)
    block = np.array([*operands, *work.numbers, *epilogue_slots], np.int64)
    steps = [(address, block_address, chunks) for address, chunks in zip(addresses, work.chunks)]

`Slot` names the slots of the argument block.  Element (r, k) of A lies at `A + batch offset +
across(r) + along(k)` elements, where across and along are strides, or pointers to tables of int64
offsets if `a_tables`; B's (k, c) likewise, with the columns across.  BATCHES points to int64
offsets (a, b, c) for each batch element; C's rows are C_STRIDE apart and its columns adjacent.
WORKSPACE points to `work.workspace_bytes`, which both steps use; call
`pool.require_scratch(work.scratch_bytes)` before running.

An epilogue takes the place of the plain store: `prepare(f)` is called at the start of a function
(it may read its own slots, from FIRST_FREE on, with `f.argument`) and returns `store(place)`,
called for each vector of results: see `tile.Place`.

Every result is one chain of multiply-adds along the depth, cut in blocks that depend on the depth
alone: neither the variant, nor strides or tables, nor threads change a bit.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from rushlight.engines.cpu.arrange import (
    ALONE,
    BOTH_SHARED,
    COLUMNS_SHARED,
    ROWS_SHARED,
    Slot,
    Tile,
    arrange,
    product_tile,
)
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.crafted import Arrangement
from rushlight.engines.cpu.packing import emit_pack
from rushlight.engines.cpu.tile import Place, Prepare, emit_finish, emit_micro, plain_store
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64

_DEPTH_PACKED = 256

__all__ = ["Arrangement", "Contraction", "Place", "Slot", "arrange", "kernel_requests"]


class Contraction(NamedTuple):
    """The structure of a contraction's kernels."""

    dtype: DType
    a_tables: bool = False
    b_tables: bool = False
    epilogue: Hashable = None
    """A key for what `prepare` emits; None for the plain store."""


def kernel_requests(
    shape: Contraction, variant: str, prepare: Prepare | None = None
) -> list[Request]:
    """The kernels of a contraction's steps, to be handed to `build.kernel_addresses`."""
    prepare = prepare or plain_store(shape.dtype)
    plain = shape.epilogue is None

    def emit_packing(f: Function) -> None:
        _Packing(f, shape, variant).emit()

    def emit_computing(f: Function) -> None:
        _Computing(f, shape, variant, prepare, plain).emit()

    together = product_tile(shape.dtype).together
    computing = ("contraction", shape, variant, together), emit_computing
    if variant == ALONE:
        return [computing]
    operands = shape._replace(epilogue=None)
    return [(("packing", operands, variant, together), emit_packing), computing]


def _fewer(f: Function, a: Value, b: Value) -> Value:
    return f.select(a < b, a, b)


def _more(f: Function, a: Value, b: Value | int) -> Value:
    return f.select(a > b, a, f.like(b, a))


class _Sizes:
    """The argument block's sizes, and what follows from them, as values of a kernel."""

    def __init__(self, f: Function, tile: Tile, variant: str):
        self.shape = tile
        self.rows, self.columns, self.depth = (
            f.argument(int64, slot) for slot in (Slot.ROWS, Slot.COLUMNS, Slot.DEPTH)
        )
        self.batches, self.tall = (
            f.argument(int64, slot) for slot in (Slot.BATCH_COUNT, Slot.TALL_TILES)
        )
        low = _more(f, self.rows - self.tall * tile.rows, 0)
        self.tiles = self.tall + (low + (tile.short_rows - 1)) // tile.short_rows
        self.panels = (self.columns + (tile.columns - 1)) // tile.columns
        self.panel = self.packed(self.depth) * tile.columns
        self.tile = self.packed(self.depth) * tile.rows + tile.lanes
        shares_columns = variant in (COLUMNS_SHARED, BOTH_SHARED)
        packed = self.batches * self.panels * self.panel
        self.packed_columns = packed if shares_columns else f.constant(0, int64)
        """Where the packed rows begin in the workspace."""

    def packed(self, places: Value) -> Value:
        """How many packed numbers hold so many places along the depth."""
        together = self.shape.together
        return (places + 1) // 2 if together == 2 else places

    def first_row(self, index: Value) -> Value:
        """The first row of a tile: tall tiles come before short ones."""
        tall = _fewer(index.function, index, self.tall)
        return tall * self.shape.rows + (index - tall) * self.shape.short_rows

    def rows_of(self, index: Value) -> Value:
        """How many rows of a tile exist."""
        return _fewer(index.function, self.first_row(index + 1), self.rows) - self.first_row(index)


class _Operand:
    """One operand's argument slots, and where a panel of it begins."""

    def __init__(self, f: Function, shape: Contraction, first: Slot, place_in_batch: int):
        self.f, self.dtype = f, shape.dtype
        self.tables = shape.a_tables if first is Slot.A else shape.b_tables
        kind = POINTER if self.tables else int64
        self.pointer = f.argument(POINTER, first)
        self.across, self.along = f.argument(kind, first + 1), f.argument(kind, first + 2)
        self.batches = f.argument(POINTER, Slot.BATCHES)
        self.place = place_in_batch

    def panel(self, batch: Value, lane: Value, k: Value) -> tuple[Value, Value, Value]:
        """The source, across and along of the panel at a lane and a depth, for packing."""
        f = self.f
        start = f.load(int64, self.batches, batch * 3 + self.place)
        if self.tables:
            source = f.at(self.dtype, self.pointer, start)
            return source, f.at(int64, self.across, lane), f.at(int64, self.along, k)
        start = start + lane * self.across + k * self.along
        return f.at(self.dtype, self.pointer, start), self.across, self.along


class _Packing:
    """The kernel that packs the operands that all chunks share into the workspace."""

    def __init__(self, f: Function, shape: Contraction, variant: str):
        self.f, self.variant = f, variant
        self.tile = tile = product_tile(shape.dtype)
        self.sizes = _Sizes(f, tile, variant)
        self.workspace = f.argument(POINTER, Slot.WORKSPACE)
        self.each = f.argument(int64, Slot.PANELS_EACH)
        self.a, self.b = _Operand(f, shape, Slot.A, 0), _Operand(f, shape, Slot.B, 1)
        if variant != ROWS_SHARED:
            parts = f.module, shape.dtype, tile.columns, tile.lanes
            self.pack_columns = emit_pack(*parts, shape.b_tables, tile.together)
        if variant != COLUMNS_SHARED:
            parts = f.module, shape.dtype, tile.rows, tile.lanes
            self.pack_rows = emit_pack(*parts, shape.a_tables, tile.together)

    def emit(self) -> None:
        """Chunks are groups of B's panels, for all batch elements, then groups of A's tiles."""
        f, sizes = self.f, self.sizes
        if self.variant == ROWS_SHARED:
            self._pack_tiles(f.chunk)
            return
        groups = (sizes.panels + (self.each - 1)) // self.each
        if self.variant == COLUMNS_SHARED:
            self._pack_panels(groups)
            return
        with f.when(f.chunk < groups * sizes.batches) as columns:
            self._pack_panels(groups)
        with columns.otherwise():
            self._pack_tiles(f.chunk - groups * sizes.batches)

    def _pack_panels(self, groups: Value) -> None:
        f, sizes, tile = self.f, self.sizes, self.tile
        batch, group = f.chunk // groups, f.chunk % groups
        end = _fewer(f, (group + 1) * self.each, sizes.panels)
        with f.loop(group * self.each, end) as panel:
            place = (batch * sizes.panels + panel) * sizes.panel
            source = self.b.panel(batch, panel * tile.columns, f.constant(0, int64))
            target = f.at(tile.dtype, self.workspace, place)
            left = sizes.columns - panel * tile.columns
            valid = _fewer(f, left, f.constant(tile.columns, int64))
            f.call(self.pack_columns, *source, target, valid, sizes.depth)

    def _pack_tiles(self, chunk: Value) -> None:
        f, sizes, tile = self.f, self.sizes, self.tile
        each = self.each * tile.tiles_in_group
        groups = (sizes.tiles + (each - 1)) // each
        batch, group = chunk // groups, chunk % groups
        end = _fewer(f, (group + 1) * each, sizes.tiles)
        # tiles are narrower than a line of the cache: neighbours share lines while these are there
        with f.loop(0, sizes.depth, _DEPTH_PACKED) as k, f.loop(group * each, end) as index:
            count = _fewer(f, sizes.depth - k, f.constant(_DEPTH_PACKED, int64))
            place = sizes.packed_columns + (batch * sizes.tiles + index) * sizes.tile
            source = self.a.panel(batch, sizes.first_row(index), k)
            target = f.at(tile.dtype, self.workspace, place + sizes.packed(k) * tile.rows)
            f.call(self.pack_rows, *source, target, sizes.rows_of(index), count)


class _Computing:
    """The kernel whose chunks are blocks of rows by blocks of columns of the result."""

    def __init__(
        self, f: Function, shape: Contraction, variant: str, prepare: Prepare, plain: bool
    ):
        self.f, self.variant = f, variant
        self.tile = tile = product_tile(shape.dtype)
        self.size = tile.rows * tile.columns
        self.plain = plain and shape.dtype is tile.dtype
        self.sizes = _Sizes(f, tile, variant)
        self.workspace = f.argument(POINTER, Slot.WORKSPACE)
        self.a, self.b = _Operand(f, shape, Slot.A, 0), _Operand(f, shape, Slot.B, 1)
        self.micros = {
            rows: emit_micro(f.module, tile, rows) for rows in (tile.rows, tile.short_rows)
        }
        self.finish = emit_finish(f.module, tile, prepare)
        self.owns_rows = variant in (ALONE, COLUMNS_SHARED)
        self.owns_columns = variant in (ALONE, ROWS_SHARED)
        if self.owns_rows:
            parts = f.module, shape.dtype, tile.rows, tile.lanes
            self.pack_rows = emit_pack(*parts, shape.a_tables, tile.together)
        if self.owns_columns:
            parts = f.module, shape.dtype, tile.columns, tile.lanes
            self.pack_columns = emit_pack(*parts, shape.b_tables, tile.together)

    def emit(self) -> None:
        """Find the chunk's block, divide the scratch memory, and go through the depth."""
        f, sizes = self.f, self.sizes
        row_blocks = f.argument(int64, Slot.ROW_BLOCKS)
        column_blocks = f.argument(int64, Slot.COLUMN_BLOCKS)
        row_block, rest = f.chunk % row_blocks, f.chunk // row_blocks
        column_block, self.batch = rest % column_blocks, rest // column_blocks
        self.first_tile = sizes.tiles * row_block // row_blocks
        self.last_tile = sizes.tiles * (row_block + 1) // row_blocks
        self.tile_count = self.last_tile - self.first_tile
        self.first_panel = sizes.panels * column_block // column_blocks
        self.panel_count = sizes.panels * (column_block + 1) // column_blocks - self.first_panel
        block = f.argument(int64, Slot.DEPTH_BLOCK)
        self._divide_scratch(block)
        if self.owns_columns:
            self._pack_own_columns()
        # a depth of 0 takes one empty block, which stores zeros
        once = _more(f, sizes.depth, 1)
        with f.loop(0, (once + block - 1) // block) as index:
            start = index * block
            self._emit_block(start, _fewer(f, sizes.depth - start, block))

    def _divide_scratch(self, block: Value) -> None:
        """The corner for one tile, partial sums of all tiles, packed columns, packed rows."""
        f, tile = self.f, self.tile
        self.corner = f.scratch
        self.partial = f.at(tile.dtype, f.scratch, self.size)
        after = f.at(tile.dtype, self.partial, self.tile_count * self.panel_count * self.size)
        self.own_columns = after
        if self.owns_columns:
            after = f.at(tile.dtype, after, self.panel_count * self.sizes.panel)
        self.own_rows, self.own_tile = after, self.sizes.packed(block) * tile.rows + tile.lanes
        self.base = f.load(int64, f.argument(POINTER, Slot.BATCHES), self.batch * 3 + 2)

    def _pack_own_columns(self) -> None:
        f, sizes, tile = self.f, self.sizes, self.tile
        with f.loop(0, self.panel_count) as j:
            column = (self.first_panel + j) * tile.columns
            source = self.b.panel(self.batch, column, f.constant(0, int64))
            target = f.at(tile.dtype, self.own_columns, j * sizes.panel)
            valid = _fewer(f, sizes.columns - column, f.constant(tile.columns, int64))
            f.call(self.pack_columns, *source, target, valid, sizes.depth)

    def _pack_own_rows(self, start: Value, count: Value) -> None:
        f, sizes, tile = self.f, self.sizes, self.tile
        with f.loop(self.first_tile, self.last_tile) as index:
            source = self.a.panel(self.batch, sizes.first_row(index), start)
            target = f.at(tile.dtype, self.own_rows, (index - self.first_tile) * self.own_tile)
            f.call(self.pack_rows, *source, target, sizes.rows_of(index), count)

    def _panel_pointer(self, j: Value, start: Value) -> Value:
        """Where the block's packed panel j lies, from a depth on."""
        f, sizes, tile = self.f, self.sizes, self.tile
        before = sizes.packed(start) * tile.columns
        if self.owns_columns:
            return f.at(tile.dtype, self.own_columns, j * sizes.panel + before)
        number = self.batch * sizes.panels + self.first_panel + j
        return f.at(tile.dtype, self.workspace, number * sizes.panel + before)

    def _tile_pointer(self, index: Value, start: Value) -> Value:
        """Where A's packed tile lies, from a depth on."""
        f, sizes, tile = self.f, self.sizes, self.tile
        if self.owns_rows:
            return f.at(tile.dtype, self.own_rows, (index - self.first_tile) * self.own_tile)
        number = self.batch * sizes.tiles + index
        place = sizes.packed_columns + number * sizes.tile + sizes.packed(start) * tile.rows
        return f.at(tile.dtype, self.workspace, place)

    def _emit_block(self, start: Value, count: Value) -> None:
        """All tiles of the chunk over one block of the depth, the tall ones first."""
        f, tall = self.f, self.sizes.tall
        if self.owns_rows:
            self._pack_own_rows(start, count)
        adds = (start > 0).cast(int64)
        last = start + count >= self.sizes.depth
        packed = self.sizes.packed(count)
        with f.loop(0, self.panel_count) as j:
            b = self._panel_pointer(j, start)
            ranges = {
                self.tile.rows: (self.first_tile, _fewer(f, self.last_tile, tall)),
                self.tile.short_rows: (_more(f, self.first_tile, tall), self.last_tile),
            }
            for height, (low, high) in ranges.items():
                with f.loop(low, high) as i:
                    number = j * self.tile_count + i - self.first_tile
                    partial = f.at(self.tile.dtype, self.partial, number * self.size)
                    inputs = self._tile_pointer(i, start), b, packed
                    self._emit_tile(height, (i, j), inputs, partial, adds, last)

    def _emit_tile(
        self, height: int, index: tuple, inputs: tuple, partial: Value, adds: Value, last: Value
    ) -> None:
        """Partial sums stay in the scratch memory; the last block's sums go on to C."""
        f, micro = self.f, self.micros[height]
        with f.when(last) as ending:
            self._emit_last(height, index, inputs, partial, adds)
        with ending.otherwise():
            f.call(micro, *inputs, partial, self.tile.columns, partial, adds)

    def _emit_last(
        self, height: int, index: tuple, inputs: tuple, partial: Value, adds: Value
    ) -> None:
        """Whole tiles of a plain contraction go to C directly, others through the epilogue."""
        f, sizes, tile, micro = self.f, self.sizes, self.tile, self.micros[height]
        row, column = sizes.first_row(index[0]), (self.first_panel + index[1]) * tile.columns

        def through_epilogue() -> None:
            f.call(micro, *inputs, self.corner, tile.columns, partial, adds)
            places = self.batch, self.base, row, column, height
            f.call(self.finish, f.arguments, self.corner, *places)

        if not self.plain:
            through_epilogue()
            return
        whole = (row + height <= sizes.rows) & (column + tile.columns <= sizes.columns)
        with f.when(whole) as direct:
            stride = f.argument(int64, Slot.C_STRIDE)
            place = self.base + row * stride + column
            target = f.at(tile.dtype, f.argument(POINTER, Slot.C), place)
            f.call(micro, *inputs, target, stride, partial, adds)
        with direct.otherwise():
            through_epilogue()
