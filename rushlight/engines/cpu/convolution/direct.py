"""Convolutions computed directly: a contraction over windows of the input, which are never copied.

The first step packs the filters, a panel for each group of output channels.  Then each chunk
copies the part of the input that it reads, with zeros around it, and multiplies: a row of the
product is a place of the result, found in the copy by a table of offsets, and a table along the
depth leads from there to each channel and tap.  Any size, stride and dilation is just tables.

The gradient of the input is the same by phases: places whose distance is a multiple of the stride
meet the same taps.  Filters are packed so that the taps of a phase are neighbours.
"""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arrange import tile_of
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution.expand import emit_window
from rushlight.engines.cpu.convolution.finish import emit_finish, turned_size
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.convolution.sums import TABLES, emit_sums
from rushlight.engines.cpu.packing import emit_pack
from rushlight.engines.cpu.tile import Prepare
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64


class Number(IntEnum):
    """What the slots hold; triples are of up to three spatial dimensions."""

    OUTPUTS = Slot.OUTPUTS
    PLACES = Slot.PLACES
    CHANNELS = Slot.FIRST
    IMAGES = 10
    GROUPS = 11
    LENGTH = 12
    """Of the input."""
    WINDOW = 15
    """Sizes of the copied part of a channel, the last one rounded up."""
    ORIGIN = 18
    """Where it begins: ORIGIN + ORIGIN_SIGN * (padding below // PHASES)."""
    PHASES = 21
    ORIGIN_SIGN = 24
    BAND_STEP = 25
    """How far the origin moves along the first dimension from one band to the next."""
    BANDS = 26
    BAND_PLACES = 27
    """Places of the result in a whole band."""
    IMAGES_EACH = 28
    PANELS = 29
    PANEL_BLOCKS = 30
    DEPTH = 31
    FILTER_ACROSS = 32
    """Strides of the filters over output channels and along the depth, inside a segment."""
    FILTER_ALONG = 33
    SEGMENTS = 34
    SEGMENT = 35
    """The length of each segment of the depth."""
    TABLES = 36
    """The address of the tables; see `Table`."""
    TILE_GROUPS = 37
    """How many groups of places there are, each with its own phase."""


class Table(IntEnum):
    """Pointers at TABLES."""

    ACROSS = 0
    """For each row of the product, its place in the copy."""
    PLACES = 1
    """For each row of the product, where its sums belong."""
    ALONG = 2
    """For each step along the depth, the offset in the copy."""
    TILE_GROUPS = 3
    """First row, tall tiles, short tiles, and three remainders of the place by the stride."""
    PHASES = 4
    """First step along the depth, and how many."""
    SEGMENTS = 5
    """For each segment, where it begins in the filters."""


GROUP_ENTRIES, PHASE_ENTRIES = 6, 2


def _table(f: Function, which: Table) -> Value:
    return f.load(POINTER, f.at(int64, f.argument(POINTER, Number.TABLES), int(which)))


def filter_request(dtype: DType) -> Request:
    """The step that packs the filters: a chunk for each panel of each group."""
    tile = tile_of(dtype)

    def emit(f: Function) -> None:
        n = Values(f, Number)
        pack = emit_pack(f.module, dtype, tile.columns, tile.lanes, False)
        segments = _table(f, Table.SEGMENTS)
        group, panel = f.chunk // n.panels, f.chunk % n.panels
        workspace = f.argument(POINTER, Slot.WORKSPACE)
        target = f.at(tile.dtype, workspace, f.chunk * n.depth * tile.columns)
        first = panel * tile.columns
        start = group * n.outputs * n.depth + first * n.filter_across
        source = f.at(dtype, f.argument(POINTER, Slot.RIGHT), start)
        left = n.outputs - first
        valid = f.select(left < tile.columns, left, f.constant(tile.columns, int64))
        with f.loop(0, n.segments) as i:
            at = f.at(dtype, source, f.load(int64, segments, i))
            to = f.at(tile.dtype, target, i * n.segment * tile.columns)
            f.call(pack, at, n.filter_across, n.filter_along, to, valid, n.segment)

    return ("convolution filters", dtype), emit


def compute_request(dtype: DType, rank: int, prepare: Prepare, key: object) -> Request:
    """The step that computes: chunks are bands of images by blocks of panels."""

    def emit(f: Function) -> None:
        _Computing(f, dtype, rank, prepare).emit()

    return ("convolution", dtype, rank, key), emit


class _Computing:
    def __init__(self, f: Function, dtype: DType, rank: int, prepare: Prepare):
        self.f, self.dtype, self.rank = f, dtype, rank
        self.tile = tile = tile_of(dtype)
        self.n = Values(f, Number)
        self.copy = emit_window(f.module, dtype, rank, tile.lanes)
        self.micros = {
            rows: emit_sums(f.module, tile, rows, TABLES) for rows in (tile.rows, tile.short_rows)
        }
        self.finish = emit_finish(f.module, tile, prepare)
        self.lengths, self.window, self.phases = (
            self._triple(number) for number in (Number.LENGTH, Number.WINDOW, Number.PHASES)
        )
        self.low = self._triple(Slot.LOW)
        self.tables = {which: _table(f, which) for which in Table}

    def _triple(self, first: int) -> list[Value]:
        return [self.f.argument(int64, first + i) for i in range(self.rank)]

    def emit(self) -> None:
        """Copy what the chunk reads, then go through its panels."""
        f, n = self.f, self.n
        self._find_block()
        self._divide_scratch()
        with f.loop(0, self.images) as image:
            self._copy_image(image)
        first = n.panels * self.panel_block // n.panel_blocks
        last = n.panels * (self.panel_block + 1) // n.panel_blocks
        with f.loop(first, last) as panel:
            with f.loop(0, n.tile_groups) as group:
                self._multiply(panel, group)
            with f.loop(0, self.images) as image:
                self._finish(image, panel)

    def _find_block(self) -> None:
        f, n = self.f, self.n
        self.panel_block, rest = f.chunk % n.panel_blocks, f.chunk // n.panel_blocks
        self.band, rest = rest % n.bands, rest // n.bands
        blocks = (n.images + (n.images_each - 1)) // n.images_each
        block, self.group = rest % blocks, rest // blocks
        self.first_image = block * n.images_each
        left = n.images - self.first_image
        self.images = f.select(left < n.images_each, left, n.images_each)
        self.first_place = self.band * n.band_places
        left = n.places - self.first_place
        self.count = f.select(left < n.band_places, left, n.band_places)

    def _divide_scratch(self) -> None:
        f, n, tile = self.f, self.n, self.tile
        self.turned = f.scratch
        self.sums = f.at(tile.dtype, self.turned, turned_size(tile))
        rows = n.band_places * n.images_each + tile.lanes
        self.copied = f.at(tile.dtype, self.sums, rows * tile.columns)
        self.plane = self.window[0]
        for size in self.window[1:]:
            self.plane = self.plane * size

    def _copy_image(self, image: Value) -> None:
        f, n = self.f, self.n
        origins = []
        for axis in range(self.rank):
            shift = n.origin_sign * (self.low[axis] // self.phases[axis])
            origins.append(f.argument(int64, Number.ORIGIN + axis) + shift)
        origins[0] = origins[0] + self.band * n.band_step
        number = ((self.first_image + image) * n.groups + self.group) * n.channels
        size = self.lengths[0]
        for length in self.lengths[1:]:
            size = size * length
        with f.loop(0, n.channels) as channel:
            source = f.at(self.dtype, f.argument(POINTER, Slot.LEFT), (number + channel) * size)
            place = (image * n.channels + channel) * self.plane
            target = f.at(self.tile.dtype, self.copied, place)
            f.call(self.copy, source, *self.lengths, *origins, target, *self.window)

    def _multiply(self, panel: Value, group: Value) -> None:
        """All rows of one group of places by one panel."""
        f, n, tile = self.f, self.n, self.tile
        entry = f.at(int64, self.tables[Table.TILE_GROUPS], group * GROUP_ENTRIES)
        first, tall, short = (f.load(int64, entry, i) for i in range(3))
        shift, phase = f.constant(0, int64), f.constant(0, int64)
        for axis in range(self.rank):
            place = f.load(int64, entry, 3 + axis) + self.low[axis]
            phase = phase * self.phases[axis] + place % self.phases[axis]
            moved = place // self.phases[axis] - self.low[axis] // self.phases[axis]
            shift = shift * self.window[axis] + moved
        entry = f.at(int64, self.tables[Table.PHASES], phase * PHASE_ENTRIES)
        start, count = (f.load(int64, entry, i) for i in range(2))
        a = f.at(tile.dtype, self.copied, shift)
        along = f.at(int64, self.tables[Table.ALONG], start)
        number = (self.group * n.panels + panel) * n.depth + start
        b = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), number * tile.columns)

        def multiply(rows: int, row: Value) -> None:
            across, places = (
                f.at(int64, self.tables[which], row) for which in (Table.ACROSS, Table.PLACES)
            )
            f.call(self.micros[rows], a, across, along, b, count, self.sums, places, 0)

        with f.loop(0, tall) as i:
            multiply(tile.rows, first + i * tile.rows)
        with f.loop(0, short) as i:
            multiply(tile.short_rows, first + tall * tile.rows + i * tile.short_rows)

    def _finish(self, image: Value, panel: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        batch = (self.first_image + image) * n.groups + self.group
        sums = f.at(tile.dtype, self.sums, image * n.band_places * tile.columns)
        where = batch, panel * tile.columns, self.first_place, self.count
        f.call(self.finish, f.arguments, sums, self.turned, *where)
