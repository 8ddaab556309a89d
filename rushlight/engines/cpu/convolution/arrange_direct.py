"""How the direct ways divide their work, with their tables: functions of sizes and the host."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from rushlight.engines.cpu.arrange import Tile, tiles_of
from rushlight.engines.cpu.convolution import reduce
from rushlight.engines.cpu.convolution.direct import GROUP_ENTRIES, Number
from rushlight.engines.cpu.convolution.direct_filter import Number as FilterNumber
from rushlight.engines.cpu.convolution.finish import turned_size
from rushlight.engines.cpu.convolution.reduce import reduce_scratch
from rushlight.engines.cpu.convolution.shape import (
    INPUT,
    Extent,
    Sizes,
    Structure,
    divided,
    numbers,
    rounded,
    triple,
)
from rushlight.engines.cpu.convolution.slots import FIRST_ARRANGED
from rushlight.engines.cpu.crafted import Arrangement

DIRECT = "direct"

_FEWEST_CHUNKS = 8
_WINDOW_NUMBERS = 96 << 10
"""How large a chunk's copy of its input should be."""
_LEAST_PLACES, _MOST_PLACES = 96, 1024
_LEAST_DEPTH = 256
_COPIED_NUMBERS = 128 << 10
"""The same for the gradient of filters."""
_PARTIAL_NUMBERS = 1 << 20
_MOST_PARTS = 16


def offsets(counts: Sizes, steps: Sizes) -> np.ndarray:
    """The offsets of all places of a box, in C order."""
    total = np.zeros(1, np.int64)
    for count, step in zip(counts, steps, strict=True):
        total = (total[:, None] + np.arange(count) * step).ravel()
    return total


def strides_of(sizes: Sizes) -> Sizes:
    """The strides of a box in C order."""
    return tuple([prod(sizes[axis + 1 :]) for axis in range(len(sizes))])


def covered(structure: Structure, counts: Sizes) -> Sizes:
    """What windows with so many places cover, the last size rounded up to whole vectors."""
    axes = zip(counts, structure.stride, structure.size, structure.dilation, strict=True)
    sizes = [(count - 1) * s + (k - 1) * d + 1 for count, s, k, d in axes]
    sizes[-1] = rounded(sizes[-1], structure.tile.lanes)
    return tuple(sizes)


def padded_rows(tile: Tile, rows: np.ndarray, fill: int) -> tuple[np.ndarray, int, int]:
    """Rows of a product with some to spare, so that whole tiles cover them."""
    tall, short = tiles_of(tile, len(rows))
    spare = tall * tile.rows + short * tile.short_rows - len(rows)
    return np.concatenate([rows, np.full(spare, fill, np.int64)]), tall, short


class _Direct:
    """The way to the result, or to the gradient of the input by phases."""

    def __init__(self, structure: Structure, extent: Extent):
        self.turned = structure.kind == INPUT
        self.structure, self.tile = structure, structure.tile
        self.extent = extent = extent.turned() if self.turned else extent
        one = (1,) * structure.rank
        self.phases = structure.stride if self.turned else one
        self.steps = one if self.turned else structure.stride
        reaches = zip(structure.size, structure.dilation, strict=True)
        reach = [(k - 1) * d for k, d in reaches]
        self.reach = tuple([r // s for r, s in zip(reach, self.phases, strict=True)])
        self.panels = divided(extent.outputs, self.tile.columns)
        self.depth = extent.channels * structure.taps
        self.find_bands()
        self.window = self.window_of(self.rows)
        self.pitches = strides_of(self.window)

    def window_of(self, rows: int) -> Sizes:
        """The sizes of the part of a channel that some rows of the result read."""
        sizes = []
        for axis, count in enumerate((rows, *self.extent.counts[1:])):
            phases = self.phases[axis]
            last = (divided(count, phases) - 1) * self.steps[axis] + self.reach[axis]
            sizes.append(last + 1 + (phases > 1))
        sizes[-1] = rounded(sizes[-1], self.tile.lanes)
        return tuple(sizes)

    def find_bands(self) -> None:
        """Parts of images, or several small ones, that a chunk computes."""
        extent, unit = self.extent, self.phases[0]
        whole, inner = extent.counts[0], prod(extent.counts[1:])
        numbers = extent.channels * prod(self.window_of(whole))
        bands = max(divided(numbers, _WINDOW_NUMBERS), divided(whole * inner, _MOST_PLACES))
        wanted = divided(_FEWEST_CHUNKS, extent.images * extent.groups)
        bands = max(bands, min(wanted, whole * inner // _LEAST_PLACES))
        self.rows = min(whole, rounded(divided(whole, max(1, bands)), unit))
        self.bands = divided(whole, self.rows)
        self.places = self.rows * inner
        fitting = max(1, _WINDOW_NUMBERS // max(1, numbers))
        each = min(extent.images, fitting, divided(_LEAST_PLACES, self.places))
        self.images_each = 1 if self.bands > 1 else each
        blocks = divided(extent.images, self.images_each) * extent.groups * self.bands
        self.panel_blocks = min(self.panels, divided(_FEWEST_CHUNKS, blocks))
        self.blocks = blocks

    def row_tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows by their phases: places in the copy, where sums belong, and tiles."""
        tile, counts = self.tile, (self.rows, *self.extent.counts[1:])
        steps = tuple([p * s for p, s in zip(self.pitches, self.steps, strict=True)])
        images = np.arange(self.images_each)[:, None]
        plane = prod(self.window) * self.extent.channels
        across, places, groups, first = [], [], [], 0
        for rest in product(*[range(min(p, c)) for p, c in zip(self.phases, counts, strict=True)]):
            parts = zip(counts, rest, self.phases, strict=True)
            box = tuple([divided(count - r, phase) for count, r, phase in parts])
            where = [s * p for s, p in zip(strides_of(counts), self.phases, strict=True)]
            place = offsets(box, tuple(where)) + sum(
                [r * s for r, s in zip(rest, strides_of(counts), strict=True)]
            )
            rows = (offsets(box, steps) + images * plane).ravel()
            targets = (place + images * self.places).ravel() * tile.columns
            dump = self.images_each * self.places * tile.columns
            rows, tall, short = padded_rows(tile, rows, int(rows[0]))
            across.append(rows)
            places.append(padded_rows(tile, targets, dump)[0])
            groups.append([first, tall, short, *rest, *[0] * (GROUP_ENTRIES - 3 - len(rest))])
            first += len(rows)
        return np.concatenate(across), np.concatenate(places), np.array(groups, np.int64)

    def depth_tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Along the depth: offsets in the copy, steps by phase, and segments of the filters."""
        structure, channels = self.structure, self.extent.channels
        planes = np.arange(channels, dtype=np.int64) * prod(self.window)
        dilation = [d * p for d, p in zip(structure.dilation, self.pitches, strict=True)]
        if not self.turned:
            taps = offsets(structure.size, tuple(dilation))
            along = (planes[:, None] + taps).ravel()
            return along, np.array([[0, self.depth]], np.int64), np.zeros(1, np.int64)
        by_phase: dict[Sizes, list[tuple[int, int]]] = {
            phase: [] for phase in product(*[range(p) for p in self.phases])
        }
        for number, tap in enumerate(product(*[range(k) for k in structure.size])):
            at = [t * d for t, d in zip(tap, structure.dilation, strict=True)]
            phase = tuple([a % p for a, p in zip(at, self.phases, strict=True)])
            back = [r - a // p for r, a, p in zip(self.reach, at, self.phases, strict=True)]
            offset = sum([b * p for b, p in zip(back, self.pitches, strict=True)])
            by_phase[phase].append((number, offset))
        along, spans, segments = [], [], []
        for found in by_phase.values():
            spans.append([len(segments) * channels, len(found) * channels])
            segments += [number for number, _ in found]
            along += [planes + offset for _, offset in found]
        return np.concatenate(along), np.array(spans, np.int64), np.array(segments, np.int64)

    def values(self, segments: int) -> dict[int, int]:
        """The numbers of the argument block, but for the tables."""
        structure, extent, n = self.structure, self.extent, Number
        return {
            n.OUTPUTS: extent.outputs,
            n.PLACES: prod(extent.counts),
            n.CHANNELS: extent.channels,
            n.IMAGES: extent.images,
            n.GROUPS: extent.groups,
            **triple(n.LENGTH, extent.lengths),
            **triple(n.WINDOW, self.window),
            **triple(n.ORIGIN, tuple([-r if self.turned else 0 for r in self.reach])),
            **triple(n.PHASES, self.phases),
            n.ORIGIN_SIGN: 1 if self.turned else -1,
            n.BAND_STEP: self.rows * self.steps[0] // self.phases[0],
            n.BANDS: self.bands,
            n.BAND_PLACES: self.places,
            n.IMAGES_EACH: self.images_each,
            n.PANELS: self.panels,
            n.PANEL_BLOCKS: self.panel_blocks,
            n.DEPTH: self.depth,
            n.FILTER_ACROSS: structure.taps if self.turned else self.depth,
            n.FILTER_ALONG: extent.outputs * structure.taps if self.turned else 1,
            n.SEGMENTS: segments,
            n.SEGMENT: extent.channels if self.turned else self.depth,
        }

    def arrangement(self) -> Arrangement:
        """All of it, and the tables."""
        extent, tile = self.extent, self.tile
        across, places, groups = self.row_tables()
        along, phases, segments = self.depth_tables()
        kept = across, places, along, groups, phases, segments
        pointers = np.array([table.ctypes.data for table in kept], np.int64)
        values = self.values(len(segments))
        values |= {Number.TABLES: pointers.ctypes.data, Number.TILE_GROUPS: len(groups)}
        scratch = turned_size(tile)
        scratch += (self.places * self.images_each + tile.lanes) * tile.columns
        scratch += self.images_each * extent.channels * prod(self.window)
        size = tile.dtype.itemsize
        return Arrangement(
            DIRECT,
            (extent.groups * self.panels, self.blocks * self.panel_blocks),
            numbers(FIRST_ARRANGED, values),
            extent.groups * self.panels * self.depth * tile.columns * size,
            scratch * size + 4096,
            (*kept, pointers),
        )


def arrange_direct(structure: Structure, extent: Extent) -> Arrangement:
    """The result, or the gradient of the input."""
    return _Direct(structure, extent).arrangement()


class _DirectFilter:
    def __init__(self, structure: Structure, extent: Extent):
        self.structure, self.extent, self.tile = structure, extent, structure.tile
        self.panels = divided(extent.outputs, self.tile.columns)
        self.find_blocks()
        self.window = covered(structure, (self.rows, *extent.counts[1:]))
        self.divide()

    def find_blocks(self) -> None:
        """Bands of images, or several small images, that are gone through at a time."""
        whole, inner = self.extent.counts[0], prod(self.extent.counts[1:])
        self.rows = divided(whole, divided(whole * inner, _MOST_PLACES))
        self.bands = divided(whole, self.rows)
        self.places = self.rows * inner
        each = min(self.extent.images, divided(_LEAST_DEPTH, self.places))
        self.images_each = 1 if self.bands > 1 else each
        self.image_blocks = divided(self.extent.images, self.images_each)

    def divide(self) -> None:
        """Parts of the depth and blocks of channels."""
        extent, blocks = self.extent, self.image_blocks * self.bands
        sums = extent.channels * self.structure.taps * self.panels * self.tile.columns
        most = max(1, _PARTIAL_NUMBERS // (sums * extent.groups))
        self.parts = min(blocks, most, _MOST_PARTS)
        numbers = extent.channels * self.images_each * prod(self.window)
        wanted = divided(2 * _FEWEST_CHUNKS, self.parts * extent.groups)
        wanted = max(divided(numbers, _COPIED_NUMBERS), wanted if self.parts < 8 else 1)
        # whole tiles only: on every host one of the two heights of tiles divides 8
        each = rounded(divided(extent.channels, wanted), 8)
        self.channels_each = min(each, extent.channels)
        self.channel_blocks = divided(extent.channels, self.channels_each)
        self.pieces = divided(2 * _FEWEST_CHUNKS, extent.groups * self.panels)
        chunks = self.parts * self.channel_blocks * extent.groups
        self.panel_blocks = min(self.panels, divided(4, chunks))

    def tables(self) -> tuple[np.ndarray, int, int, np.ndarray]:
        """Rows of the product with their tiles, and places along the depth, in the copy."""
        structure, pitches = self.structure, strides_of(self.window)
        plane = prod(self.window)
        dilated = tuple([d * p for d, p in zip(structure.dilation, pitches, strict=True)])
        strided = tuple([s * p for s, p in zip(structure.stride, pitches, strict=True)])
        across = offsets((self.channels_each, *structure.size), (plane, *dilated))
        counts = (self.images_each, self.rows, *self.extent.counts[1:])
        along = offsets(counts, (self.channels_each * plane, *strided))
        return *padded_rows(self.tile, across, 0), along

    def values(self) -> dict[int, int]:
        """The numbers of the argument block, but for what comes with the tables."""
        structure, extent, n = self.structure, self.extent, FilterNumber
        return {
            n.OUTPUTS: extent.outputs,
            n.PLACES: extent.channels * structure.taps,
            n.PANELS: self.panels,
            n.GROUPS: extent.groups,
            n.PARTS: self.parts,
            reduce.Number.PIECES: self.pieces,
            n.CHANNELS: extent.channels,
            n.IMAGES: extent.images,
            **triple(n.LENGTH, extent.lengths),
            **triple(n.WINDOW, self.window),
            n.BAND_STEP: self.rows * structure.stride[0],
            n.BANDS: self.bands,
            n.BAND_PLACES: self.places,
            n.OUT_PLACES: prod(extent.counts),
            n.IMAGES_EACH: self.images_each,
            n.IMAGE_BLOCKS: self.image_blocks,
            n.CHANNELS_EACH: self.channels_each,
            n.CHANNEL_BLOCKS: self.channel_blocks,
            n.PANEL_BLOCKS: self.panel_blocks,
            n.TAPS: structure.taps,
        }

    def arrangement(self) -> Arrangement:
        """All of it, and the tables."""
        groups, tile, n = self.extent.groups, self.tile, FilterNumber
        across, tall, short, along = self.tables()
        targets = np.arange(len(across), dtype=np.int64) * tile.columns
        rows_each = self.channel_blocks * len(across)
        values = self.values() | {
            n.ROWS_EACH: rows_each,
            n.TALL: tall,
            n.SHORT: short,
            n.ACROSS: across.ctypes.data,
            n.TARGETS: targets.ctypes.data,
            n.ALONG: along.ctypes.data,
        }
        scratch = self.places * self.images_each * tile.columns
        scratch += self.images_each * self.channels_each * prod(self.window)
        scratch = max(scratch, reduce_scratch(tile))
        chunks = self.parts * self.channel_blocks * self.panel_blocks
        size = tile.dtype.itemsize
        return Arrangement(
            DIRECT,
            (groups * chunks, groups * self.panels * self.pieces),
            numbers(FIRST_ARRANGED, values),
            self.parts * groups * self.panels * rows_each * tile.columns * size,
            scratch * size + 4096,
            (across, targets, along),
        )


def arrange_direct_filter(structure: Structure, extent: Extent) -> Arrangement:
    """The gradient of the filters."""
    return _DirectFilter(structure, extent).arrangement()
