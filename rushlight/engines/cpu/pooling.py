"""Passes 3 and 4 for sliding windows: pooling and its adjoints, as hand-made kernels.

Every window is gone through place by place in C order, for a vector of windows at once; windows
with fewer than three dimensions get dimensions of size 1 in front.  Adjoints clear a plane and
add to it in the order of the windows; planes are what is divided among chunks.  So the bits depend
on shapes alone.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from rushlight.engines.cpu.affine import ONE, ZERO, Polynomial, size_of, times
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.crafted import Arrangement, Crafted
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Filler
from rushlight.engines.cpu.pooling_kernels import KERNELS, Slot
from rushlight.graph.dtype import DType
from rushlight.graph.pooling import Windows

_CHUNK_WORK = 16_384
_MOST_CHUNKS = 64
_RANK = 3


class Pooling(NamedTuple):
    """A family: what is computed, of which dtype, with which windows."""

    kind: str
    dtype: DType
    results: tuple[str, ...]
    """For max_pool: values, places or both."""
    windows: Windows

    @property
    def first_arranged(self) -> int:
        """Where the argument block holds what `arrange` finds."""
        return int(Slot.CHUNKS)

    def arrange(self, planes: int, *sizes: int) -> Arrangement:
        """Divide planes, or rows of windows where they do not meet, among chunks."""
        lengths, counts = sizes[:_RANK], sizes[_RANK:]
        windows = [
            _padded(part, fill) for part, fill in zip(self.windows, (1, 1, 0, 1), strict=True)
        ]
        work = planes * prod(counts) * prod(windows[0])
        most = planes if self.kind.startswith("spread") else planes * counts[0] * counts[1]
        chunks = max(1, min(work // _CHUNK_WORK, _MOST_CHUNKS, most))
        geometry = [number for part in windows for number in part]
        adjacent = windows[1][-1] == 1
        return Arrangement(
            "adjacent" if adjacent else "apart",
            (chunks,),
            (chunks, planes, *lengths, *counts, *geometry),
            0,
            4 * prod(lengths) + 64,
        )

    def requests(self, variant: str) -> list[Request]:
        """The kernel of a variant: windows whose columns are adjacent, or apart."""
        kind, dtype, results = self.kind, self.dtype, self.results
        key = "pooling", kind, dtype, results, variant
        kernel = KERNELS[kind]
        return [(key, lambda f: kernel(f, dtype, results, variant == "adjacent").emit())]


def _padded(sizes: tuple[int, ...], fill: int) -> tuple[int, ...]:
    return (fill,) * (_RANK - len(sizes)) + tuple(sizes)


class _Making:
    """Finds the operands' slots and sizes."""

    def __init__(self, fusion: Fusion, group: Group):
        self.fusion, self.group = fusion, group
        self.equation = fusion.equation(group.members[0])

    def sizes(self, value: int, rank: int) -> tuple[Polynomial, list[Polynomial]]:
        """How many planes a value has, and the lengths of a plane."""
        axes = self.fusion.sizes.axes[value]
        planes = size_of(tuple([atom for axis in axes[:-rank] for atom in axis]))
        lengths = [size_of(axis) for axis in axes[-rank:]]
        return planes, [ONE] * (_RANK - rank) + lengths

    def pointer(self, value: int) -> Filler:
        dtype = self.fusion.graph.spec(value).dtype
        return Filler("pointer", self.fusion.owners[value], ZERO, dtype)

    def step(self, pointers: list[int | None], family: Pooling, whole: int, cut: int) -> Crafted:
        """The step, given the values behind its pointers, those of the lengths and counts."""
        rank = len(family.windows.size)
        planes, lengths = self.sizes(whole, rank)
        counts = self.sizes(cut, rank)[1]
        unused = Filler("polynomial", ZERO)
        fillers = [unused if value is None else self.pointer(value) for value in pointers]
        fillers += [Filler("arranged", i) for i in range(Slot.END - Slot.CHUNKS)]
        work = planes
        for size in counts:
            work = times(work, size)
        reads = tuple([self.fusion.owners[source] for source in self.equation.inputs])
        writes = tuple(self.group.members)
        return Crafted(family, (planes, *lengths, *counts), fillers, reads, writes, work)


def make_max_pool(fusion: Fusion, group: Group) -> tuple[Crafted, list[int]]:
    """The step of the largest elements, of their places, or of both."""
    making = _Making(fusion, group)
    (x,) = making.equation.inputs
    found = {fusion.equation(value).attributes[0]: value for value in group.members}
    windows = making.equation.attributes[1]
    family = Pooling("max_pool", fusion.graph.spec(x).dtype, tuple(sorted(found)), windows)
    fusion.stored.update(group.members)
    pointers = [x, found.get("value"), found.get("place")]
    return making.step(pointers, family, x, group.members[0]), []


def make_sum_pool(fusion: Fusion, group: Group) -> tuple[Crafted, list[int]]:
    """The step of the sums of windows, or of their adjoint."""
    making = _Making(fusion, group)
    (x,), (value,) = making.equation.inputs, group.members
    name, (windows,) = making.equation.primitive.name, making.equation.attributes
    family = Pooling(name, making.equation.spec.dtype, (), windows)
    fusion.stored.add(value)
    whole, cut = (x, value) if name == "sum_pool" else (value, x)
    return making.step([x, value, None], family, whole, cut), []


def make_spread(fusion: Fusion, group: Group) -> tuple[Crafted, list[int]]:
    """The step that adds elements to one place each."""
    making = _Making(fusion, group)
    (x, places), (value,) = making.equation.inputs, group.members
    (rank,) = making.equation.attributes
    ones, zeros = (1,) * rank, (0,) * rank
    family = Pooling("spread", making.equation.spec.dtype, (), Windows(ones, ones, zeros, ones))
    fusion.stored.add(value)
    return making.step([x, value, places], family, value, x), []
