"""Convolutions with few output channels in a group, depthwise ones first of all.

A panel of output channels would be mostly empty, so vectors lie along the last dimension of the
result instead.  A chunk copies the windows of some groups of images, with zeros around them; then
each number of the filters is repeated and multiplied with a vector from each of several rows.
"""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arithmetic import Variable
from rushlight.engines.cpu.arrange import Tile, tile_of
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution.expand import emit_window
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.tile import Place, Prepare
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64

ROWS = 4
"""Rows of the result that are computed together."""


class Number(IntEnum):
    """What the slots hold; triples are of up to three spatial dimensions."""

    OUTPUTS = Slot.OUTPUTS
    PLACES = Slot.PLACES
    CHANNELS = Slot.FIRST
    GROUPS = 10
    LENGTH = 11
    WINDOW = 14
    LOW_BASE = 17
    """The padding below is LOW_BASE + LOW_SIGN * the number recorded."""
    LOW_SIGN = 20
    BATCH = 21
    """Groups of all images."""
    BATCH_EACH = 22
    RESULT_ROWS = 23
    RESULT_COLUMNS = 24
    DEPTH = 25
    ALONG_OUTPUTS = 26
    """The stride of the filters from an output channel to the next."""
    ROW_PLACES = 27
    """Addresses of tables: for each row of the result its offset in the copy; for each step along
    the depth the offset in the copy, and in the filters."""
    ALONG = 28
    FILTERS = 29


def compute_request(dtype: DType, rank: int, step: int, prepare: Prepare, key: object) -> Request:
    """The only step; `step` is the stride along the last dimension."""

    def emit(f: Function) -> None:
        _Computing(f, dtype, rank, step, prepare).emit()

    return ("convolution with few outputs", dtype, rank, step, key), emit


class Copying:
    """What copies the windows of one group of an image."""

    def __init__(self, f: Function, dtype: DType, rank: int):
        self.f, self.dtype, self.tile = f, dtype, tile_of(dtype)
        self.n = Values(f, Number)
        self.helper = emit_window(f.module, dtype, rank, self.tile.lanes)
        self.lengths, self.window, self.bases, lows = (
            [f.argument(int64, first + i) for i in range(rank)]
            for first in (Number.LENGTH, Number.WINDOW, Number.LOW_BASE, Slot.LOW)
        )
        self.origins = [
            0 - (base + low * self.n.low_sign) for base, low in zip(self.bases, lows, strict=True)
        ]
        self.plane, self.size = self.window[0], self.lengths[0]
        for axis in range(1, rank):
            self.plane = self.plane * self.window[axis]
            self.size = self.size * self.lengths[axis]

    def copy(self, batch: Value, target: Value) -> None:
        """All channels of the group."""
        f = self.f
        with f.loop(0, self.n.channels) as channel:
            place = (batch * self.n.channels + channel) * self.size
            source = f.at(self.dtype, f.argument(POINTER, Slot.LEFT), place)
            to = f.at(self.tile.dtype, target, channel * self.plane)
            f.call(self.helper, source, *self.lengths, *self.origins, to, *self.window)


def strided(f: Function, tile: Tile, pointer: Value, step: int) -> Value:
    """A vector of numbers `step` apart."""
    if step == 1:
        return f.load(tile.dtype, pointer, None, tile.lanes)
    return f.gather(tile.dtype, pointer, f.iota(int64, tile.lanes) * step)


class _Computing:
    def __init__(self, f: Function, dtype: DType, rank: int, step: int, prepare: Prepare):
        self.f, self.dtype, self.step = f, dtype, step
        self.tile = tile_of(dtype)
        self.copying = Copying(f, dtype, rank)
        self.n = self.copying.n
        self.store = prepare(f)
        self.rows, self.along, self.offsets = (
            f.argument(POINTER, which)
            for which in (Number.ROW_PLACES, Number.ALONG, Number.FILTERS)
        )

    def emit(self) -> None:
        """Chunks are some groups of images each."""
        f, n = self.f, self.n
        first = f.chunk * n.batch_each
        left = n.batch - first
        last = first + f.select(left < n.batch_each, left, n.batch_each)
        with f.loop(first, last) as batch:
            self.copying.copy(batch, f.scratch)
            with f.loop(0, n.outputs) as output:
                filters = batch % n.groups * n.outputs * n.depth + output * n.along_outputs
                pointer = f.at(self.dtype, f.argument(POINTER, Slot.RIGHT), filters)
                with f.loop(0, n.result_rows, ROWS) as row:
                    self._compute_rows(batch, output, row, pointer)

    def _compute_rows(self, batch: Value, output: Value, row: Value, filters: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        last = n.result_rows - 1
        starts = []
        for i in range(ROWS):
            one = row + i
            one = f.select(one < last, one, last)
            starts.append(f.at(tile.dtype, f.scratch, f.load(int64, self.rows, one)))
        with f.loop(0, n.result_columns, tile.lanes) as column:
            sums = self._sums(starts, column, filters)
            left = n.result_columns - column
            for i, total in enumerate(sums):
                with f.when(row + i < n.result_rows):
                    self._store(batch, output, row + i, column, left, total.value)

    def _sums(self, starts: list[Value], column: Value, filters: Value) -> list[Variable]:
        f, tile = self.f, self.tile
        sums = [f.variable(f.constant(0, tile.dtype, tile.lanes)) for _ in starts]
        with f.loop(0, self.n.depth) as k:
            factor = f.load(self.dtype, filters, f.load(int64, self.offsets, k))
            factor = f.splat(factor.cast(tile.dtype), tile.lanes)
            place = f.load(int64, self.along, k) + column * self.step
            for start, total in zip(starts, sums, strict=True):
                vector = strided(f, tile, f.at(tile.dtype, start, place), self.step)
                floating = tile.dtype.is_floating_point
                old = total.value
                total.value = f.fma(factor, vector, old) if floating else factor * vector + old
        return sums

    def _store(
        self, batch: Value, output: Value, row: Value, column: Value, left: Value, value: Value
    ) -> None:
        f, n, lanes = self.f, self.n, self.tile.lanes
        place = row * n.result_columns + column
        offset = (batch * n.outputs + output) * n.places + place
        with f.when(left >= lanes) as whole:
            self.store(Place(f, value, batch, output, place, offset, None))
        with whole.otherwise():
            self.store(Place(f, value, batch, output, place, offset, f.mask(left, lanes)))
