"""How a contraction of given sizes is divided: its variant, its blocks and its chunks.

All of it is a function of the sizes and the host alone.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.packing import accumulator
from rushlight.graph.dtype import DType

ALONE, COLUMNS_SHARED, BOTH_SHARED = "alone", "columns shared", "both shared"

_MOST_DEPTH_BLOCK = 512
_SMALL_WORK = 64**3
_CHUNK_WORK = 1_500_000
_MOST_CHUNKS = 1024
_MOST_SHARED_ROWS = 4 << 20
_MOST_OWN_COLUMNS = 128 << 10
_PACK_GROUP = 16 << 10
_TILES_IN_BLOCK = 20


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
    TILES_EACH = 18
    FIRST_FREE = 19


class Tile(NamedTuple):
    """The block of a result that is held in registers."""

    dtype: DType
    lanes: int
    rows: int
    vectors: int

    @property
    def columns(self) -> int:
        """Its columns, in numbers."""
        return self.lanes * self.vectors


def tile_of(dtype: DType) -> Tile:
    """The tile of a contraction of `dtype`."""
    host, accumulate = machine(), accumulator(dtype)
    lanes = host.vector_bytes // accumulate.itemsize
    return Tile(accumulate, lanes, host.tile_rows, host.tile_vectors)


class Arrangement(NamedTuple):
    """What `arrange` finds."""

    variant: str
    chunks: tuple[int, ...]
    """Of each step: packing, if there is any, and computing."""
    numbers: tuple[int, ...]
    """The argument block's slots from BATCH_COUNT to FIRST_FREE."""
    workspace_bytes: int
    scratch_bytes: int


def _divided(count: int, each: int) -> int:
    return -(-count // each)


def _depth_block(depth: int) -> int:
    """Equal blocks, each a multiple of 8 long; the order of additions depends on it."""
    blocks = max(1, _divided(depth, _MOST_DEPTH_BLOCK))
    return max(8, _divided(_divided(depth, blocks), 8) * 8)


def _variant(batch: int, tile: Tile, rows: int, columns: int, depth: int) -> str:
    padded = _divided(columns, tile.columns) * tile.columns * depth
    small = rows * columns * depth <= _SMALL_WORK
    if padded <= _MOST_OWN_COLUMNS and (batch >= 8 or (batch == 1 and small) or rows <= tile.rows):
        return ALONE
    return BOTH_SHARED if batch * rows * depth <= _MOST_SHARED_ROWS else COLUMNS_SHARED


def _blocks(variant: str, batch: int, tiles: int, panels: int, work: int) -> tuple[int, int]:
    """Into how many blocks to cut the rows and the columns of one batch element."""
    wanted = min(_divided(work, _CHUNK_WORK), _MOST_CHUNKS)
    rows = _divided(tiles, _TILES_IN_BLOCK)
    if variant == ALONE:
        return (rows if batch < _MOST_CHUNKS else 1), 1
    columns = min(panels, max(1, _divided(wanted, rows * batch)))
    if variant == COLUMNS_SHARED:  # each block of columns packs the rows anew
        columns = min(columns, _divided(panels, 8))
    most = _divided(panels, 16)  # partial sums of a block must fit into the scratch memory
    return rows, max(columns, most)


@lru_cache(maxsize=4096)
def arrange(dtype: DType, batch: int, rows: int, columns: int, depth: int) -> Arrangement:
    """Divide a contraction of these sizes; none of batch, rows and columns may be 0."""
    tile = tile_of(dtype)
    tiles, panels = _divided(rows, tile.rows), _divided(columns, tile.columns)
    variant = _variant(batch, tile, rows, columns, depth)
    block = _depth_block(depth)
    row_blocks, column_blocks = _blocks(variant, batch, tiles, panels, rows * columns * depth)
    panels_each = max(1, _PACK_GROUP // max(1, depth * tile.columns))
    tiles_each = max(1, _PACK_GROUP // max(1, depth * tile.rows))
    size = tile.dtype.itemsize
    chunks = [batch * row_blocks * column_blocks]
    workspace = 0
    if variant != ALONE:
        groups = _divided(panels, panels_each)
        workspace = batch * panels * depth * tile.columns * size
        if variant == BOTH_SHARED:
            groups += _divided(tiles, tiles_each)
            workspace += batch * tiles * (depth * tile.rows + tile.lanes) * size
        chunks.insert(0, batch * groups)
    tiles_in_block, panels_in_block = _divided(tiles, row_blocks), _divided(panels, column_blocks)
    scratch = tile.rows * tile.columns * (tiles_in_block * panels_in_block + 1)
    scratch += tiles_in_block * (block * tile.rows + tile.lanes)
    if variant == ALONE:
        scratch += panels * depth * tile.columns
    numbers = (batch, rows, columns, depth, block, row_blocks, column_blocks)
    return Arrangement(
        variant,
        tuple(chunks),
        (*numbers, panels_each, tiles_each),
        workspace,
        scratch * size + 4096,
    )
