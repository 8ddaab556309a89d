"""How convolutions with few output channels divide their work: functions of sizes and the host."""

from __future__ import annotations

from math import prod

import numpy as np

from rushlight.engines.cpu.convolution.arrange_direct import covered, offsets, strides_of
from rushlight.engines.cpu.convolution.narrow import Number
from rushlight.engines.cpu.convolution.narrow_filter import Number as FilterNumber
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

NARROW = "few outputs"

_MOST_OUTPUTS = 4
_LARGEST_COPY = 512 << 10
_CHUNK_WORK = 100_000
_MOST_CHUNKS = 256
_MOST_PARTS, _FILTER_PIECES = 16, 8


def is_narrow(structure: Structure, extent: Extent) -> bool:
    """Whether panels of output channels would be mostly empty."""
    outputs = extent.outputs
    if structure.kind == INPUT:
        outputs = extent.channels
        if set(structure.stride) != {1}:
            return False
    turned = extent.turned() if structure.kind == INPUT else extent
    copied = turned.channels * prod(window_of(structure, turned.counts))
    if outputs > _MOST_OUTPUTS or copied > _LARGEST_COPY:
        return False
    return outputs == 1 or 2 * turned.counts[-1] >= structure.tile.lanes


def window_of(structure: Structure, counts: Sizes) -> Sizes:
    """The sizes of the copy of a channel; rows have room for whole vectors of the result."""
    counts = (*counts[:-1], rounded(counts[-1], structure.tile.lanes))
    return covered(structure, counts)


def _filter_offsets(structure: Structure, extent: Extent) -> np.ndarray:
    """Where the filters' numbers are, along the depth; turned for the gradient of the input."""
    taps = np.arange(structure.taps, dtype=np.int64)
    if structure.kind != INPUT:
        return (np.arange(extent.channels)[:, None] * structure.taps + taps).ravel()
    apart = extent.outputs * structure.taps
    return (np.arange(extent.channels)[:, None] * apart + taps[::-1]).ravel()


class _Narrow:
    """What all three kinds have in common."""

    def __init__(self, structure: Structure, extent: Extent):
        self.turned = structure.kind == INPUT
        self.structure = structure
        self.extent = extent = extent.turned() if self.turned else extent
        self.window = window_of(structure, extent.counts)
        pitches = strides_of(self.window)
        strided = tuple([s * p for s, p in zip(structure.stride, pitches, strict=True)])
        dilated = tuple([d * p for d, p in zip(structure.dilation, pitches, strict=True)])
        self.rows = offsets(extent.counts[:-1], strided[:-1])
        taps = (extent.channels, *structure.size)
        self.along = offsets(taps, (prod(self.window), *dilated))

    @property
    def copied(self) -> int:
        """The numbers of the copies of a group's channels."""
        return self.extent.channels * prod(self.window) + self.structure.tile.lanes

    def values(self) -> dict[int, int]:
        """Their numbers."""
        structure, extent, n = self.structure, self.extent, Number
        reach = [(k - 1) * d for k, d in zip(structure.size, structure.dilation, strict=True)]
        return {
            n.OUTPUTS: extent.outputs,
            n.CHANNELS: extent.channels,
            n.GROUPS: extent.groups,
            **triple(n.LENGTH, extent.lengths),
            **triple(n.WINDOW, self.window),
            **triple(n.LOW_BASE, tuple(reach) if self.turned else (0,) * structure.rank),
            n.LOW_SIGN: -1 if self.turned else 1,
            n.RESULT_ROWS: len(self.rows),
            n.RESULT_COLUMNS: extent.counts[-1],
            n.ROW_PLACES: self.rows.ctypes.data,
            n.ALONG: self.along.ctypes.data,
        }


def arrange_narrow(structure: Structure, extent: Extent) -> Arrangement:
    """The result, or the gradient of the input: some groups of images for each chunk."""
    common, n = _Narrow(structure, extent), Number
    extent = common.extent
    filters = np.ascontiguousarray(_filter_offsets(structure, extent))
    batch, depth = extent.images * extent.groups, len(filters)
    work = batch * extent.outputs * prod(extent.counts) * depth
    chunks = max(1, min(batch, divided(work, _CHUNK_WORK), _MOST_CHUNKS))
    each = divided(batch, chunks)
    values = common.values() | {
        n.PLACES: prod(extent.counts),
        n.BATCH: batch,
        n.BATCH_EACH: each,
        n.DEPTH: depth,
        n.ALONG_OUTPUTS: structure.taps if common.turned else depth,
        n.FILTERS: filters.ctypes.data,
    }
    return Arrangement(
        NARROW,
        (divided(batch, each),),
        numbers(FIRST_ARRANGED, values),
        0,
        common.copied * structure.tile.dtype.itemsize + 4096,
        (common.rows, common.along, filters),
    )


def arrange_narrow_filter(structure: Structure, extent: Extent) -> Arrangement:
    """The gradient of the filters: groups by parts of the images."""
    common, n = _Narrow(structure, extent), FilterNumber
    size = extent.outputs * len(common.along)
    work = extent.images * prod(extent.counts) * size * extent.groups
    wanted = divided(min(_MOST_CHUNKS, divided(work, _CHUNK_WORK)), extent.groups)
    parts = min(extent.images, wanted, _MOST_PARTS)
    pieces = min(extent.groups * extent.outputs, _FILTER_PIECES)
    values = common.values() | {
        n.PLACES: len(common.along),
        n.IMAGES: extent.images,
        n.PARTS: parts,
        n.PIECES: pieces,
    }
    tile = structure.tile
    return Arrangement(
        NARROW,
        (parts * extent.groups, pieces),
        numbers(FIRST_ARRANGED, values),
        parts * extent.groups * size * tile.dtype.itemsize + 64,
        (common.copied + size * tile.lanes) * tile.dtype.itemsize + 4096,
        (common.rows, common.along),
    )
