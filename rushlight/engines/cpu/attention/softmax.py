"""Between scores and weights: a panel's rows of scores, lanes of which are queries.

Exponentials are powers of 2: without a mask, one multiplication serves the scale and the change of
base.  With one the base changes last, so that a mask of the lowest numbers does not overflow.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.engines.cpu import functions
from rushlight.engines.cpu.attention.slots import Geometry, Operands, Slot, Structure, clipped
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.doubles import polynomial
from rushlight.engines.cpu.packing import accumulator, emit_pack
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import float32, float64, int32

LOG2_E = 1.4426950408889634
INFINITY = float("inf")
_SHIFTER = 12582912.0  # 1.5 * 2^23: adding it rounds to an integer, kept in the lowest bits
_POWER = (0.00015353361959569156, 0.0013398875016719103, 0.00961843691766262)
_POWER += (0.055503323674201965, 0.24022647738456726, 0.6931471824645996, 1.0)


def power_of_two(f: Function, x: Value) -> Value:
    """2 to the x for x up to about 1; 0 where float32's result would be denormal; NaN stays."""
    if x.dtype is float64:
        return functions.emit_unary(f, "exp2", x)
    least = f.like(-127.0, x)
    limited = f.select(x < least, least, x)
    shifted = limited + _SHIFTER
    fraction = limited - (shifted - _SHIFTER)
    scale = ((shifted.bitcast(int32) << 23) + 0x3F800000).bitcast(float32)
    return polynomial(f, fraction, _POWER) * scale


def larger(f: Function, x: Value, most: Value) -> Value:
    """The larger of two; a NaN in x is passed over (the sum of the exponentials will keep it)."""
    return f.select(x > most, x, most)


def finite(f: Function, x: Value) -> Value:
    """0 in place of minus infinity."""
    return f.select(x.equals(-INFINITY), f.like(0.0, x), x)


class Panel:
    """The scores of one panel of queries and a block of keys, scaled and masked as they are read.

    `row` is the panel's first query, `key` the block's first key, `count` the keys in the block
    that any query of the panel sees.
    """

    def __init__(
        self,
        f: Function,
        structure: Structure,
        geometry: Geometry,
        places: tuple[Value, Value, Value],
        scores: Value,
        mask: Value | None,
    ):
        self.f, self.structure, self.tile = f, structure, geometry.tile
        self.row, self.key, self.count = places
        self.scores, self.mask = scores, mask
        scale = f.load(self.tile.dtype, f.argument(POINTER, Slot.SCALE))
        self.scale = f.splat(scale, self.tile.lanes)

    def pack_mask(self, operands: Operands, valid: Value) -> None:
        """Bring the mask into the order of the scores."""
        f, tile, dtype = self.f, self.tile, self.structure.mask
        if dtype is None or self.mask is None:
            return
        source = operands.source(Slot.MASK, self.row, self.key)
        pack = emit_pack(f.module, dtype, tile.columns, tile.lanes, source.tables)
        place = source.pointer, source.across, source.along
        f.call(pack, *place, self.mask, valid, self.count)

    def score(self, j: Value, v: int) -> Value:
        """The scores of vector v of key j, masked, but for the causal one."""
        f, tile = self.f, self.tile
        place = j * tile.columns + v * tile.lanes
        x = f.load(tile.dtype, self.scores, place, tile.lanes)
        if self.mask is None or self.structure.mask is None:
            return x * self.scale
        dtype = accumulator(self.structure.mask)
        mask = f.load(dtype, self.mask, place, tile.lanes)
        if dtype is tile.dtype:
            return f.fma(x, self.scale, mask)
        return f.select(mask.differs(0), x * self.scale, f.like(-INFINITY, x))

    def exponent(self, j: Value, v: int, base: tuple[Value, Value]) -> Value:
        """The scores less a base, in powers of 2; the base comes as it is, and in powers of 2."""
        f, tile = self.f, self.tile
        if self.mask is not None:
            return (self.score(j, v) - base[0]) * LOG2_E
        x = f.load(tile.dtype, self.scores, j * tile.columns + v * tile.lanes, tile.lanes)
        return f.fma(x, self.scale * LOG2_E, -base[1])

    def causal(self, x: Value, j: Value, v: int, diagonal: bool) -> Value:
        """Minus infinity for those queries that do not see key j yet."""
        if not diagonal:
            return x
        f, lanes = self.f, self.tile.lanes
        least = f.splat((self.key + j - self.row).cast(int32), lanes)
        sees = f.iota(int32, lanes) + v * lanes >= least
        return f.select(sees, x, f.like(-INFINITY, x))

    def over_keys(self, emit: Callable[[Value, bool], None]) -> None:
        """emit(key, whether it is one that only some queries of the panel may see)."""
        f = self.f
        if not self.structure.causal:
            with f.loop(0, self.count) as j:
                emit(j, False)
            return
        whole = clipped(f, self.row + 1 - self.key, self.count)
        with f.loop(0, whole) as j:
            emit(j, False)
        with f.loop(whole, self.count) as j:
            emit(j, True)

    def vectors(self) -> range:
        """The vectors of a row of the panel."""
        return range(self.tile.vectors)

    def normalise(self, largest: Value, sums: Value, rescale: Value) -> None:
        """Turn the scores into exponentials, in place.

        `largest` and `sums` point to the running maxima and sums, which are brought up to date;
        what older sums must be multiplied by goes to `rescale`.
        """
        f, tile = self.f, self.tile
        before = [self.load(largest, v) for v in self.vectors()]
        most = [f.variable(value) for value in before]

        def find_largest(j: Value, diagonal: bool) -> None:
            for v in self.vectors():
                score = self.causal(self.score(j, v), j, v, diagonal)
                most[v].value = larger(f, score, most[v].value)

        self.over_keys(find_largest)
        totals, bases = [], []
        for v in self.vectors():
            reached = most[v].value
            base = finite(f, reached)
            ratio = power_of_two(f, (before[v] - base) * LOG2_E)
            f.store(reached, largest, v * tile.lanes)
            f.store(ratio, rescale, v * tile.lanes)
            totals.append(f.variable(self.load(sums, v) * ratio))
            bases.append((base, base * LOG2_E))

        def exponentiate(j: Value, diagonal: bool) -> None:
            for v in self.vectors():
                exponent = self.exponent(j, v, bases[v])
                power = power_of_two(f, self.causal(exponent, j, v, diagonal))
                totals[v].value = totals[v].value + power
                f.store(power, self.scores, j * tile.columns + v * tile.lanes)

        self.over_keys(exponentiate)
        for v in self.vectors():
            f.store(totals[v].value, sums, v * tile.lanes)

    def differentiate(self, slopes: Value | None, total: Value, dots: Value) -> None:
        """Turn scores into weights and `slopes`, gradients of weights, into those of scores.

        `total` points to log_sum_exp, `dots` to sum(gradient * result).
        """
        f, tile = self.f, self.tile
        totals = [finite(f, self.load(total, v)) for v in self.vectors()]
        bases = [(total, total * LOG2_E) for total in totals]
        shifts = [self.load(dots, v) for v in self.vectors()] if slopes is not None else []

        def emit(j: Value, diagonal: bool) -> None:
            for v in self.vectors():
                place = j * tile.columns + v * tile.lanes
                exponent = self.exponent(j, v, bases[v])
                weight = power_of_two(f, self.causal(exponent, j, v, diagonal))
                f.store(weight, self.scores, place)
                if slopes is not None:
                    slope = f.load(tile.dtype, slopes, place, tile.lanes) - shifts[v]
                    f.store(weight * slope, slopes, place)

        self.over_keys(emit)

    def load(self, pointer: Value, v: int) -> Value:
        """Vector v of numbers that belong to the panel's queries."""
        return self.f.load(self.tile.dtype, pointer, v * self.tile.lanes, self.tile.lanes)


def log_sum_exp(f: Function, largest: Value, sums: Value) -> Value:
    """The logarithm of the sums of exponentials, given the largest scores."""
    return largest + functions.emit_unary(f, "log", sums)
