"""embedding and one_hot."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, table, values

TABLE, ROWS = values(5, 3), np.array([[0, 4, 0], [2, 2, 1]])

CASES = [
    OpCase("rows", F.embedding, (ROWS, TABLE), lambda i, w: w[i]),
    OpCase("no_rows", F.embedding, (np.zeros((2, 0), int), TABLE), lambda i, w: w[i]),
    OpCase("one_hot", F.one_hot, (ROWS,), lambda i: np.eye(5, dtype=int)[i], grad=False),
    OpCase(
        "one_hot_more",
        lambda i: F.one_hot(i, 7),
        (ROWS,),
        lambda i: np.eye(7, dtype=int)[i],
        grad=False,
    ),
]


@table(CASES)
def test_tables(case, check):
    check(case)


def test_the_padding_row_gets_no_gradient():
    for padding in (0, -5):
        table = rl.tensor(TABLE, requires_grad=True)
        F.embedding(rl.tensor(ROWS), table, padding_idx=padding).sum().backward()
        assert table.grad[:, 0].tolist() == [0, 1, 2, 0, 1]


def test_gradients_by_frequency():
    table = rl.tensor(TABLE, requires_grad=True)
    F.embedding(rl.tensor(ROWS), table, scale_grad_by_freq=True).sum().backward()
    assert table.grad[:, 0].tolist() == [1, 1, 1, 0, 1]


def test_long_rows_are_shortened_in_place():
    table = rl.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    found = F.embedding(rl.tensor([0, 1]), table, max_norm=1.0)
    np.testing.assert_allclose(found.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-5)
    np.testing.assert_allclose(table.numpy(), [[0.6, 0.8], [0.3, 0.4], [6, 8]], rtol=1e-5)


ERRORS = [
    (
        lambda w: F.embedding(rl.tensor([5]), w),
        IndexError,
        "index out of range in self(.|\n)*size 5",
    ),
    (lambda w: F.embedding(rl.tensor([-1]), w), IndexError, "index out of range in self"),
    (lambda w: F.embedding(rl.tensor([0.0]), w), RuntimeError, "scalar types: Long, Int"),
    (lambda w: F.embedding(rl.tensor([0]), w[0]), RuntimeError, "'weight' must be 2-D"),
    (lambda w: F.embedding(rl.tensor([0]), w, 5), AssertionError, "within num_embeddings"),
    (lambda w: F.one_hot(rl.tensor([-1]), 2), RuntimeError, "must be non-negative"),
    (lambda w: F.one_hot(rl.tensor([2]), 2), RuntimeError, "smaller than num_classes"),
    (lambda w: F.one_hot(rl.tensor([1.0])), RuntimeError, "index tensor of type LongTensor"),
    (lambda w: F.one_hot(rl.zeros(0).long()), RuntimeError, "empty tensor"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.tensor(TABLE))


def test_a_row_not_known_yet_fails_when_it_is():
    found = F.embedding(rl.tensor([1, 2]) * 4, rl.tensor(TABLE))
    with pytest.raises(
        IndexError, match=r"index 8 (.|\n)*In embedding, recorded at .*test_embedding"
    ):
        found.tolist()


def test_a_negative_row_not_known_yet_fails_too():
    found = F.embedding(rl.tensor([0, 2]) - 1, rl.tensor(TABLE))
    with pytest.raises(IndexError, match=r"In embedding, recorded at .*test_embedding"):
        found.tolist()
