"""Attention's kernel for few queries, as in generating text: a chunk is one query.

Lanes run along each key while scores are found, then along the keys, then along the values, so
that keys and values are read once, and in place where their numbers are neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.engines.cpu.attention.blocks import clear, copy_rows, over_vectors
from rushlight.engines.cpu.attention.slots import (
    Geometry,
    Operands,
    Scratch,
    Slot,
    Source,
    Structure,
    fewer,
)
from rushlight.engines.cpu.attention.softmax import (
    INFINITY,
    LOG2_E,
    finite,
    larger,
    log_sum_exp,
    power_of_two,
)
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.packing import transpose
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import bool_, int64

_VECTORS, _KEYS = 4, 2  # of values that are summed together; of keys, apart from each other


class Single:
    """The code of the kernel."""

    def __init__(self, f: Function, structure: Structure):
        self.f, self.structure = f, structure
        self.geometry = geometry = Geometry(f, structure.dtype)
        self.dtype, self.lanes = geometry.tile.dtype, geometry.tile.lanes
        self.batch, self.query = f.chunk // geometry.queries, f.chunk % geometry.queries
        self.operands = Operands(f, structure, self.batch)
        scratch = Scratch(f, self.dtype)
        self.near_query = scratch.take(geometry.size_pitch)
        self.result = scratch.take(geometry.values_pitch)
        self.weights = scratch.take(geometry.keys + self.lanes)
        high = geometry.block + geometry.tile.rows
        self.near = scratch.take(high * geometry.size_pitch)
        self.near_values = scratch.take(high * geometry.values_pitch)

    def emit(self) -> None:
        """Write the kernel."""
        f, geometry, one = self.f, self.geometry, self.f.constant(1, int64)
        source = self.operands.source(Slot.QUERY, self.query)
        place = self.near_query, geometry.size_pitch
        copy_rows(f, geometry.tile, source, *place, one, geometry.size)
        most = f.variable(f.constant(-INFINITY, self.dtype, self.lanes))

        def find(rows: tuple[Value, Value], key: Value, count: Value) -> None:
            with f.loop(0, count, self.lanes) as j:
                score = self.score(rows, key, j, count)
                most.value = larger(f, score, most.value)
                f.store(score, self.weights, key + j)

        self.over_blocks(Slot.KEY, self.near, geometry.size_pitch, geometry.size, find)
        largest = f.fold(most.value, lambda a, b: larger(f, a, b))
        total = self.exponentiate(largest)
        clear(f, geometry.tile, self.result, geometry.values_pitch)
        place = self.near_values, geometry.values_pitch
        self.over_blocks(Slot.VALUE, *place, geometry.values, self.add_values)
        self.store(largest, total)

    def over_blocks(
        self,
        slot: Slot,
        near: Value,
        pitch: Value,
        width: Value,
        emit: Callable[[tuple[Value, Value], Value, Value], None],
    ) -> None:
        """emit((rows, how far they are apart), first key, count) for blocks of keys or values."""
        f, geometry = self.f, self.geometry
        block = geometry.block
        with f.loop(0, (geometry.keys + block - 1) // block) as index:
            key = index * block
            count = fewer(f, geometry.keys - key, block)
            source = self.operands.source(slot, key)
            emit(self.rows_of(source, near, pitch, width, count), key, count)

    def rows_of(
        self, source: Source, near: Value, pitch: Value, width: Value, count: Value
    ) -> tuple[Value, Value]:
        """Rows whose numbers are neighbours: the operand's own, or a copy."""
        f, tile = self.f, self.geometry.tile
        if source.tables or source.dtype is not self.dtype:
            copy_rows(f, tile, source, near, pitch, count, width)
            return near, pitch
        apart = source.along.differs(1)
        with f.when(apart):
            copy_rows(f, tile, source, near, pitch, count, width)
        return f.select(apart, near, source.pointer), f.select(apart, pitch, source.across)

    def score(self, rows: tuple[Value, Value], key: Value, j: Value, count: Value) -> Value:
        """The scores of a vector of keys, minus infinity beyond the last."""
        f, lanes = self.f, self.lanes
        zero = f.constant(0, self.dtype, lanes)
        sums = [f.variable(zero) for _ in range(lanes)]
        starts = []
        for r in range(lanes):
            number = fewer(f, j + r, count - 1)
            starts.append(f.at(self.dtype, rows[0], number * rows[1]))

        def add(i: Value, mask: Value | None) -> None:
            query = f.load(self.dtype, self.near_query, i, lanes)
            for start, total in zip(starts, sums, strict=True):
                total.value = f.fma(query, f.load(self.dtype, start, i, lanes, mask), total.value)

        over_vectors(f, self.geometry.size, lanes, add)
        columns = transpose(f, [total.value for total in sums])
        while len(columns) > 1:
            columns = [a + b for a, b in zip(columns[::2], columns[1::2], strict=True)]
        scale = f.splat(f.load(self.dtype, f.argument(POINTER, Slot.SCALE)), lanes)
        there = f.mask(count - j, lanes)
        return f.select(there, self.masked(columns[0] * scale, key + j, there), -INFINITY)

    def masked(self, scores: Value, key: Value, there: Value) -> Value:
        """The scores with the mask of a vector of keys."""
        f, dtype = self.f, self.structure.mask
        if dtype is None:
            return scores
        source = self.operands.source(Slot.MASK, self.query, key)
        if source.tables:
            row = f.load(int64, source.across)
            offsets = f.load(int64, source.along, None, self.lanes, there) + row
        else:
            offsets = f.iota(int64, self.lanes) * source.along
        mask = f.gather(dtype, source.pointer, offsets, there)
        if dtype is bool_:
            return f.select(mask, scores, f.like(-INFINITY, scores))
        return scores + mask.cast(self.dtype)

    def exponentiate(self, largest: Value) -> Value:
        """Turn scores into exponentials; their sum."""
        f = self.f
        base = f.splat(finite(f, largest), self.lanes)
        total = f.variable(f.constant(0, self.dtype, self.lanes))
        with f.loop(0, self.geometry.keys, self.lanes) as j:
            score = f.load(self.dtype, self.weights, j, self.lanes)
            power = power_of_two(f, (score - base) * LOG2_E)
            total.value = total.value + power
            f.store(power, self.weights, j)
        return f.fold(total.value, lambda a, b: a + b)

    def add_values(self, rows: tuple[Value, Value], key: Value, count: Value) -> None:
        """Add the weighted values of a block of keys to the result."""
        f, values, width = self.f, self.geometry.values, _VECTORS * self.lanes
        whole = values // width * width
        with f.loop(0, whole, width) as i:
            self.add_columns(rows, (key, count), i, [None] * _VECTORS)
        with f.loop(whole, values, self.lanes) as i:
            self.add_columns(rows, (key, count), i, [f.mask(values - i, self.lanes)])

    def add_columns(
        self, rows: tuple[Value, Value], keys: tuple[Value, Value], column: Value, masks: list
    ) -> None:
        """Add the weighted values of some columns, one vector for each mask."""
        f, lanes, (key, count) = self.f, self.lanes, keys
        zero = f.constant(0, self.dtype, lanes)
        sums = [[f.variable(zero) for _ in masks] for _ in range(_KEYS)]
        with f.loop(0, count, _KEYS) as j:
            for u, totals in enumerate(sums):
                weight = f.splat(f.load(self.dtype, self.weights, key + j + u), lanes)
                start = f.at(self.dtype, rows[0], fewer(f, j + u, count - 1) * rows[1] + column)
                for v, (total, mask) in enumerate(zip(totals, masks, strict=True)):
                    value = f.load(self.dtype, start, v * lanes, lanes, mask)
                    total.value = f.fma(weight, value, total.value)
        for v in range(len(masks)):
            place = column + v * lanes
            before = f.load(self.dtype, self.result, place, lanes)
            f.store(before + (sums[0][v].value + sums[1][v].value), self.result, place)

    def store(self, largest: Value, total: Value) -> None:
        """Divide by the sum, and store."""
        f, geometry, dtype = self.f, self.geometry, self.structure.dtype
        has_result, has_total = self.structure.wanted
        if has_result:
            share = f.select(total.equals(0.0), f.like(0.0, total), 1.0 / total)
            target = f.at(dtype, f.argument(POINTER, Slot.RESULTS), f.chunk * geometry.values)
            share = f.splat(share, self.lanes)

            def emit(i: Value, mask: Value | None) -> None:
                value = f.load(self.dtype, self.result, i, self.lanes) * share
                f.store(value.cast(dtype), target, i, mask)

            over_vectors(f, geometry.values, self.lanes, emit)
        if has_total:
            found = log_sum_exp(f, largest, total)
            f.store(found, f.argument(POINTER, Slot.RESULTS + 1), f.chunk)
