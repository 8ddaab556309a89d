"""Distances between rows, covariances, cross products, norms kept within a bound."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, distinct, table, values


def cdist(p):
    def distances(x, y):
        apart = np.abs(x[..., :, None, :] - y[..., None, :, :])
        if p == 0:
            return (apart != 0).sum(-1).astype(x.dtype)
        return apart.max(-1) if np.isinf(p) else (apart**p).sum(-1) ** (1 / p)

    return distances


def pdist(p):
    def distances(x):
        rows, columns = np.triu_indices(len(x), 1)
        return cdist(p)(x, x)[rows, columns]

    return distances


def renorm(x):
    norm = np.sqrt((x**2).sum((0, 2), keepdims=True))
    return x * np.where(norm > 0.5, 0.5 / (norm + 1e-7), 1)


X, Y = distinct(4, 3), 1.0173 * distinct(2, 5, 3, seed=1) + 0.037
COUNTS, SHARES = np.array([1, 2, 1, 3]), np.array([0.5, 1.0, 2.0, 0.25])
CASES = [
    *[
        OpCase(f"cdist {p}", lambda x, y, p=p: rl.cdist(x, y, p), (X, Y), cdist(p))
        for p in (0.5, 1, 2, 3, np.inf)
    ],
    OpCase("cdist 0", lambda x, y: rl.cdist(x, y, 0), (X, Y), cdist(0), grad=False),
    *[
        OpCase(
            f"pdist {p}",
            lambda x, p=p: rl.nn.functional.pdist(x, p),
            (X,),
            pdist(p),
            also=((X[:1],),),
        )
        for p in (1, 2, 4)
    ],
    OpCase("renorm", lambda x: rl.renorm(x, 2, 1, 0.5), (values(2, 3, 4),), renorm),
    OpCase("cov", rl.cov, (values(3, 4),), np.cov),
    OpCase("cov of one", rl.cov, (values(4),), np.cov, gradgrad=False),
    OpCase(
        "cov by weights",
        lambda x, counts, shares: rl.cov(x, fweights=counts, aweights=shares, correction=0),
        (values(3, 4), COUNTS, SHARES),
        lambda x, f, a: np.cov(x, fweights=f, aweights=a, ddof=0),
        dtypes=(),
    ),
    OpCase("corrcoef", rl.corrcoef, (values(3, 5),), np.corrcoef, gradgrad=False),
    OpCase(
        "cross", rl.cross, (values(3, 2), values(3, 2, seed=1)), lambda x, y: np.cross(x.T, y.T).T
    ),
    OpCase(
        "cross along the last",
        lambda x, y: x.cross(y, -1),
        (values(3, 3), values(1, 3)),
        np.cross,
    ),
]


@table(CASES)
def test_distances(case, check):
    check(case)


def test_rows_that_are_equal_have_no_slope():
    x = rl.ones(2, 3, requires_grad=True)
    rl.cdist(x, x.detach()).sum().backward()
    assert x.grad.tolist() == [[0.0] * 3] * 2


def test_integers():
    assert rl.cov(rl.tensor([[0, 2], [2, 0]])).dtype is rl.float32
    assert rl.cross(rl.tensor([1, 0, 0]), rl.tensor([0, 1, 0])).tolist() == [0, 0, 1]


WRONG = {
    "cdist of integers": (lambda: rl.cdist(rl.ones(1, 1).int(), rl.ones(1, 1)), "X1 got: int32"),
    "cdist of two widths": (lambda: rl.cdist(rl.ones(1, 2), rl.ones(1, 3)), "X1: 2 X2: 3"),
    "a negative norm": (lambda: rl.cdist(rl.ones(1, 2), rl.ones(1, 2), -1), "non-negative p"),
    "pdist of a vector": (lambda: rl.nn.functional.pdist(rl.ones(3)), "got: 1D"),
    "renorm of a vector": (lambda: rl.renorm(rl.ones(3), 2, 0, 1), "at least 2 dimensions"),
    "cross without a 3": (lambda: rl.cross(rl.ones(2), rl.ones(2)), "no dimension of size 3"),
    "cross of other sizes": (lambda: rl.cross(rl.ones(2), rl.ones(2), 0), "must have length 3"),
    "cov of a cube": (lambda: rl.cov(rl.ones(1, 1, 1)), "two or fewer dimensions"),
    "weights that do not fit": (
        lambda: rl.cov(rl.ones(2, 3), fweights=rl.tensor([1])),
        "but got 1 != 3",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    call, words = WRONG[name]
    with pytest.raises(RuntimeError, match=words):
        call()
