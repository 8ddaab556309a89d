"""Random graphs for comparing engines: built of a list of choices, tame, with error bounds.

`choices()` is a Hypothesis strategy; `build(choices, sizes)` records a graph of it; and
`compare(survivors, engine)` computes the graph on the reference engine and on another.  The same
choices with other sizes give the same structure, mostly, so that one program serves both.

Every value carries the largest magnitude it can have and how far an engine may be off.  Whatever
IEEE 754 settles has no error and must be equal to the bit: elementwise arithmetic, movements, and
also sums of whole numbers, whose order cannot matter.  Only such values may be compared, rounded
or used as indices, so that no small difference ever grows.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from rushlight.engines import load
from rushlight.graph import dtype as dtypes
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import DType
from rushlight.graph.node import Node, input_node
from rushlight.graph.program import Binding, Graph
from rushlight.graph.recorder import recorder, value_of
from rushlight.graph.spec import spec_of
from rushlight.graph.verify import verify
from tests.engines.harness import using

ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
LARGEST = {"float64": 1e6, "float32": 1e5, "float16": 1e3, "bfloat16": 1e4}
DTYPES = (
    *(dtypes.float32, dtypes.float32, dtypes.float32, dtypes.float64, dtypes.int64, dtypes.bool_),
    *(dtypes.int32, dtypes.float16, dtypes.bfloat16, dtypes.uint8, dtypes.int8, dtypes.uint32),
    *(dtypes.int16, dtypes.uint16, dtypes.uint64, dtypes.float64),
)
SIZES = (0, 1, 2, 3, 5, 7, 8, 16, 17, 31, 33, 64, 100, 257)
LARGE_SIZES = (1_025, 4_099, 32_769, 40_009)
MOST_ELEMENTS = 200_000
MOST_CHOICES = 160
SHAPES = ("a", "ab", "abc", "b", "ba", "c", "a1", "1b", "cb", "ac", "", "a1c")


class Value(NamedTuple):
    """A node, the largest magnitude of its elements, and how far off an engine may be."""

    node: Node
    bound: float
    error: float = 0.0
    whole: bool = True
    """All elements are whole numbers."""

    @property
    def spec(self):
        return self.node.spec

    @property
    def dtype(self) -> DType:
        return self.node.spec.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.spec.shape

    @property
    def is_exact(self) -> bool:
        return self.error == 0

    @property
    def roundoff(self) -> float:
        return ROUNDOFF.get(self.dtype.name, 0.0)


class Builder:
    """Turns choices into recorded nodes; the steps are in the files beside this."""

    def __init__(self, choices: list[int], sizes: tuple[int, int, int]):
        self._choices = iter(choices)
        self.sizes = dict(zip("abc", sizes, strict=True))
        self.sizes["1"] = 1
        self.pool: list[Value] = []

    def number(self, count: int) -> int:
        """A choice among `count`."""
        return next(self._choices, 0) % count

    def pick(self, options):
        """One of the options, of which there is at least one."""
        return options[self.number(len(options))]

    def axis(self, value: Value) -> int:
        """One of the axes of a value of rank 1 or more."""
        return self.number(len(value.shape))

    def axes(self, value: Value) -> tuple[int, ...]:
        """Some of the axes, in order."""
        chosen = self.number(1 << len(value.shape))
        return tuple(axis for axis in range(len(value.shape)) if chosen >> axis & 1)

    def value(self, fits=lambda value: True) -> Value | None:
        """One of the values so far that fits, mostly a late one."""
        fitting = [value for value in self.pool if fits(value)]
        return (
            fitting[-1 - min(self.number(len(fitting)), self.number(len(fitting)))]
            if (fitting)
            else None
        )

    def like(self, other: Value, fits=lambda value: True) -> Value:
        """A value that can stand beside `other`: same dtype, same shape or rank 0."""

        def beside(value: Value) -> bool:
            same = value.shape in (other.shape, ()) and value.dtype is other.dtype
            return same and value is not other and fits(value)

        found = self.value(beside)
        if found is None or self.number(4) == 3:
            found = self.leaf(other.shape, other.dtype)
        return found

    def leaf(self, shape: tuple[int, ...], dtype: DType) -> Value:
        """An input: small whole numbers, or now and then numbers with digits."""
        generator = np.random.default_rng(self.number(1000))
        low = 0 if dtype.kind in "bu" else -3
        whole = dtype.kind != "f" or self.number(3) > 0
        array = generator.integers(low, 4, shape)
        if not whole:
            array = np.clip(generator.standard_normal(shape), -3, 3)
        node = input_node(Buffer.holding(array, dtype), spec_of(shape, dtype))
        return Value(node, 1.0 if dtype.kind == "b" else 3.0, 0.0, whole)

    def shape(self) -> tuple[int, ...]:
        """The shape of a new input."""
        shape = tuple(self.sizes[letter] for letter in self.pick(SHAPES))
        while prod(shape) > MOST_ELEMENTS:
            shape = shape[1:]
        return shape


def build(choices: list[int], sizes: tuple[int, int, int]) -> list[Value]:
    """Record a graph; the values given back are those that survive."""
    from tests.engines.random_composite import COMPOSITE
    from tests.engines.random_elementwise import ELEMENTWISE  # written with Builder and Value
    from tests.engines.random_pooling import pooling
    from tests.engines.random_products import PRODUCTS
    from tests.engines.random_structure import STRUCTURAL

    builder = Builder(choices, sizes)
    builder.pool.append(builder.leaf(builder.shape(), builder.pick(DTYPES)))
    for _ in range(4 + builder.number(20)):
        made = builder.pick((*ELEMENTWISE, *STRUCTURAL, *PRODUCTS, *COMPOSITE, pooling))(builder)
        if made is not None and is_tame(made):
            builder.pool.append(made)
    kept = [value for value in builder.pool[:-1] if builder.number(3) == 2]
    return [*kept, builder.pool[-1]]


def is_tame(value: Value) -> bool:
    """Neither so large nor, with an error, so uncertain that comparing says nothing."""
    if value.spec.size > MOST_ELEMENTS:
        return False
    if value.dtype.kind != "f":
        return True
    largest = LARGEST[value.dtype.name]
    return value.bound <= largest and value.error <= largest * 2**10 * value.roundoff


def choices() -> st.SearchStrategy:
    """Lists of choices for `build`, long enough for the largest of its graphs."""
    return st.lists(st.integers(0, 2**16 - 1), min_size=MOST_CHOICES, max_size=MOST_CHOICES)


def seeded(seed: int) -> tuple[list[int], tuple[int, int, int]]:
    """Choices and sizes that a number stands for, one in three of them large."""
    generator = np.random.default_rng(seed)
    choices = generator.integers(0, 2**16, MOST_CHOICES).tolist()
    sizes = [int(size) for size in generator.choice(SIZES, 3)]
    if seed % 3 == 0:
        sizes = [int(generator.choice(LARGE_SIZES)), 2, 3]
    return choices, tuple(sizes)


def sizes() -> st.SearchStrategy:
    """Sizes for `build`: empty, one, ragged, and at most one large."""
    small = st.sampled_from(SIZES)
    large = st.sampled_from(LARGE_SIZES)
    few = st.sampled_from(SIZES[:5])
    return st.one_of(
        st.tuples(small, small, st.sampled_from(SIZES[:8])),
        st.tuples(large, few, few),
        st.tuples(few, large, few),
    )


class Comparing:
    """An engine that hands on what the reference computes, and computes everything on another too.

    The other engine gets copies, so that it may overwrite what is donated; what is not donated
    must be the same afterwards.
    """

    name = "comparing"

    def __init__(self, engine):
        self.reference, self.engine = load("reference"), engine
        self.pairs: dict[int, tuple[Buffer, Buffer]] = {}
        self.graphs: list[Graph] = []

    def plan(self, graph: Graph):
        return _ComparingProgram(verify(graph), self)


class _ComparingProgram:
    def __init__(self, graph: Graph, owner: Comparing):
        self.graph, self.owner = graph, owner
        self.programs = owner.reference.plan(graph), owner.engine.plan(graph)

    def run(self, binding: Binding) -> list[Buffer]:
        reference, other = self.programs
        self.owner.graphs.append(self.graph)
        expected = reference.run(binding)
        copies = _copies(binding)
        actual = other.run(binding._replace(buffers=copies))
        _check_left_alone(self.graph, binding, copies)
        assert len(actual) == len(expected)
        for left, right in zip(expected, actual, strict=True):
            self.owner.pairs[id(left)] = left, right
        return expected


def _copies(binding: Binding) -> tuple[Buffer | None, ...]:
    """Copies of the buffers; one buffer bound twice stays one."""
    made: dict[int, Buffer] = {}
    for buffer, spec in zip(binding.buffers, binding.specs, strict=False):
        if buffer is not None and id(buffer) not in made:
            made[id(buffer)] = Buffer.holding(buffer.stored(spec.shape, spec.dtype), spec.dtype)
    return tuple(made[id(each)] if each is not None else None for each in binding.buffers)


def _check_left_alone(graph: Graph, binding: Binding, copies: tuple) -> None:
    for leaf, before, after, spec in zip(
        graph.leaves, binding.buffers, copies, binding.specs, strict=False
    ):
        if before is not None and not leaf.donated:
            stored = before.stored(spec.shape, spec.dtype), after.stored(spec.shape, spec.dtype)
            np.testing.assert_array_equal(*stored, "an input that others hold was overwritten")


def compare(choices: list[int], *many_sizes: tuple[int, int, int], engine) -> None:
    """Build and compute a graph, once for each of the sizes, on the reference and on `engine`."""
    with using(Comparing(engine)) as both:
        for sizes in many_sizes:
            survivors = build(choices, sizes)
            recorder().compute()
            for value in survivors:
                left = value_of(value.node)
                if id(left) in both.pairs:  # inputs that survive are not results
                    check(value, *both.pairs[id(left)], both.graphs[-1])
            both.pairs.clear()


def check(value: Value, expected: Buffer, actual: Buffer, graph: Graph) -> None:
    """The engine's result is the reference's: equal, or as close as the error bound says."""
    right, got = expected.values(value.spec), actual.values(value.spec)
    words = f"{value.spec} with error {value.error:.3g} in\n{graph}"
    if value.dtype.kind == "f":
        assert np.isfinite(right).all(), f"not tame: {words}"
    if value.is_exact:
        np.testing.assert_array_equal(got, right, words, strict=True)
    else:
        wide = got.astype(np.float64), right.astype(np.float64)
        np.testing.assert_allclose(*wide, rtol=0, atol=2 * value.error, err_msg=words)
