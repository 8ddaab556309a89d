"""The gradient of filters with few output channels in a group, depthwise ones first of all.

For each number of the filters, vectors of the input are multiplied with vectors of the gradient
and added up, place by place; parts of the images are added in order by a second step.
"""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arithmetic import Variable
from rushlight.engines.cpu.arrange import tile_of
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution import narrow
from rushlight.engines.cpu.convolution.narrow import Copying
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.tile import Place, Prepare
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64

SUMS = 4
"""Independent sums, for rows that follow each other."""


class Number(IntEnum):
    """What the slots hold; up to FILTERS they are those of `narrow.Number`."""

    OUTPUTS = Slot.OUTPUTS
    PLACES = Slot.PLACES
    """Channels of the input times taps."""
    CHANNELS = narrow.Number.CHANNELS
    GROUPS = narrow.Number.GROUPS
    RESULT_ROWS = narrow.Number.RESULT_ROWS
    """Of the gradient of the convolution's result."""
    RESULT_COLUMNS = narrow.Number.RESULT_COLUMNS
    IMAGES = 30
    PARTS = 31
    PIECES = 32
    """Chunks of the second step."""


def compute_request(dtype: DType, rank: int, step: int) -> Request:
    """The first step: chunks are parts of the images by groups."""

    def emit(f: Function) -> None:
        _Computing(f, dtype, rank, step).emit()

    return ("filter gradient with few outputs", dtype, rank, step), emit


class _Computing:
    def __init__(self, f: Function, dtype: DType, rank: int, step: int):
        self.f, self.dtype, self.step, self.tile = f, dtype, step, tile_of(dtype)
        self.copying = Copying(f, dtype, rank)
        self.n = Values(f, Number)
        self.rows, self.along = (
            f.argument(POINTER, which) for which in (narrow.Number.ROW_PLACES, narrow.Number.ALONG)
        )
        size = self.n.outputs * self.n.places * self.tile.lanes
        self.sums, self.copied = f.scratch, f.at(self.tile.dtype, f.scratch, size)

    def emit(self) -> None:
        f, n = self.f, self.n
        part, group = f.chunk // n.groups, f.chunk % n.groups
        first, last = n.images * part // n.parts, n.images * (part + 1) // n.parts
        with f.loop(first, last) as image:
            batch = image * n.groups + group
            self.copying.copy(batch, self.copied)
            with f.loop(0, n.outputs) as output, f.loop(0, n.places) as k:
                self._add_image(batch, output, k, image > first)
        self._store(f.chunk)

    def _add_image(self, batch: Value, output: Value, k: Value, adds: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        place = (batch * n.outputs + output) * n.result_rows * n.result_columns
        gradient = f.at(self.dtype, f.argument(POINTER, Slot.RIGHT), place)
        copied = f.at(tile.dtype, self.copied, f.load(int64, self.along, k))
        zero = f.constant(0, tile.dtype, tile.lanes)
        sums = [f.variable(zero) for _ in range(SUMS)]
        whole = (n.result_rows // SUMS) * SUMS
        with f.loop(0, whole, SUMS) as row:
            self._add_rows(sums, [row + i if i else row for i in range(SUMS)], copied, gradient)
        with f.loop(whole, n.result_rows) as row:
            self._add_rows(sums[:1], [row], copied, gradient)
        total = (sums[0].value + sums[1].value) + (sums[2].value + sums[3].value)
        to = f.at(tile.dtype, self.sums, (output * n.places + k) * tile.lanes)
        with f.when(adds) as more:
            f.store(f.load(tile.dtype, to, None, tile.lanes) + total, to)
        with more.otherwise():
            f.store(total, to)

    def _add_rows(
        self, sums: list[Variable], rows: list[Value], copied: Value, gradient: Value
    ) -> None:
        f, n, lanes = self.f, self.n, self.tile.lanes
        pairs = [
            (
                f.at(self.tile.dtype, copied, f.load(int64, self.rows, row)),
                f.at(self.dtype, gradient, row * n.result_columns),
            )
            for row in rows
        ]
        whole = (n.result_columns // lanes) * lanes
        with f.loop(0, whole, lanes) as column:
            for total, pair in zip(sums, pairs, strict=True):
                self._add(total, *pair, column, None)
        with f.when(whole < n.result_columns):
            mask = f.mask(n.result_columns - whole, lanes)
            for total, pair in zip(sums, pairs, strict=True):
                self._add(total, *pair, whole, mask)

    def _add(
        self, total: Variable, copied: Value, gradient: Value, column: Value, mask: Value | None
    ) -> None:
        f, tile = self.f, self.tile
        right = f.load(self.dtype, gradient, column, tile.lanes, mask).cast(tile.dtype)
        at = f.at(tile.dtype, copied, column * self.step)
        if self.step == 1:
            left = f.load(tile.dtype, at, None, tile.lanes, mask)
        else:
            offsets = f.iota(int64, tile.lanes) * self.step
            left = f.gather(tile.dtype, at, offsets, mask)
        old = total.value
        floating = tile.dtype.is_floating_point
        total.value = f.fma(left, right, old) if floating else left * right + old

    def _store(self, chunk: Value) -> None:
        """The lanes of each sum added up, to the workspace."""
        f, n, tile = self.f, self.n, self.tile
        size = n.outputs * n.places
        target = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), chunk * size)
        with f.loop(0, size) as i:
            lanes = f.load(tile.dtype, self.sums, i * tile.lanes, tile.lanes)
            f.store(f.fold(lanes, lambda a, b: a + b), target, i)


def reduce_request(dtype: DType, prepare: Prepare, key: object) -> Request:
    """The second step: parts added in order, a row for each output channel."""
    tile = tile_of(dtype)

    def emit(f: Function) -> None:
        n, store = Values(f, Number), prepare(f)
        workspace = f.argument(POINTER, Slot.WORKSPACE)
        rows = n.groups * n.outputs
        part_size = rows * n.places
        first, last = rows * f.chunk // n.pieces, rows * (f.chunk + 1) // n.pieces
        with f.loop(first, last) as row, f.loop(0, n.places, tile.lanes) as column:
            mask = f.mask(n.places - column, tile.lanes)
            offset = row * n.places + column
            at = f.at(tile.dtype, workspace, offset)
            total = f.variable(f.load(tile.dtype, at, None, tile.lanes, mask))
            with f.loop(1, n.parts) as part:
                one = f.load(tile.dtype, at, part * part_size, tile.lanes, mask)
                total.value = total.value + one
            group, output = row // n.outputs, row % n.outputs
            store(Place(f, total.value, group, output, column, offset, mask))

    return ("filter gradient parts with few outputs", dtype, key), emit
