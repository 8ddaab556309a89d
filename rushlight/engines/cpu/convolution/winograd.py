"""Winograd's convolution, F(4x4, 3x3): 36 products of small matrices for each tile of results.

Three steps share the workspace: the filters are transformed and packed; then each chunk takes a
block of tiles through the transform of its input, the products, and the transform of the results,
for some panels of channels.  The gradient of the input is the same with turned filters.
"""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arrange import Tile
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.convolution import transforms
from rushlight.engines.cpu.convolution.expand import emit_channels_last
from rushlight.engines.cpu.convolution.finish import emit_finish, turned_size
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.convolution.sums import ALONG, emit_sums
from rushlight.engines.cpu.convolution.transforms import POSITIONS, RESULTS, SIDE, TAPS, transform
from rushlight.engines.cpu.tile import Prepare
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int32, int64

GAP = 16  # between positions, so that they do not all fall into the same places of a cache


class Number(IntEnum):
    """What the slots from `slots.FIRST_ARRANGED` on hold."""

    OUTPUTS = Slot.OUTPUTS
    PLACES = Slot.PLACES
    CHANNELS = Slot.FIRST
    IMAGES = 10
    GROUPS = 11
    ROWS = 12
    COLUMNS = 13
    OUT_ROWS = 14
    OUT_COLUMNS = 15
    TILE_ROWS = 16
    """Rows of tiles in a chunk's part of an image."""
    TILE_COLUMNS = 17
    BANDS = 18
    """Into how many such parts an image is cut."""
    IMAGES_EACH = 19
    """Images in a chunk."""
    IMAGE_BLOCKS = 20
    PANELS = 21
    PANEL_BLOCKS = 22
    TALL = 23
    SHORT = 24
    WIDTH = 25
    """Places in a row of the expanded input, and the numbers of one place."""
    DEPTH = 26
    ALONG_OUTPUTS = 27
    """Strides of the filters, the first tap, and the step from tap to tap."""
    ALONG_CHANNELS = 28
    FIRST_TAP = 29
    TAP_STEP = 30
    LOW_BASE = 31
    """The padding below is LOW_BASE + LOW_SIGN * the number recorded."""
    LOW_SIGN = 32
    CHANNELS_EACH = 33
    """How many channels' filters a chunk transforms at a time; 0: they are in the workspace."""


def emit_filters(module: Module, tile: Tile) -> Function:
    """A helper `(arguments, group, panel, first, count, target)`: a panel's transformed filters.

    For `count` channels of the input from `first` on; the numbers of a position lie behind each
    other, those of the next one `GAP` behind them.
    """
    f = module.helper("filters", (POINTER, int64, int64, int64, int64, POINTER))
    f.arguments, group, panel, first, count, target = f.parameters
    n = Values(f, Number)
    position = count * tile.columns + GAP
    start = group * n.outputs * n.channels * (TAPS * TAPS) + n.first_tap
    start = start + panel * tile.columns * n.along_outputs + first * n.along_channels
    source = f.at(tile.dtype, f.argument(POINTER, Slot.RIGHT), start)
    last = n.outputs - panel * tile.columns - 1
    with f.loop(0, count) as channel:
        at = f.at(tile.dtype, source, channel * n.along_channels)
        for side in range(0, tile.columns, tile.lanes):
            lanes = f.iota(int64, tile.lanes) + side
            lanes = f.select(lanes < f.splat(last, tile.lanes), lanes, last)
            offsets = (lanes * n.along_outputs).cast(int32)

            def load(i: int, j: int, at: Value = at, offsets: Value = offsets) -> Value:
                tap = f.at(tile.dtype, at, n.tap_step * (TAPS * i + j))
                return f.gather(tile.dtype, tap, offsets)

            place = f.at(tile.dtype, target, channel * tile.columns + side)
            store_positions(f, tile, transform(f, transforms.FILTER, load), place, position)
    return f


def filter_requests(tile: Tile) -> Request:
    """The step that transforms and packs the filters: a chunk for each panel of each group."""

    def emit(f: Function) -> None:
        n = Values(f, Number)
        filters = emit_filters(f.module, tile)
        size = (n.channels * tile.columns + GAP) * POSITIONS
        target = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), f.chunk * size)
        group, panel = f.chunk // n.panels, f.chunk % n.panels
        f.call(filters, f.arguments, group, panel, 0, n.channels, target)

    return ("winograd filters", tile), emit


def store_positions(f: Function, tile: Tile, values: list, target: Value, stride: Value) -> None:
    """Store a transformed tile, whose numbers belong so far apart."""
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            f.store(value, f.at(tile.dtype, target, stride * (i * len(row) + j)))


def compute_request(tile: Tile, prepare: Prepare, key: object) -> Request:
    """The step that computes: chunks are blocks of tiles by blocks of panels."""
    return ("winograd", tile, key), lambda f: _Computing(f, tile, prepare).emit()


class _Computing:
    def __init__(self, f: Function, tile: Tile, prepare: Prepare):
        self.f, self.tile, self.n = f, tile, Values(f, Number)
        self.expand = emit_channels_last(f.module, tile.dtype, tile.lanes)
        self.micros = {
            rows: emit_sums(f.module, tile, rows, ALONG) for rows in (tile.rows, tile.short_rows)
        }
        self.finish = emit_finish(f.module, tile, prepare)
        self.filters = emit_filters(f.module, tile)

    def emit(self) -> None:
        """The inputs of the block, then panel by panel the products and the results."""
        self._find_block()
        self._divide_scratch()
        with self.f.loop(0, self.images) as image:
            self._transform_input(image)
        first = self.n.panels * self.panel_block // self.n.panel_blocks
        last = self.n.panels * (self.panel_block + 1) // self.n.panel_blocks
        with self.f.loop(first, last) as panel:
            self._multiply_panel(panel)
            with self.f.loop(0, self.images) as image:
                self._transform_results(image, panel)

    def _find_block(self) -> None:
        f, n = self.f, self.n
        self.panel_block, rest = f.chunk % n.panel_blocks, f.chunk // n.panel_blocks
        band, rest = rest % n.bands, rest // n.bands
        block, self.group = rest % n.image_blocks, rest // n.image_blocks
        self.first_image = block * n.images_each
        left = n.images - self.first_image
        self.images = f.select(left < n.images_each, left, n.images_each)
        self.first_row = band * n.tile_rows * RESULTS
        left = n.out_rows - self.first_row
        whole = n.tile_rows * RESULTS
        self.rows = f.select(left < whole, left, whole)
        self.tiles_each = n.tile_rows * n.tile_columns
        self.tiles = n.tall * self.tile.rows + n.short * self.tile.short_rows

    def _divide_scratch(self) -> None:
        f, n, tile = self.f, self.n, self.tile
        self.turned = f.scratch
        self.sums = f.at(tile.dtype, self.turned, turned_size(tile))
        self.height = n.tile_rows * RESULTS + (SIDE - RESULTS)
        places = n.tile_rows * RESULTS * n.out_columns + tile.lanes
        self.expanded = f.at(tile.dtype, self.sums, places * tile.columns)
        self.inputs = f.at(tile.dtype, self.expanded, self.height * n.width * n.depth)
        self.input_position = self.tiles * n.depth + GAP
        self.products = f.at(tile.dtype, self.inputs, self.input_position * POSITIONS)
        self.product_position = self.tiles * tile.columns + GAP
        self.own = f.at(tile.dtype, self.products, self.product_position * POSITIONS)

    def _transform_input(self, image: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        number = (self.first_image + image) * n.groups + self.group
        source = f.at(
            tile.dtype, f.argument(POINTER, Slot.LEFT), number * n.channels * n.rows * n.columns
        )
        low = [f.argument(int64, Slot.LOW + i) * n.low_sign + n.low_base for i in range(2)]
        window = n.channels, n.rows, n.columns, self.first_row - low[0], 0 - low[1]
        f.call(self.expand, source, *window, self.expanded, self.height, n.width, n.depth)
        with f.loop(0, n.tile_rows) as a, f.loop(0, n.tile_columns) as b:
            place = (a * n.width + b) * RESULTS * n.depth
            at = f.at(tile.dtype, self.expanded, place)
            index = image * self.tiles_each + a * n.tile_columns + b
            to = f.at(tile.dtype, self.inputs, index * n.depth)
            with f.loop(0, n.channels, tile.lanes) as channel:

                def load(i: int, j: int, at: Value = at, channel: Value = channel) -> Value:
                    row = f.at(tile.dtype, at, (n.width * i + j) * n.depth)
                    return f.load(tile.dtype, row, channel, tile.lanes)

                values = transform(f, transforms.INPUT, load)
                target = f.at(tile.dtype, to, channel)
                store_positions(f, tile, values, target, self.input_position)

    def _multiply_panel(self, panel: Value) -> None:
        """With filters from the workspace, or transformed here, some channels at a time."""
        f, n, tile = self.f, self.n, self.tile
        zero = f.constant(0, int64)
        with f.when(n.channels_each.equals(0)) as ready:
            size = (n.channels * tile.columns + GAP) * POSITIONS
            number = self.group * n.panels + panel
            packed = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), number * size)
            self._multiply(packed, zero, n.channels)
        with ready.otherwise():
            blocks = (n.channels + (n.channels_each - 1)) // n.channels_each
            with f.loop(0, blocks) as block:
                first = block * n.channels_each
                left = n.channels - first
                count = f.select(left < n.channels_each, left, n.channels_each)
                f.call(self.filters, f.arguments, self.group, panel, first, count, self.own)
                self._multiply(self.own, first, count)

    def _multiply(self, filters: Value, first: Value, count: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        position = count * tile.columns + GAP
        tall, adds = n.tall * tile.rows, (first > 0).cast(int64)
        with f.loop(0, POSITIONS) as p:
            a = f.at(tile.dtype, self.inputs, p * self.input_position + first)
            b = f.at(tile.dtype, filters, p * position)
            c = f.at(tile.dtype, self.products, p * self.product_position)

            def multiply(rows: int, row: Value, a: Value = a, b: Value = b, c: Value = c) -> None:
                at = f.at(tile.dtype, a, row * n.depth)
                to = f.at(tile.dtype, c, row * tile.columns)
                f.call(self.micros[rows], at, n.depth, 1, b, count, to, tile.columns, adds)

            with f.loop(0, n.tall) as i:
                multiply(tile.rows, i * tile.rows)
            with f.loop(0, n.short) as i:
                multiply(tile.short_rows, tall + i * tile.short_rows)

    def _transform_results(self, image: Value, panel: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        with f.loop(0, n.tile_rows) as a, f.loop(0, n.tile_columns) as b:
            index = image * self.tiles_each + a * n.tile_columns + b
            rows, columns = self.rows - a * RESULTS, n.out_columns - b * RESULTS
            place = (a * n.out_columns + b) * RESULTS * tile.columns
            for start in range(0, tile.columns, tile.lanes):
                source = f.at(tile.dtype, self.products, index * tile.columns + start)

                def load(i: int, j: int, source: Value = source) -> Value:
                    at = f.at(tile.dtype, source, self.product_position * (SIDE * i + j))
                    return f.load(tile.dtype, at, None, tile.lanes)

                values = transform(f, transforms.RESULT, load)
                self._store_tile(values, place + start, rows, columns)
        self._finish(image, panel)

    def _store_tile(self, values: list, place: Value, rows: Value, columns: Value) -> None:
        """To the rows of sums; what lies beyond the image is left out."""
        f, n, tile = self.f, self.n, self.tile

        def store(i: int, j: int) -> None:
            to = place + (n.out_columns * i + j) * tile.columns
            f.store(values[i][j], f.at(tile.dtype, self.sums, to))

        pairs = [(i, j) for i in range(RESULTS) for j in range(RESULTS)]
        with f.when((rows >= RESULTS) & (columns >= RESULTS)) as whole:
            for i, j in pairs:
                store(i, j)
        with whole.otherwise():
            for i, j in pairs:
                with f.when((rows > i) & (columns > j)):
                    store(i, j)

    def _finish(self, image: Value, panel: Value) -> None:
        f, n = self.f, self.n
        batch = (self.first_image + image) * n.groups + self.group
        first, count = self.first_row * n.out_columns, self.rows * n.out_columns
        channel = panel * self.tile.columns
        f.call(self.finish, f.arguments, self.sums, self.turned, batch, channel, first, count)
