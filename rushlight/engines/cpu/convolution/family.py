"""The family of convolutions: which way is taken for which sizes, and its kernels.

Winograd's way is taken where the graph allows it (an attribute of the primitives, which operations
set when they record gradients) and the sizes suit it, the way for few places where there are few,
and the direct way everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.convolution import (
    direct,
    direct_filter,
    few,
    narrow,
    narrow_filter,
    winograd,
    winograd_filter,
)
from rushlight.engines.cpu.convolution.arrange_direct import (
    arrange_direct,
    arrange_direct_filter,
)
from rushlight.engines.cpu.convolution.arrange_few import FEW, arrange_few, has_few_places
from rushlight.engines.cpu.convolution.arrange_narrow import (
    NARROW,
    arrange_narrow,
    arrange_narrow_filter,
    is_narrow,
)
from rushlight.engines.cpu.convolution.arrange_winograd import (
    WINOGRAD,
    arrange_winograd,
    arrange_winograd_filter,
    suits_winograd,
)
from rushlight.engines.cpu.convolution.reduce import reduce_request
from rushlight.engines.cpu.convolution.shape import FILTER, Extent, Structure
from rushlight.engines.cpu.convolution.slots import FIRST_ARRANGED, Slot
from rushlight.engines.cpu.crafted import Arrangement
from rushlight.engines.cpu.epilogue import epilogue
from rushlight.engines.cpu.kernel import Kernel
from rushlight.engines.cpu.tile import Place, Prepare, Store
from rushlight.graph.dtype import DType


class Convolving(NamedTuple):
    """Convolutions of one structure; sizes are those of `Extent`, spatial ones unpacked."""

    structure: Structure
    epilogue: Kernel | None = None

    @property
    def first_arranged(self) -> int:
        """Where the argument block holds what `arrange` finds."""
        return FIRST_ARRANGED

    def arrange(self, *sizes: int) -> Arrangement:
        """Choose the way and divide the work."""
        rank = self.structure.rank
        lengths, counts = sizes[4 : 4 + rank], sizes[4 + rank :]
        images, groups, channels, outputs = sizes[:4]
        extent = Extent(images, groups, channels, outputs, lengths, counts)
        return _arranged(self.structure, extent)

    def requests(self, variant: str) -> list[Request]:
        """The kernels of a variant."""
        dtype, tile, rank = self.structure.dtype, self.structure.tile, self.structure.rank
        key = dtype if self.epilogue is None else self.epilogue
        prepare = plain_store(dtype)
        if self.epilogue is not None:
            prepare = epilogue(self.epilogue, int(Slot.FIRST_FREE))
        step = self.structure.stride[-1]
        if self.structure.kind == FILTER:
            if variant == NARROW:
                computing = narrow_filter.compute_request(dtype, rank, step)
                return [computing, narrow_filter.reduce_request(dtype, prepare, key)]
            if variant == WINOGRAD:
                computing = winograd_filter.compute_request(tile)
            else:
                computing = direct_filter.compute_request(dtype, rank)
            return [computing, reduce_request(dtype, prepare, key)]
        if variant == WINOGRAD:
            return [winograd.filter_requests(tile), winograd.compute_request(tile, prepare, key)]
        if variant == NARROW:
            return [narrow.compute_request(dtype, rank, step, prepare, key)]
        if variant == FEW:
            return [few.pack_request(dtype, rank), few.compute_request(dtype, prepare, key)]
        packing = direct.filter_request(dtype)
        return [packing, direct.compute_request(dtype, rank, prepare, key)]


@lru_cache(maxsize=512)
def _arranged(structure: Structure, extent: Extent) -> Arrangement:
    """Layers of a network often have sizes in common."""
    return _way(structure, extent)(structure, extent)


def _way(structure: Structure, extent: Extent) -> Callable[[Structure, Extent], Arrangement]:
    """What divides the work of the way that suits these sizes."""
    quick, few = suits_winograd(structure, extent), is_narrow(structure, extent)
    if structure.kind == FILTER:
        if few:
            return arrange_narrow_filter
        return arrange_winograd_filter if quick else arrange_direct_filter
    if few:
        return arrange_narrow
    if has_few_places(structure, extent):
        return arrange_few
    return arrange_winograd if quick else arrange_direct


def plain_store(dtype: DType) -> Prepare:
    """Only store results, rounded to `dtype`."""

    def prepare(f: Function) -> Store:
        result = f.argument(POINTER, Slot.RESULT)

        def store(place: Place) -> None:
            f.store(place.value.cast(dtype), result, place.offset, place.mask)

        return store

    return prepare
