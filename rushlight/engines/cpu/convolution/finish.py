"""The way of a convolution's results to memory, through what is computed of them.

A chunk holds sums for some neighbouring places of an image by one panel of channels, in rows of
one place each.  They are turned, so that a channel's places lie side by side, and stored.
"""

from __future__ import annotations

from rushlight.engines.cpu.arrange import Tile
from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.convolution.slots import Slot
from rushlight.engines.cpu.packing import transpose
from rushlight.engines.cpu.tile import Place, Prepare
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64

TURNED = 8
"""How many vectors of places are turned at a time."""


def turned_size(tile: Tile) -> int:
    """How many numbers of scratch memory the turned results take."""
    return tile.columns * TURNED * tile.lanes


def emit_finish(module: Module, tile: Tile, prepare: Prepare) -> Function:
    """A helper `(arguments, sums, turned, batch, channel, place, count)`.

    Stores `count` places from `place` on of the channels from `channel` on; `sums` has a row of
    `tile.columns` numbers for each, and may be read up to a vector of rows beyond the last.
    """
    kinds = (POINTER, POINTER, POINTER, int64, int64, int64, int64)
    f = module.helper("finish", kinds)
    f.arguments, *parts = f.parameters
    _Finish(f, tile, prepare, *parts).emit()
    return f


class _Finish:
    def __init__(self, f: Function, tile: Tile, prepare: Prepare, *parameters: Value):
        self.f, self.tile = f, tile
        self.sums, self.turned, self.batch, self.channel, self.place, self.count = parameters
        outputs = f.argument(int64, Slot.OUTPUTS)
        self.places = f.argument(int64, Slot.PLACES)
        self.first = (self.batch * outputs + self.channel) * self.places + self.place
        left = outputs - self.channel
        columns = f.constant(tile.columns, int64)
        self.channels = f.select(left < columns, left, columns)
        self.store = prepare(f)

    def emit(self) -> None:
        f, lanes = self.f, self.tile.lanes
        with f.loop(0, self.count, TURNED * lanes) as start:
            left, most = self.count - start, f.constant(TURNED * lanes, int64)
            count = f.select(left < most, left, most)
            with f.loop(0, count, lanes) as i:
                self._turn(start + i, i)
            with f.loop(0, self.channels) as channel:
                self._store_channel(channel, start, count)

    def _turn(self, row: Value, i: Value) -> None:
        f, tile = self.f, self.tile
        width = TURNED * tile.lanes
        for first in range(0, tile.columns, tile.lanes):
            source = f.at(tile.dtype, self.sums, row * tile.columns + first)
            rows = [
                f.load(tile.dtype, source, r * tile.columns, tile.lanes) for r in range(tile.lanes)
            ]
            target = f.at(tile.dtype, self.turned, i + first * width)
            for r, vector in enumerate(transpose(f, rows)):
                f.store(vector, target, r * width)

    def _store_channel(self, channel: Value, start: Value, count: Value) -> None:
        f, tile = self.f, self.tile
        source = f.at(tile.dtype, self.turned, channel * (TURNED * tile.lanes))
        offset = self.first + channel * self.places + start
        whole = (count // tile.lanes) * tile.lanes

        def emit(i: Value, mask: Value | None) -> None:
            value = f.load(tile.dtype, source, i, tile.lanes)
            place = self.channel + channel, self.place + start + i, offset + i
            self.store(Place(f, value, self.batch, *place, mask))

        pairs = (whole // (2 * tile.lanes)) * (2 * tile.lanes)
        with f.loop(0, pairs, 2 * tile.lanes) as i:
            emit(i, None)
            emit(i + tile.lanes, None)
        with f.loop(pairs, whole, tile.lanes) as i:
            emit(i, None)
        with f.when(whole < count):
            emit(whole, f.mask(count - whole, tile.lanes))
