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
    Arrangement,
    Slot,
    Tile,
    arrange,
    tile_of,
)
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.packing import emit_pack
from rushlight.engines.cpu.tile import Place, Prepare, emit_finish, emit_micro, plain_store
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64

__all__ = ["ALONE", "BOTH_SHARED", "COLUMNS_SHARED", "Arrangement", "Contraction", "Place", "Slot"]
__all__ += ["arrange", "kernel_requests"]


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

    computing = ("contraction", shape, variant), emit_computing
    if variant == ALONE:
        return [computing]
    operands = shape._replace(epilogue=None)
    return [(("packing", operands, variant), emit_packing), computing]


class _Sizes:
    """The argument block's sizes, and what follows from them, as values of a kernel."""

    def __init__(self, f: Function, tile: Tile):
        self.rows, self.columns, self.depth = (
            f.argument(int64, slot) for slot in (Slot.ROWS, Slot.COLUMNS, Slot.DEPTH)
        )
        self.batches = f.argument(int64, Slot.BATCH_COUNT)
        self.tiles = (self.rows + (tile.rows - 1)) // tile.rows
        self.panels = (self.columns + (tile.columns - 1)) // tile.columns
        self.panel = self.depth * tile.columns
        self.tile = self.depth * tile.rows + tile.lanes
        self.packed_columns = self.batches * self.panels * self.panel
        """Where the packed rows begin in the workspace."""


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


def _fewer(f: Function, a: Value, b: Value) -> Value:
    return f.select(a < b, a, b)


class _Packing:
    """The kernel that packs B, and A too if the variant says so, into the workspace."""

    def __init__(self, f: Function, shape: Contraction, variant: str):
        self.f, self.variant = f, variant
        self.tile = tile = tile_of(shape.dtype)
        self.sizes = _Sizes(f, tile)
        self.workspace = f.argument(POINTER, Slot.WORKSPACE)
        self.a, self.b = _Operand(f, shape, Slot.A, 0), _Operand(f, shape, Slot.B, 1)
        parts = f.module, "columns", shape.dtype, tile.columns, tile.lanes
        self.pack_columns = emit_pack(*parts, shape.b_tables)
        if variant == BOTH_SHARED:
            parts = f.module, "rows", shape.dtype, tile.rows, tile.lanes
            self.pack_rows = emit_pack(*parts, shape.a_tables)

    def emit(self) -> None:
        """Chunks are groups of B's panels, for all batch elements, then groups of A's tiles."""
        f, sizes, tile = self.f, self.sizes, self.tile
        each = f.argument(int64, Slot.PANELS_EACH)
        groups = (sizes.panels + (each - 1)) // each
        mine = f.chunk < groups * sizes.batches
        with f.when(mine) as columns:
            batch, group = f.chunk // groups, f.chunk % groups
            end = _fewer(f, (group + 1) * each, sizes.panels)
            with f.loop(group * each, end) as panel:
                place = (batch * sizes.panels + panel) * sizes.panel
                source = self.b.panel(batch, panel * tile.columns, f.constant(0, int64))
                target = f.at(tile.dtype, self.workspace, place)
                left = sizes.columns - panel * tile.columns
                valid = _fewer(f, left, f.constant(tile.columns, int64))
                f.call(self.pack_columns, *source, target, valid, sizes.depth)
        if self.variant == BOTH_SHARED:
            with columns.otherwise():
                self._pack_tiles(f.chunk - groups * sizes.batches)

    def _pack_tiles(self, chunk: Value) -> None:
        f, sizes, tile = self.f, self.sizes, self.tile
        each = f.argument(int64, Slot.TILES_EACH)
        groups = (sizes.tiles + (each - 1)) // each
        batch, group = chunk // groups, chunk % groups
        end = _fewer(f, (group + 1) * each, sizes.tiles)
        with f.loop(group * each, end) as index:
            place = sizes.packed_columns + (batch * sizes.tiles + index) * sizes.tile
            source = self.a.panel(batch, index * tile.rows, f.constant(0, int64))
            target = f.at(tile.dtype, self.workspace, place)
            left = sizes.rows - index * tile.rows
            valid = _fewer(f, left, f.constant(tile.rows, int64))
            f.call(self.pack_rows, *source, target, valid, sizes.depth)


class _Computing:
    """The kernel whose chunks are blocks of rows by blocks of columns of the result."""

    def __init__(
        self, f: Function, shape: Contraction, variant: str, prepare: Prepare, plain: bool
    ):
        self.f, self.shape, self.variant = f, shape, variant
        self.plain = plain and shape.dtype is tile_of(shape.dtype).dtype
        self.tile = tile = tile_of(shape.dtype)
        self.sizes = _Sizes(f, tile)
        self.workspace = f.argument(POINTER, Slot.WORKSPACE)
        self.a, self.b = _Operand(f, shape, Slot.A, 0), _Operand(f, shape, Slot.B, 1)
        module = f.module
        self.micro = emit_micro(module, tile)
        self.finish = emit_finish(module, tile, prepare)
        parts = shape.dtype, tile.rows, tile.lanes, shape.a_tables
        if variant != BOTH_SHARED:
            self.pack_rows = emit_pack(module, "rows", *parts)
        parts = shape.dtype, tile.columns, tile.lanes, shape.b_tables
        if variant == ALONE:
            self.pack_columns = emit_pack(module, "columns", *parts)

    def emit(self) -> None:
        """Find the chunk's block, divide the scratch memory, and go through the depth."""
        f, sizes = self.f, self.sizes
        row_blocks = f.argument(int64, Slot.ROW_BLOCKS)
        column_blocks = f.argument(int64, Slot.COLUMN_BLOCKS)
        row_block, rest = f.chunk % row_blocks, f.chunk // row_blocks
        column_block, self.batch = rest % column_blocks, rest // column_blocks
        self.first_tile = sizes.tiles * row_block // row_blocks
        self.tile_count = sizes.tiles * (row_block + 1) // row_blocks - self.first_tile
        self.first_panel = sizes.panels * column_block // column_blocks
        self.panel_count = sizes.panels * (column_block + 1) // column_blocks - self.first_panel
        block = f.argument(int64, Slot.DEPTH_BLOCK)
        self._divide_scratch(block)
        if self.variant == ALONE:
            self._pack_own_columns()
        # a depth of 0 takes one empty block, which stores zeros
        once = f.select(sizes.depth > 0, sizes.depth, f.constant(1, int64))
        with f.loop(0, (once + block - 1) // block) as index:
            start = index * block
            self._emit_block(start, _fewer(f, sizes.depth - start, block))

    def _divide_scratch(self, block: Value) -> None:
        f, tile = self.f, self.tile
        size = tile.rows * tile.columns
        self.corner = f.scratch
        self.partial = f.at(tile.dtype, f.scratch, size)
        after = f.at(tile.dtype, self.partial, self.tile_count * self.panel_count * size)
        self.own_columns = after
        if self.variant == ALONE:
            after = f.at(tile.dtype, after, self.sizes.panels * self.sizes.panel)
        self.own_rows, self.own_tile = after, block * tile.rows + tile.lanes
        self.base = f.load(int64, f.argument(POINTER, Slot.BATCHES), self.batch * 3 + 2)

    def _pack_own_columns(self) -> None:
        f, sizes, tile = self.f, self.sizes, self.tile
        with f.loop(0, sizes.panels) as panel:
            source = self.b.panel(self.batch, panel * tile.columns, f.constant(0, int64))
            target = f.at(tile.dtype, self.own_columns, panel * sizes.panel)
            left = sizes.columns - panel * tile.columns
            valid = _fewer(f, left, f.constant(tile.columns, int64))
            f.call(self.pack_columns, *source, target, valid, sizes.depth)

    def _pack_own_rows(self, start: Value, count: Value) -> None:
        f, sizes, tile = self.f, self.sizes, self.tile
        with f.loop(0, self.tile_count) as index:
            row = (self.first_tile + index) * tile.rows
            source = self.a.panel(self.batch, row, start)
            target = f.at(tile.dtype, self.own_rows, index * self.own_tile)
            valid = _fewer(f, sizes.rows - row, f.constant(tile.rows, int64))
            f.call(self.pack_rows, *source, target, valid, count)

    def _panel_pointer(self, panel: Value, start: Value) -> Value:
        """Where B's packed panel lies, from a depth on."""
        f, sizes, tile = self.f, self.sizes, self.tile
        if self.variant == ALONE:
            return f.at(tile.dtype, self.own_columns, panel * sizes.panel + start * tile.columns)
        place = (self.batch * sizes.panels + panel) * sizes.panel + start * tile.columns
        return f.at(tile.dtype, self.workspace, place)

    def _tile_pointer(self, index: Value, start: Value) -> Value:
        """Where A's packed tile lies, from a depth on."""
        f, sizes, tile = self.f, self.sizes, self.tile
        if self.variant != BOTH_SHARED:
            return f.at(tile.dtype, self.own_rows, index * self.own_tile)
        number = self.batch * sizes.tiles + self.first_tile + index
        place = sizes.packed_columns + number * sizes.tile + start * tile.rows
        return f.at(tile.dtype, self.workspace, place)

    def _emit_block(self, start: Value, count: Value) -> None:
        """All tiles of the chunk over one block of the depth."""
        f = self.f
        if self.variant != BOTH_SHARED:
            self._pack_own_rows(start, count)
        adds = (start > 0).cast(int64)
        last = start + count >= self.sizes.depth
        with f.loop(0, self.panel_count) as j:
            b = self._panel_pointer(self.first_panel + j, start)
            with f.loop(0, self.tile_count) as i:
                number = j * self.tile_count + i
                partial = f.at(self.tile.dtype, self.partial, number * self.size)
                inputs = self._tile_pointer(i, start), b, count
                with f.when(last) as ending:
                    self._emit_last(i, j, inputs, partial, adds)
                with ending.otherwise():
                    f.call(self.micro, *inputs, partial, self.tile.columns, partial, adds)

    @property
    def size(self) -> int:
        """The numbers of one tile."""
        return self.tile.rows * self.tile.columns

    def _emit_last(self, i: Value, j: Value, inputs: tuple, partial: Value, adds: Value) -> None:
        """Whole tiles of a plain contraction go to C directly, others through the epilogue."""
        f, sizes, tile = self.f, self.sizes, self.tile
        row, column = (self.first_tile + i) * tile.rows, (self.first_panel + j) * tile.columns

        def through_epilogue() -> None:
            f.call(self.micro, *inputs, self.corner, tile.columns, partial, adds)
            f.call(self.finish, f.arguments, self.corner, self.batch, self.base, row, column)

        if not self.plain:
            through_epilogue()
            return
        whole = (row + tile.rows <= sizes.rows) & (column + tile.columns <= sizes.columns)
        with f.when(whole) as direct:
            stride = f.argument(int64, Slot.C_STRIDE)
            place = self.base + row * stride + column
            target = f.at(tile.dtype, f.argument(POINTER, Slot.C), place)
            f.call(self.micro, *inputs, target, stride, partial, adds)
        with direct.otherwise():
            through_epilogue()
