"""Attention and its gradient on the CPU engine, beside the reference engine."""

from typing import NamedTuple

import numpy as np
import pytest

from rushlight.engines import load
from rushlight.engines.cpu import build, pool
from rushlight.graph import attention as a
from rushlight.graph import movement as m
from rushlight.graph.creation import number
from rushlight.graph.dtype import find_dtype
from tests.engines.harness import given, using, value

TOLERANCE = {"float64": 1e-13, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1.6e-2}


class Case(NamedTuple):
    """Sizes: of the batch, queries, keys, a query, a value."""

    batch: tuple[int, ...]
    queries: int
    keys: int
    size: int
    values: int


CASES = {
    "small": Case((2,), 5, 7, 4, 3),
    "no batch": Case((), 20, 9, 8, 8),
    "heads": Case((2, 3), 64, 64, 32, 32),
    "ragged": Case((3,), 37, 131, 20, 17),
    "one query": Case((2, 2), 1, 300, 64, 64),
    "two queries": Case((3,), 2, 41, 9, 50),
    "one key": Case((4,), 33, 1, 5, 70),
    "one number": Case((2,), 18, 40, 1, 1),
    "keys in parts": Case((2,), 150, 700, 33, 40),
    "queries in parts": Case((1,), 600, 40, 16, 16),
    "wide": Case((1,), 40, 50, 300, 200),
    "many": Case((70,), 3, 6, 2, 5),
}
MASKS = (None, "bool", "added")


def operands(case: Case, dtype: str, mask: str | None = None, seed: int = 0) -> dict:
    """Random inputs of all kinds, as arrays; the first query's mask hides every key."""
    generator = np.random.default_rng(seed)
    shapes = {
        "query": (case.queries, case.size),
        "key": (case.keys, case.size),
        "value": (case.keys, case.values),
        "gradient": (case.queries, case.values),
    }
    made = {
        name: generator.standard_normal((*case.batch, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    shape = (*case.batch, case.queries, case.keys)
    if mask == "bool":
        made["mask"] = generator.random(shape) > 0.3
        made["mask"][..., 0, :] = False
    elif mask == "added":
        made["mask"] = generator.standard_normal(shape).astype(np.float32)
        made["mask"][..., 0, :] = -np.inf
        made["mask"][..., -1] = -np.inf
    return made


def nodes_of(made: dict, dtype: str) -> dict:
    """The same as nodes."""
    return {name: given(x, "bool" if x.dtype == bool else dtype) for name, x in made.items()}


def record(nodes: dict, dtype: str, causal: bool = False) -> list:
    """Result, log_sum_exp, and the three gradients."""
    scale = number(0.3, a.wide(find_dtype(dtype)))
    q, k, v, mask = nodes["query"], nodes["key"], nodes["value"], nodes.get("mask")
    outcome = a.attention(q, k, v, scale, mask, causal, with_log_sum_exp=True)
    parts = q, k, v, scale, *outcome, nodes["gradient"], mask, causal
    return [*outcome, *a.attention_gradient(*parts)]


def computed(engine: str, made: dict, dtype: str, causal: bool = False, view=lambda x: x) -> list:
    with using(load(engine)):
        nodes = {name: view(node) for name, node in nodes_of(made, dtype).items()}
        return [value(node) for node in record(nodes, dtype, causal)]


def assert_agree(made: dict, dtype: str, causal: bool = False, view=lambda x: x) -> list:
    """Both engines give the same but for rounding; gives the CPU engine's."""
    actual = computed("cpu", made, dtype, causal, view)
    expected = computed("reference", made, dtype, causal, view)
    for got, right in zip(actual, expected, strict=True):
        assert got.dtype == right.dtype
        scale = max(1.0, np.abs(right[np.isfinite(right)]).max(initial=0))
        np.testing.assert_allclose(got, right, rtol=0, atol=TOLERANCE[dtype] * scale)
    return actual


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_reference(case, causal, mask):
    made = operands(CASES[case], "float32", mask)
    found = assert_agree(made, "float32", causal)
    if mask is not None:
        assert not found[0][..., 0, :].any()
        assert np.isneginf(found[1][..., 0]).all()


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("case", ["small", "two queries", "heads", "ragged", "keys in parts"])
def test_other_dtypes(case, dtype):
    for mask in MASKS:
        made = operands(CASES[case], dtype, mask)
        assert_agree(made, dtype, causal=mask == "bool")


def by_heads(node):
    """(batch, time, heads, size) as (batch, heads, time, size), a view of what is stored."""
    return m.permute(node, (0, 2, 1, 3))


def backwards(node):
    """The last axis from its end."""
    starts = tuple(0 if axis < 3 else size - 1 for axis, size in enumerate(node.spec.shape))
    return m.slice_(node, starts, node.spec.shape, (1, 1, 1, -1))


def turned(node):
    """The last two axes change places in memory."""
    shape = node.spec.shape
    flat = m.reshape(m.permute(node, (0, 1, 3, 2)), (shape[0], shape[1], shape[3] * shape[2]))
    return m.permute(m.reshape(flat, (shape[0], shape[1], shape[3], shape[2])), (0, 1, 3, 2))


def repeated(node):
    """One head for all."""
    shape = node.spec.shape
    one = m.slice_(node, (0, 0, 0, 0), (shape[0], 1, *shape[2:]))
    return m.expand(m.reshape(one, (shape[0], *shape[2:])), shape, (0, 2, 3))


@pytest.mark.parametrize("view", [backwards, turned, repeated])
@pytest.mark.parametrize("mask", MASKS)
def test_views_are_read_in_place(view, mask):
    for queries in (30, 1):
        made = operands(Case((2, 3), queries, 40, 12, 20), "float32", mask)
        assert_agree(made, "float32", view=view)


def test_heads_of_one_projection():
    generator = np.random.default_rng(0)
    joined = generator.standard_normal((2, 50, 3, 4, 8)).astype(np.float32)

    def results(engine):
        with using(load(engine)):
            node, nodes = given(joined), {}
            for i, name in enumerate(("query", "key", "value")):
                part = m.slice_(node, (0, 0, i, 0, 0), (2, 50, 1, 4, 8))
                nodes[name] = by_heads(m.reshape(part, (2, 50, 4, 8)))
            nodes["gradient"] = by_heads(given(joined[:, :, 0]))
            return [value(each) for each in record(nodes, "float32", causal=True)]

    for got, right in zip(results("cpu"), results("reference"), strict=True):
        np.testing.assert_allclose(got, right, rtol=0, atol=1e-5)


def test_queries_in_two_axes():
    made = operands(Case((2,), 24, 18, 8, 8), "float32")

    def split(node):
        batch, time, size = node.spec.shape
        pairs = m.reshape(node, (batch, 2, time // 2, size))
        return m.reshape(m.permute(pairs, (0, 2, 1, 3)), (batch, time, size))

    assert_agree(made, "float32", view=split)


@pytest.mark.parametrize("empty", ["batch", "queries", "keys", "size", "values"])
def test_empty(empty):
    sizes = {"batch": (2,), "queries": 5, "keys": 4, "size": 3, "values": 6}
    sizes[empty] = (0,) if empty == "batch" else 0
    assert_agree(operands(Case(**sizes), "float32"), "float32")


def test_long():
    case = Case((1,), 2, 40_000, 4, 4)
    assert_agree(operands(case, "float32"), "float32")
    assert_agree(operands(Case((1,), 40_000, 2, 4, 4), "float32"), "float32", causal=True)


def test_large_and_lowest_numbers():
    made = operands(CASES["small"], "float32", "added")
    made["query"] *= 100
    made["mask"][..., 1, :] = np.finfo(np.float32).min
    assert_agree(made, "float32")


def test_nan_and_infinity_stay_with_their_queries():
    made = operands(CASES["ragged"], "float32")
    made["query"][0, 3, 2], made["query"][1, 4, 0] = np.nan, np.inf
    got = computed("cpu", made, "float32")[0]
    assert np.isnan(got[0, 3]).all()
    assert np.isnan(got[1, 4]).all()
    got[0, 3] = got[1, 4] = 0
    assert np.isfinite(got).all()


def test_a_masked_key_may_hold_anything():
    made = operands(CASES["small"], "float32", "bool")
    made["mask"][..., 3] = False
    clean = computed("cpu", made, "float32")[:2]
    made["key"][:, 3] = np.nan
    for got, right in zip(computed("cpu", made, "float32")[:2], clean, strict=True):
        np.testing.assert_array_equal(got, right)


def test_threads_change_no_bit():
    made = operands(Case((3,), 150, 700, 16, 24), "float32", "added")
    before = pool.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            pool.set_num_threads(threads)
            found.append(computed("cpu", made, "float32", causal=True))
    finally:
        pool.set_num_threads(before)
    for other in found[1:]:
        for got, right in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(got, right)


def test_each_result_alone_has_the_same_bits():
    made = operands(CASES["keys in parts"], "float32")
    together = computed("cpu", made, "float32", causal=True)
    for i, right in enumerate(together):
        with using(load("cpu")):
            nodes = record(nodes_of(made, "float32"), "float32", causal=True)
            got, nodes[:] = value_of_one(nodes, i), []
        np.testing.assert_array_equal(got, right)


def value_of_one(nodes: list, i: int) -> np.ndarray:
    """The value of one node when nothing else holds the others."""
    node = nodes[i]
    nodes.clear()
    return value(node)


def test_new_sizes_compile_nothing(monkeypatch):
    sizes = [Case((2,), 40, 41, 8, 9), Case((2,), 40, 2000, 8, 9)]
    for case in sizes:
        computed("cpu", operands(case, "float32"), "float32")

    def fail(text):
        raise AssertionError("compiled")

    monkeypatch.setattr(build, "compile_object", fail)
    for case in [Case((3,), 70, 2, 65, 3), Case((9,), 2, 1100, 7, 128), Case((5,), 999, 513, 2, 2)]:
        computed("cpu", operands(case, "float32"), "float32")
