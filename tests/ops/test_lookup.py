"""index_select, index_add, take, nonzero and their kin against NumPy."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, table, values

SOME, ROWS = values(4, 3), np.array([2, 0, 2])


def added(x, places, part):
    x = x.copy()
    np.add.at(x, places, part)
    return x


def put_rows(x, places, part):
    x = x.copy()
    x[places] = part
    return x


FEW = np.array([3, 1])
CASES = [
    OpCase("index_select", lambda x, i: x.index_select(0, i), (SOME, ROWS), lambda x, i: x[i]),
    OpCase(
        "index_select_last",
        lambda x, i: rl.index_select(x, -1, i),
        (SOME, ROWS),
        lambda x, i: x[:, i],
        also=((values(2, 5), np.array([0])), (values(2, 3), np.zeros(0, int))),
    ),
    OpCase(
        "index_add",
        lambda x, i, s: x.index_add(0, i, s, alpha=2),
        (SOME, ROWS, values(3, 3)),
        lambda x, i, s: added(x, i, 2 * s),
    ),
    OpCase(
        "index_copy",
        lambda x, i, s: x.index_copy(0, i, s),
        (SOME, FEW, values(2, 3)),
        put_rows,
    ),
    OpCase(
        "index_fill",
        lambda x, i, v: x.index_fill(0, i, v),
        (SOME, ROWS, values()),
        put_rows,
    ),
    OpCase(
        "index_put",
        lambda x, i, s: x.index_put((i,), s),
        (SOME, FEW, values(2, 3)),
        put_rows,
    ),
    OpCase(
        "index_put_add",
        lambda x, i, s: rl.index_put(x, (i, i), s, accumulate=True),
        (SOME, ROWS, values(3)),
        lambda x, i, s: added(x, (i, i), s),
    ),
    OpCase(
        "take",
        lambda x, i: rl.take(x, i),
        (SOME, np.array([[0, 11], [-1, 5]])),
        lambda x, i: x.reshape(-1)[i],
    ),
    OpCase(
        "masked_select",
        lambda x, m: rl.masked_select(x, m > 0),
        (SOME, (values(3) > 0).astype(np.int64)),
        lambda x, m: x[np.broadcast_to(m > 0, x.shape)],
    ),
    OpCase(
        "masked_scatter",
        lambda x, m, s: x.masked_scatter(m > 0, s),
        (SOME, (SOME > 0).astype(np.int64), values(12)),
        lambda x, m, s: put_rows(x, m > 0, s[: int(m.sum())]),
    ),
    OpCase(
        "repeat_interleave",
        lambda x: x.repeat_interleave(2, 1),
        (SOME,),
        lambda x: x.repeat(2, 1),
    ),
    OpCase(
        "repeat_interleave_flat", lambda x: x.repeat_interleave(3), (SOME,), lambda x: x.repeat(3)
    ),
    OpCase(
        "repeat_interleave_counts",
        lambda x, n: x.repeat_interleave(n, 0),
        (SOME, np.array([0, 2, 1, 3])),
        lambda x, n: x.repeat(n, 0),
    ),
    OpCase("nonzero", lambda x: rl.nonzero(x > 0), (SOME,), lambda x: np.argwhere(x > 0), False),
    OpCase(
        "nonzero_tuple",
        lambda x: (x > 0).nonzero(as_tuple=True),
        (SOME,),
        lambda x: np.nonzero(x > 0),
        False,
    ),
    OpCase("argwhere", lambda x: rl.argwhere(x > 0), (SOME,), lambda x: np.argwhere(x > 0), False),
]


@table(CASES)
def test_lookups(case, check):
    check(case)


ERRORS = [
    (lambda x: x.index_select(0, rl.tensor([4])), IndexError, "index 4 is out of bounds"),
    (lambda x: x.index_select(0, rl.tensor([-1])), IndexError, "index -1 is out of bounds"),
    (lambda x: x.index_select(2, rl.tensor([0])), IndexError, "Dimension out of range"),
    (lambda x: x.index_select(0, rl.tensor([[0]])), IndexError, "supposed to be a vector"),
    (lambda x: x.index_select(0, rl.tensor([0.5])), RuntimeError, "Expected dtype int32 or int64"),
    (lambda x: x.index_select(0, [0]), TypeError, "must be Tensor, not list"),
    (lambda x: x.index_add(0, rl.tensor([0]), rl.ones(3)), RuntimeError, "same slice shapes"),
    (lambda x: rl.take(x, rl.tensor([12])), IndexError, "out of bounds"),
    (lambda x: x.masked_select(rl.tensor([1])), RuntimeError, "expected BoolTensor"),
    (lambda x: x.repeat_interleave(-1), RuntimeError, "non-negative"),
    (lambda x: x.repeat_interleave(rl.tensor([1, 2]), 0), RuntimeError, "same size as input"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.ones(4, 3))


def test_in_place():
    x = rl.zeros(3)
    assert x.index_add_(0, rl.tensor([0, 0]), rl.tensor([1.0, 2.0])) is x
    x.index_put_((rl.tensor([1]),), rl.tensor(7.0))
    x.index_fill_(0, rl.tensor([2]), 4)
    assert x.tolist() == [3, 7, 4]


def test_repeat_interleave_of_counts_alone():
    assert rl.repeat_interleave(rl.tensor([2, 0, 1])).tolist() == [0, 0, 2]


def test_none_takes_a_dimension_whole():
    x = rl.zeros(2, 3)
    x.index_put_((None, rl.tensor([1])), rl.tensor(4.0))
    assert x.tolist() == [[0, 4, 0], [0, 4, 0]]


@pytest.mark.parametrize(
    ("reduce", "want"),
    [("prod", [3, 8, 2]), ("mean", [2, 8 / 3, 2]), ("amax", [3, 4, 2]), ("amin", [1, 2, 2])],
)
def test_index_reduce(reduce, want):
    x, index = rl.tensor([1.0, 2.0, 2.0]), rl.tensor([0, 1, 1])
    found = x.index_reduce(
        0, index, rl.tensor([3.0, 4.0, 1.0 if reduce == "prod" else 2.0]), reduce
    )
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-6)


def test_put():
    x = rl.zeros(2, 2)
    assert x.put_(rl.tensor([1, -1]), rl.tensor([5.0, 6.0])).tolist() == [[0, 5], [0, 6]]
    added = x.put(rl.tensor([1, 1]), rl.tensor([1.0, 2.0]), accumulate=True)
    assert added.tolist() == [[0, 8], [0, 6]]
