"""Primitives that make values of nothing: literals, run-time numbers, ranges, random bits."""

from __future__ import annotations

from rushlight.graph.batched import batched, drawn_levels
from rushlight.graph.dtype import DType, int64, uint32
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec, spec_of


def _infer_given(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return spec


LITERAL = Primitive("literal", "literal", _infer_given, exact=True)
NUMBER = Primitive("number", "creation", _infer_given, exact=True)
IOTA = Primitive("iota", "creation", _infer_given, exact=True)
RANDOM_BITS = Primitive("random_bits", "creation", _infer_given, exact=True)

_literals: dict[tuple, Node] = {}


def literal(value: bool | int | float | complex, dtype: DType) -> Node:
    """A constant of our own source, part of the structure; one shared node for each.

    Numbers that come from the caller are `number`s: a literal of each would be a program of each.
    """
    key = type(value), value or repr(value), dtype  # 0.0 equals -0.0, their words do not
    found = _literals.get(key)
    if found is None:
        found = _literals[key] = Node(LITERAL, (), (value,), (), spec_of((), dtype))
    return found


def number(value: bool | int | float | complex, dtype: DType) -> Node:
    """A rank-0 value that the caller gave, an input of the program."""
    return record(NUMBER, (), (), (value,), spec_of((), dtype))


def iota(size: int) -> Node:
    """0, 1, ... size - 1 as int64."""
    return record(IOTA, (), (), (), spec_of((size,), int64))


def random_bits(shape: tuple[int, ...], seed: int, offset: int) -> Node:
    """32 random bits for each element, as uint32: a function of (seed, offset, index) alone.

    Threefry-2x32 with 20 rounds (Salmon et al., 2011, "Parallel random numbers: as easy as
    1, 2, 3").  The key is threefry(key=seed, counter=offset), both as (low, high) words; element i
    is the first word of threefry(key, counter=i), i counted in C order over the shape.  Inside vmap
    the samples come first in that order, if each has its own.
    """
    numbers = seed & 0xFFFFFFFFFFFFFFFF, offset & 0xFFFFFFFFFFFFFFFF
    levels = drawn_levels()
    sizes = [level.size for level in levels]
    bits = record(RANDOM_BITS, (), (), numbers, spec_of((*sizes, *shape), uint32))
    return batched(bits, levels)
