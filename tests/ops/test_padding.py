"""Padding against NumPy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, table, values

LINE, IMAGE = values(2, 3, 5), values(2, 2, 4, 5)
NUMPY = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(x, sizes, mode):
    sides = [(0, 0)] * (x.ndim - len(sizes) // 2)
    pairs = [(sizes[i], sizes[i + 1]) for i in range(0, len(sizes), 2)]
    return np.pad(x, [*sides, *reversed(pairs)], NUMPY[mode])


CASES = [
    OpCase(
        f"{mode}_{len(sizes) // 2}",
        lambda x, s=sizes, m=mode: F.pad(x, s, m),
        (x,),
        lambda x, s=sizes, m=mode: padded(x, s, m),
    )
    for mode in NUMPY
    for x, sizes in ((LINE, (2, 1)), (IMAGE, (1, 3, 2, 0)))
]
CASES += [
    OpCase(
        "constant",
        lambda x: F.pad(x, (1, 2)),
        (LINE,),
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 2))),
    ),
    OpCase(
        "constant_value",
        lambda x: F.pad(x, (0, 1, 2, 0), value=1.5),
        (IMAGE,),
        lambda x: np.pad(x, ((0, 0), (0, 0), (2, 0), (0, 1)), constant_values=1.5),
    ),
    OpCase("crop", lambda x: F.pad(x, (-1, -2)), (LINE,), lambda x: x[..., 1:-2]),
    OpCase(
        "crop_and_pad",
        lambda x: F.pad(x, (-1, 2)),
        (LINE,),
        lambda x: np.pad(x[..., 1:], ((0, 0), (0, 0), (0, 2))),
    ),
    OpCase("nothing", lambda x: F.pad(x, (0, 0)), (LINE,), lambda x: x),
]


@table(CASES)
def test_padding(case, check):
    check(case)


def test_other_dtypes():
    assert F.pad(rl.tensor([True]), (1, 0)).tolist() == [False, True]
    assert F.pad(rl.tensor([1, 2]), (0, 1), value=7).tolist() == [1, 2, 7]


ERRORS = [
    (lambda x: F.pad(x, (1,)), RuntimeError, "divisible by 2"),
    (lambda x: F.pad(x, (1,) * 8), RuntimeError, "less than or equal to two times"),
    (lambda x: F.pad(x, (-3, -3)), RuntimeError, "negative output size"),
    (lambda x: F.pad(x, (5, 0), "reflect"), RuntimeError, "Padding size should be less"),
    (lambda x: F.pad(x, (1, 1), "mirror"), NotImplementedError, "Unrecognised padding mode"),
    (lambda x: F.pad(x, (1, 1, 1, 1, 1, 1), "reflect"), NotImplementedError, "Only 2D, 3D"),
    (lambda x: F.pad(x, (1, 1), "reflect", 3), ValueError, "doesn't take in value"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.tensor(LINE))
