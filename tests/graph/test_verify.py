"""The verifier catches broken graphs; graphs print as a person reads them."""

import pytest

from rushlight.graph import creation, indexing
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.dtype import float32, int64
from rushlight.graph.node import INPUT, PRIMITIVES, Failure, Node, Origin
from rushlight.graph.program import Equation, Graph, Leaf
from rushlight.graph.spec import spec_of
from rushlight.graph.verify import InvalidGraphError, verify

X = spec_of((4, 3), float32)
ROW = spec_of((4,), float32)
SCALAR = spec_of((), float32)


def graph():
    leaves = Leaf(X, donated=True), Leaf(SCALAR, 0.5), Leaf(ROW)
    equations = (
        Equation(e.MUL, (), (0, 1), X, 0, 0),
        Equation(r.SUM, (1,), (3,), ROW, 0, 0),
        Equation(creation.NUMBER, (), (), SCALAR, 0, 1),
        Equation(e.ADD, (), (4, 5), ROW, 1, 0),
    )
    return Graph(leaves, equations, (3, 6))


def broken(position, **changes):
    whole = graph()
    equations = list(whole.equations)
    equations[position] = equations[position]._replace(**changes)
    return whole._replace(equations=tuple(equations))


def test_a_sound_graph_passes():
    whole = graph()
    assert verify(whole) is whole
    assert whole.spec(0) is X
    assert whole.spec(6) is ROW


BROKEN = [
    (0, {"inputs": (0, 3)}, "not there yet"),
    (1, {"inputs": (9,)}, "not there yet"),
    (1, {"inputs": (-1,)}, "not there yet"),
    (0, {"inputs": (0, 2)}, "elementwise operands differ"),
    (1, {"attributes": (0,)}, "its rule says"),
    (1, {"spec": spec_of((4,), int64)}, "its rule says"),
    (0, {"inputs": ()}, "mul"),
    (1, {"inputs": (3, 0), "primitive": m.CONCAT, "attributes": (0,)}, "its rule says"),
    (0, {"inputs": (0,), "primitive": m.PERMUTE, "attributes": (0, 0)}, "permute"),
    (1, {"inputs": (3,), "primitive": indexing.PUT}, "put"),
]


@pytest.mark.parametrize(("position", "changes", "words"), BROKEN)
def test_broken_graphs_are_caught(position, changes, words):
    with pytest.raises(InvalidGraphError, match=words):
        verify(broken(position, **changes), after="fusing")


def test_a_result_must_exist():
    with pytest.raises(InvalidGraphError, match="after fusing: result %7"):
        verify(graph()._replace(results=(7,)), after="fusing")


def test_printing():
    assert str(graph()).splitlines() == [
        "%0 = input float32[4, 3] donated",
        "%1 = literal 0.5 float32",
        "%2 = input float32[4]",
        "%3: float32[4, 3] = mul(%0, %1)",
        "%4: float32[4] = sum(%3) [1]",
        "%5: float32[] = number() +1 numbers",
        "%6: float32[4] = add(%4, %5)",
        "return %3, %6",
    ]


def test_printing_of_a_literal_that_is_false():
    assert str(Graph((Leaf(SCALAR, 0.0),), (), (0,))).startswith("%0 = literal 0.0 float32")


def test_nodes_and_origins_print():
    node = Node(e.NEG, (), (), (), X)
    assert repr(node) == "<neg float32[4, 3] pending>"
    assert str(Origin("gather", "train.py:7")) == "gather, recorded at train.py:7"
    assert str(Origin("gather", "train.py:7", "head.0")) == (
        "gather in module head.0, recorded at train.py:7"
    )


def test_primitives_are_found_by_name():
    assert PRIMITIVES["add"] is e.ADD
    assert repr(e.ADD) == "add"
    assert {p.name for p in PRIMITIVES.values() if p.can_fail} >= {"take", "put", "gather"}
    assert not PRIMITIVES["exp"].exact
    assert INPUT.family == "leaf"


def test_a_failure_raises_what_failed():
    failure = Failure(IndexError("index 7"))
    for use in (failure.reraise, lambda: failure.values(X), lambda: failure.stored((), float32)):
        with pytest.raises(IndexError, match="index 7"):
            use()


def test_literals_are_shared_and_told_apart():
    assert creation.literal(1, float32) is creation.literal(1, float32)
    different = [
        creation.literal(value, dtype)
        for value, dtype in ((1, float32), (1.0, float32), (True, float32), (1, int64))
    ]
    assert len(set(different)) == 4
    assert creation.literal(0.0, float32) is not creation.literal(-0.0, float32)
    nan = float("nan")
    assert creation.literal(nan, float32) is creation.literal(nan, float32)
