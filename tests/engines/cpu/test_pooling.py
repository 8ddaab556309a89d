"""Pooling and its adjoints on the CPU engine, beside the reference engine."""

import numpy as np
import pytest

from rushlight.engines import load
from rushlight.engines.cpu import host
from rushlight.graph import pooling as p
from rushlight.graph import reduction as r
from tests.engines.harness import given, using, value

CASES = {
    "pairs": ((3, 8, 10), p.Windows((2, 2), (2, 2), (0, 0), (1, 1)), (4, 5)),
    "overlap": ((2, 3, 9, 33), p.Windows((3, 3), (1, 1), (1, 1), (1, 1)), (9, 33)),
    "stride": ((2, 3, 19, 41), p.Windows((3, 3), (2, 2), (1, 1), (1, 1)), (10, 21)),
    "left over": ((4, 11, 7), p.Windows((3, 2), (3, 2), (0, 0), (1, 1)), (3, 3)),
    "dilated": ((2, 15, 40), p.Windows((3, 3), (1, 2), (0, 0), (2, 3)), (11, 17)),
    "line": ((5, 100), p.Windows((4,), (3,), (2,), (1,)), (34,)),
    "volume": ((2, 5, 6, 17), p.Windows((2, 3, 2), (1, 2, 2), (1, 1, 0), (1, 1, 1)), (6, 3, 8)),
    "one column": ((70, 5, 1), p.Windows((2, 1), (1, 1), (1, 0), (1, 1)), (6, 1)),
    "many planes": ((1, 1200, 6, 6), p.Windows((2, 2), (2, 2), (0, 0), (1, 1)), (3, 3)),
}
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "uint8")


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """Small graphs are compiled too."""
    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)


def numbers(shape, dtype, seed=0):
    generator = np.random.default_rng(seed)
    low = 0 if dtype.startswith("u") else -4
    return generator.integers(low, 5, shape).astype("float32")


def both(build):
    """What the two engines give for the same graph."""
    with using(load("reference")):
        expected = [value(node) for node in build()]
    with using(load("cpu")):
        return [value(node) for node in build()], expected


def assert_agree(build):
    for actual, expected in zip(*both(build), strict=True):
        np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_largest_and_places(case, dtype):
    shape, windows, counts = CASES[case]

    def build():
        x = given(numbers(shape, dtype), dtype)
        return p.max_pool(x, counts, windows), p.max_places(x, counts, windows)

    assert_agree(build)


@pytest.mark.parametrize("case", ["overlap", "line"])
def test_two_poolings_of_one_value(case):
    """They are computed each for itself: nobody knows that their sizes are equal."""
    shape, windows, counts = CASES[case]

    def build():
        x = given(numbers(shape, "float32"), "float32")
        pools = [p.max_pool(x, counts, windows) for _ in range(2)]
        places = [p.max_places(x, counts, windows) for _ in range(2)]
        sums = [r.sum_(pool, (0,)) for pool in pools]  # the poolings themselves are not kept
        return *sums, *places

    assert_agree(build)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_sums_and_their_adjoint(case, dtype):
    shape, windows, counts = CASES[case]
    rank = len(counts)

    def build():
        x = given(numbers(shape, dtype), dtype)
        y = given(numbers((*shape[:-rank], *counts), dtype, 1), dtype)
        return p.sum_pool(x, counts, windows), p.spread_sum(y, shape[-rank:], windows)

    assert_agree(build)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_spread(case, dtype):
    shape, windows, counts = CASES[case]
    rank = len(counts)

    def build():
        x = given(numbers(shape, dtype), dtype)
        y = given(numbers((*shape[:-rank], *counts), dtype, 1), dtype)
        return [p.spread(y, p.max_places(x, counts, windows), shape[-rank:])]

    assert_agree(build)


def test_nan_infinity_and_places_outside():
    x = numbers((2, 6, 20), "float32")
    x[0, 2, 3], x[0, 2, 4], x[1] = np.nan, np.nan, -np.inf
    windows = p.Windows((3, 3), (1, 1), (1, 1), (1, 1))

    def build():
        node = given(x)
        outside = given(np.array([[0, 5, -1, 6, 1, 1]]))
        spread = p.spread(given(np.ones((1, 6), np.float32)), outside, (6,))
        counts = (6, 20)
        return p.max_pool(node, counts, windows), p.max_places(node, counts, windows), spread

    assert_agree(build)


def test_the_same_windows_twice():
    """Nothing says that both results have one size, so each is computed."""
    windows, counts = p.Windows((3, 2), (2, 1), (1, 1), (1, 2)), (2, 6)

    def build():
        x = given(numbers((2, 3, 6), "float64"))
        found = [f(x, counts, windows) for f in (p.max_pool, p.max_places) * 2]
        ones = [given(np.ones((2, *counts))) for _ in range(2)]
        spread = [p.spread(o, places, (3, 6)) for o, places in zip(ones, found[1::2], strict=True)]
        return [*found, *spread]

    assert_agree(build)


def test_views_are_read():
    windows = p.Windows((2, 2), (1, 1), (0, 0), (1, 1))

    def build():
        from rushlight.graph import movement as m

        x = given(numbers((7, 3, 5), "float32"))
        turned = m.permute(x, (1, 2, 0))
        return [p.sum_pool(turned, (4, 6), windows)]

    assert_agree(build)


def test_sums_hardly_differ_in_other_orders():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((3, 40, 50)).astype("float32")
    windows = p.Windows((5, 5), (2, 2), (2, 2), (1, 1))
    actual, expected = both(lambda: [p.sum_pool(given(x), (20, 25), windows)])
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-5, atol=1e-5)
