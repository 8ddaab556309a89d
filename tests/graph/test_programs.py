"""What makes a new program and what does not; which inputs a program may overwrite."""

import numpy as np
import pytest

from rushlight.graph import creation, movement
from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import float32, float64
from rushlight.graph.node import input_node
from rushlight.graph.spec import spec_of
from tests.engines.harness import assert_same, given, value

# ------------------------------------------------------------------------------------- programs


def test_sizes_and_numbers_make_no_new_program(engine):
    for size in (2, 3, 5):
        x = given(np.ones(size))
        y = e.mul(x, creation.number(size, float64))
        part = movement.slice_(y, (size - 1,), (1,))
        assert_same(value(part), [size])
    assert len(engine.graphs) == 1
    assert len(engine.runs) == 3


@pytest.mark.parametrize("size", [0, 1])
def test_sizes_of_0_and_1_are_structure(engine, size):
    for shape in ((3,), (size,)):
        value(e.neg(given(np.ones(shape))))
    assert len(engine.graphs) == 2


def test_literals_are_structure(engine):
    x = given([1.0])
    for literal in (2, 3, 2):
        assert_same(value(e.mul(x, creation.literal(literal, float64))), [literal])
    assert len(engine.graphs) == 2
    assert [leaf.literal for leaf in engine.graphs[0].leaves] == [None, 2]


def test_a_literal_that_was_read_is_still_structure(engine):
    x, two = given([1.0]), creation.literal(2, float64)
    value(e.mul(x, two))
    assert value(two) == 2
    value(e.mul(x, two))
    assert len(engine.graphs) == 1


def test_what_survives_is_structure(engine):
    x = given([1.0])
    value(e.neg(e.neg(x)))
    inner = e.neg(x)
    value(e.neg(inner))
    assert [graph.results for graph in engine.graphs] == [(2,), (1, 2)]


def test_specs_of_every_run_are_bound(engine):
    for shape in ((2, 3), (5, 7)):
        value(r.sum_(given(np.ones(shape)), (0,)))
    assert [specs for _, specs in engine.runs] == [
        (spec_of((2, 3), float64), spec_of((3,), float64)),
        (spec_of((5, 7), float64), spec_of((7,), float64)),
    ]


# ------------------------------------------------------------------------------------- donation


def donated(engine):
    return [leaf.donated for leaf in engine.graphs[-1].leaves]


def test_an_input_that_nothing_else_holds_is_donated(engine):
    y = e.neg(given([1.0]))
    value(y)
    assert donated(engine) == [True]


def test_an_input_that_is_held_is_not_donated(engine):
    x = given([1.0])
    y = e.neg(x)
    value(y)
    assert donated(engine) == [False]


def test_an_input_read_by_a_dead_node_is_donated(engine):
    x = given([1.0])
    y = e.neg(x)
    e.unary(e.ABS, x)
    del x
    value(y)
    assert donated(engine) == [True]


def test_a_buffer_that_is_held_is_not_donated(engine):
    x = given([1.0])
    buffer = x.buffer
    y = e.neg(x)
    del x
    value(y)
    assert donated(engine) == [False]
    assert buffer.values(spec_of((1,), float64)) == 1


def test_exported_memory_is_not_donated(engine):
    x = given([1.0])
    array = x.buffer.values(x.spec)
    y = e.neg(x)
    del x
    value(y)
    assert donated(engine) == [False]
    assert array == 1


def test_memory_from_outside_is_not_donated(engine):
    array = np.ones(3)
    y = e.neg(input_node(Buffer.around(array), spec_of((3,), float64)))
    value(y)
    assert donated(engine) == [False]


def test_a_buffer_of_two_inputs_is_not_donated(engine):
    x = given([1.0])
    y = e.add(x, input_node(x.buffer, x.spec))
    del x
    value(y)
    assert donated(engine) == [False, False]


def test_literals_are_not_donated(engine):
    value(e.neg(creation.literal(3, float32)))
    assert donated(engine) == [False]
