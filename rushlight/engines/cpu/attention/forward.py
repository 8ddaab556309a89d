"""Attention's kernel: a chunk is a group of queries of one batch element.

For each block of keys, and each panel of queries: scores, their exponentials, and what the block
adds to the results, after what is there is brought to the new largest score.
"""

from __future__ import annotations

from rushlight.engines.cpu.attention.blocks import Layout, Products, copy_rows, store_rows
from rushlight.engines.cpu.attention.slots import (
    Geometry,
    Operands,
    Scratch,
    Slot,
    Source,
    Structure,
    clipped,
    fewer,
)
from rushlight.engines.cpu.attention.softmax import INFINITY, Panel, log_sum_exp
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.packing import emit_pack
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64


def pack_panel(f: Function, source: Source, target: Value, valid: Value, count: Value) -> None:
    """Copy rows of an operand so that they become lanes."""
    from rushlight.engines.cpu.arrange import tile_of

    tile = tile_of(source.dtype)
    pack = emit_pack(f.module, source.dtype, tile.columns, tile.lanes, source.tables)
    f.call(pack, source.pointer, source.across, source.along, target, valid, count)


class Forward:
    """The code of the kernel."""

    def __init__(self, f: Function, structure: Structure):
        self.f, self.structure = f, structure
        self.geometry = geometry = Geometry(f, structure.dtype)
        self.tile = geometry.tile
        self.products = Products(f, self.tile)
        self.batch = f.chunk % geometry.batches
        # the last queries, which see the most keys if causal, come first
        group = geometry.parts - 1 - f.chunk // geometry.batches
        self.first = group * geometry.part
        self.rows = fewer(f, geometry.queries - self.first, geometry.part)
        self.operands = Operands(f, structure, self.batch)
        self.divide_scratch()

    def divide_scratch(self) -> None:
        """Give each block of numbers its place in the thread's memory."""
        geometry, tile = self.geometry, self.tile
        scratch = Scratch(self.f, tile.dtype)
        lanes = self.rows + tile.columns
        self.query = scratch.take(lanes * geometry.size)
        self.sums, self.largest = scratch.take(lanes), scratch.take(lanes)
        self.result = scratch.take((lanes + tile.rows) * geometry.values_pitch)
        self.rescale = scratch.take(tile.columns)
        high = geometry.block + tile.rows
        self.scores = scratch.take(high * tile.columns)
        self.mask = scratch.take(high * tile.columns) if self.structure.mask else None
        self.key = scratch.take(high * geometry.size_pitch)
        self.value = scratch.take(high * geometry.values_pitch)

    def emit(self) -> None:
        """Write the kernel."""
        f, geometry = self.f, self.geometry
        self.begin()
        seen = geometry.keys
        if self.structure.causal:
            seen = fewer(f, seen, self.first + self.rows)
        with f.loop(0, (seen + geometry.block - 1) // geometry.block) as index:
            key = index * geometry.block
            count = fewer(f, seen - key, geometry.block)
            for slot, target in ((Slot.KEY, self.key), (Slot.VALUE, self.value)):
                pitch, width = self.extent(slot)
                source = self.operands.source(slot, key)
                copy_rows(f, self.tile, source, target, pitch, count, width)
            with f.loop(0, self.rows, self.tile.columns) as row:
                self.emit_panel(row, key, count)
        self.finish()

    def extent(self, slot: Slot) -> tuple[Value, Value]:
        """The pitch and the width of copied rows of key or value."""
        geometry = self.geometry
        if slot is Slot.KEY:
            return geometry.size_pitch, geometry.size
        return geometry.values_pitch, geometry.values

    def begin(self) -> None:
        """Pack the queries, and set the running maxima and sums to those of nothing."""
        f, geometry, tile = self.f, self.geometry, self.tile
        nothing = f.constant(-INFINITY, tile.dtype, tile.lanes)
        zero = f.constant(0, tile.dtype, tile.lanes)
        with f.loop(0, self.rows, tile.columns) as row:
            source = self.operands.source(Slot.QUERY, self.first + row)
            target = f.at(tile.dtype, self.query, row * geometry.size)
            valid = fewer(f, self.rows - row, tile.columns)
            pack_panel(f, source, target, valid, geometry.size)
            for v in range(tile.vectors):
                f.store(nothing, self.largest, row + v * tile.lanes)
                f.store(zero, self.sums, row + v * tile.lanes)

    def emit_panel(self, row: Value, key: Value, count: Value) -> None:
        """What a block of keys adds to the results of a panel that begins at a row."""
        f, tile = self.f, self.tile
        valid, first = fewer(f, self.rows - row, tile.columns), self.first + row
        if self.structure.causal:
            count = clipped(f, first + valid - key, count)
        with f.when(count > 0):
            self.find_scores(row, count)
            panel = Panel(
                f, self.structure, self.geometry, (first, key, count), self.scores, self.mask
            )
            panel.pack_mask(self.operands, valid)
            largest, sums = f.at(tile.dtype, self.largest, row), f.at(tile.dtype, self.sums, row)
            panel.normalise(largest, sums, self.rescale)
            with f.when(key > 0):
                self.scale_results(row, valid)
            self.add_results(row, key, count, valid)

    def find_scores(self, row: Value, count: Value) -> None:
        """Scores of a panel: keys are rows, queries are lanes."""
        f, geometry, tile = self.f, self.geometry, self.tile
        panel = f.at(tile.dtype, self.query, row * geometry.size)

        def emit(j: Value, height: int) -> None:
            left = f.at(tile.dtype, self.key, j * geometry.size_pitch)
            target = f.at(tile.dtype, self.scores, j * tile.columns)
            helper = self.products.helper(Layout.ROWS, height)
            sides = left, geometry.size_pitch, panel, tile.columns, geometry.size
            f.call(helper, *sides, target, tile.columns, 0)

        self.products.over_rows(count, emit)

    def scale_results(self, row: Value, valid: Value) -> None:
        """Bring the results so far to the new largest scores."""
        f, geometry, tile = self.f, self.geometry, self.tile
        with f.loop(0, valid) as r:
            factor = f.splat(f.load(tile.dtype, self.rescale, r), tile.lanes)
            place = f.at(tile.dtype, self.result, (row + r) * geometry.values_pitch)
            with f.loop(0, geometry.values, tile.lanes) as i:
                f.store(f.load(tile.dtype, place, i, tile.lanes) * factor, place, i)

    def add_results(self, row: Value, key: Value, count: Value, valid: Value) -> None:
        """Weights times values: queries are rows."""
        f, geometry, tile = self.f, self.geometry, self.tile
        pitch, adds = geometry.values_pitch, (key > 0).cast(int64)

        def emit(r: Value, height: int) -> None:
            left = f.at(tile.dtype, self.scores, r)
            with f.loop(0, pitch, tile.columns) as column:
                right = f.at(tile.dtype, self.value, column)
                target = f.at(tile.dtype, self.result, (row + r) * pitch + column)
                helper = self.products.helper(Layout.COLUMNS, height)
                f.call(helper, left, tile.columns, right, pitch, count, target, pitch, adds)

        self.products.over_panel(valid, emit)

    def finish(self) -> None:
        """Divide by the sums, and store."""
        f, geometry, tile, dtype = self.f, self.geometry, self.tile, self.structure.dtype
        place = self.batch * geometry.queries + self.first
        has_result, has_total = self.structure.wanted
        if has_result:
            result = f.argument(POINTER, Slot.RESULTS)
            target = f.at(dtype, result, place * geometry.values), geometry.values
            source = self.result, geometry.values_pitch
            store_rows(
                f, dtype, tile, source, target, self.rows, geometry.values, self.share_of_row
            )
        if has_total:
            target = f.at(tile.dtype, f.argument(POINTER, Slot.RESULTS + 1), place)
            with f.loop(0, self.rows, tile.lanes) as row:
                largest = f.load(tile.dtype, self.largest, row, tile.lanes)
                total = log_sum_exp(f, largest, f.load(tile.dtype, self.sums, row, tile.lanes))
                f.store(total, target, row, f.mask(self.rows - row, tile.lanes))

    def share_of_row(self, row: Value) -> Value:
        """1 over the sum of a row, 0 for a query that sees nothing."""
        f = self.f
        total = f.load(self.tile.dtype, self.sums, row)
        return f.select(total.equals(0.0), f.like(0.0, total), 1.0 / total)
