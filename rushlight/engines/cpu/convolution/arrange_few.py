"""How convolutions of few places divide their work: a function of sizes and the host alone."""

from __future__ import annotations

from math import prod

from rushlight.engines.cpu.arrange import tiles_of
from rushlight.engines.cpu.convolution.arrange_direct import covered, offsets, strides_of
from rushlight.engines.cpu.convolution.few import Number
from rushlight.engines.cpu.convolution.finish import turned_size
from rushlight.engines.cpu.convolution.shape import (
    FORWARD,
    Extent,
    Structure,
    divided,
    numbers,
    triple,
)
from rushlight.engines.cpu.convolution.slots import FIRST_ARRANGED
from rushlight.engines.cpu.crafted import Arrangement

FEW = "few places"

_MOST_PLACES = 128
"""Of all images together."""
_LEAST_FILTERS = 64 << 10
_CHUNKS = 8


def has_few_places(structure: Structure, extent: Extent) -> bool:
    """Whether there are few places and much to read of the filters."""
    tile = structure.tile
    if structure.kind != FORWARD or structure.dtype is not tile.dtype:
        return False
    tall, short = tiles_of(tile, extent.outputs)
    if tall * tile.rows + short * tile.short_rows != extent.outputs:
        return False
    depth = extent.channels * structure.taps
    few = extent.images * prod(extent.counts) <= _MOST_PLACES
    return few and depth * extent.outputs >= _LEAST_FILTERS


def arrange_few(structure: Structure, extent: Extent) -> Arrangement:
    """Blocks of channels to pack, and blocks of output channels to compute."""
    tile, n = structure.tile, Number
    window = covered(structure, extent.counts)
    pitches = strides_of(window)
    strided = tuple([s * p for s, p in zip(structure.stride, pitches, strict=True)])
    dilated = tuple([d * p for d, p in zip(structure.dilation, pitches, strict=True)])
    batch = extent.images * extent.groups
    blocks = min(extent.channels, divided(_CHUNKS, batch))
    each = divided(extent.channels, blocks)
    blocks = divided(extent.channels, each)
    across = offsets(extent.counts, strided)
    along = offsets((each, *structure.size), (prod(window), *dilated))
    tall, short = tiles_of(tile, extent.outputs)
    panels = divided(len(across), tile.columns)
    row_blocks = min(tall + short, divided(2 * _CHUNKS, batch))
    values = {
        n.OUTPUTS: extent.outputs,
        n.PLACES: len(across),
        n.CHANNELS: extent.channels,
        n.GROUPS: extent.groups,
        **triple(n.LENGTH, extent.lengths),
        **triple(n.WINDOW, window),
        n.TAPS: structure.taps,
        n.PANELS: panels,
        n.CHANNELS_EACH: each,
        n.CHANNEL_BLOCKS: blocks,
        n.TALL: tall,
        n.SHORT: short,
        n.ROW_BLOCKS: row_blocks,
        n.ACROSS: across.ctypes.data,
        n.ALONG: along.ctypes.data,
    }
    size = tile.dtype.itemsize
    packed = batch * panels * extent.channels * structure.taps * tile.columns
    return Arrangement(
        FEW,
        (batch * blocks, batch * row_blocks),
        numbers(FIRST_ARRANGED, values),
        packed * size,
        max(each * prod(window), turned_size(tile)) * size + 4096,
        (across, along),
    )
