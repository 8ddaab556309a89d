"""Functions of two operands beside arithmetic."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, distinct, integers, positive, table, values

NAN, INF = np.nan, np.inf
EDGES = np.array([0.0, -0.0, 1.5, -2.0, INF, -INF, NAN, 0.0])
OTHERS = np.array([-0.0, 3.0, NAN, 2.0, INF, NAN, 1.0, 0.0])


def xlogy(x, y):
    with np.errstate(all="ignore"):
        return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log(y))


def heaviside(x, y):
    return np.where(np.isnan(x), 0.0, np.heaviside(x, y))


PAIR = values(3, 4, seed=1), values(3, 4, seed=2)
CASES = [
    OpCase("copysign", rl.copysign, PAIR, np.copysign, also=((EDGES, OTHERS),)),
    OpCase("copysign of numbers", lambda x: rl.copysign(x, -1), (PAIR[0],), lambda x: -abs(x)),
    OpCase("hypot", rl.hypot, PAIR, np.hypot, also=((EDGES, OTHERS), (PAIR[0] * 1e300, PAIR[1]))),
    OpCase("logaddexp2", rl.logaddexp2, PAIR, np.logaddexp2, also=((PAIR[0] * 500, PAIR[1]),)),
    OpCase("xlogy", rl.xlogy, (PAIR[0], positive(4)), xlogy, also=((EDGES, OTHERS),)),
    OpCase("xlogy of numbers", lambda x: rl.xlogy(2, x), (positive(3),), lambda x: 2 * np.log(x)),
    OpCase("fmax", rl.fmax, (distinct(3, 4), distinct(4)), np.fmax, also=((EDGES, OTHERS),)),
    OpCase("fmin", rl.fmin, (distinct(3, 4), distinct(4)), np.fmin, also=((EDGES, OTHERS),)),
    OpCase(
        "nextafter",
        rl.nextafter,
        PAIR,
        np.nextafter,
        gradgrad=False,
        also=((EDGES, OTHERS), tuple(x.astype(np.float32) for x in PAIR)),
        dtypes=(),
    ),
    OpCase("heaviside", rl.heaviside, PAIR, heaviside, grad=False, also=((EDGES, np.ones(8)),)),
    OpCase("ldexp", rl.ldexp, (PAIR[0], integers(3, 4)), lambda x, y: x * 2.0**y, tolerance=1e-6),
    OpCase(
        "float_power",
        lambda x: rl.float_power(x, 3),
        (PAIR[0],),
        lambda x: x.astype(np.float64) ** 3,
        dtypes=(),
        also=((integers(3),),),
    ),
    OpCase(
        "float_power of tensors", rl.float_power, (positive(3), PAIR[1][0, :3]), np.power, dtypes=()
    ),
    OpCase("gcd", rl.gcd, (integers(3, 4), integers(4, seed=1)), np.gcd, grad=False),
    OpCase("lcm", rl.lcm, (integers(3, 4), integers(4, seed=1)), np.lcm, grad=False),
]


@table(CASES)
def test_pairs(case, check):
    check(case)


def test_in_place():
    x = rl.tensor([3.0, 4.0])
    x.hypot_(rl.tensor([4.0, 3.0])).copysign_(-1.0)
    assert x.tolist() == [-5, -5]
    assert rl.tensor([4, 6]).gcd_(rl.tensor([6, 9])).tolist() == [2, 3]
    assert rl.ones(1, dtype=rl.float64).mul_(2).float_power_(3).item() == 8


WRONG = {
    "gcd of floats": (NotImplementedError, lambda: rl.gcd(rl.ones(1), rl.ones(1)), "gcd_cpu"),
    "hypot of integers": (
        NotImplementedError,
        lambda: rl.hypot(rl.tensor([1]), rl.tensor([1])),
        "hypot_cpu",
    ),
    "heaviside of two dtypes": (
        RuntimeError,
        lambda: rl.heaviside(rl.ones(1), rl.tensor([1])),
        "different dtypes",
    ),
    "float_power_ of float32": (RuntimeError, lambda: rl.ones(1).float_power_(2), "float64"),
    "a derivative there is not": (
        RuntimeError,
        lambda: rl.heaviside(rl.ones(1, requires_grad=True), rl.ones(1)).backward(),
        "derivative.*Heaviside",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    kind, call, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()
