"""The code of pooling and its adjoints; see `pooling.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from rushlight.engines.cpu.arithmetic import Variable
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.trace import accumulator
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, int32, int64


class Slot(IntEnum):
    """The slots of the argument block; each of the last six takes three, outermost first."""

    X = 0
    VALUES = 1
    PLACES = 2
    CHUNKS = 3
    PLANES = 4
    LENGTHS = 5
    COUNTS = 8
    SIZE = 11
    STRIDE = 14
    LOW = 17
    DILATION = 20
    END = 23


class _Pool:
    """What all kernels over windows share."""

    def __init__(self, f: Function, dtype: DType, results: tuple[str, ...], adjacent: bool):
        self.f, self.dtype, self.results, self.adjacent = f, dtype, results, adjacent
        self.accumulate = accumulator(dtype)
        self.lanes = machine().vector_bytes // max(self.accumulate.itemsize, 4)
        self.x, self.values = f.argument(POINTER, Slot.X), f.argument(POINTER, Slot.VALUES)
        self.places = f.argument(POINTER, Slot.PLACES)
        self.chunks, self.planes = (f.argument(int64, s) for s in (Slot.CHUNKS, Slot.PLANES))
        self.lengths, self.counts, self.size, self.stride, self.low, self.dilation = (
            [f.argument(int64, first + i) for i in range(3)]
            for first in (
                Slot.LENGTHS,
                Slot.COUNTS,
                Slot.SIZE,
                Slot.STRIDE,
                Slot.LOW,
                Slot.DILATION,
            )
        )
        self.plane = self.lengths[0] * self.lengths[1] * self.lengths[2]

    def part(self, count: Value) -> tuple[Value, Value]:
        """This chunk's part of a number of things."""
        chunk = self.f.chunk
        return count * chunk // self.chunks, count * (chunk + 1) // self.chunks

    def fewer(self, a: Value, b: Value) -> Value:
        return self.f.select(a < b, a, b)

    def inside(self, axis: int, count: Value) -> tuple[Value, Value, Value]:
        """Where window `count` begins along an axis, and which of its places are inside."""
        f, step = self.f, self.dilation[axis]
        first = count * self.stride[axis] - self.low[axis]
        low = f.select(first < 0, (step - 1 - first) // step, f.constant(0, int64))
        left = self.lengths[axis] - first
        high = f.select(left > 0, (left + step - 1) // step, f.constant(0, int64))
        return first, low, self.fewer(high, self.size[axis])

    @contextmanager
    def lines(self, depth: Value, row: Value) -> Iterator[Value]:
        """Go through the lines of a plane that a row of windows covers; gives where they begin."""
        f = self.f
        (d, d_low, d_high), (h, h_low, h_high) = self.inside(0, depth), self.inside(1, row)
        with f.loop(d_low, d_high) as i, f.loop(h_low, h_high) as j:
            plane = (d + i * self.dilation[0]) * self.lengths[1]
            yield (plane + h + j * self.dilation[1]) * self.lengths[2]

    def columns(self, column: Value, k: Value) -> tuple[Value, Value, Value]:
        """The first column at place k of windows from `column` on, all of them, and a mask."""
        f, lanes = self.f, self.lanes
        first = column * self.stride[2] - self.low[2] + k * self.dilation[2]
        steps = f.iota(int32, lanes)
        if not self.adjacent:
            steps = steps * f.splat(self.stride[2].cast(int32), lanes)
        every = steps + f.splat(first.cast(int32), lanes)
        inside = (every >= 0) & (every < f.splat(self.lengths[2].cast(int32), lanes))
        return first, every, inside

    def load(self, line: Value, first: Value, every: Value, mask: Value) -> Value:
        """A vector of elements of one line."""
        f = self.f
        if self.adjacent:
            found = f.load(self.dtype, line, first, self.lanes, mask)
        else:
            found = f.gather(self.dtype, line, every, mask)
        return found.cast(self.accumulate)


class _Windows(_Pool):
    """Kernels that read windows: chunks are rows of them."""

    def emit(self) -> None:
        """Go through rows of windows, a vector at a time."""
        f, lanes = self.f, self.lanes
        low, high = self.part(self.planes * self.counts[0] * self.counts[1])
        with f.loop(low, high) as index:
            row, rest = index % self.counts[1], index // self.counts[1]
            depth, plane = rest % self.counts[0], rest // self.counts[0]
            source = f.at(self.dtype, self.x, plane * self.plane)
            with f.loop(0, self.counts[2], lanes) as column:
                mask = f.mask(self.counts[2] - column, lanes)
                self._begin()
                with self.lines(depth, row) as start, f.loop(0, self.size[2]) as k:
                    place = self.columns(column, k)
                    found = self.load(f.at(self.dtype, source, start), *place)
                    self._take(found, start, place[1], place[2])
                self._end(index * self.counts[2] + column, mask)

    def _begin(self) -> None:
        """Set the sums, or what is largest so far."""
        raise NotImplementedError

    def _take(self, found: Value, start: Value, columns: Value, inside: Value) -> None:
        """Take in one place of each window."""
        raise NotImplementedError

    def _end(self, place: Value, mask: Value) -> None:
        """Write the results."""
        raise NotImplementedError


class MaxPool(_Windows):
    """The largest elements, their places in the plane, or both."""

    def _begin(self) -> None:
        f = self.f
        kind = self.accumulate
        lowest = -math.inf if kind.is_floating_point else _lowest(kind)
        self.largest = f.variable(f.constant(lowest, kind, self.lanes))
        self.where = f.variable(f.constant(-1, int32, self.lanes))

    def _take(self, found: Value, start: Value, columns: Value, inside: Value) -> None:
        f, largest, where = self.f, self.largest, self.where
        better = (found > largest.value) | (where.value < 0)
        if self.accumulate.is_floating_point:
            better = better | found.is_nan()
        better = better & inside
        largest.value = f.select(better, found, largest.value)
        where.value = f.select(
            better, columns + f.splat(start.cast(int32), self.lanes), where.value
        )

    def _end(self, place: Value, mask: Value) -> None:
        f = self.f
        if "value" in self.results:
            f.store(self.largest.value.cast(self.dtype), self.values, place, mask)
        if "place" in self.results:
            f.store(self.where.value.cast(int64), self.places, place, mask)


def _lowest(dtype: DType) -> int:
    return -(2 ** (8 * dtype.itemsize - 1)) if dtype.is_signed else 0


class SumPool(_Windows):
    """The sums of windows."""

    sums: Variable

    def _begin(self) -> None:
        self.sums = self.f.variable(self.f.constant(0, self.accumulate, self.lanes))

    def _take(self, found: Value, start: Value, columns: Value, inside: Value) -> None:
        added = self.sums.value + found
        self.sums.value = self.f.select(inside, added, self.sums.value)

    def _end(self, place: Value, mask: Value) -> None:
        self.f.store(self.sums.value.cast(self.dtype), self.values, place, mask)


class _Adjoint(_Pool):
    """Kernels that add to planes; halves are added up in the scratch memory."""

    def emit(self) -> None:
        """Clear each plane, add, and round."""
        f, wide = self.f, self.accumulate
        apart = wide is not self.dtype
        with f.loop(*self.part(self.planes)) as plane:
            result = f.at(self.dtype, self.values, plane * self.plane)
            self.target = f.scratch if apart else result
            self.each(
                lambda i, mask: f.store(f.constant(0, wide, self.lanes), self.target, i, mask)
            )
            self._add(plane * self.counts[0] * self.counts[1] * self.counts[2])
            if apart:
                self.each(lambda i, mask: self.round(result, i, mask))

    def round(self, result: Value, index: Value, mask: Value) -> None:
        f = self.f
        found = f.load(self.accumulate, self.target, index, self.lanes, mask)
        f.store(found.cast(self.dtype), result, index, mask)

    def each(self, body: Callable[[Value, Value], None]) -> None:
        """Go through a plane in vectors."""
        f = self.f
        with f.loop(0, self.plane, self.lanes) as index:
            body(index, f.mask(self.plane - index, self.lanes))

    def _add(self, first: Value) -> None:
        """Add what a plane gets from its windows, the first of which has this number."""
        raise NotImplementedError

    def add_at(self, place: Value, source: Value, index: Value) -> None:
        """Add one element to one place."""
        f, wide = self.f, self.accumulate
        added = f.load(self.dtype, source, index).cast(wide)
        pointer = f.at(wide, self.target, place)
        f.store(f.load(wide, pointer) + added, pointer)


class Spread(_Adjoint):
    """Each element goes to the place that is named for it."""

    def _add(self, first: Value) -> None:
        f = self.f
        source, places = f.at(self.dtype, self.x, first), f.at(int64, self.places, first)
        with f.loop(0, self.counts[0] * self.counts[1] * self.counts[2]) as i:
            place = f.load(int64, places, i)
            with f.when((place >= 0) & (place < self.plane)):
                self.add_at(place, source, i)


class SpreadSum(_Adjoint):
    """Each element goes to all places of its window."""

    def _add(self, first: Value) -> None:
        f, counts = self.f, self.counts
        with f.loop(0, counts[0]) as depth, f.loop(0, counts[1]) as row:
            source = f.at(self.dtype, self.x, first + (depth * counts[1] + row) * counts[2])
            with self.lines(depth, row) as start:
                if self.adjacent:
                    self.add_vectors(source, start)
                else:
                    self.add_windows(source, start)

    def add_vectors(self, source: Value, start: Value) -> None:
        """Adjacent windows have the same place of theirs at adjacent columns."""
        f, lanes, wide = self.f, self.lanes, self.accumulate
        line = f.at(wide, self.target, start)
        with f.loop(0, self.size[2]) as k, f.loop(0, self.counts[2], lanes) as column:
            exists = f.mask(self.counts[2] - column, lanes)
            at, _, inside = self.columns(column, k)
            mask = exists & inside
            added = f.load(self.dtype, source, column, lanes, mask).cast(wide)
            f.store(f.load(wide, line, at, lanes, mask) + added, line, at, mask)

    def add_windows(self, source: Value, start: Value) -> None:
        """Windows that are apart, one after another."""
        f = self.f
        with f.loop(0, self.counts[2]) as column:
            begin, low, high = self.inside(2, column)
            with f.loop(low, high) as k:
                self.add_at(start + begin + k * self.dilation[2], source, column)


KERNELS: dict[str, type[_Pool]] = {
    "max_pool": MaxPool,
    "sum_pool": SumPool,
    "spread": Spread,
    "spread_sum": SpreadSum,
}
