"""Convolutions of few places by many channels: the filters are read once, where they are.

With few places, packing the filters would take as long as multiplying.  So here the places are
packed: the first step copies windows of the input side by side (what others call im2col), a panel
for each group of places; then a row of the product is an output channel.
"""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arrange import tile_of
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution.expand import emit_window
from rushlight.engines.cpu.convolution.finish import TURNED, emit_store
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.convolution.sums import ALONG, emit_sums
from rushlight.engines.cpu.packing import emit_pack
from rushlight.engines.cpu.tile import Prepare
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64


class Number(IntEnum):
    """What the slots hold; triples are of up to three spatial dimensions."""

    OUTPUTS = Slot.OUTPUTS
    PLACES = Slot.PLACES
    CHANNELS = Slot.FIRST
    GROUPS = 10
    LENGTH = 11
    WINDOW = 14
    TAPS = 17
    PANELS = 18
    """Panels of places in an image."""
    CHANNELS_EACH = 19
    CHANNEL_BLOCKS = 20
    TALL = 21
    SHORT = 22
    ROW_BLOCKS = 23
    ACROSS = 24
    """Addresses of tables: for each place its offset in the copy, and for each step along the
    depth."""
    ALONG = 25


def pack_request(dtype: DType, rank: int) -> Request:
    """The step that packs places: a chunk for each block of channels of each group and image."""
    tile = tile_of(dtype)

    def emit(f: Function) -> None:
        n = Values(f, Number)
        copy = emit_window(f.module, dtype, rank, tile.lanes)
        pack = emit_pack(f.module, tile.dtype, tile.columns, tile.lanes, True)
        lengths, window, low = (
            [f.argument(int64, first + i) for i in range(rank)]
            for first in (Number.LENGTH, Number.WINDOW, Slot.LOW)
        )
        plane, size = window[0], lengths[0]
        for axis in range(1, rank):
            plane, size = plane * window[axis], size * lengths[axis]
        batch, block = f.chunk // n.channel_blocks, f.chunk % n.channel_blocks
        first = block * n.channels_each
        left = n.channels - first
        count = f.select(left < n.channels_each, left, n.channels_each)
        with f.loop(0, count) as i:
            planes = (batch * n.channels + first + i) * size
            source = f.at(dtype, f.argument(POINTER, Slot.LEFT), planes)
            target = f.at(tile.dtype, f.scratch, i * plane)
            f.call(copy, source, *lengths, *[0 - one for one in low], target, *window)
        depth = n.channels * n.taps
        across, along = (f.argument(POINTER, which) for which in (Number.ACROSS, Number.ALONG))
        with f.loop(0, n.panels) as panel:
            place = ((batch * n.panels + panel) * depth + first * n.taps) * tile.columns
            target = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), place)
            lanes = f.at(int64, across, panel * tile.columns)
            left = n.places - panel * tile.columns
            valid = f.select(left < tile.columns, left, f.constant(tile.columns, int64))
            f.call(pack, f.scratch, lanes, along, target, valid, count * n.taps)

    return ("convolution places", dtype, rank), emit


def compute_request(dtype: DType, prepare: Prepare, key: object) -> Request:
    """The step that computes: chunks are blocks of output channels of each group and image."""
    return ("convolution of few places", dtype, key), lambda f: _emit(f, dtype, prepare)


def _emit(f: Function, dtype: DType, prepare: Prepare) -> None:
    tile, n = tile_of(dtype), Values(f, Number)
    micros = {rows: emit_sums(f.module, tile, rows, ALONG) for rows in (tile.rows, tile.short_rows)}
    store = emit_store(f.module, tile, prepare)
    batch, block = f.chunk // n.row_blocks, f.chunk % n.row_blocks
    group = batch % n.groups
    depth, width = n.channels * n.taps, TURNED * tile.lanes
    each = width // tile.columns
    tiles = n.tall + n.short
    filters = f.at(tile.dtype, f.argument(POINTER, Slot.RIGHT), group * n.outputs * depth)
    packed = batch * n.panels * depth * tile.columns
    packed = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), packed)

    def compute(rows: int, first: Value) -> None:
        a = f.at(tile.dtype, filters, first * depth)
        with f.loop(0, n.panels, each) as start:
            left, most = n.panels - start, f.constant(each, int64)
            with f.loop(0, f.select(left < most, left, most)) as i:
                b = f.at(tile.dtype, packed, (start + i) * depth * tile.columns)
                to = f.at(tile.dtype, f.scratch, i * tile.columns)
                f.call(micros[rows], a, depth, 1, b, depth, to, width, 0)
            place = start * tile.columns
            left, most = n.places - place, f.constant(width, int64)
            count = f.select(left < most, left, most)
            f.call(store, f.arguments, f.scratch, batch, first, rows, place, count)

    with f.loop(tiles * block // n.row_blocks, tiles * (block + 1) // n.row_blocks) as index:
        with f.when(index < n.tall) as tall:
            compute(tile.rows, index * tile.rows)
        with tall.otherwise():
            compute(tile.short_rows, n.tall * tile.rows + (index - n.tall) * tile.short_rows)
