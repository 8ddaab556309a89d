"""Repeating what a function recorded: the same values, the same program, and when it cannot be."""

import math

import pytest

from rushlight.graph import elementwise as e
from rushlight.graph import indexing, recorder
from rushlight.graph import reduction as r
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import float64
from rushlight.graph.fragment import Fragment, spread
from rushlight.graph.node import Failure
from rushlight.graph.recorder import value_of
from rushlight.graph.repeat import repeated
from tests.engines.harness import HERE, assert_same, given, value


def steps(function, nodes, arguments=(), times=4):
    """How many nodes are recorded at each time, and the outputs of the last."""
    counts, outputs = [], None
    for _ in range(times):
        recorder.recorder().compute()
        before = len(recorder.recorder().pending)
        outputs = repeated(function, nodes, arguments)
        counts.append(len(recorder.recorder().pending) - before)
    return counts, outputs


def chain(x):
    return e.neg(e.unary(e.ABS, e.neg(x)))


def several(x, y):
    total = e.add(x, y)
    return e.mul(total, literal(2.0, float64)), None, x, e.neg(total), literal(3.0, float64)


def test_many_primitives_become_one_node(engine):
    counts, y = steps(chain, [given([1.0, -2.0])])
    assert counts == [3, 1, 1, 1]
    assert type(y.primitive) is Fragment
    assert repr(y) == "<chain float64[2] pending>"
    assert_same(value(y), [-1, -2])


def test_a_single_primitive_stays_itself(engine):
    _, y = steps(e.sub, [given([5.0]), given([3.0])])
    assert y.primitive is e.SUB
    assert_same(value(y), [2])


def test_several_outputs(engine):
    x, y = given([1.0]), given([2.0])
    counts, (double, nothing, same, negative, constant) = steps(several, [x, y])
    assert counts == [3, 3, 3, 3]  # one node, and a part for each result
    assert nothing is None
    assert same is x
    assert constant is literal(3.0, float64)
    assert_same(value(double), [6])
    assert_same(value(negative), [-3])


def test_one_of_several_outputs_survives(engine):
    _, outputs = steps(several, [given([1.0]), given([2.0])])
    negative = outputs[3]
    del outputs
    engine.runs.clear()
    assert_same(value(negative), [-3])
    assert len(engine.runs) == 1


def test_one_value_given_twice(engine):
    x, y = given([1.0]), given([2.0])
    steps(several, [x, y])
    assert_same(value(repeated(several, [x, x], ())[0]), [4])
    assert_same(value(repeated(several, [y, x], ())[0]), [6])


def test_the_program_is_the_same_however_it_was_recorded(engine):
    def step():
        x, y = given([1.0, 2.0]), given([3.0, 4.0])
        double, *_, negative, _ = repeated(several, [x, y])
        result = e.add(repeated(chain, [double]), negative)
        del double, negative
        return value(result)

    first = step()
    planned = len(engine.graphs)
    for _ in range(3):
        assert_same(step(), first)
    assert len(engine.graphs) == planned == 1


def test_what_no_output_needs_is_left_out(engine):
    def wasteful(x):
        e.unary(e.EXP, x)
        return e.neg(x)

    assert steps(wasteful, [given([1.0])])[0] == [2, 1, 1, 1]


def test_arguments_and_specs_tell_apart(engine):
    def scaled(x, factor):
        return e.mul(x, number(factor, float64))

    for _ in range(3):
        for factor in (2.0, 3.0, 2):
            for size in (1, 2):
                found = value(repeated(scaled, [given([1.0] * size)], (factor,)))
                assert_same(found, [factor] * size)


@pytest.mark.parametrize("zeros", [(0.0, -0.0), (0, -0.0), (-0.0, 0.0)])
def test_signs_of_zero_tell_apart(engine, zeros):
    def signed(x, zero):
        return e.mul(x, number(zero, float64))

    for _ in range(3):
        for zero in zeros:
            found = value(repeated(signed, [given([1.0])], (zero,)))
            assert math.copysign(1, found[0]) == math.copysign(1, zero)


def test_arguments_without_a_hash(engine):
    def summed(x, axes):
        return r.sum_(x, tuple(axes))

    for _ in range(3):
        assert_same(value(repeated(summed, [given([[1.0, 2.0]])], ([0, 1],))), 3)


def test_a_function_that_reads_a_value_runs_each_time(engine):
    def by_value(x):
        return e.neg(x) if value_of(x).values(x.spec)[0] > 0 else x

    for _ in range(3):
        assert_same(value(repeated(by_value, [given([1.0])])), [-1])
        assert_same(value(repeated(by_value, [given([-2.0])])), [-2])


def test_a_function_that_reads_a_value_from_elsewhere_runs_each_time(engine):
    other = given([1.0])
    function = lambda x: e.add(e.neg(x), other)  # noqa: E731
    for number_ in (1.0, 2.0, 3.0):
        other = given([number_])
        assert_same(value(repeated(function, [given([1.0])])), [number_ - 1])


def test_errors_of_a_function_come_each_time(engine):
    def wrong(x):
        raise ValueError("wrong")

    for _ in range(4):
        with pytest.raises(ValueError, match="wrong"):
            repeated(wrong, [given([1.0])])


def test_a_failure_inside_names_its_place(engine):
    def taken(x, places):
        return e.neg(indexing.take(e.neg(x), (places,), HERE))

    places = given([1])
    for _ in range(3):
        assert_same(value(repeated(taken, [given([1.0, 2.0]), places])), [2])
    y = repeated(taken, [given([1.0, 2.0]), given([99])])
    with pytest.raises(IndexError, match=r"In test, recorded at here\.py:1"):
        value(y)
    assert type(y.buffer) is Failure


def test_the_hard_limit_counts_primitives(engine, monkeypatch):
    x = given([1.0])
    steps(chain, [x])
    recorder.recorder().compute()
    monkeypatch.setattr(recorder, "HARD_LIMIT", 9)
    before = len(engine.runs)
    kept = [repeated(chain, [x]) for _ in range(3)]
    assert len(engine.runs) == before + 1
    assert all(node.buffer is not None for node in kept)


def test_primitives_are_counted(engine):
    x = given([1.0])
    steps(chain, [x])
    recorder.recorder().compute()
    before = recorder.recorder().recorded
    kept = repeated(chain, [x]), repeated(several, [x, x])
    recorder.recorder().compute()
    assert recorder.recorder().recorded == before + 6
    del kept


def test_spreading_gives_the_primitives(engine):
    x = given([1.0])
    steps(several, [x, x])
    recorder.recorder().compute()
    outputs = repeated(several, [x, x])
    nodes, places = spread(recorder.recorder().pending)
    assert [node.primitive.name for node in nodes] == ["add", "mul", "neg"]
    assert [places[outputs[i]] for i in (0, 3)] == [1, 2]
    assert nodes[2].inputs == (nodes[0],)
