"""Scans on the CPU engine: what is native, what falls back, threads, and what compiles."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight.engines import load
from rushlight.engines.cpu import build, scans
from tests.engines.harness import using

W = rl.tensor(np.random.default_rng(0).integers(-1, 2, (6, 6)).astype(np.float32))


def flat(values):
    if isinstance(values, (tuple, list)):
        return [leaf for value in values for leaf in flat(value)]
    return [] if values is None else [values]


def computed(engine, run):
    with using(load(engine)):
        return [tensor.numpy() for tensor in flat(run())]


# Whole numbers that stay small, so that both engines agree to the bit.
def clamp(x):
    return x.clamp(-4, 4)


CARRIES = {
    "sum": lambda h, x: clamp(h + x),
    "product": lambda h, x: clamp(h @ W + x),
    "left product": lambda h, x: clamp((W @ h.T).T - x),
    "itself": lambda h, x: h,
    "element": lambda h, x: x,
    "constant": lambda h, x: W[:1].expand(h.shape) + 0,
    "rows": lambda h, x: clamp(h - x.amax(1, keepdim=True)),
    "sorted": lambda h, x: (h + x).sort(1)[0].clamp(-4, 4),
}
RESULTS = {
    "carry": lambda h, after, x: h,
    "after": lambda h, after, x: after,
    "element": lambda h, after, x: x,
    "weights": lambda h, after, x: W,
    "larger": lambda h, after, x: after > h,
    "sum": lambda h, after, x: (h + after).sum(),
    "part": lambda h, after, x: after[:, 1:3] * 2,
}


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    carries=st.lists(st.sampled_from([*CARRIES]), max_size=3),
    swaps=st.booleans(),
    results=st.lists(st.tuples(st.sampled_from([*RESULTS]), st.integers(0, 2)), max_size=4),
    length=st.sampled_from([0, 1, 2, 63, 64, 65, 130]),
    rows=st.sampled_from([1, 2, 5, 33]),
    reverse=st.booleans(),
)
def test_random_bodies(carries, swaps, results, length, rows, reverse):
    generator = np.random.default_rng(length + rows)
    xs = rl.tensor(generator.integers(-2, 3, (length, rows, 6)).astype(np.float32))
    starts = tuple(rl.full((rows, 6), float(i)) for i in range(len(carries)))

    def body(before, x):
        after = tuple(CARRIES[name](h, x) for name, h in zip(carries, before, strict=True))
        if swaps:
            after = after[::-1]
        stacked = []
        for name, which in results:
            at = which % len(carries) if carries else 0
            pair = (before[at], after[at]) if carries else (x, x * 2)
            stacked.append(RESULTS[name](*pair, x))
        return after, stacked

    def run():
        return rl.scan(body, starts, xs, reverse=reverse)

    for left, right in zip(computed("cpu", run), computed("reference", run), strict=True):
        np.testing.assert_array_equal(left, right, strict=True)


NATIVE = {
    "recurrent": lambda h, x: ((h @ W + x).tanh(), h),
    "elementwise": lambda h, x: (h * 0.5 + x, (h, x.exp())),
    "rows": lambda h, x: ((h + x).softmax(1), None),
    "columns": lambda h, x: (h + (h * x).sum(0), h.sum(0)),
}
STEPPED = {
    "sorting": lambda h, x: ((h + x).sort(1)[0], h),
    "shifted": lambda h, x: (x, h),
}


@pytest.fixture
def ways(monkeypatch):
    """Which way each scan ran."""
    seen = []
    for name in ("run_native", "run_steps"):
        whole = getattr(scans._LoopRun, name)

        def watched(self, name=name, whole=whole):
            seen.append(name)
            whole(self)

        monkeypatch.setattr(scans._LoopRun, name, watched)
    return seen


@pytest.mark.parametrize("name", [*NATIVE, *STEPPED])
def test_which_bodies_run_without_python(ways, name):
    body = {**NATIVE, **STEPPED}[name]
    computed("cpu", lambda: rl.scan(body, rl.ones(3, 6), rl.ones(70, 3, 6)))
    assert set(ways) == {"run_native" if name in NATIVE else "run_steps"}


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("rows", [3, 500])
def test_the_number_of_threads_changes_no_bit(name, rows):
    start = rl.rand(rows, 6)
    xs = rl.rand(70, rows, 6)
    found = []
    before = rl.get_num_threads()
    try:
        for threads in (1, 3):
            rl.set_num_threads(threads)
            found.append(computed("cpu", lambda: rl.scan(NATIVE[name], start, xs)))
    finally:
        rl.set_num_threads(before)
    for left, right in zip(*found, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", NATIVE)
def test_both_ways_give_the_same_bits(name, monkeypatch):
    def run():
        return rl.scan(NATIVE[name], start, xs)

    start, xs = rl.rand(5, 6), rl.rand(70, 5, 6)
    natively = computed("cpu", run)
    monkeypatch.setattr(scans, "_is_guarded", lambda: True)
    for left, right in zip(natively, computed("cpu", run), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_new_length_compiles_nothing(monkeypatch):
    def step(length, rows):
        xs = rl.ones(length, rows, 6, requires_grad=True)
        weight = rl.ones(6, 6, requires_grad=True)
        _, stacked = rl.scan(lambda h, x: ((h @ weight + x).tanh(),) * 2, rl.zeros(rows, 6), xs)
        stacked.sum().backward()
        rl.sync()

    with using(load("cpu")):
        step(5, 3)
        requests = []
        whole = build.kernel_addresses
        monkeypatch.setattr(
            build, "kernel_addresses", lambda made: requests.append(made) or whole(made)
        )
        for length in (6, 64, 65, 200, 7):
            step(length, 3)
        assert not requests


def test_constants_are_packed_once():
    with using(load("cpu")):
        weight = rl.rand(64, 64)
        last, _ = rl.scan(lambda h, x: (h @ weight + x, None), rl.ones(8, 64), rl.ones(9, 8, 64))
        rl.sync()
        assert last.shape == (8, 64)


def test_a_failure_inside_leaves_no_trace():
    total = rl.zeros(())
    with using(load("cpu")):
        places = rl.tensor([0, 1, 9])
        table = rl.ones(3)
        last, _ = rl.scan(
            lambda h, at: (h + table.gather(0, at.reshape(1))[0], None), rl.tensor(0.0), places
        )
        total += last
        with pytest.raises(IndexError, match="index 9"):
            total.item()
        assert total.item() == 0
