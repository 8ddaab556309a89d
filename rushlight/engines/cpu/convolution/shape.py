"""A convolution's structure and its sizes, as the ways to compute it see them."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from rushlight.engines.cpu.arrange import Tile, tile_of
from rushlight.graph.dtype import DType, float32

Sizes = tuple[int, ...]

FORWARD, INPUT, FILTER = "convolve", "convolve_input", "convolve_filter"


class Structure(NamedTuple):
    """What kernels depend on."""

    kind: str
    dtype: DType
    size: Sizes
    stride: Sizes
    dilation: Sizes
    fast: bool
    """Whether Winograd's way may be taken."""

    @property
    def rank(self) -> int:
        """The number of spatial dimensions."""
        return len(self.size)

    @property
    def taps(self) -> int:
        """The places of a filter."""
        return prod(self.size)

    @property
    def tile(self) -> Tile:
        """The block of a product held in registers."""
        return tile_of(self.dtype)

    @property
    def has_winograd(self) -> bool:
        """Whether F(4x4, 3x3) computes it."""
        plain = self.size == (3, 3) and set(self.stride + self.dilation) == {1}
        return self.fast and plain and self.dtype is float32


class Extent(NamedTuple):
    """Sizes; `outputs`, `channels` and lengths are those of the operands' roles in `convolve`."""

    images: int
    groups: int
    channels: int
    outputs: int
    lengths: Sizes
    counts: Sizes

    def turned(self) -> Extent:
        """As seen by the gradient of the input: it reads results and makes inputs."""
        return Extent(
            self.images, self.groups, self.outputs, self.channels, self.counts, self.lengths
        )


def divided(count: int, each: int) -> int:
    """How many pieces of `each` cover `count`."""
    return -(-count // each)


def rounded(count: int, unit: int) -> int:
    """`count` rounded up to a multiple of `unit`."""
    return divided(count, unit) * unit


def numbers(first: int, values: dict[int, int]) -> tuple[int, ...]:
    """The slots from `first` on, those not given 0."""
    last = max(values)
    return tuple([values.get(slot, 0) for slot in range(first, last + 1)])


def triple(slot: int, values: Sizes) -> dict[int, int]:
    """Slots of spatial dimensions."""
    return {slot + axis: value for axis, value in enumerate(values)}
