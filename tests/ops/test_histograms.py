"""Histograms, and places of non-zero elements."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import values

X, WEIGHTS = values(20, 2), values(20, low=0.0)
OPTIONS = [{}, {"range": (-0.5, 0.5)}, {"density": True}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("bins", [4, [-1.0, 0.0, 0.25, 2.0]])
def test_histogram(options, bins):
    if isinstance(bins, list) and "range" in options:
        options = {}
    given = rl.tensor(bins, dtype=rl.float64) if isinstance(bins, list) else bins
    got = rl.histogram(rl.tensor(X), given, weight=rl.tensor(X + 1), **options)
    hist, edges = np.histogram(X, bins, weights=X + 1, **options)
    np.testing.assert_allclose(got.hist.numpy(), hist, rtol=1e-12)
    np.testing.assert_allclose(got.bin_edges.numpy(), edges, rtol=1e-12)


@pytest.mark.parametrize("options", OPTIONS)
def test_histogramdd(options):
    mine = {**options, **({"range": (-0.5, 0.5, 0, 1.0)} if "range" in options else {})}
    theirs = {**options, **({"range": [(-0.5, 0.5), (0, 1.0)]} if "range" in options else {})}
    got = rl.histogramdd(rl.tensor(X), [3, 4], weight=rl.tensor(WEIGHTS), **mine)
    hist, edges = np.histogramdd(X, [3, 4], weights=WEIGHTS, **theirs)
    np.testing.assert_allclose(got.hist.numpy(), hist, rtol=1e-12)
    for mine, theirs in zip(got.bin_edges, edges, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-12)


def test_nonzero_static():
    x = rl.tensor([[0, 1], [2, 0]])
    assert rl.nonzero_static(x, size=3).tolist() == [[0, 1], [1, 0], [-1, -1]]
    assert x.nonzero_static(size=1, fill_value=7).tolist() == [[0, 1]]


def test_unravel_index():
    indices = rl.tensor([[0, 5], [3, -1]])
    rows, columns = rl.unravel_index(indices, (2, 3))
    assert rows.tolist() == [[0, 1], [1, 1]]
    assert columns.tolist() == [[0, 2], [0, 2]]


WRONG = {
    "a negative shape": (ValueError, lambda: rl.unravel_index(rl.tensor([6]), (2, -3)), "-3"),
    "an index of floats": (TypeError, lambda: rl.unravel_index(rl.ones(1), (2,)), "float32"),
    "no bins": (RuntimeError, lambda: rl.histogram(rl.ones(2), 0), "bins must be > 0"),
    "a reversed range": (
        RuntimeError,
        lambda: rl.histogram(rl.ones(2), 2, range=(1.0, 0.0)),
        "min should not exceed max",
    ),
    "integers": (NotImplementedError, lambda: rl.histogram(rl.arange(2), 2), "int64"),
    "weights that do not fit": (
        RuntimeError,
        lambda: rl.histogram(rl.ones(2), 2, weight=rl.ones(3)),
        "same shape",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    kind, call, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()
