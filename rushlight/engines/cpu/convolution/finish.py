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


def emit_store(module: Module, tile: Tile, prepare: Prepare) -> Function:
    """A helper `(arguments, turned, batch, channel, channels, place, count)`.

    Stores `count` places from `place` on of some channels; `turned` has a row of
    `TURNED * tile.lanes` numbers for each channel.
    """
    f = module.helper("store", (POINTER, POINTER, int64, int64, int64, int64, int64))
    f.arguments, *parts = f.parameters
    _Store(f, tile, prepare, *parts).emit()
    return f


class _Store:
    def __init__(self, f: Function, tile: Tile, prepare: Prepare, *parameters: Value):
        self.f, self.tile = f, tile
        self.turned, self.batch, self.channel, self.channels, self.place, self.count = parameters
        outputs = f.argument(int64, Slot.OUTPUTS)
        self.places = f.argument(int64, Slot.PLACES)
        self.first = (self.batch * outputs + self.channel) * self.places + self.place
        self.store = prepare(f)

    def emit(self) -> None:
        """Channel by channel, two vectors at a time, the last one masked."""
        f, lanes = self.f, self.tile.lanes
        whole = (self.count // lanes) * lanes
        pairs = (whole // (2 * lanes)) * (2 * lanes)
        with f.loop(0, self.channels) as channel:
            with f.loop(0, pairs, 2 * lanes) as i:
                self._store_vector(channel, i, None)
                self._store_vector(channel, i + lanes, None)
            with f.loop(pairs, whole, lanes) as i:
                self._store_vector(channel, i, None)
            with f.when(whole < self.count):
                self._store_vector(channel, whole, f.mask(self.count - whole, lanes))

    def _store_vector(self, channel: Value, i: Value, mask: Value | None) -> None:
        f, tile = self.f, self.tile
        source = f.at(tile.dtype, self.turned, channel * (TURNED * tile.lanes))
        value = f.load(tile.dtype, source, i, tile.lanes)
        offset = self.first + channel * self.places + i
        place = self.channel + channel, self.place + i, offset
        self.store(Place(f, value, self.batch, *place, mask))


def emit_finish(module: Module, tile: Tile, prepare: Prepare) -> Function:
    """A helper `(arguments, sums, turned, batch, channel, place, count)`.

    Stores `count` places from `place` on of the channels from `channel` on; `sums` has a row of
    `tile.columns` numbers for each, and may be read up to a vector of rows beyond the last.
    """
    store = emit_store(module, tile, prepare)
    f = module.helper("finish", (POINTER, POINTER, POINTER, int64, int64, int64, int64))
    arguments, sums, turned, batch, channel, place, all_places = f.parameters
    f.arguments = arguments
    left, columns = f.argument(int64, Slot.OUTPUTS) - channel, f.constant(tile.columns, int64)
    channels = f.select(left < columns, left, columns)
    most = f.constant(TURNED * tile.lanes, int64)
    with f.loop(0, all_places, TURNED * tile.lanes) as start:
        left = all_places - start
        count = f.select(left < most, left, most)
        with f.loop(0, count, tile.lanes) as i:
            _turn(f, tile, f.at(tile.dtype, sums, (start + i) * tile.columns), turned, i)
        f.call(store, arguments, turned, batch, channel, channels, place + start, count)
    return f


def _turn(f: Function, tile: Tile, sums: Value, turned: Value, i: Value) -> None:
    """A vector of places of all channels."""
    width = TURNED * tile.lanes
    for first in range(0, tile.columns, tile.lanes):
        source = f.at(tile.dtype, sums, first)
        rows = [f.load(tile.dtype, source, r * tile.columns, tile.lanes) for r in range(tile.lanes)]
        target = f.at(tile.dtype, turned, i + first * width)
        for r, vector in enumerate(transpose(f, rows)):
            f.store(vector, target, r * width)
