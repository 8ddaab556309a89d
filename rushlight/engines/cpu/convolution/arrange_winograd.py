"""How Winograd's ways divide their work: functions of sizes and the host alone."""

from __future__ import annotations

from rushlight.engines.cpu.arrange import tiles_of
from rushlight.engines.cpu.convolution import reduce
from rushlight.engines.cpu.convolution.finish import turned_size
from rushlight.engines.cpu.convolution.reduce import reduce_scratch
from rushlight.engines.cpu.convolution.shape import (
    INPUT,
    Extent,
    Structure,
    divided,
    numbers,
    rounded,
)
from rushlight.engines.cpu.convolution.slots import FIRST_ARRANGED
from rushlight.engines.cpu.convolution.transforms import POSITIONS, RESULTS, SIDE, TAPS
from rushlight.engines.cpu.convolution.winograd import GAP, Number
from rushlight.engines.cpu.convolution.winograd_filter import Number as FilterNumber
from rushlight.engines.cpu.crafted import Arrangement

WINOGRAD = "winograd"

_LEAST_CHANNELS, _LEAST_TILES = 16, 16
_MOST_PRODUCTS = 0.6
"""Of the products that the direct way takes."""
_INPUT_NUMBERS = 96 << 10
"""How large the transformed input of a chunk should be."""
_FEW_TILES, _LARGE_FILTERS, _CHANNELS_EACH = 64, 100_000, 128
"""With few tiles and large filters, each chunk transforms the filters that it needs."""
_SUMS_NUMBERS = 320 << 10
_FEWEST_CHUNKS = 8
_MOST_PARTS = 16


class _Tiling:
    """How images are cut into blocks of tiles."""

    def __init__(self, extent: Extent, lanes: int, most: int):
        rows, columns = extent.counts
        self.extent = extent
        self.down, self.columns = divided(rows, RESULTS), divided(columns, RESULTS)
        each = self.down * self.columns * POSITIONS * extent.channels
        self.bands = min(self.down, max(1, round(each / most)))
        self.rows = divided(self.down, self.bands)
        self.bands = divided(self.down, self.rows)
        whole = max(1, round(most / max(each, 1)))
        self.images_each = 1 if self.bands > 1 else min(extent.images, whole)
        self.image_blocks = divided(extent.images, self.images_each)
        self.tiles = self.images_each * self.rows * self.columns
        self.width = rounded(RESULTS * self.columns + SIDE - RESULTS, lanes)
        self.depth = rounded(extent.channels, lanes)

    @property
    def blocks(self) -> int:
        """Blocks of tiles of one group."""
        return self.image_blocks * self.bands

    @property
    def expanded(self) -> int:
        """The numbers of one part of an image with its surroundings."""
        return (self.rows * RESULTS + SIDE - RESULTS) * self.width * self.depth

    def values(self, n: type[Number] | type[FilterNumber]) -> dict[int, int]:
        """The numbers that both ways have, each at its own slots."""
        extent = self.extent
        return {
            n.OUTPUTS: extent.outputs,
            n.CHANNELS: extent.channels,
            n.IMAGES: extent.images,
            n.GROUPS: extent.groups,
            n.ROWS: extent.lengths[0],
            n.COLUMNS: extent.lengths[1],
            n.OUT_ROWS: extent.counts[0],
            n.OUT_COLUMNS: extent.counts[1],
            n.TILE_ROWS: self.rows,
            n.TILE_COLUMNS: self.columns,
            n.BANDS: self.bands,
            n.IMAGES_EACH: self.images_each,
            n.IMAGE_BLOCKS: self.image_blocks,
            n.WIDTH: self.width,
            n.DEPTH: self.depth,
        }


def suits_winograd(structure: Structure, extent: Extent) -> bool:
    """Whether Winograd's way pays for these sizes."""
    if not structure.has_winograd or min(extent.channels, extent.outputs) < _LEAST_CHANNELS:
        return False
    rows, columns = extent.counts if structure.kind != INPUT else extent.lengths
    tiles = divided(rows, RESULTS) * divided(columns, RESULTS)
    few = POSITIONS * tiles > _MOST_PRODUCTS * TAPS * TAPS * rows * columns
    return not few and tiles * extent.images >= _LEAST_TILES


def _tiles(extent: Extent) -> int:
    """Tiles of results in an image."""
    return divided(extent.counts[0], RESULTS) * divided(extent.counts[1], RESULTS)


def _is_alone(extent: Extent) -> bool:
    """Whether each chunk takes all tiles of a group, and transforms the filters it needs."""
    large = extent.channels * extent.outputs >= _LARGE_FILTERS
    return large and extent.images * _tiles(extent) <= _FEW_TILES


def _filter_numbers(extent: Extent, turned: bool) -> dict[int, int]:
    """How the filters are read, as they are or turned, and the padding that goes with it."""
    taps, n = TAPS * TAPS, Number
    if turned:
        return {
            n.ALONG_OUTPUTS: taps,
            n.ALONG_CHANNELS: extent.outputs * taps,
            n.FIRST_TAP: taps - 1,
            n.TAP_STEP: -1,
            n.LOW_BASE: TAPS - 1,
            n.LOW_SIGN: -1,
        }
    return {
        n.ALONG_OUTPUTS: extent.channels * taps,
        n.ALONG_CHANNELS: taps,
        n.TAP_STEP: 1,
        n.LOW_SIGN: 1,
    }


def arrange_winograd(structure: Structure, extent: Extent) -> Arrangement:
    """The result, or the gradient of the input."""
    turned = structure.kind == INPUT
    if turned:
        extent = extent.turned()
    tile, n = structure.tile, Number
    alone = _is_alone(extent)
    size = extent.images * _tiles(extent) * POSITIONS * extent.channels
    size = size if alone else _INPUT_NUMBERS
    tiling = _Tiling(extent, tile.lanes, size)
    panels = divided(extent.outputs, tile.columns)
    blocks = extent.groups * tiling.blocks
    panel_blocks = min(panels, divided(_FEWEST_CHUNKS, blocks))
    tall, short = tiles_of(tile, tiling.tiles)
    rows, columns = extent.counts
    values = {
        n.PLACES: rows * columns,
        **tiling.values(n),
        n.PANELS: panels,
        n.PANEL_BLOCKS: panel_blocks,
        n.TALL: tall,
        n.SHORT: short,
        **_filter_numbers(extent, turned),
        n.CHANNELS_EACH: _CHANNELS_EACH if alone else 0,
    }
    computed = tall * tile.rows + short * tile.short_rows
    scratch = turned_size(tile)
    scratch += (tiling.rows * RESULTS * columns + tile.lanes) * tile.columns
    scratch += tiling.expanded
    scratch += POSITIONS * (computed * (tiling.depth + tile.columns) + 2 * GAP)
    channels = _CHANNELS_EACH if alone else extent.channels
    filters = POSITIONS * (channels * tile.columns + GAP)
    scratch += filters if alone else 0
    shared = 0 if alone else extent.groups * panels
    return Arrangement(
        WINOGRAD,
        (shared, blocks * panel_blocks),
        numbers(FIRST_ARRANGED, values),
        shared * filters * tile.dtype.itemsize,
        scratch * tile.dtype.itemsize + 4096,
    )


def arrange_winograd_filter(structure: Structure, extent: Extent) -> Arrangement:
    """The gradient of the filters."""
    tile, n = structure.tile, FilterNumber
    tiling = _Tiling(extent, tile.lanes, _INPUT_NUMBERS)
    panels = divided(extent.outputs, tile.columns)
    tall, short = tiles_of(tile, extent.channels)
    computed = tall * tile.rows + short * tile.short_rows
    sums = POSITIONS * (computed * tile.columns + GAP)
    panel_blocks = min(panels, divided(panels * sums, _SUMS_NUMBERS))
    wanted = divided(2 * _FEWEST_CHUNKS, panel_blocks * extent.groups)
    parts = min(tiling.blocks, wanted, _MOST_PARTS)
    panel_blocks = min(panels, max(panel_blocks, divided(4, parts * extent.groups)))
    taps = TAPS * TAPS
    out_width = rounded(RESULTS * tiling.columns, tile.lanes)
    pieces = divided(2 * _FEWEST_CHUNKS, extent.groups * panels)
    values = {
        n.PLACES: extent.channels * taps,
        n.PANELS: panels,
        n.PARTS: parts,
        reduce.Number.ROWS_EACH: extent.channels * taps,
        reduce.Number.PIECES: pieces,
        **tiling.values(n),
        n.PANEL_BLOCKS: panel_blocks,
        n.TALL: tall,
        n.SHORT: short,
        n.OUT_WIDTH: out_width,
    }
    scratch = tiling.expanded
    scratch += POSITIONS * (tiling.tiles * (tiling.depth + tile.columns) + 2 * GAP) + tile.columns
    scratch += tiling.rows * RESULTS * out_width * tile.columns
    scratch += divided(panels, panel_blocks) * sums
    scratch = max(scratch, reduce_scratch(tile))
    partial = extent.groups * panels * extent.channels * taps * tile.columns
    return Arrangement(
        WINOGRAD,
        (extent.groups * parts * panel_blocks, extent.groups * panels * pieces),
        numbers(FIRST_ARRANGED, values),
        parts * partial * tile.dtype.itemsize,
        scratch * tile.dtype.itemsize + 4096,
    )
