"""Triangles, rolls, flips and rotations against NumPy."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, table, values

SOME = values(2, 3, 4)
RAGGED = ((values(5, 2),), (values(1, 1),), (values(0, 3),))

CASES = [
    OpCase("tril", rl.tril, (SOME,), np.tril, also=RAGGED),
    OpCase("tril_above", lambda x: x.tril(1), (SOME,), lambda x: np.tril(x, 1)),
    OpCase("triu", rl.triu, (SOME,), np.triu, also=RAGGED),
    OpCase("triu_below", lambda x: x.triu(-2), (SOME,), lambda x: np.triu(x, -2)),
    OpCase("roll", lambda x: rl.roll(x, 5), (SOME,), lambda x: np.roll(x, 5), also=RAGGED),
    OpCase(
        "roll_dims",
        lambda x: x.roll((1, -2), (0, 2)),
        (SOME,),
        lambda x: np.roll(x, (1, -2), (0, 2)),
    ),
    OpCase("flip", lambda x: x.flip(0, 2), (SOME,), lambda x: np.flip(x, (0, 2))),
    OpCase("flip_dims", lambda x: rl.flip(x, dims=[-1]), (SOME,), lambda x: x[..., ::-1]),
    OpCase("fliplr", rl.fliplr, (SOME,), np.fliplr, also=RAGGED),
    OpCase("flipud", rl.flipud, (SOME,), np.flipud),
    *[
        OpCase(
            f"rot90_{k}",
            lambda x, k=k: rl.rot90(x, k, (1, 2)),
            (SOME,),
            lambda x, k=k: np.rot90(x, k, (1, 2)),
        )
        for k in range(-1, 4)
    ],
]


@table(CASES)
def test_arranging(case, check):
    check(case)


ERRORS = [
    (lambda: rl.tril(rl.ones(3)), RuntimeError, "at least 2 dimensions"),
    (lambda: rl.roll(rl.ones(3), (1, 2), 0), RuntimeError, "must align"),
    (lambda: rl.flip(rl.ones(3), (0, 0)), RuntimeError, "multiple times"),
    (lambda: rl.flip(rl.ones(3), 1), IndexError, "Dimension out of range"),
    (lambda: rl.rot90(rl.ones(3, 3), 1, (0, 0)), RuntimeError, "to be different"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_in_place():
    x = rl.ones(2, 2)
    x.triu_(1)
    assert x.tolist() == [[0, 1], [0, 0]]
