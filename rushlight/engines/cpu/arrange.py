"""How a contraction of given sizes is divided: its variant, its blocks and its chunks.

All of it is a function of the sizes and the host alone.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from rushlight.engines.cpu.crafted import Arrangement
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.packing import accumulator
from rushlight.graph.dtype import DType, bfloat16

# which operands a step of its own packs for all chunks; the others are packed by each chunk
ALONE, ROWS_SHARED = "alone", "rows shared"
COLUMNS_SHARED, BOTH_SHARED = "columns shared", "both shared"
VARIANTS = (ALONE, ROWS_SHARED, COLUMNS_SHARED, BOTH_SHARED)

_MOST_DEPTH_BLOCK = 512
_SMALL_WORK = 64**3
_CHUNK_WORK = 1_500_000
_MOST_CHUNKS = 1024
_MOST_SHARED_ROWS = 4 << 20
_MOST_OWN_COLUMNS = 128 << 10
_MOST_ROWS_IN_CACHE = 128 << 10
_MOST_COLUMNS_IN_CACHE = 64 << 10
_MOST_COLUMNS_READ_ONCE = 16 << 10
_OWN_CHUNK_WORK = 200_000
_PACK_GROUP = 16 << 10
_TILES_IN_BLOCK = 20
_TILES_IN_NARROW_BLOCK, _MOST_PANELS_OF_NARROW = 8, 16


class Slot(IntEnum):
    """The slots of a contraction's argument block; from BATCH_COUNT on `Arrangement.numbers`."""

    A = 0
    A_ACROSS = 1
    A_ALONG = 2
    B = 3
    B_ACROSS = 4
    B_ALONG = 5
    C = 6
    C_STRIDE = 7
    BATCHES = 8
    WORKSPACE = 9
    BATCH_COUNT = 10
    ROWS = 11
    COLUMNS = 12
    DEPTH = 13
    DEPTH_BLOCK = 14
    ROW_BLOCKS = 15
    COLUMN_BLOCKS = 16
    PANELS_EACH = 17
    TALL_TILES = 18
    FIRST_FREE = 19


class Tile(NamedTuple):
    """The block of a result that is held in registers."""

    dtype: DType
    lanes: int
    rows: int
    short_rows: int
    """Of the lower tiles that fill up what tall ones leave."""
    vectors: int
    together: int = 1
    """How many places along the depth a number of a packed panel holds: two, if of bfloat16."""

    @property
    def columns(self) -> int:
        """Its columns, in numbers."""
        return self.lanes * self.vectors

    @property
    def tiles_in_group(self) -> int:
        """How many tiles of A are packed where it would be one panel of B."""
        return max(1, 4 * self.columns // self.rows)


def tile_of(dtype: DType) -> Tile:
    """The tile of a contraction of `dtype`."""
    host, accumulate = machine(), accumulator(dtype)
    lanes = host.vector_bytes // accumulate.itemsize
    return Tile(accumulate, lanes, host.tile_rows, host.short_tile_rows, host.tile_vectors)


def product_tile(dtype: DType) -> Tile:
    """The same for matrix products, which may have an instruction of their own."""
    dots = dtype is bfloat16 and machine().has_bfloat16_dot
    return tile_of(dtype)._replace(together=2 if dots else 1)


def _divided(count: int, each: int) -> int:
    return -(-count // each)


def _depth_block(depth: int) -> int:
    """Equal blocks, each a multiple of 8 long; the order of additions depends on it."""
    blocks = max(1, _divided(depth, _MOST_DEPTH_BLOCK))
    return max(8, _divided(_divided(depth, blocks), 8) * 8)


def tiles_of(tile: Tile, rows: int) -> tuple[int, int]:
    """How many tall and short tiles cover the rows with the fewest rows to spare."""
    best = _divided(rows, tile.rows), 0
    spare = best[0] * tile.rows - rows
    for short in range(1, tile.rows):
        tall = max(0, _divided(rows - short * tile.short_rows, tile.rows))
        left_over = tall * tile.rows + short * tile.short_rows - rows
        if left_over < spare:
            best, spare = (tall, short), left_over
    return best


def _is_narrow(tiles: int, panels: int) -> bool:
    """Whether blocks of rows alone are work enough, each with all columns."""
    return panels <= _MOST_PANELS_OF_NARROW and tiles > 2 * _TILES_IN_BLOCK


def _variant(batch: int, tile: Tile, tiles: int, panels: int, depth: int) -> str:
    columns, rows = panels * tile.columns * depth, tiles * tile.rows * depth
    work = rows * panels * tile.columns
    if columns <= _MOST_OWN_COLUMNS and (batch >= 8 or tiles == 1):
        return ALONE
    if columns <= _MOST_OWN_COLUMNS and (panels <= 2 or (batch == 1 and work <= _SMALL_WORK)):
        return ALONE  # packing rows apart is not worth while where they are used but once
    if tiles <= 2 * _TILES_IN_BLOCK and rows <= _MOST_ROWS_IN_CACHE and panels >= 8:
        return ROWS_SHARED
    if _is_narrow(tiles, panels) and depth > _MOST_DEPTH_BLOCK:
        return COLUMNS_SHARED  # rows are used by one block alone: they need not go through memory
    return BOTH_SHARED if batch * rows <= _MOST_SHARED_ROWS else COLUMNS_SHARED


def _blocks(
    variant: str, batch: int, tiles: int, panels: int, work: int, panel: int
) -> tuple[int, int]:
    """Into how many blocks to cut the rows and the columns of one batch element."""
    wanted = min(_divided(work, _CHUNK_WORK), _MOST_CHUNKS)
    rows = _divided(tiles, _TILES_IN_BLOCK)
    if variant == ALONE:
        wanted = _divided(tiles * panels * panel * 6, _OWN_CHUNK_WORK * batch)
        return max(rows, min(wanted, _divided(tiles, 8))), 1
    if variant == ROWS_SHARED:  # each block packs its own columns, which should stay in cache
        rows = 1
        most = _MOST_COLUMNS_IN_CACHE if tiles > 1 else _MOST_COLUMNS_READ_ONCE
        wanted = max(wanted, _divided(panels * panel, most))
    if variant == COLUMNS_SHARED and _is_narrow(tiles, panels):
        return _divided(tiles, _TILES_IN_NARROW_BLOCK), 1
    columns = min(panels, max(1, _divided(wanted, rows * batch)))
    if variant == COLUMNS_SHARED:  # each block of columns packs the rows anew
        columns = min(columns, _divided(panels, 8))
    most = _divided(panels, 16)  # partial sums of a block must fit into the scratch memory
    return rows, max(columns, most)


def _steps(variant: str, tile: Tile, counts: tuple, depth: int) -> tuple[int, int]:
    """The packing step's chunks, and the workspace in numbers."""
    batch, tiles, panels, panels_each = counts
    groups = workspace = 0
    if variant in (COLUMNS_SHARED, BOTH_SHARED):
        groups += _divided(panels, panels_each)
        workspace += panels * depth * tile.columns
    if variant in (ROWS_SHARED, BOTH_SHARED):
        groups += _divided(tiles, panels_each * tile.tiles_in_group)
        workspace += tiles * (depth * tile.rows + tile.lanes)
    return batch * groups, batch * workspace


@lru_cache(maxsize=4096)
def arrange(
    dtype: DType, batch: int, rows: int, columns: int, depth: int, variant: str | None = None
) -> Arrangement:
    """Divide a contraction of these sizes; none of batch, rows and columns may be 0."""
    tile = product_tile(dtype)
    tall, short = tiles_of(tile, rows)
    tiles, panels = tall + short, _divided(columns, tile.columns)
    packed, block = _divided(depth, tile.together), _depth_block(depth)
    variant = variant or _variant(batch, tile, tiles, panels, packed)
    work, panel = rows * columns * depth, packed * tile.columns
    row_blocks, column_blocks = _blocks(variant, batch, tiles, panels, work, panel)
    panels_each = max(1, _PACK_GROUP // max(1, panel))
    chunks = [batch * row_blocks * column_blocks]
    packing, workspace = _steps(variant, tile, (batch, tiles, panels, panels_each), packed)
    if packing:
        chunks.insert(0, packing)
    tiles_in_block, panels_in_block = _divided(tiles, row_blocks), _divided(panels, column_blocks)
    scratch = tile.rows * tile.columns * (tiles_in_block * panels_in_block + 1)
    scratch += tiles_in_block * (block // tile.together * tile.rows + tile.lanes)
    scratch += panels_in_block * panel
    return Arrangement(
        variant,
        tuple(chunks),
        (batch, rows, columns, depth, block, row_blocks, column_blocks, panels_each, tall),
        workspace * tile.dtype.itemsize,
        scratch * tile.dtype.itemsize + 4096,
    )
