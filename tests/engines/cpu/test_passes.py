"""What the passes make of graphs: which values share a kernel, what is in place, what is reused."""

import numpy as np
import pytest

from rushlight.engines.cpu import ENGINE, build, host
from rushlight.engines.cpu.plan import HostStep
from rushlight.graph import creation as c
from rushlight.graph import elementwise as e
from rushlight.graph import indexing as i
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.buffer import Buffer
from rushlight.graph.contraction import contract
from rushlight.graph.dtype import float32, from_numpy_dtype, int64
from rushlight.graph.node import Origin, input_node
from rushlight.graph.recorder import recorder, value_of
from rushlight.graph.spec import spec_of
from tests.engines.harness import given, using, value

HERE = Origin("test", "here")


class Watching:
    """The CPU engine, keeping the programs that it makes."""

    name = "watching"

    def __init__(self):
        self.programs = []

    def plan(self, graph):
        self.programs.append(ENGINE.plan(graph))
        return self.programs[-1]

    @property
    def steps(self):
        return self.programs[-1].tables.plan.steps


@pytest.fixture
def engine(monkeypatch):
    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)
    with using(Watching()) as watching:
        yield watching


def leaf(array):
    array = np.asarray(array)
    dtype = from_numpy_dtype(array.dtype)
    return input_node(Buffer.holding(array, dtype), spec_of(array.shape, dtype))


def floats(*shape):
    return leaf(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def values(node):
    return value_of(node).values(node.spec)


def softmax(x):
    shape = x.spec.shape
    away = e.sub(x, m.expand(r.reduce(r.MAX, x, (1,)), shape, (0,)))
    powers = e.unary(e.EXP, away)
    return e.div(powers, m.expand(r.sum_(powers, (1,)), shape, (0,)))


def layer_norm(x):
    shape, share = x.spec.shape, c.number(1 / x.spec.shape[1], float32)
    mean = e.mul(r.sum_(x, (1,)), share)
    away = e.sub(x, m.expand(mean, shape, (0,)))
    variance = e.mul(r.sum_(e.mul(away, away), (1,)), share)
    return e.div(away, m.expand(e.unary(e.SQRT, variance), shape, (0,)))


def linear(x):
    product = contract(x, floats(7, x.spec.shape[1]), (1,), (1,))
    biased = e.add(product, m.expand(floats(7), product.spec.shape))
    return e.binary(e.MAXIMUM, biased, c.literal(0.0, float32))


FUSED = {
    "softmax": softmax,
    "layer norm": layer_norm,
    "linear, bias and relu": linear,
    "a chain through movements": lambda x: e.neg(
        m.slice_(m.permute(e.unary(e.EXP, e.add(x, x)), (1, 0)), (1, 0), (2, x.spec.shape[0]))
    ),
    "a reshape of a result": lambda x: m.reshape(e.neg(x), (x.spec.size,)),
    "embedding": lambda x: e.neg(i.take(x, (leaf(np.array([1, 0, 2])),), HERE)),
}


@pytest.mark.parametrize("name", FUSED)
def test_one_kernel(engine, name):
    result = FUSED[name](floats(6, 5))
    values(result)
    assert len([step for step in engine.steps if not isinstance(step, HostStep)]) == 1


def test_siblings_share_a_kernel(engine):
    x, y = floats(100), floats(100)
    results = [e.add(x, y), e.mul(x, y), e.sub(y, x)]
    recorder().compute()
    assert len(engine.steps) == 1
    np.testing.assert_array_equal(values(results[1]), values(x) * values(y))


def test_an_optimiser_step_is_one_kernel_in_place(engine):
    weight, momentum, gradient = floats(50), floats(50), floats(50)
    addresses = [node.buffer.address for node in (weight, momentum)]
    moved = e.add(e.mul(momentum, c.number(0.9, float32)), gradient)
    stepped = e.sub(weight, e.mul(moved, c.number(0.1, float32)))
    del weight, momentum
    recorder().compute()
    assert len(engine.steps) == 1
    assert [stepped.buffer.address, moved.buffer.address] == addresses


def test_a_failing_program_leaves_donated_inputs_alone(engine):
    x, places = floats(5), e.add(leaf(np.array([1, 9])), leaf(np.array([0, 0])))
    buffer, before = x.buffer, values(x).copy()
    changed = e.neg(x)
    taken = i.take(floats(4), (places,), HERE)
    del x, places
    with pytest.raises(IndexError, match="index 9 is out of bounds for dimension 0 with size 4"):
        recorder().compute()
    np.testing.assert_array_equal(buffer.stored((5,), float32), before)
    del changed, taken


def test_a_place_that_is_a_number_is_checked_where_it_is(engine):
    x = floats(4)
    place = m.reshape(c.number(2, int64), (1,))
    taken = i.take(x, (place,), HERE)
    put = i.put(x, m.expand(c.number(7.0, float32), (1,)), (place,), "set", HERE)
    recorder().compute()
    assert values(taken)[0] == values(x)[2]
    assert values(put)[2] == 7
    wrong = i.take(x, (m.expand(c.number(9, int64), (1,)),), HERE)
    with pytest.raises(IndexError, match="index 9 is out of bounds for dimension 0 with size 4"):
        recorder().compute()
    del wrong


def test_a_new_size_compiles_nothing(engine, monkeypatch):
    def network(rows):
        return [softmax(linear(floats(rows, 5))), r.sum_(floats(rows, 9), (0,))]

    first = network(6)
    recorder().compute()
    monkeypatch.setattr(build, "_build", lambda requests: pytest.fail("a kernel was compiled"))
    second = network(11)
    recorder().compute()
    assert len(engine.programs) == 1
    assert values(second[0]).shape == (11, 7)
    del first


KEPT = {
    "x * 1": lambda x: e.mul(x, c.literal(1.0, float32)),
    "1 * x": lambda x: e.mul(m.expand(c.literal(1, float32), x.spec.shape), x),
    "x / 1": lambda x: e.div(x, c.literal(1.0, float32)),
    "x - 0.0": lambda x: e.sub(x, c.literal(0.0, float32)),
    "x + -0.0": lambda x: e.add(x, c.literal(-0.0, float32)),
    "-(-x)": lambda x: e.neg(e.neg(x)),
    "back and forth": lambda x: m.reshape(m.reshape(x, (x.spec.size,)), x.spec.shape),
    "turned twice": lambda x: m.permute(m.permute(x, (1, 0)), (1, 0)),
}


@pytest.mark.parametrize("name", KEPT)
def test_an_exact_identity_is_no_work(engine, name):
    x = floats(4, 5)
    result = KEPT[name](x)
    recorder().compute()
    assert engine.steps == []
    assert value_of(result) is value_of(x)


def test_adding_zero_is_work(engine):
    result = e.add(leaf(np.float32([-0.0, 1.0])), c.literal(0.0, float32))
    assert not np.signbit(values(result)[0])


def test_repeated_work_is_done_once(engine):
    x = floats(4, 5)
    both = e.add(r.sum_(e.unary(e.EXP, x), (1,)), r.sum_(e.unary(e.EXP, x), (1,)))
    np.testing.assert_allclose(values(both), 2 * np.exp(values(x)).sum(1), rtol=1e-6)
    names = [op.name for step in engine.steps for op in step.kernel.ops]
    assert names.count("exp") == 1


def test_a_very_long_chain_is_cut_into_kernels(engine):
    x = floats(10)
    result = x
    for _ in range(3000):
        result = e.add(result, c.literal(1.0, float32))
    expected = values(x)
    for _ in range(3000):
        expected = expected + np.float32(1)
    np.testing.assert_array_equal(values(result), expected)
    assert 1 < len(engine.steps) < 20


def test_small_certain_graphs_load_no_compiler():
    with using(Watching()) as watching:
        result = e.add(floats(3), floats(3))
        values(result)
        assert watching.programs[-1]._tables is None


def test_peak_bytes_counts_temporaries_and_results(engine):
    x = floats(64, 32)
    result = contract(e.unary(e.EXP, x), e.unary(e.SIN, x), (1,), (1,))
    values(result)
    program = engine.programs[-1]
    specs = next(iter(program._bound))
    assert program.peak_bytes(specs) >= 2 * 64 * 32 * 4 + 64 * 64 * 4


@pytest.mark.parametrize("depth", range(58, 66))
def test_a_view_where_a_long_chain_ends(depth):
    array = np.arange(1.0, 25).reshape(1, 4, 6)
    with using(ENGINE):
        x = given(array)
        y = x
        for _ in range(depth):
            y = e.add(y, x)
        part = m.slice_(y, (0, 1, 0), (1, 2, 6), (1, 1, 1))
        flat = m.reshape(part, (2, 6))
        chosen = e.where(e.compare(e.GT, flat, c.literal(0.0, flat.spec.dtype)), flat, flat)
        found = m.pad(chosen, c.literal(0.0, flat.spec.dtype), (0, 1), (0, 0))
        del y, part, flat, chosen
        got = value(found)
    np.testing.assert_array_equal(got[:, 1:], (depth + 1) * array[0, 1:3])
