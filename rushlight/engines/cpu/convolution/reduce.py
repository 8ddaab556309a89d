"""Partial gradients of filters added up in order and turned into the filters' layout."""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arrange import Tile, tile_of
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution.finish import TURNED, emit_finish, turned_size
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.tile import Prepare
from rushlight.graph.dtype import DType, int64


class Number(IntEnum):
    """The numbers that every way to the gradient of filters has at the same slots."""

    OUTPUTS = Slot.OUTPUTS
    PLACES = Slot.PLACES
    """Channels of the input times taps."""
    PANELS = Slot.FIRST
    GROUPS = 10
    PARTS = 11
    ROWS_EACH = 12
    """Rows of a partial gradient in memory, at least PLACES."""
    PIECES = 13
    """Into how many pieces the rows of a panel are cut here."""
    FIRST_OWN = 14


def reduce_request(dtype: DType, prepare: Prepare, key: object) -> Request:
    """The step after the parts: a chunk for each piece of each panel of each group.

    The workspace begins with the partial gradients: by part, group and panel, a row of
    `tile.columns` numbers for each channel of the input and tap.
    """
    tile = tile_of(dtype)

    def emit(f: Function) -> None:
        n = Values(f, Number)
        finish = emit_finish(f.module, tile, prepare)
        width = TURNED * tile.lanes
        sums = f.at(tile.dtype, f.scratch, turned_size(tile))
        panel, piece = f.chunk // n.pieces, f.chunk % n.pieces
        panel_size = n.rows_each * tile.columns
        source = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), panel * panel_size)
        part_size = n.groups * n.panels * panel_size
        blocks = (n.places + (width - 1)) // width
        first, last = blocks * piece // n.pieces, blocks * (piece + 1) // n.pieces
        with f.loop(first, last) as block:
            start = block * width
            left, most = n.places - start, f.constant(width, int64)
            count = f.select(left < most, left, most)
            with f.loop(0, count * tile.columns, tile.lanes) as i:
                at = f.at(tile.dtype, source, start * tile.columns + i)
                total = f.variable(f.load(tile.dtype, at, None, tile.lanes))
                with f.loop(1, n.parts) as part:
                    one = f.load(tile.dtype, at, part * part_size, tile.lanes)
                    total.value = total.value + one
                f.store(total.value, sums, i)
            batch, channel = panel // n.panels, panel % n.panels * tile.columns
            f.call(finish, f.arguments, sums, f.scratch, batch, channel, start, count)

    return ("convolution parts", dtype, key), emit


def reduce_scratch(tile: Tile) -> int:
    """The numbers of scratch memory that this step needs."""
    return 2 * turned_size(tile) + tile.lanes * tile.columns
