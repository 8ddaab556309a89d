"""The recorder: what is computed, what survives, what may be overwritten, what failures leave."""

import gc

import numpy as np
import pytest

from rushlight.engines import load
from rushlight.graph import elementwise as e
from rushlight.graph import indexing, movement, recorder
from rushlight.graph import reduction as r
from rushlight.graph.dtype import float64
from rushlight.graph.node import Failure, Node
from rushlight.graph.recorder import record, value_of
from rushlight.graph.spec import spec_of
from tests.engines.harness import HERE, assert_same, given, value


def compute():
    recorder.recorder().compute()


def out_of_range(x):
    return indexing.take(x, (given([99]),), HERE)


# ------------------------------------------------------------------------------------- liveness


def test_nothing_is_computed_before_it_is_needed(engine):
    x = e.neg(given([1.0, 2.0]))
    assert x.buffer is None
    assert not engine.runs
    assert_same(value(x), [-1, -2])
    assert x.inputs == ()


def test_everything_reachable_is_computed_at_one_time(engine):
    x = e.neg(given([1.0]))
    y, other = e.add(x, x), e.neg(given([3.0]))
    value(y)
    assert len(engine.runs) == 1
    assert other.buffer is not None
    value(x), value(other)
    assert len(engine.runs) == 1


def test_what_nobody_holds_does_not_survive(engine):
    x = given([1.0])
    y = e.neg(e.neg(e.neg(x)))
    compute()
    (graph,) = engine.graphs
    assert len(graph.equations) == 3
    assert graph.results == (3,)
    assert_same(value(y), [-1])


def test_what_nobody_needs_is_not_computed(engine):
    x = given([1.0])
    e.neg(e.neg(x))
    kept = e.add(x, x)
    compute()
    assert [equation.primitive for equation in engine.graphs[0].equations] == [e.ADD]
    assert kept.buffer is not None


def test_a_dead_branch_on_a_living_value_is_not_computed(engine):
    x = e.neg(given([1.0]))
    e.add(x, x)
    compute()
    assert [equation.primitive for equation in engine.graphs[0].equations] == [e.NEG]


def test_nothing_runs_when_nothing_is_reachable(engine):
    e.neg(given([1.0]))
    compute()
    assert not engine.graphs


def test_any_holder_keeps_a_value(engine):
    holders = [[e.neg(given([1.0]))], (e.neg(given([2.0])),), {"x": e.neg(given([3.0]))}]
    compute()
    assert engine.graphs[0].results == (3, 4, 5)
    assert holders[0][0].buffer is not None


def test_one_node_read_twice_by_one_equation(engine):
    y = e.mul(e.neg(given([3.0])), given([1.0]))
    z = e.where(given([True]), y, y)
    del y
    compute()
    assert len(engine.graphs[0].results) == 1
    assert_same(value(z), [-3])


def test_nodes_run_in_recorded_order(engine):
    x = given([1.0])
    late = [e.neg(x), e.unary(e.ABS, x), e.unary(e.SIGN, x)]
    compute()
    equations = engine.graphs[0].equations
    assert [equation.primitive for equation in equations] == [e.NEG, e.ABS, e.SIGN]
    assert all(node.buffer is not None for node in late)


def test_a_computed_value_is_an_input_afterwards(engine):
    x = e.neg(given([1.0]))
    value(x)
    y = e.neg(x)
    value(y)
    assert [len(graph.equations) for graph in engine.graphs] == [1, 1]
    assert_same(value(y), [1])


def test_scratch_space_is_clean_afterwards(engine):
    x = given([1.0])
    y = e.add(x, e.neg(x))
    compute()
    assert x.uses == y.uses == 0


def test_no_garbage_is_left(engine):
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            value(e.add(e.neg(given([1.0])), given([2.0])))
        assert gc.collect() == 0
    finally:
        gc.enable()


# --------------------------------------------------------------------------------------- limits


def test_the_hard_limit_computes(engine, monkeypatch):
    monkeypatch.setattr(recorder, "HARD_LIMIT", 10)
    x = given([1.0])
    for _ in range(25):
        x = e.neg(x)
    assert len(engine.runs) == 2
    assert len(recorder.recorder().pending) == 5
    assert_same(value(x), [-1])


CUTS = {
    "SOFT_NODES": lambda x: [e.neg(x) for _ in range(8)],
    "SOFT_BYTES": lambda x: [movement.expand(x, (100, 8))],
    "SOFT_OPERATIONS": lambda x: [r.sum_(movement.expand(x, (100, 8)), (0,))],
}


@pytest.mark.parametrize("limit", CUTS)
def test_soft_cuts_compute_what_has_grown_large(engine, monkeypatch, limit):
    for name in CUTS:
        monkeypatch.setattr(recorder, name, 1 << 40)
    monkeypatch.setattr(recorder, limit, 500 if limit != "SOFT_NODES" else 5)
    x = given(np.ones(8))
    small = e.neg(x)
    recorder.recorder().soft_cut()
    assert small.buffer is None
    large = CUTS[limit](x)
    assert not engine.runs
    recorder.recorder().soft_cut()
    assert small.buffer is not None
    assert large[-1].buffer is not None
    recorder.recorder().soft_cut()
    assert len(engine.runs) == 1


# ------------------------------------------------------------------------------------- failures


def test_a_failure_names_its_origin_and_is_raised_again(engine):
    x = e.neg(given([1.0, 2.0]))
    wrong = out_of_range(x)
    after = e.neg(wrong)
    words = "index 99 is out of bounds for dimension 0 with size 2\nIn test, recorded at here.py:1."
    with pytest.raises(IndexError) as caught:
        value(x)
    assert str(caught.value) == words
    for node in (wrong, after, x):
        assert type(node.buffer) is Failure
        with pytest.raises(IndexError) as caught:
            value(node)
        assert str(caught.value) == words
    assert not recorder.recorder().pending


def test_work_on_a_failed_value_fails_too(engine):
    wrong = out_of_range(given([1.0]))
    with pytest.raises(IndexError):
        compute()
    later = e.neg(wrong)
    with pytest.raises(IndexError, match="index 99"):
        value(later)


def test_recording_goes_on_after_a_failure(engine):
    wrong = out_of_range(given([1.0]))
    with pytest.raises(IndexError):
        value(wrong)
    assert_same(value(e.neg(given([1.0]))), [-1])


def test_a_failure_nobody_waits_for_does_not_happen(engine):
    out_of_range(given([1.0]))
    assert_same(value(e.neg(given([1.0]))), [-1])


def test_a_failure_holds_nothing_alive(engine):
    import weakref

    x = e.neg(given([1.0]))
    watched = weakref.ref(x)
    wrong = out_of_range(x)
    del x
    with pytest.raises(IndexError):
        value(wrong)
    gc.collect()
    assert watched() is None


class Cell:
    """Holds a node, as a tensor's storage does."""

    def __init__(self, node):
        self.node = node

    def write(self, node):
        recorder.recorder().remember(self, self.node)
        self.node = node

    def restore(self, node):
        self.node = node


def test_cells_are_back_at_the_last_sync_point_after_a_failure(engine):
    first = given([1.0])
    cell = Cell(first)
    cell.write(e.neg(cell.node))
    cell.write(out_of_range(cell.node))
    with pytest.raises(IndexError):
        compute()
    assert cell.node is first
    assert_same(value(cell.node), [1])


def test_a_sync_point_is_final(engine):
    cell = Cell(given([1.0]))
    cell.write(e.neg(cell.node))
    compute()
    computed = cell.node
    cell.write(out_of_range(cell.node))
    with pytest.raises(IndexError):
        compute()
    assert cell.node is computed


def test_what_only_the_journal_holds_is_not_computed(engine):
    cell = Cell(e.neg(given([1.0])))
    cell.write(given([5.0]))
    compute()
    assert not engine.graphs


def test_what_only_the_journal_holds_is_donated(engine):
    cells = [Cell(given([1.0])), Cell(given([2.0]))]
    for cell in cells:
        cell.write(e.neg(cell.node))
    compute()
    assert [leaf.donated for leaf in engine.graphs[0].leaves] == [True, True]
    assert [value(cell.node)[0] for cell in cells] == [-1, -2]


def test_an_error_of_planning_is_a_failure_too(engine, monkeypatch):
    def plan(graph):
        raise ValueError("no plan")

    monkeypatch.setattr(engine, "plan", plan)
    x = e.neg(given([1.0]))
    with pytest.raises(ValueError, match="no plan"):
        value(x)
    with pytest.raises(ValueError, match="no plan"):
        value(x)


def test_an_interrupt_leaves_no_half_done_step(engine, monkeypatch):
    class Interrupted:
        def run(self, binding):
            raise KeyboardInterrupt

    first = given([1.0])
    cell = Cell(first)
    cell.write(e.neg(first))
    monkeypatch.setattr(engine, "plan", lambda graph: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        compute()
    assert cell.node is first
    assert_same(value(cell.node), [1])


# ------------------------------------------------------------------------------------ providing


def test_another_engine_starts_with_no_programs(engine):
    value(e.neg(given([1.0])))
    assert recorder.PROGRAMS
    recorder.provide("engine", lambda: load("reference"))
    assert not recorder.PROGRAMS
    assert recorder.engine() is load("reference")
    assert_same(value(e.neg(given([1.0]))), [-1])


def test_record_gives_a_node_that_can_be_read(engine):
    node = record(e.NEG, (given([2.0]),), (), (), spec_of((1,), float64))
    assert isinstance(node, Node)
    assert value_of(node) is node.buffer
