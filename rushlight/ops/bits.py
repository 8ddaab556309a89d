"""Random bits as numbers: uniform, normal and whole ones, as graph nodes.

Every function takes what it needs from a generator: the same seed gives the same numbers.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.data.randomness import current_source
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal, number, random_bits
from rushlight.graph.dtype import (
    DType,
    bfloat16,
    float16,
    float32,
    float64,
    int64,
    uint32,
    uint64,
)
from rushlight.graph.node import Node
from rushlight.random import Generator, default_generator

_DIGITS = {float16: 11, bfloat16: 8}
_MOST_SHIFTED = 1 << 24


def draw(generator: Generator | None, count: int = 1) -> tuple[int, int]:
    """The seed and the first of `count` new offsets; TypeError for what is no generator.

    Code that a loader calls draws from the numbers of the sample that it reads.
    """
    if generator is None:
        source = current_source()
        return default_generator.draw(count) if source is None else source.draw(count)
    if not isinstance(generator, Generator):
        raise TypeError(f"generator must be a Generator or None, not {type(generator).__name__}")
    return generator.draw(count)


def words(shape: tuple[int, ...], generator: Generator | None) -> Node:
    """32 random bits an element, as uint32."""
    return random_bits(shape, *draw(generator))


def _shifted(bits: Node, count: int) -> Node:
    return e.binary(e.SHIFT_RIGHT, bits, literal(count, uint32))


def uniform(shape: tuple[int, ...], dtype: DType, generator: Generator | None) -> Node:
    """Numbers in [0, 1), all multiples of 2^-24 (float64: 2^-53, 16 bits: what they can hold)."""
    if dtype is float64:
        seed, offset = draw(generator, 2)
        high = e.cast(_shifted(random_bits(shape, seed, offset), 5), float64)
        low = e.cast(_shifted(random_bits(shape, seed, offset + 1), 6), float64)
        whole = e.add(e.mul(high, literal(2.0**26, float64)), low)
        return e.mul(whole, literal(2.0**-53, float64))
    digits = _DIGITS.get(dtype, 24)
    whole = e.cast(_shifted(words(shape, generator), 32 - digits), float32)
    return e.cast(e.mul(whole, literal(2.0**-digits, float32)), dtype)


def computing(dtype: DType) -> DType:
    """The dtype in which values of this one are drawn: float64 for itself, else float32."""
    return float64 if dtype is float64 else float32


def above_zero(shape: tuple[int, ...], dtype: DType, generator: Generator | None) -> Node:
    """Numbers in (0, 1], whose logarithm exists."""
    return e.sub(literal(1.0, dtype), uniform(shape, dtype, generator))


def normal(shape: tuple[int, ...], dtype: DType, generator: Generator | None) -> Node:
    """Standard normal numbers by the Box-Muller transform: sqrt(-2 ln u) cos(2 pi v)."""
    wide = computing(dtype)
    logarithm = e.unary(e.LOG, above_zero(shape, wide, generator))
    radius = e.unary(e.SQRT, e.mul(literal(-2.0, wide), logarithm))
    angle = e.mul(literal(2 * math.pi, wide), uniform(shape, wide, generator))
    return e.cast(e.mul(radius, e.unary(e.COS, angle)), dtype)


def long_words(shape: tuple[int, ...], generator: Generator | None) -> Node:
    """64 random bits an element, as uint64."""
    seed, offset = draw(generator, 2)
    high = e.cast(random_bits(shape, seed, offset), uint64)
    low = e.cast(random_bits(shape, seed, offset + 1), uint64)
    return e.binary(e.OR, e.binary(e.SHIFT_LEFT, high, literal(32, uint64)), low)


def integers(shape: tuple[int, ...], low: int, high: int, generator: Generator | None) -> Node:
    """int64 numbers in [low, high).

    Up to 2^24 of them by the upper half of a 64-bit product (Lemire, 2019, "Fast random integer
    generation in an interval"), which favours none by more than 2^-8 of its share; more of them
    by the remainder of 64 bits.
    """
    span = high - low
    if span <= _MOST_SHIFTED:
        product = e.mul(e.cast(words(shape, generator), uint64), number(span, uint64))
        chosen = e.binary(e.SHIFT_RIGHT, product, literal(32, uint64))
    else:
        chosen = long_words(shape, generator)
        if span < 1 << 64:
            chosen = e.binary(e.REMAINDER, chosen, number(span, uint64))
    return e.add(e.cast(chosen, int64), number(low, int64))


def chance(p: Any, shape: tuple[int, ...], generator: Generator | None) -> Node:
    """True with probability p: a number, or a node of this shape."""
    bits = words(shape, generator)
    if isinstance(p, Node):
        scaled = e.mul(e.cast(p, float64), literal(2.0**32, float64))
        return e.compare(e.LT, e.cast(bits, float64), scaled)
    return e.compare(e.LT, e.cast(bits, uint64), number(round(p * 2.0**32), uint64))
