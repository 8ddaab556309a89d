"""Windows of images copied with zeros around them, so that inner loops need no bounds."""

from __future__ import annotations

from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.packing import accumulator, transpose
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int32, int64


def inside(f: Function, first: Value, size: Value, lanes: int) -> Value:
    """Which of the places first, first + 1, ... lie within 0 and size."""
    places = f.splat(first.cast(int32), lanes) + f.iota(int32, lanes)
    return (places >= 0) & (places < f.splat(size.cast(int32), lanes))


def emit_channels_last(module: Module, dtype: DType, lanes: int) -> Function:
    """A helper `(source, channels, rows, columns, row, column, target, height, width, depth)`.

    Copies a window of one image, which begins at a row and a column that may be negative, to
    `target`, where each place has its channels side by side, `depth` apart from the next place.
    `width` and `depth` are multiples of the lanes.
    """
    kinds = (POINTER, *[int64] * 5, POINTER, *[int64] * 3)
    name = f"channels_last.{dtype.name}.{lanes}"
    return module.shared_helper(name, kinds, lambda f: _ChannelsLast(f, dtype, lanes).emit())


class _ChannelsLast:
    def __init__(self, f: Function, dtype: DType, lanes: int):
        self.f, self.dtype, self.lanes = f, dtype, lanes
        self.source, self.channels, self.rows, self.columns, self.row, self.column, *rest = (
            f.parameters
        )
        self.target, self.height, self.width, self.depth = rest

    def emit(self) -> None:
        f = self.f
        with f.loop(0, self.height) as i:
            row = self.row + i
            target = f.at(self.dtype, self.target, i * self.width * self.depth)
            with f.when((row >= 0) & (row < self.rows)) as there:
                self._copy_row(f.at(self.dtype, self.source, row * self.columns), target)
            with there.otherwise(), f.loop(0, self.width * self.depth, self.lanes) as j:
                f.store(f.constant(0, self.dtype, self.lanes), target, j)

    def _copy_row(self, source: Value, target: Value) -> None:
        f, lanes = self.f, self.lanes
        with f.loop(0, self.width, lanes) as j:
            column = self.column + j
            at = f.at(self.dtype, source, column)
            place = f.at(self.dtype, target, j * self.depth)
            with f.when((column >= 0) & (column + lanes <= self.columns)) as whole:
                self._copy_blocks(at, place, None)
            with whole.otherwise():
                self._copy_blocks(at, place, inside(f, column, self.columns, lanes))

    def _copy_blocks(self, source: Value, target: Value, mask: Value | None) -> None:
        """Square blocks of channels by places, turned; the last channel stands in for missing."""
        f, lanes = self.f, self.lanes
        plane, last = self.rows * self.columns, self.channels - 1
        with f.loop(0, self.channels, lanes) as channel:
            block = []
            for i in range(lanes):
                one = channel + i
                offset = f.select(one < last, one, last) * plane
                block.append(f.load(self.dtype, source, offset, lanes, mask))
            for i, vector in enumerate(transpose(f, block)):
                f.store(vector, f.at(self.dtype, target, self.depth * i), channel)


def emit_window(module: Module, dtype: DType, rank: int, lanes: int) -> Function:
    """A helper `(source, lengths.., origins.., target, sizes..)`, of `rank` dimensions each.

    Copies a window of one channel, converted to the accumulator's dtype; its origins may be
    negative.  Its last size is a multiple of the lanes.
    """
    kinds = (POINTER, *[int64] * (2 * rank), POINTER, *[int64] * rank)
    name = f"window.{dtype.name}.{rank}.{lanes}"
    return module.shared_helper(name, kinds, lambda f: _Window(f, dtype, rank, lanes).emit())


class _Window:
    def __init__(self, f: Function, dtype: DType, rank: int, lanes: int):
        self.f, self.dtype, self.rank, self.lanes = f, dtype, rank, lanes
        self.accumulate = accumulator(dtype)
        self.lengths = f.parameters[1 : 1 + rank]
        self.origins = f.parameters[1 + rank : 1 + 2 * rank]
        self.sizes = f.parameters[2 + 2 * rank :]

    def emit(self) -> None:
        f = self.f
        self._copy(0, f.parameters[0], f.parameters[1 + 2 * self.rank])

    def _copy(self, axis: int, source: Value, target: Value) -> None:
        """All rows of the dimensions from `axis` on."""
        f = self.f
        if axis == self.rank - 1:
            self._copy_row(source, target)
            return
        inner = self._product(self.lengths[axis + 1 :])
        size = self._product(self.sizes[axis + 1 :])
        with f.loop(0, self.sizes[axis]) as i:
            row = self.origins[axis] + i
            place = f.at(self.accumulate, target, i * size)
            with f.when((row >= 0) & (row < self.lengths[axis])) as there:
                self._copy(axis + 1, f.at(self.dtype, source, row * inner), place)
            with there.otherwise(), f.loop(0, size, self.lanes) as j:
                f.store(f.constant(0, self.accumulate, self.lanes), place, j)

    def _product(self, sizes: tuple[Value, ...]) -> Value:
        total = sizes[0]
        for size in sizes[1:]:
            total = total * size
        return total

    def _copy_row(self, source: Value, target: Value) -> None:
        f, lanes = self.f, self.lanes
        origin, length = self.origins[-1], self.lengths[-1]
        with f.loop(0, self.sizes[-1], lanes) as j:
            column = origin + j
            at = f.at(self.dtype, source, column)
            with f.when((column >= 0) & (column + lanes <= length)) as whole:
                value = f.load(self.dtype, at, None, lanes).cast(self.accumulate)
                f.store(value, target, j)
            with whole.otherwise():
                mask = inside(f, column, length, lanes)
                value = f.load(self.dtype, at, None, lanes, mask).cast(self.accumulate)
                f.store(value, target, j)
