"""The gradient's kernel: a chunk is a group of keys of one batch element.

The keys and values of the group stay in the thread's memory beside their gradients.  For each
group of panels of queries, and each block of the keys: scores and gradients of weights, both made
over to weights and gradients of scores, then what they add to the gradients of queries, keys and
values.  Where the keys of a batch element are in several groups, each writes its own part of the
query's gradient, and a second kernel adds the parts in order.
"""

from __future__ import annotations

from rushlight.engines.cpu.attention.blocks import (
    Layout,
    Products,
    clear,
    copy_rows,
    store_rows,
)
from rushlight.engines.cpu.attention.forward import pack_panel
from rushlight.engines.cpu.attention.slots import (
    Geometry,
    Operands,
    Scratch,
    Slot,
    Structure,
    clipped,
    fewer,
)
from rushlight.engines.cpu.attention.softmax import Panel
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64

Rows = tuple[Value, Value]
"""A pointer to rows, and how far apart they are."""

PANELS = 4
"""How many panels of queries are taken together."""


class Gradient:
    """The code of the kernel; `whole` if each batch element's keys are one group."""

    def __init__(self, f: Function, structure: Structure, whole: bool):
        self.f, self.structure, self.whole = f, structure, whole
        self.geometry = geometry = Geometry(f, structure.dtype)
        self.tile = tile = geometry.tile
        self.products = Products(f, tile)
        self.group = PANELS * tile.columns
        self.batch, self.number = f.chunk % geometry.batches, f.chunk // geometry.batches
        self.key = self.number * geometry.part
        self.keys = fewer(f, geometry.keys - self.key, geometry.part)
        self.operands = Operands(f, structure, self.batch)
        self.for_query, self.for_key, self.for_value = structure.wanted
        self.for_scores = self.for_query or self.for_key
        self.scale = f.load(tile.dtype, f.argument(POINTER, Slot.SCALE))
        self.divide_scratch()

    def divide_scratch(self) -> None:
        """Give each block of numbers its place in the thread's memory."""
        geometry, tile, group = self.geometry, self.tile, self.group
        scratch = Scratch(self.f, tile.dtype)
        size, values = geometry.size_pitch, geometry.values_pitch
        self.queries = scratch.take(geometry.size * group)
        self.gradients = scratch.take(geometry.values * group)
        self.query_rows = scratch.take(size * group)
        self.gradient_rows = scratch.take(values * group)
        self.result_rows = scratch.take(values * group)
        self.of_query = scratch.take(size * (group + tile.rows))
        self.totals, self.dots = scratch.take(group), scratch.take(group)
        self.panel = (geometry.block + tile.rows) * tile.columns
        self.weights = scratch.take(self.panel * PANELS)
        self.slopes = scratch.take(self.panel * PANELS)
        self.mask = scratch.take(self.panel) if self.structure.mask else None
        high = self.keys + tile.rows
        self.key_rows, self.of_key = scratch.take(high * size), scratch.take(high * size)
        self.value_rows, self.of_value = scratch.take(high * values), scratch.take(high * values)

    def emit(self) -> None:
        """Write the kernel."""
        f, geometry = self.f, self.geometry
        high = self.keys + self.tile.rows
        for slot, rows, sums in (
            (Slot.KEY, self.key_rows, self.of_key),
            (Slot.VALUE, self.value_rows, self.of_value),
        ):
            pitch, width = self.extent(slot)
            source = self.operands.source(slot, self.key)
            copy_rows(f, self.tile, source, rows, pitch, self.keys, width)
            clear(f, self.tile, sums, high * pitch)
        first = f.constant(0, int64)
        if self.structure.causal:
            first = self.key // self.group * self.group
        with f.loop(first, geometry.queries, self.group) as row:
            self.emit_group(row)
        self.finish()

    def extent(self, slot: Slot) -> tuple[Value, Value]:
        """The pitch and the width of copied rows of an operand."""
        geometry = self.geometry
        if slot in (Slot.QUERY, Slot.KEY):
            return geometry.size_pitch, geometry.size
        return geometry.values_pitch, geometry.values

    def emit_group(self, row: Value) -> None:
        """Everything that a group of queries, which begins at a row, adds."""
        f, geometry = self.f, self.geometry
        rows = fewer(f, geometry.queries - row, self.group)
        self.load_group(row, rows)
        count = self.keys
        if self.structure.causal:
            count = clipped(f, row + rows - self.key, count)
        with f.loop(0, (count + geometry.block - 1) // geometry.block) as index:
            start = index * geometry.block
            here = fewer(f, count - start, geometry.block)
            with f.loop(0, rows, self.tile.columns) as panel:
                self.emit_panel((row, panel), rows, start, here)
            self.add_to_keys(row, rows, start, here)
        self.store_queries(row, rows, count)

    def load_group(self, row: Value, rows: Value) -> None:
        """Bring the group's queries and gradients near, as rows and as panels."""
        f, tile = self.f, self.tile
        for slot, near, panels in (
            (Slot.QUERY, self.query_rows, self.queries),
            (Slot.GRADIENT, self.gradient_rows, self.gradients),
        ):
            pitch, width = self.extent(slot)
            source = self.operands.source(slot, row)
            copy_rows(f, tile, source, near, pitch, rows, width)
            with f.loop(0, rows, tile.columns) as r:
                source = self.operands.source(slot, row + r)
                target = f.at(tile.dtype, panels, r * width)
                pack_panel(f, source, target, fewer(f, rows - r, tile.columns), width)
        with f.loop(0, rows) as r:
            source = self.operands.source(Slot.LOG_SUM_EXP, row + r)
            f.store(f.load(tile.dtype, source.pointer), self.totals, r)
        if self.for_scores:
            self.find_dots(row, rows)

    def find_dots(self, row: Value, rows: Value) -> None:
        """sum(gradient * result) of each query of the group."""
        f, geometry, tile = self.f, self.geometry, self.tile
        pitch = geometry.values_pitch
        source = self.operands.source(Slot.RESULT, row)
        results = self.result_rows
        copy_rows(f, tile, source, results, pitch, rows, geometry.values)
        with f.loop(0, rows) as r:
            total = f.variable(f.constant(0, tile.dtype, tile.lanes))

            with f.loop(0, geometry.values, tile.lanes) as i:
                a, b = [
                    f.load(tile.dtype, place, r * pitch + i, tile.lanes)
                    for place in (results, self.gradient_rows)
                ]
                total.value = f.fma(a, b, total.value)
            f.store(f.fold(total.value, lambda a, b: a + b), self.dots, r)

    def emit_panel(
        self, place: tuple[Value, Value], rows: Value, start: Value, here: Value
    ) -> None:
        """Weights and slopes of one panel with a block of keys, and the query's gradient."""
        f, tile = self.f, self.tile
        row, panel = place
        valid, first = fewer(f, rows - panel, tile.columns), row + panel
        count = here
        if self.structure.causal:
            count = clipped(f, first + valid - (self.key + start), here)
        at = panel // tile.columns * self.panel
        weights, slopes = f.at(tile.dtype, self.weights, at), f.at(tile.dtype, self.slopes, at)
        self.multiply(Slot.KEY, panel, start, count, weights)
        if self.for_scores:
            self.multiply(Slot.VALUE, panel, start, count, slopes)
        places = first, self.key + start, count
        scores = Panel(f, self.structure, self.geometry, places, weights, self.mask)
        scores.pack_mask(self.operands, valid)
        numbers = f.at(tile.dtype, self.totals, panel), f.at(tile.dtype, self.dots, panel)
        scores.differentiate(slopes if self.for_scores else None, *numbers)
        if self.structure.causal:  # tiles of keys may reach beyond those that the panel sees
            for block in (weights, slopes):
                clear(f, tile, f.at(tile.dtype, block, count * tile.columns), self.overlap)
        if self.for_query:
            self.add_to_queries(panel, start, count, valid, slopes)

    @property
    def overlap(self) -> Value:
        """How far a tile may reach beyond the last key, in numbers."""
        return self.f.constant(self.tile.rows * self.tile.columns, int64)

    def multiply(self, slot: Slot, panel: Value, start: Value, count: Value, target: Value) -> None:
        """Keys times queries, or values times gradients: keys are rows, queries lanes."""
        f, tile = self.f, self.tile
        pitch, width = self.extent(slot)
        rows, lanes = self.key_rows, self.queries
        if slot is Slot.VALUE:
            rows, lanes = self.value_rows, self.gradients
        right = f.at(tile.dtype, lanes, panel * width)

        def emit(j: Value, height: int) -> None:
            left = f.at(tile.dtype, rows, (start + j) * pitch)
            helper = self.products.helper(Layout.ROWS, height)
            place = f.at(tile.dtype, target, j * tile.columns)
            f.call(helper, left, pitch, right, tile.columns, width, place, tile.columns, 0)

        self.products.over_rows(count, emit)

    def add_to_queries(
        self, panel: Value, start: Value, count: Value, valid: Value, slopes: Value
    ) -> None:
        """Slopes times keys: queries are rows."""
        f, geometry, tile = self.f, self.geometry, self.tile
        pitch, adds = geometry.size_pitch, (start > 0).cast(int64)

        def emit(r: Value, height: int) -> None:
            left = f.at(tile.dtype, slopes, r)
            with f.loop(0, pitch, tile.columns) as column:
                right = f.at(tile.dtype, self.key_rows, start * pitch + column)
                target = f.at(tile.dtype, self.of_query, (panel + r) * pitch + column)
                helper = self.products.helper(Layout.COLUMNS, height)
                f.call(helper, left, tile.columns, right, pitch, count, target, pitch, adds)

        self.products.over_panel(valid, emit)

    def add_to_keys(self, row: Value, rows: Value, start: Value, here: Value) -> None:
        """Weights times gradients, and slopes times queries: keys are rows."""
        if self.for_value:
            sides = self.weights, self.gradient_rows, self.of_value
            self.add_rows(Slot.VALUE, sides, (row, rows), start, here)
        if self.for_key:
            sides = self.slopes, self.query_rows, self.of_key
            self.add_rows(Slot.KEY, sides, (row, rows), start, here)

    def add_rows(
        self,
        slot: Slot,
        sides: tuple[Value, Value, Value],
        queries: tuple[Value, Value],
        start: Value,
        here: Value,
    ) -> None:
        """Add left @ right to the rows of a block of keys; `queries` are the first and how many."""
        f, tile = self.f, self.tile
        left, right, target = sides
        row, rows = queries
        pitch, _ = self.extent(slot)

        def emit(j: Value, height: int) -> None:
            first = f.constant(0, int64)
            if self.structure.causal:  # the first panel that sees the tile's first key
                first = clipped(f, self.key + start + j - row, rows) // tile.columns
            panels = f.at(tile.dtype, left, first * self.panel + j * tile.columns)
            near = f.at(tile.dtype, right, first * tile.columns * pitch)
            count = rows - first * tile.columns
            with f.loop(0, pitch, tile.columns) as column:
                place = f.at(tile.dtype, target, (start + j) * pitch + column)
                helper = self.products.helper(Layout.PANELS, height)
                at = f.at(tile.dtype, near, column)
                f.call(helper, panels, self.panel, at, pitch, count, place, pitch, 1)

        self.products.over_rows(here, emit)

    def store_queries(self, row: Value, rows: Value, count: Value) -> None:
        """Store the finished rows of the query's gradient, or this group's part of them."""
        if not self.for_query:
            return
        f, geometry, tile = self.f, self.geometry, self.tile
        source, size = (self.of_query, geometry.size_pitch), geometry.size
        if self.whole:
            place = (self.batch * geometry.queries + row) * size
            target = f.at(self.structure.dtype, f.argument(POINTER, Slot.RESULTS), place), size
            self.store(source, target, rows, size, self.scale)
            return
        with f.when(count < 1):
            clear(f, tile, self.of_query, rows * geometry.size_pitch)
        number = self.number * geometry.batches + self.batch
        place = (number * geometry.queries + row) * geometry.size_pitch
        target = f.at(tile.dtype, f.argument(POINTER, Slot.WORKSPACE), place)
        with f.loop(0, rows * geometry.size_pitch, tile.lanes) as i:
            f.store(f.load(tile.dtype, self.of_query, i, tile.lanes), target, i)

    def store(self, source: Rows, target: Rows, rows: Value, count: Value, factor: Value) -> None:
        """Store rows times one factor in the results' dtype."""
        f, dtype, tile = self.f, self.structure.dtype, self.tile
        store_rows(f, dtype, tile, source, target, rows, count, lambda row: factor)

    def finish(self) -> None:
        """Store the gradients of the group's keys and values."""
        f, geometry, dtype = self.f, self.geometry, self.structure.dtype
        place = self.batch * geometry.keys + self.key
        one = f.constant(1.0, self.tile.dtype)
        for slot, number, sums, wanted, factor in (
            (Slot.KEY, 1, self.of_key, self.for_key, self.scale),
            (Slot.VALUE, 2, self.of_value, self.for_value, one),
        ):
            if wanted:
                pitch, width = self.extent(slot)
                result = f.argument(POINTER, Slot.RESULTS + number)
                target = f.at(dtype, result, place * width), width
                self.store((sums, pitch), target, self.keys, width, factor)


class Parts:
    """The kernel that adds the parts of the query's gradient; a chunk is a batch element."""

    def __init__(self, f: Function, structure: Structure):
        self.f, self.structure = f, structure
        self.geometry = Geometry(f, structure.dtype)

    def emit(self) -> None:
        """Write the kernel."""
        f, geometry, tile = self.f, self.geometry, self.geometry.tile
        dtype, pitch = self.structure.dtype, geometry.size_pitch
        scale = f.splat(f.load(tile.dtype, f.argument(POINTER, Slot.SCALE)), tile.lanes)
        workspace, result = f.argument(POINTER, Slot.WORKSPACE), f.argument(POINTER, Slot.RESULTS)
        group = PANELS * tile.columns
        with f.loop(0, geometry.queries) as row:
            count = geometry.parts
            if self.structure.causal:  # groups of keys that no query of the group saw wrote nothing
                reached = (row // group + 1) * group + geometry.part - 1
                count = fewer(f, count, reached // geometry.part)
            place = f.chunk * geometry.queries + row
            start = f.at(tile.dtype, workspace, place * pitch)
            target = f.at(dtype, result, place * geometry.size)
            apart = geometry.batches * geometry.queries * pitch

            with f.loop(0, geometry.size, tile.lanes) as i:
                total = f.variable(f.load(tile.dtype, start, i, tile.lanes))
                with f.loop(1, count) as number:
                    part = f.load(tile.dtype, start, number * apart + i, tile.lanes)
                    total.value = total.value + part
                mask = f.mask(geometry.size - i, tile.lanes)
                f.store((total.value * scale).cast(dtype), target, i, mask)
