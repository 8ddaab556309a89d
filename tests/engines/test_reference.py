"""The reference engine's programs: order, lifetimes, errors; and one primitive at a time."""

import gc
import weakref

import numpy as np
import pytest

from rushlight.engines import load, reference
from rushlight.engines.reference.engine import RULES
from rushlight.graph import creation, indexing
from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import bfloat16, bool_, float32, int64
from rushlight.graph.node import INPUT, PRIMITIVES, Node
from rushlight.graph.program import Binding, Equation, EquationError, Graph, Leaf
from rushlight.graph.recorder import recorder, value_of
from rushlight.graph.spec import spec_of
from rushlight.graph.tracing import PLACEHOLDER
from tests.engines.harness import HERE, assert_same, given, value

X = spec_of((4,), float32)
SCALAR = spec_of((), float32)


def buffer(values):
    return Buffer.holding(np.asarray(values, np.float32), float32)


def chain():
    """(x + 1) * (x + 1), with x donated, and its sum."""
    leaves = Leaf(X, donated=True), Leaf(SCALAR, 1.0)
    equations = (
        Equation(e.ADD, (), (0, 1), X, 0, 0),
        Equation(e.MUL, (), (2, 2), X, 0, 0),
        Equation(r.SUM, (0,), (3,), SCALAR, 0, 0),
    )
    return Graph(leaves, equations, (4,))


def bind(graph, *buffers, numbers=()):
    specs = [leaf.spec for leaf in graph.leaves] + [each.spec for each in graph.equations]
    return Binding(buffers, list(numbers), tuple(specs))


def test_every_primitive_has_a_rule():
    assert set(PRIMITIVES.values()) - set(RULES) == {INPUT, PLACEHOLDER}


def test_engines_are_found_by_name():
    assert load("reference") is reference.ENGINE
    assert reference.ENGINE.name == "reference"


def test_a_program_runs_again_with_other_sizes():
    program = reference.ENGINE.plan(chain())
    binding = bind(program.graph, buffer([1, 2, 3, 4]), None)
    assert program.run(binding)[0].values(SCALAR) == 4 + 9 + 16 + 25
    shorter = spec_of((2,), float32)
    binding = Binding((buffer([1, 2]), None), [], (shorter, SCALAR, shorter, shorter, SCALAR))
    assert program.run(binding)[0].values(SCALAR) == 4 + 9


def test_donated_buffers_are_left_alone():
    program = reference.ENGINE.plan(chain())
    given_ = buffer([1, 2, 3, 4])
    program.run(bind(program.graph, given_, None))
    assert_same(given_.values(X), [1, 2, 3, 4])


def test_results_never_share_memory_with_inputs():
    graph = Graph((Leaf(X),), (Equation(PRIMITIVES["permute"], (0,), (0,), X, 0, 0),), (1,))
    source = buffer([1, 2, 3, 4])
    result = reference.ENGINE.plan(graph).run(bind(graph, source))[0]
    assert not np.shares_memory(result.memory, source.memory)


def test_values_are_freed_after_their_last_use(monkeypatch):
    alive = []
    references = []
    original = reference.engine.compute

    def watched(*arguments):
        alive.append(sum(reference() is not None for reference in references))
        result = original(*arguments)
        references.append(weakref.ref(result))
        return result

    monkeypatch.setattr(reference.engine, "compute", watched)
    leaves = (Leaf(X),)
    equations = [Equation(e.NEG, (), (i,), X, 0, 0) for i in range(5)]
    graph = Graph(leaves, tuple(equations), (5,))
    gc.disable()
    try:
        reference.ENGINE.plan(graph).run(bind(graph, buffer([1, 2, 3, 4])))
    finally:
        gc.enable()
    assert alive == [0, 1, 1, 1, 1]


def test_peak_bytes():
    program = reference.ENGINE.plan(chain())
    specs = bind(program.graph, None, None).specs
    assert program.peak_bytes(specs) == 2 * X.nbytes
    kept = program.graph._replace(results=(2, 3, 4))
    assert reference.ENGINE.plan(kept).peak_bytes(specs) == 2 * X.nbytes + SCALAR.nbytes
    assert reference.ENGINE.plan(Graph((), (), ())).peak_bytes(()) == 0


def test_an_error_names_its_equation():
    places = spec_of((1,), int64)
    leaves = Leaf(X), Leaf(places)
    equations = (
        Equation(e.NEG, (), (0,), X, 0, 0),
        Equation(indexing.TAKE, (), (2, 1), places.with_dtype(float32), 0, 0),
    )
    graph = Graph(leaves, equations, (3,))
    outside = Buffer.holding(np.array([4]), int64)
    program = reference.ENGINE.plan(graph)
    with pytest.raises(EquationError) as caught:
        program.run(bind(graph, buffer([1, 2, 3, 4]), outside))
    assert caught.value.equation == 1
    assert isinstance(caught.value.error, IndexError)
    assert caught.value.error.args == ("index 4 is out of bounds for dimension 0 with size 4",)


def test_a_wrong_spec_is_an_error():
    graph = Graph((Leaf(X),), (Equation(r.SUM, (), (0,), SCALAR, 0, 0),), (1,))
    with pytest.raises(EquationError, match="recorded as"):
        reference.ENGINE.plan(graph).run(bind(graph, buffer([1, 2, 3, 4])))


def test_numbers_come_from_the_flat_list():
    equations = (
        Equation(creation.NUMBER, (), (), SCALAR, 0, 1),
        Equation(creation.NUMBER, (), (), SCALAR, 1, 1),
        Equation(e.SUB, (), (0, 1), SCALAR, 2, 0),
    )
    graph = Graph((), equations, (2,))
    result = reference.ENGINE.plan(graph).run(bind(graph, numbers=(5.0, 3)))[0]
    assert result.values(SCALAR) == 2


def test_compute_of_one_primitive():
    x = np.array([3, 1], np.float32)
    assert_same(reference.compute(e.NEG, [x], (), (), spec_of((2,), float32)), -x)
    third = reference.compute(e.DIV, [x, x + 3], (), (), spec_of((2,), bfloat16))
    assert_same(third, np.array([0.5, 0.25], np.float32))
    less = reference.compute(e.LT, [x, np.float32(2)], (), (), spec_of((2,), bool_))
    assert_same(less, [False, True])


def test_evaluate_of_one_node():
    one = creation.literal(1, bfloat16)
    node = Node(e.ADD, (given([1.5, 2.5], bfloat16), one), (), (), spec_of((2,), bfloat16))
    assert_same(reference.evaluate(node).values(node.spec), np.array([2.5, 3.5], np.float32))
    assert one.buffer is None


@pytest.mark.usefixtures("reference_engine")
def test_immediate_mode_computes_at_once_and_names_the_operation():
    x = e.neg(given([1.0, 2.0]))
    recorder().immediate = True
    try:
        y = e.add(x, creation.literal(1, x.spec.dtype))
        assert y.buffer is not None
        assert y.inputs == ()
        with pytest.raises(IndexError, match=r"out of bounds.*\nIn test, recorded at here.py:1"):
            indexing.take(y, (given([2]),), HERE)
    finally:
        recorder().immediate = False
    assert_same(value(y), [0, -1])


@pytest.mark.usefixtures("reference_engine")
def test_a_literal_keeps_no_value():
    two = creation.literal(2, float32)
    assert value_of(two).values(two.spec) == 2
    assert two.buffer is None
