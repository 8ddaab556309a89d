"""Masked reductions against NumPy on what the mask keeps, row by row."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import gradcheck

X = np.random.default_rng(0).uniform(0.5, 2, (4, 5))
MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 1, 0, 1]], bool)

ROWS = {
    "sum": (rl.masked.sum, np.sum, {}),
    "prod": (rl.masked.prod, np.prod, {}),
    "amax": (rl.masked.amax, np.max, {}),
    "amin": (rl.masked.amin, np.min, {}),
    "mean": (rl.masked.mean, np.mean, {}),
    "median": (rl.masked.median, lambda x: np.sort(x)[(len(x) - 1) // 2], {}),
    "norm": (rl.masked.norm, lambda x: np.sum(np.abs(x) ** 3) ** (1 / 3), {"ord": 3}),
    "least norm": (rl.masked.norm, lambda x: np.min(np.abs(x)), {"ord": -np.inf}),
    "var": (rl.masked.var, np.var, {"unbiased": False}),
    "std": (rl.masked.std, np.std, {"unbiased": False}),
    "logsumexp": (rl.masked.logsumexp, lambda x: np.log(np.sum(np.exp(x))), {}),
}


@pytest.mark.parametrize("name", ROWS)
def test_reductions(name):
    function, reference, options = ROWS[name]
    x, mask = rl.tensor(X, requires_grad=True), rl.tensor(MASK)
    want = [reference(row[kept]) for row, kept in zip(X, MASK, strict=True)]
    got = function(x, dim=1, mask=mask, **options)
    np.testing.assert_allclose(got.detach().numpy(), want, 1e-12)
    kept = function(x, dim=1, mask=mask, keepdim=True, **options)
    assert kept.shape == (4, 1)
    whole = [reference(row) for row in X]
    np.testing.assert_allclose(function(x, dim=1, **options).detach().numpy(), whole, 1e-12)
    if name != "median":
        both = function(x, dim=(0, 1), mask=mask, **options)
        np.testing.assert_allclose(both.item(), reference(X[MASK]), 1e-12)
    rows = rl.tensor([0, 2, 3])  # a single element has a standard deviation without a gradient
    assert gradcheck(lambda x: function(x[rows], dim=1, mask=mask[rows], **options), x)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_where_nothing_is_kept(dtype):
    x, nothing = rl.ones(2, 3).to(getattr(rl, dtype)), rl.zeros(3, dtype=rl.bool)
    assert rl.masked.sum(x, 1, mask=nothing).tolist() == [0, 0]
    assert rl.masked.prod(x, 1, mask=nothing).tolist() == [1, 1]
    low = -(2**63) if dtype == "int64" else -np.inf
    assert rl.masked.amax(x, 1, mask=nothing).tolist() == [low, low]
    assert np.isnan(rl.masked.mean(x.float(), 1, mask=nothing).numpy()).all()


def test_places():
    x, mask = rl.tensor(X), rl.tensor(MASK)
    assert rl.masked.argmax(x, 1, mask=mask).tolist() == np.where(MASK, X, -1).argmax(1).tolist()
    assert rl.masked.argmin(x, 1, mask=mask).tolist() == np.where(MASK, X, 9).argmin(1).tolist()
    assert rl.masked.argmax(x, mask=mask).item() == np.where(MASK, X, -1).argmax()


ALONG = {
    "cumsum": (rl.masked.cumsum, lambda x, m: np.cumsum(np.where(m, x, 0), 1)),
    "cumprod": (rl.masked.cumprod, lambda x, m: np.cumprod(np.where(m, x, 1), 1)),
    "softmax": (
        rl.masked.softmax,
        lambda x, m: np.exp(x) * m / np.sum(np.exp(x) * m, 1, keepdims=True),
    ),
    "softmin": (
        rl.masked.softmin,
        lambda x, m: np.exp(-x) * m / np.sum(np.exp(-x) * m, 1, keepdims=True),
    ),
    "log_softmax": (
        rl.masked.log_softmax,
        lambda x, m: np.log(np.exp(x) * m / np.sum(np.exp(x) * m, 1, keepdims=True)),
    ),
    "normalize": (
        lambda x, dim, mask: rl.masked.normalize(x, 2, dim, mask=mask),
        lambda x, m: x * m / np.sqrt(np.sum((x * m) ** 2, 1, keepdims=True)),
    ),
}


@pytest.mark.parametrize("name", ALONG)
def test_along_a_dimension(name):
    function, reference = ALONG[name]
    x, mask = rl.tensor(X, requires_grad=True), rl.tensor(MASK)
    with np.errstate(divide="ignore"):
        want = reference(X, MASK)
    np.testing.assert_allclose(function(x, 1, mask=mask).detach().numpy(), want, 1e-12)
    assert gradcheck(lambda x: rl.where(mask, function(x, 1, mask=mask), 0), x)


def test_logaddexp():
    x, mask = rl.tensor(X), rl.tensor(MASK)
    got = rl.masked.logaddexp(x, x, input_mask=mask)
    np.testing.assert_allclose(got.numpy(), X + np.log(2) * MASK, 1e-12)


def test_a_mask_of_more_dimensions_is_an_error():
    with pytest.raises(IndexError, match="mask dimensionality higher"):
        rl.masked.sum(rl.ones(2), 0, mask=rl.ones(2, 2).bool())
    words = "no fully masked out rows|fully masked out"
    with pytest.raises(ValueError, match=words):
        rl.masked.median(rl.ones(2).long(), 0, mask=rl.zeros(2).bool())
