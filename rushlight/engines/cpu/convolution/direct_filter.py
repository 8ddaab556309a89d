"""The gradient of a convolution's filters, computed directly.

A row of the product is a channel of the input with a tap, a column is a channel of the result, and
the depth are places of the result in all images.  Each chunk takes some images (a part), channels
of the input and panels of columns; `reduce.py` adds up the parts.
"""

from __future__ import annotations

from enum import IntEnum

from rushlight.engines.cpu.arrange import tile_of
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution import reduce
from rushlight.engines.cpu.convolution.expand import emit_window
from rushlight.engines.cpu.convolution.slots import Slot, Values
from rushlight.engines.cpu.convolution.sums import TABLES, emit_sums
from rushlight.engines.cpu.packing import emit_pack
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int64


class Number(IntEnum):
    """What the slots hold; triples are of up to three spatial dimensions."""

    OUTPUTS = reduce.Number.OUTPUTS
    PLACES = reduce.Number.PLACES
    PANELS = reduce.Number.PANELS
    GROUPS = reduce.Number.GROUPS
    PARTS = reduce.Number.PARTS
    ROWS_EACH = reduce.Number.ROWS_EACH
    CHANNELS = reduce.Number.FIRST_OWN
    IMAGES = 15
    LENGTH = 16
    WINDOW = 19
    BAND_STEP = 22
    BANDS = 23
    BAND_PLACES = 24
    OUT_PLACES = 25
    """Places of the result in an image."""
    IMAGES_EACH = 26
    IMAGE_BLOCKS = 27
    CHANNELS_EACH = 28
    CHANNEL_BLOCKS = 29
    PANEL_BLOCKS = 30
    TALL = 31
    SHORT = 32
    TAPS = 33
    ACROSS = 34
    """Addresses of tables: for each row its place in the copy, and where its sums belong."""
    TARGETS = 35
    ALONG = 36
    """For each place of the result in a block, its offset in the copy."""


def compute_request(dtype: DType, rank: int) -> Request:
    """The step that computes."""
    emit = lambda f: _Computing(f, dtype, rank).emit()  # noqa: E731
    return ("convolution filter gradient", dtype, rank), emit


class _Computing:
    def __init__(self, f: Function, dtype: DType, rank: int):
        self.f, self.dtype, self.rank = f, dtype, rank
        self.tile = tile = tile_of(dtype)
        self.n = Values(f, Number)
        self.copy = emit_window(f.module, dtype, rank, tile.lanes)
        self.pack = emit_pack(f.module, dtype, tile.columns, tile.lanes, False)
        self.micros = {
            rows: emit_sums(f.module, tile, rows, TABLES) for rows in (tile.rows, tile.short_rows)
        }
        self.lengths, self.window, self.low = (
            [f.argument(int64, first + i) for i in range(rank)]
            for first in (Number.LENGTH, Number.WINDOW, Slot.LOW)
        )

    def emit(self) -> None:
        """Chunks are groups, parts, blocks of channels and blocks of panels."""
        f, n = self.f, self.n
        panel_block, rest = f.chunk % n.panel_blocks, f.chunk // n.panel_blocks
        channel_block, rest = rest % n.channel_blocks, rest // n.channel_blocks
        self.part, self.group = rest % n.parts, rest // n.parts
        self.first_channel = channel_block * n.channels_each
        self._divide_scratch()
        blocks = n.image_blocks * n.bands
        first, last = blocks * self.part // n.parts, blocks * (self.part + 1) // n.parts
        panels = [n.panels * (panel_block + i) // n.panel_blocks for i in range(2)]
        with f.loop(first, last) as block:
            self._find_block(block)
            with f.loop(0, self.images) as image:
                self._copy_image(image)
            with f.loop(*panels) as panel:
                with f.loop(0, self.images) as image:
                    self._pack_image(image, panel)
                self._multiply(panel, block > first)

    def _divide_scratch(self) -> None:
        f, n, tile = self.f, self.n, self.tile
        self.packed = f.scratch
        numbers = n.band_places * n.images_each * tile.columns
        self.copied = f.at(tile.dtype, self.packed, numbers)
        self.plane, self.size = self.window[0], self.lengths[0]
        for size, length in zip(self.window[1:], self.lengths[1:], strict=True):
            self.plane, self.size = self.plane * size, self.size * length

    def _find_block(self, block: Value) -> None:
        f, n = self.f, self.n
        self.band = block % n.bands
        self.first_image = block // n.bands * n.images_each
        left = n.images - self.first_image
        self.images = f.select(left < n.images_each, left, n.images_each)
        self.first_place = self.band * n.band_places
        left = n.out_places - self.first_place
        self.count = f.select(left < n.band_places, left, n.band_places)

    def _copy_image(self, image: Value) -> None:
        f, n = self.f, self.n
        origins = [0 - low for low in self.low]
        origins[0] = origins[0] + self.band * n.band_step
        number = ((self.first_image + image) * n.groups + self.group) * n.channels
        with f.loop(0, n.channels_each) as i:
            channel, last = self.first_channel + i, n.channels - 1
            channel = f.select(channel < last, channel, last)  # rows beyond it are never read
            source = f.at(
                self.dtype, f.argument(POINTER, Slot.LEFT), (number + channel) * self.size
            )
            place = (image * n.channels_each + i) * self.plane
            target = f.at(self.tile.dtype, self.copied, place)
            f.call(self.copy, source, *self.lengths, *origins, target, *self.window)

    def _pack_image(self, image: Value, panel: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        number = (self.first_image + image) * n.groups + self.group
        first = panel * tile.columns
        place = (number * n.outputs + first) * n.out_places + self.first_place
        source = f.at(self.dtype, f.argument(POINTER, Slot.RIGHT), place)
        target = f.at(tile.dtype, self.packed, image * n.band_places * tile.columns)
        left = n.outputs - first
        valid = f.select(left < tile.columns, left, f.constant(tile.columns, int64))
        f.call(self.pack, source, n.out_places, 1, target, valid, self.count)

    def _multiply(self, panel: Value, adds: Value) -> None:
        f, n, tile = self.f, self.n, self.tile
        number = ((self.part * n.groups + self.group) * n.panels + panel) * n.rows_each
        first = number + self.first_channel * n.taps
        workspace = f.argument(POINTER, Slot.WORKSPACE)
        sums = f.at(tile.dtype, workspace, first * tile.columns)
        depth = (self.images - 1) * n.band_places + self.count
        along, again = f.argument(POINTER, Number.ALONG), adds.cast(int64)

        def multiply(rows: int, row: Value) -> None:
            across, targets = (
                f.at(int64, f.argument(POINTER, which), row)
                for which in (Number.ACROSS, Number.TARGETS)
            )
            operands = self.copied, across, along, self.packed, depth
            f.call(self.micros[rows], *operands, sums, targets, again)

        with f.loop(0, n.tall) as i:
            multiply(tile.rows, i * tile.rows)
        with f.loop(0, n.short) as i:
            multiply(tile.short_rows, n.tall * tile.rows + i * tile.short_rows)
