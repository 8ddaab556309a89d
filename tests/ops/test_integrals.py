"""Areas and slopes of sampled functions."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, distinct, table, values

PLACES = np.sort(distinct(5))


def cumulative(y, x=None, axis=-1):
    areas = (np.diff(y, axis=axis) / 2 + np.delete(y, -1, axis)) * (1 if x is None else np.diff(x))
    return np.cumsum(areas, axis)


CASES = [
    OpCase("trapezoid", rl.trapezoid, (values(3, 5),), np.trapezoid),
    OpCase("trapezoid at places", rl.trapz, (values(3, 5), PLACES), np.trapezoid),
    OpCase(
        "trapezoid along the first",
        lambda y: rl.trapezoid(y, dx=0.5, dim=0),
        (values(4, 3),),
        lambda y: np.trapezoid(y, dx=0.5, axis=0),
    ),
    OpCase("cumulative_trapezoid", rl.cumulative_trapezoid, (values(3, 5),), cumulative),
    OpCase("cumulative at places", rl.cumulative_trapezoid, (values(3, 5), PLACES), cumulative),
    OpCase("gradient", rl.gradient, (values(4, 5),), np.gradient),
    OpCase(
        "gradient at distances",
        lambda x: rl.gradient(x, spacing=(0.5, 2.0), edge_order=2),
        (values(4, 5),),
        lambda x: np.gradient(x, 0.5, 2.0, edge_order=2),
    ),
    *[
        OpCase(
            f"gradient at places, {order}",
            lambda x, places, order=order: rl.gradient(
                x, spacing=(places,), dim=1, edge_order=order
            ),
            (values(2, 5), PLACES),
            lambda x, places, order=order: [np.gradient(x, places, axis=1, edge_order=order)],
            dtypes=(),
        )
        for order in (1, 2)
    ],
    OpCase("gradient of two", rl.gradient, (values(2),), lambda x: [np.gradient(x)]),
]


@table(CASES)
def test_integrals(case, check):
    check(case)


def test_integers_and_nothing():
    assert rl.trapezoid(rl.tensor([1, 5, 10])).item() == 10.5
    assert rl.trapezoid(rl.ones(2, 0)).tolist() == [0, 0]
    assert rl.gradient(rl.tensor([1, 3]))[0].tolist() == [2, 2]


WRONG = {
    "too few samples": (RuntimeError, lambda: rl.gradient(rl.ones(1)), "at least edge_order"),
    "an unknown order": (
        RuntimeError,
        lambda: rl.gradient(rl.ones(3), edge_order=3),
        "edge_order=1 and edge_order=2",
    ),
    "spacings that do not fit": (
        RuntimeError,
        lambda: rl.gradient(rl.ones(3, 3), spacing=[1.0]),
        "list of length 1",
    ),
    "places that do not fit": (
        RuntimeError,
        lambda: rl.trapezoid(rl.ones(3), rl.ones(2)),
        "one `x` value for each sample point",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    kind, call, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()
