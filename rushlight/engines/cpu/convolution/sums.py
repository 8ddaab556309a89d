"""The innermost code of convolutions: sums of products for a tile of rows by one panel of columns.

It is a contraction's tile whose first operand is not packed: its numbers are repeated to vectors
straight from memory, found by strides or by tables of offsets.
"""

from __future__ import annotations

from rushlight.engines.cpu.arrange import Tile
from rushlight.engines.cpu.builder import POINTER, Function, Module
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import int64

TABLES, ALONG, ACROSS = "tables", "along", "across"
"""How the first operand is found: by tables, or by a stride with neighbours along or across."""

_UNROLLED = 4
_MOST_SUMS_UNROLLED = 16


def emit_sums(module: Module, tile: Tile, rows: int, form: str) -> Function:
    """A helper `(a, across, along, b, count, target, places, adds)`.

    Element (r, k) of the first operand lies at `a + across(r) + along(k)`: with TABLES both are
    pointers to int64 offsets, else strides, of which the one that `form` names is 1.  `b` is a
    packed panel.  Row r of the sums is written to `target + places(r)`, a table with TABLES and
    otherwise a stride; if `adds` is not 0, what is there is added.
    """
    kind = POINTER if form == TABLES else int64
    kinds = (POINTER, kind, kind, POINTER, int64, POINTER, kind, int64)
    name = f"sums.{tile.dtype.name}.{rows}x{tile.vectors}x{tile.lanes}.{form}"
    return module.shared_helper(name, kinds, lambda f: _Sums(f, tile, rows, form).emit())


class _Sums:
    def __init__(self, f: Function, tile: Tile, rows: int, form: str):
        self.f, self.tile, self.form = f, tile, form
        self.a, self.across, self.along, self.b, self.count, *rest = f.parameters
        self.target, self.places, self.adds = rest
        zero = f.constant(0, tile.dtype, tile.lanes)
        self.sums = [[f.variable(zero) for _ in range(tile.vectors)] for _ in range(rows)]
        self.rows = [f.at(tile.dtype, self.a, self._offset(self.across, r)) for r in range(rows)]

    def _offset(self, source: Value, r: int) -> Value:
        return self.f.load(int64, source, r) if self.form == TABLES else source * r

    def emit(self) -> None:
        """Go along the depth, several places at a time, then store."""
        f, tile = self.f, self.tile
        unrolled = _UNROLLED if len(self.sums) * tile.vectors <= _MOST_SUMS_UNROLLED else 1
        whole = (self.count // unrolled) * unrolled
        with f.loop(0, whole, unrolled) as k:
            for i in range(unrolled):
                self._accumulate(k, i)
        with f.loop(whole, self.count) as k:
            self._accumulate(k, 0)
        results = [[one.value for one in row] for row in self.sums]
        with f.when(self.adds.equals(0)) as plain:
            self._store(results, False)
        with plain.otherwise():
            self._store(results, True)

    def _accumulate(self, k: Value, i: int) -> None:
        f, tile = self.f, self.tile
        right = f.at(tile.dtype, self.b, k * tile.columns)
        vectors = [
            f.load(tile.dtype, right, i * tile.columns + v * tile.lanes, tile.lanes)
            for v in range(tile.vectors)
        ]
        step = k + i if i else k
        if self.form == TABLES:
            step = f.load(int64, self.along, step)
        elif self.form == ACROSS:
            step = step * self.along
        for pointer, sums in zip(self.rows, self.sums, strict=True):
            repeated = f.splat(f.load(tile.dtype, pointer, step), tile.lanes)
            for vector, total in zip(vectors, sums, strict=True):
                total.value = self._added(repeated, vector, total.value)

    def _added(self, a: Value, b: Value, total: Value) -> Value:
        return self.f.fma(a, b, total) if a.dtype.is_floating_point else a * b + total

    def _store(self, results: list[list[Value]], adds: bool) -> None:
        f, tile = self.f, self.tile
        for r, row in enumerate(results):
            place = f.at(tile.dtype, self.target, self._offset(self.places, r))
            for v, value in enumerate(row):
                start = v * tile.lanes
                if adds:
                    value = f.load(tile.dtype, place, start, tile.lanes) + value
                f.store(value, place, start)
