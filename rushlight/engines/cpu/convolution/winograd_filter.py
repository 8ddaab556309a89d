"""Winograd's way to the gradient of 3x3 filters: the adjoint of `winograd.py` in the filters.

Each chunk goes through some blocks of tiles for some panels of channels, transforms inputs and
gradients, and adds up the 36 products; what it found is transformed back to a partial gradient.
"""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arrange import Tile
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution import reduce, transforms
from rushlight.engines.cpu.convolution.expand import emit_channels_last
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.convolution.sums import ACROSS, emit_sums
from rushlight.engines.cpu.convolution.transforms import POSITIONS, RESULTS, SIDE, TAPS, transform
from rushlight.engines.cpu.convolution.winograd import GAP, store_positions
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64


class Number(IntEnum):
    """What the slots hold."""

    OUTPUTS = reduce.Number.OUTPUTS
    PLACES = reduce.Number.PLACES
    PANELS = reduce.Number.PANELS
    GROUPS = reduce.Number.GROUPS
    PARTS = reduce.Number.PARTS
    CHANNELS = reduce.Number.FIRST_OWN
    IMAGES = 15
    ROWS = 16
    COLUMNS = 17
    OUT_ROWS = 18
    OUT_COLUMNS = 19
    TILE_ROWS = 20
    TILE_COLUMNS = 21
    BANDS = 22
    IMAGES_EACH = 23
    IMAGE_BLOCKS = 24
    PANEL_BLOCKS = 25
    TALL = 26
    SHORT = 27
    WIDTH = 28
    DEPTH = 29
    OUT_WIDTH = 30
    """Places in a row of the expanded gradient."""


def compute_request(tile: Tile) -> Request:
    """The step that computes: chunks are groups by parts by blocks of panels."""
    return ("winograd filter gradient", tile), lambda f: _Computing(f, tile).emit()


class _Computing:
    def __init__(self, f: Function, tile: Tile):
        self.f, self.tile, self.n = f, tile, Values(f, Number)
        self.expand = emit_channels_last(f.module, tile.dtype, tile.lanes)
        self.micros = {
            rows: emit_sums(f.module, tile, rows, ACROSS) for rows in (tile.rows, tile.short_rows)
        }

    def emit(self) -> None:
        """All blocks of tiles of the part, then the way back."""
        f, n = self.f, self.n
        panel_block, rest = f.chunk % n.panel_blocks, f.chunk // n.panel_blocks
        self.part, self.group = rest % n.parts, rest // n.parts
        self.first_panel = n.panels * panel_block // n.panel_blocks
        self.last_panel = n.panels * (panel_block + 1) // n.panel_blocks
        self._divide_scratch()
        blocks = n.image_blocks * n.bands
        first, last = blocks * self.part // n.parts, blocks * (self.part + 1) // n.parts
        with f.loop(first, last) as block:
            self._find_block(block)
            with f.loop(0, self.images) as image:
                self._transform_input(image)
            with f.loop(self.first_panel, self.last_panel) as panel:
                with f.loop(0, self.images) as image:
                    self._transform_gradient(image, panel)
                self._multiply(panel, block > first)
        with f.loop(self.first_panel, self.last_panel) as panel:
            self._transform_back(panel)

    def _find_block(self, block: Value) -> None:
        f, n = self.f, self.n
        band, images = block % n.bands, block // n.bands
        self.first_image = images * n.images_each
        left = n.images - self.first_image
        self.images = f.select(left < n.images_each, left, n.images_each)
        self.first_row = band * n.tile_rows * RESULTS

    def _divide_scratch(self) -> None:
        f, n, tile = self.f, self.n, self.tile
        self.height = n.tile_rows * RESULTS + (SIDE - RESULTS)
        self.tiles_each = n.tile_rows * n.tile_columns
        tiles = self.tiles_each * n.images_each
        self.expanded = f.scratch
        self.inputs = f.at(tile.dtype, self.expanded, self.height * n.width * n.depth)
        self.input_position = tiles * n.depth + GAP
        after = f.at(tile.dtype, self.inputs, self.input_position * POSITIONS)
        self.out_expanded = f.at(tile.dtype, after, tile.columns)
        places = n.tile_rows * RESULTS * n.out_width
        self.gradients = f.at(tile.dtype, self.out_expanded, places * tile.columns)
        self.gradient_position = tiles * tile.columns + GAP
        self.sums = f.at(tile.dtype, self.gradients, self.gradient_position * POSITIONS)
        rows = n.tall * tile.rows + n.short * tile.short_rows
        self.sums_position = rows * tile.columns + GAP

    def _transform_input(self, image: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        number = (self.first_image + image) * n.groups + self.group
        planes = number * n.channels * n.rows * n.columns
        source = f.at(tile.dtype, f.argument(POINTER, Slot.LEFT), planes)
        low = [f.argument(int64, Slot.LOW + i) for i in range(2)]
        window = n.channels, n.rows, n.columns, self.first_row - low[0], 0 - low[1]
        f.call(self.expand, source, *window, self.expanded, self.height, n.width, n.depth)
        with f.loop(0, n.tile_rows) as a, f.loop(0, n.tile_columns) as b:
            at = f.at(tile.dtype, self.expanded, (a * n.width + b) * RESULTS * n.depth)
            index = image * self.tiles_each + a * n.tile_columns + b
            to = f.at(tile.dtype, self.inputs, index * n.depth)
            with f.loop(0, n.channels, tile.lanes) as channel:

                def load(i: int, j: int, at: Value = at, channel: Value = channel) -> Value:
                    row = f.at(tile.dtype, at, (n.width * i + j) * n.depth)
                    return f.load(tile.dtype, row, channel, tile.lanes)

                values = transform(f, transforms.INPUT, load)
                target = f.at(tile.dtype, to, channel)
                store_positions(f, tile, values, target, self.input_position)

    def _transform_gradient(self, image: Value, panel: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        number = (self.first_image + image) * n.groups + self.group
        first = panel * tile.columns
        planes = (number * n.outputs + first) * n.out_rows * n.out_columns
        source = f.at(tile.dtype, f.argument(POINTER, Slot.RIGHT), planes)
        left = n.outputs - first
        count = f.select(left < tile.columns, left, f.constant(tile.columns, int64))
        window = count, n.out_rows, n.out_columns, self.first_row, f.constant(0, int64)
        height = n.tile_rows * RESULTS
        f.call(self.expand, source, *window, self.out_expanded, height, n.out_width, tile.columns)
        with f.loop(0, n.tile_rows) as a, f.loop(0, n.tile_columns) as b:
            place = (a * n.out_width + b) * (RESULTS * tile.columns)
            at = f.at(tile.dtype, self.out_expanded, place)
            index = image * self.tiles_each + a * n.tile_columns + b
            to = f.at(tile.dtype, self.gradients, index * tile.columns)
            for start in range(0, tile.columns, tile.lanes):

                def load(i: int, j: int, at: Value = at, start: int = start) -> Value:
                    row = f.at(tile.dtype, at, (n.out_width * i + j) * tile.columns)
                    return f.load(tile.dtype, row, start, tile.lanes)

                values = transform(f, transforms.GRADIENT, load)
                target = f.at(tile.dtype, to, start)
                store_positions(f, tile, values, target, self.gradient_position)

    def _multiply(self, panel: Value, adds: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        sums = self._sums_of(panel)
        tiles, again = self.images * self.tiles_each, adds.cast(int64)
        tall = n.tall * tile.rows
        with f.loop(0, POSITIONS) as p:
            a = f.at(tile.dtype, self.inputs, p * self.input_position)
            b = f.at(tile.dtype, self.gradients, p * self.gradient_position)
            c = f.at(tile.dtype, sums, p * self.sums_position)

            def multiply(rows: int, row: Value, a: Value = a, b: Value = b, c: Value = c) -> None:
                at = f.at(tile.dtype, a, row)
                to = f.at(tile.dtype, c, row * tile.columns)
                f.call(self.micros[rows], at, 1, n.depth, b, tiles, to, tile.columns, again)

            with f.loop(0, n.tall) as i:
                multiply(tile.rows, i * tile.rows)
            with f.loop(0, n.short) as i:
                multiply(tile.short_rows, tall + i * tile.short_rows)

    def _sums_of(self, panel: Value) -> Value:
        position = self.sums_position * POSITIONS
        return self.f.at(self.tile.dtype, self.sums, (panel - self.first_panel) * position)

    def _transform_back(self, panel: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        sums = self._sums_of(panel)
        number = (self.part * n.groups + self.group) * n.panels + panel
        workspace = f.argument(POINTER, Slot.WORKSPACE)
        target = f.at(tile.dtype, workspace, number * n.places * tile.columns)
        with f.loop(0, n.channels) as channel:
            for start in range(0, tile.columns, tile.lanes):
                at = f.at(tile.dtype, sums, channel * tile.columns + start)

                def load(i: int, j: int, at: Value = at) -> Value:
                    one = f.at(tile.dtype, at, self.sums_position * (SIDE * i + j))
                    return f.load(tile.dtype, one, None, tile.lanes)

                values = transform(f, transforms.FILTER_GRADIENT, load)
                row = channel * (TAPS * TAPS * tile.columns) + start
                to = f.at(tile.dtype, target, row)
                store_positions(f, tile, values, to, f.constant(tile.columns, int64))
