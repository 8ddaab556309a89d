"""Elementwise kernels that read along the rows what they write along the columns: transposes.

The work goes through tiles of a few rows, so that what is read across stays in the nearest cache.
Inside, square blocks are read as vectors along the rows and turned in registers; the ends of tiles
go element by element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.engines.cpu.kernel import NEXT
from rushlight.engines.cpu.packing import transpose
from rushlight.engines.cpu.steps import ROW, VECTOR, Vector, accesses
from rushlight.engines.cpu.values import HALVES, Value
from rushlight.graph.dtype import float32

if TYPE_CHECKING:
    from rushlight.engines.cpu.loops import Map

_TILE_ROWS, _TILE_COLUMNS = 16, 64
_MOST_STEPS = 16
"""Of kernels with more steps a block would be too much code."""


def is_crossed(form: Map) -> bool:
    """Whether something is read along the rows that is written along the columns."""
    *_, row, column = form.kept
    return any(
        access.strides[row] == NEXT and access.strides[column] >= 0
        for access in accesses(form.kernel)
    )


class Tiles:
    """The code of one such kernel."""

    def __init__(self, form: Map, every: list[int], known: dict[int, Value], size: Value):
        self.form, self.f, self.steps = form, form.f, form.steps
        self.every, self.known, self.size = every, known, size
        *self.outside, self.crossed = form.kept[:-1]
        self.column = form.kept[-1]
        self.turned = self.find_turned()

    def find_turned(self) -> list[int]:
        """The loads that blocks read along the rows; none if blocks are too much code."""
        levels, ops = self.steps.levels, self.form.kernel.ops
        vectors = [step for step in self.every if levels[step] == VECTOR]
        if len(vectors) > _MOST_STEPS or self.steps.lanes < 4:
            return []
        return [
            step
            for step in vectors
            if ops[step].name == "load"
            and (ops[step].dtype in HALVES or ops[step].dtype.itemsize >= 4)
            and ops[step].detail.strides[self.crossed] == NEXT
            and ops[step].detail.strides[self.column] >= 0
        ]

    def emit(self) -> None:
        """Write the loops over tiles."""
        f, form = self.f, self.form
        count = self.steps.sizes[self.crossed]
        blocks = (count + (_TILE_ROWS - 1)) // _TILE_ROWS
        units = form.count(self.outside) * blocks
        low, high = form.part_of(units, f.chunk, form.chunks)
        with f.loop(low, high) as unit:
            counters = form.split(unit // blocks, self.outside)
            first = (unit % blocks) * _TILE_ROWS
            last = first + _TILE_ROWS
            last = f.select(last < count, last, count)
            with f.loop(0, self.size, _TILE_COLUMNS) as column:
                end = column + _TILE_COLUMNS
                end = f.select(end < self.size, end, self.size)
                self.tile(counters, (first, last), (column, end))

    def tile(self, counters: dict, rows: tuple[Value, Value], columns: tuple[Value, Value]) -> None:
        """Whole blocks, then what is left of their rows, then the rows left."""
        if not self.turned:
            self.rows(counters, rows, columns)
            return
        f, lanes = self.f, self.steps.lanes
        (first, last), (column, end) = rows, columns
        last_whole = first + (last - first) // lanes * lanes
        end_whole = column + (end - column) // lanes * lanes
        with f.loop(column, end_whole, lanes) as at, f.loop(first, last_whole, lanes) as row:
            self.block(counters, row, at)
        with f.when(end_whole < end):
            self.rows(counters, (first, last_whole), (end_whole, end))
        with f.when(last_whole < last):
            self.rows(counters, (last_whole, last), columns)

    def rows(self, counters: dict, rows: tuple[Value, Value], columns: tuple[Value, Value]) -> None:
        """Row by row, what is read across element by element."""
        with self.f.loop(*rows) as row:
            within, inside = {**counters, self.crossed: row}, dict(self.known)
            self.steps.compute(self.every, inside, within, None, (ROW,))
            self.form.row(self.every, inside, within, *columns)

    def block(self, counters: dict, row: Value, column: Value) -> None:
        """As many rows as a vector has lanes, for as many columns."""
        lanes = self.steps.lanes
        corner = {**counters, self.crossed: row, self.column: column}
        turned = {step: self.turn(step, corner) for step in self.turned}
        vector = Vector(column, lanes, None)
        for i in range(lanes):
            within = {**counters, self.crossed: row + i if i else row}
            inside = {**self.known, **{step: rows[i] for step, rows in turned.items()}}
            self.steps.compute(self.every, inside, within, None, (ROW,))
            self.steps.prepare(within)
            self.steps.compute(self.every, inside, within, vector)
            self.form.store(inside, within, vector)

    def turn(self, step: int, corner: dict) -> list[Value]:
        """A block of a load, row by row, read column by column."""
        f, steps = self.f, self.steps
        access = self.form.kernel.ops[step].detail
        pointer, stride = steps.base(access, corner), steps.slot(access.strides[self.column])
        columns = []
        for lane in range(steps.lanes):
            place = f.at(access.dtype, pointer, stride * lane) if lane else pointer
            column = f.load(access.dtype, place, 0, steps.lanes)
            columns.append(column.retyped(float32) if access.dtype in HALVES else column)
        return [row.retyped(access.dtype) for row in transpose(f, columns)]
