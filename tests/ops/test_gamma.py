"""Polygamma and the incomplete gamma functions, against values of 20 digits and identities."""

import math

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, positive, table, values

# (n, x, value): zeta(2) and its kin, and the reflection formula at -1/2
POLYGAMMA = [
    (1, 1.0, math.pi**2 / 6),
    (1, 0.5, math.pi**2 / 2),
    (1, -0.5, math.pi**2 / 2 + 4),
    (2, 1.0, -2 * 1.2020569031595942854),
    (3, 1.0, math.pi**4 / 15),
    (3, 0.5, math.pi**4),
    (3, -1.5, math.pi**4 + 96 + 6 / 1.5**4),
    (5, 1.0, 8 * math.pi**6 / 63),
    (1, 1e6, 1 / 1e6 + 0.5e-12 + 1 / 6e18),
    (4, 0.0, -math.inf),
    (1, -3.0, math.inf),
]


@pytest.mark.parametrize(("n", "x", "expected"), POLYGAMMA)
def test_polygamma(n, x, expected):
    got = rl.polygamma(n, rl.tensor([x], dtype=rl.float64)).item()
    assert got == pytest.approx(expected, rel=1e-14)
    assert rl.tensor([x]).polygamma(n).item() == pytest.approx(expected, rel=1e-6)


def lower(a, x):
    """The lower function of whole a: what is missing of the first terms of the exponential."""
    terms = sum(x**k / math.gamma(k + 1) for k in range(int(a)))
    return 1 - np.exp(-x) * terms


X = np.array([0.01, 0.5, 2.0, 5.0, 30.0])
CASES = [
    OpCase("trigamma", lambda x: rl.polygamma(1, x), (positive(3, 4),), tolerance=1e-9),
    OpCase("polygamma", lambda x: x.polygamma(2), (positive(3),)),
    OpCase("zeta", lambda x: rl.special.zeta(3.0, x), (positive(3),)),
    OpCase("digamma", rl.digamma, (positive(3, 4),)),
    OpCase("lgamma", rl.lgamma, (positive(3, 4),)),
    OpCase("mvlgamma", lambda x: rl.mvlgamma(x, 3), (positive(3, 4) + 1,)),
    OpCase(
        "igamma",
        lambda x: rl.igamma(rl.full((5,), 3.0, dtype=x.dtype), x),
        (X,),
        lambda x: lower(3, x),
    ),
    OpCase(
        "igammac",
        lambda x: rl.igammac(rl.full((5,), 2.0, dtype=x.dtype), x),
        (X,),
        lambda x: 1 - lower(2, x),
    ),
]


@table(CASES)
def test_gamma(case, check):
    check(case)


def test_incomplete_gamma_of_halves_is_the_error_function():
    x = values(40, low=0.0, high=6.0)
    got = rl.igamma(rl.full((40,), 0.5, dtype=rl.float64), rl.tensor(x))
    np.testing.assert_allclose(got.numpy(), [math.erf(math.sqrt(v)) for v in x], rtol=1e-13)
    rest = rl.igammac(rl.full((40,), 0.5, dtype=rl.float64), rl.tensor(x))
    np.testing.assert_allclose(rest.numpy(), [math.erfc(math.sqrt(v)) for v in x], rtol=1e-12)


def test_large_orders_meet_the_recurrence():
    """P(a + 1, x) = P(a, x) - x^a exp(-x) / gamma(a + 1), DLMF 8.8.5."""
    for a in (50.0, 1e3, 1e5):
        x = rl.tensor([0.9 * a, a, 1.05 * a], dtype=rl.float64)
        orders = [rl.full((3,), a + step, dtype=rl.float64) for step in (0, 1)]
        apart = rl.igamma(orders[0], x) - rl.igamma(orders[1], x)
        want = (a * x.log() - x - rl.lgamma(orders[1])).exp()
        np.testing.assert_allclose(apart.numpy(), want.numpy(), rtol=1e-7, atol=1e-15)


def test_edges_of_the_incomplete_functions():
    a = rl.tensor([0.0, 0.0, 1.0, math.inf, 2.0, -1.0, 1.0])
    x = rl.tensor([1.0, 0.0, 0.0, 1.0, math.inf, 1.0, -1.0])
    got = rl.igamma(a, x).tolist()
    assert got[0] == 1
    assert got[2:5] == [0, 0, 1]
    assert all(math.isnan(got[place]) for place in (1, 5, 6))
    assert rl.igammac(a, x).tolist()[2:5] == [1, 1, 0]


def test_mvlgamma_of_one_dimension_is_lgamma():
    x = rl.tensor([0.5, 2.0, 7.0])
    assert rl.allclose(rl.mvlgamma(x, 1), x.lgamma())


WRONG = {
    "a negative order": (RuntimeError, lambda: rl.polygamma(-1, rl.ones(1)), "negative n"),
    "no dimensions": (RuntimeError, lambda: rl.mvlgamma(rl.ones(1), 0), "greater than or equal"),
    "the derivative by the order": (
        NotImplementedError,
        lambda: rl.igamma(rl.ones(1, requires_grad=True), rl.ones(1)).backward(),
        "igamma: input",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    kind, call, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()
