"""Bags of embeddings, against loops in NumPy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, distinct, table, values

TABLE = distinct(5, 3)
INDEX = np.array([0, 2, 2, 4, 1, 1, 3])
OFFSETS = np.array([0, 3, 3, 5])
ROWS = np.array([[0, 4, 1], [2, 2, 3]])


def bagged(bags, weight, mode="mean", padding=None, shares=None):
    result = []
    for number, bag in enumerate(bags):
        kept = [i for i, row in enumerate(bag) if row != padding]
        rows = np.stack([weight[bag[i]] for i in kept]) if kept else np.zeros((1, 3))
        if shares is not None and kept:
            rows = rows * np.array([shares[number][i] for i in kept])[:, None]
        result.append({"sum": np.sum, "mean": np.mean, "max": np.max}[mode](rows, axis=0))
    return np.stack(result)


def split(index, offsets, last=False):
    ends = [*offsets[1:], *([] if last else [len(index)])]
    starts = offsets[:-1] if last else offsets
    return [index[a:b] for a, b in zip(starts, ends, strict=True)]


CASES = []
for mode in ("sum", "mean", "max"):
    for padding in (None, 2):
        CASES += [
            OpCase(
                f"{mode}_{padding}_offsets",
                lambda i, w, o, mode=mode, p=padding: F.embedding_bag(
                    i, w, o, mode=mode, padding_idx=p
                ),
                (INDEX, TABLE, OFFSETS),
                lambda i, w, o, mode=mode, p=padding: bagged(split(i, o), w, mode, p),
                gradgrad=mode != "max",
            ),
            OpCase(
                f"{mode}_{padding}_rows",
                lambda i, w, mode=mode, p=padding: F.embedding_bag(i, w, mode=mode, padding_idx=p),
                (ROWS, TABLE),
                lambda i, w, mode=mode, p=padding: bagged(i, w, mode, p),
                gradgrad=mode != "max",
            ),
        ]
CASES += [
    OpCase(
        "weights",
        lambda i, w, o, s: F.embedding_bag(i, w, o, mode="sum", per_sample_weights=s),
        (INDEX, TABLE, OFFSETS, values(7)),
        lambda i, w, o, s: bagged(split(i, o), w, "sum", shares=split(s, o)),
    ),
    OpCase(
        "last_offset",
        lambda i, w, o: F.embedding_bag(i, w, o, include_last_offset=True),
        (INDEX, TABLE, np.array([0, 2, 7])),
        lambda i, w, o: bagged(split(i, o, True), w),
        also=[(INDEX, TABLE, np.array([0, 2, 2, 6]))],
    ),
]


@table(CASES)
def test_embedding_bag(case, check):
    check(case)


def test_gradients_by_how_often_a_row_occurs():
    table = rl.tensor(TABLE, requires_grad=True)
    index = rl.tensor([[1, 1, 2]])
    F.embedding_bag(index, table, mode="sum", scale_grad_by_freq=True).sum().backward()
    assert table.grad[:, 0].tolist() == [0, 1, 1, 0, 0]


def test_norms_are_limited():
    table = rl.full((2, 4), 3.0)
    F.embedding_bag(rl.tensor([[0]]), table, max_norm=1.0)
    np.testing.assert_allclose(table[0].norm().item(), 1, rtol=1e-5)
    assert table[1].tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda i, w: F.embedding_bag(i, w), ValueError, "1D Tensor but got None"),
        (lambda i, w: F.embedding_bag(i, w[0], i), ValueError, "weight has to be a 2D"),
        (lambda i, w: F.embedding_bag(i[None], w, i), ValueError, "offsets has to be None"),
        (lambda i, w: F.embedding_bag(i[None], w, mode="min"), ValueError, "sum, mean or max"),
        (lambda i, w: F.embedding_bag(i[None, None], w), ValueError, "1D or 2D"),
        (lambda i, w: F.embedding_bag(i, w, rl.tensor([1, 2])), RuntimeError, "has to be 0"),
        (
            lambda i, w: F.embedding_bag(i, w, rl.tensor([0, 9])),
            RuntimeError,
            "greater than input's length",
        ),
        (
            lambda i, w: F.embedding_bag(i, w, i, per_sample_weights=w),
            ValueError,
            "same shape as the input",
        ),
        (
            lambda i, w: F.embedding_bag(i, w, i, per_sample_weights=i),
            NotImplementedError,
            "only supported for mode='sum'",
        ),
        (lambda i, w: F.embedding_bag(rl.tensor([9]), w, i[:1]), IndexError, "out of range"),
    ],
)
def test_what_is_refused(run, kind, words):
    index = rl.tensor([0, 1])
    with pytest.raises(kind, match=words):
        run(index, rl.ones(3, 2)).sum().item()
