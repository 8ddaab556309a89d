"""Extremes, running values, order and counting against NumPy."""

import pickle

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, distinct, integers, positive, table, values

MIXED = distinct(3, 4, 2)
TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
HOLED = np.array([[2.0, 0.0, 3.0, 0.0, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0]])


def ordered(x, axis, descending=False):
    places = np.argsort(-x if descending else x, axis, stable=True)
    return np.take_along_axis(x, places, axis), places


def first(x, axis, count, largest=True):
    found, places = ordered(x, axis, largest)
    keep = tuple([slice(count) if at == axis % x.ndim else slice(None) for at in range(x.ndim)])
    return found[keep], places[keep]


def running_extreme(x, axis, best):
    found = best.accumulate(x, axis)
    along = np.arange(x.shape[axis]).reshape([-1 if at == axis else 1 for at in range(x.ndim)])
    return found, np.maximum.accumulate(np.where(x == found, along, 0), axis)


EXTREMES = [
    OpCase("max", rl.max, (MIXED,), np.max, also=((values(),), (integers(3, 4),))),
    OpCase("min", rl.min, (MIXED,), np.min),
    OpCase("max_dim", lambda x: x.max(1), (MIXED,), lambda x: (x.max(1), x.argmax(1))),
    OpCase(
        "min_keepdim",
        lambda x: x.min(-1, True),
        (MIXED,),
        lambda x: (x.min(-1, keepdims=True), x.argmin(-1, keepdims=True)),
    ),
    OpCase("max_two", rl.max, (MIXED, distinct(4, 2, seed=1) + 0.04), np.maximum, gradgrad=False),
    OpCase(
        "min_two", rl.min, (MIXED, distinct(3, 4, 2, seed=1) + 0.04), np.minimum, gradgrad=False
    ),
    OpCase("amax", lambda x: x.amax((0, 2)), (MIXED,), lambda x: x.max((0, 2))),
    OpCase("amin", lambda x: x.amin(1, True), (MIXED,), lambda x: x.min(1, keepdims=True)),
    OpCase("amax_all", rl.amax, (MIXED,), np.max),
    OpCase("aminmax", lambda x: rl.aminmax(x, dim=1), (MIXED,), lambda x: (x.min(1), x.max(1))),
    OpCase("argmax", rl.argmax, (MIXED,), np.argmax, grad=False, dtypes=()),
    OpCase("argmin", lambda x: x.argmin(1), (MIXED,), lambda x: x.argmin(1), grad=False),
    OpCase(
        "argmax_keepdim",
        lambda x: x.argmax(0, keepdim=True),
        (MIXED,),
        lambda x: x.argmax(0, keepdims=True),
        grad=False,
    ),
]

RUNNING = [
    OpCase(
        "cumsum", lambda x: x.cumsum(1), (MIXED,), lambda x: x.cumsum(1), also=((values(2, 0),),)
    ),
    OpCase("cumsum_0d", lambda x: x.cumsum(0), (values(),), lambda x: x),
    OpCase(
        "cumsum_int", lambda x: x.cumsum(-1), (integers(3, 4),), lambda x: x.cumsum(-1), grad=False
    ),
    OpCase("cumprod", lambda x: x.cumprod(1), (positive(2, 3, 2),), lambda x: x.cumprod(1)),
    OpCase("cumprod_zeros", lambda x: x.cumprod(1), (HOLED,), lambda x: x.cumprod(1)),
    OpCase("cumprod_zeros_first", lambda x: x.cumprod(0), (HOLED,), lambda x: x.cumprod(0)),
    OpCase("cummax", lambda x: x.cummax(0), (MIXED,), lambda x: running_extreme(x, 0, np.maximum)),
    OpCase("cummin", lambda x: x.cummin(1), (MIXED,), lambda x: running_extreme(x, 1, np.minimum)),
    OpCase(
        "logcumsumexp",
        lambda x: x.logcumsumexp(1),
        (values(2, 5, 2),),
        lambda x: np.log(np.exp(x).cumsum(1)),
    ),
]

ORDER = [
    OpCase("sort", rl.sort, (MIXED,), lambda x: ordered(x, -1)),
    OpCase("sort_int", rl.sort, (integers(3, 9),), lambda x: ordered(x, -1), grad=False),
    OpCase(
        "sort_descending",
        lambda x: x.sort(0, descending=True),
        (MIXED,),
        lambda x: ordered(x, 0, True),
    ),
    OpCase("argsort", lambda x: x.argsort(1), (MIXED,), lambda x: ordered(x, 1)[1], grad=False),
    OpCase("msort", rl.msort, (MIXED,), lambda x: np.sort(x, 0)),
    OpCase("topk", lambda x: x.topk(2, 1), (MIXED,), lambda x: first(x, 1, 2)),
    OpCase(
        "topk_smallest", lambda x: x.topk(1, 0, False), (MIXED,), lambda x: first(x, 0, 1, False)
    ),
    OpCase("topk_ties", lambda x: x.topk(2), (TIED,), lambda x: first(x, 1, 2), grad=False),
    OpCase(
        "kthvalue",
        lambda x: x.kthvalue(2, 1),
        (MIXED,),
        lambda x: tuple(part[:, 1] for part in ordered(x, 1)),
    ),
    OpCase("median", rl.median, (distinct(3, 4),), lambda x: np.sort(x.ravel())[5]),
    OpCase(
        "median_dim",
        lambda x: x.median(0),
        (MIXED,),
        lambda x: tuple(part[1] for part in ordered(x, 0)),
    ),
    OpCase("nanmedian", rl.nanmedian, (distinct(5),), np.nanmedian),
    OpCase("quantile", lambda x: x.quantile(0.3), (MIXED,), lambda x: np.quantile(x, 0.3)),
    OpCase(
        "quantiles",
        lambda x, q: x.quantile(q.detach(), 1, keepdim=True),
        (MIXED, np.array([0.0, 0.25, 1.0])),
        lambda x, q: np.quantile(x, q, 1, keepdims=True),
        grad=False,
        dtypes=(),
    ),
]


@table(EXTREMES + RUNNING + ORDER)
def test_against_numpy(case, check):
    check(case)


def test_equal_extremes_share_the_gradient_of_the_whole():
    x = rl.tensor(TIED, requires_grad=True)
    x.max().backward()
    assert x.grad.tolist() == [[0, 0.5, 0.5], [0, 0, 0]]
    x.grad = None
    x.amin(1).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[1, 0, 0], [1 / 3] * 3])


def test_the_first_of_equal_extremes_gets_the_gradient_along_a_dimension():
    x = rl.tensor(TIED, requires_grad=True)
    found = x.max(1)
    assert found.indices.tolist() == [1, 0]
    found.values.sum().backward()
    assert x.grad.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_nan_is_the_extreme():
    x = rl.tensor([1.0, np.nan, 2.0])
    assert x.max().isnan()
    assert x.argmin().item() == 1
    assert x.sort(descending=True).indices.tolist() == [1, 2, 0]
    assert x.topk(1).indices.tolist() == [1]
    assert x.median().isnan()
    assert x.nanmedian().item() == 1
    assert rl.tensor([1.0, np.nan, 2.0]).cummax(0).indices.tolist() == [0, 1, 1]


def test_equal_elements_keep_their_order():
    x = rl.tensor([1, 0, 1, 0])
    assert x.sort().indices.tolist() == [1, 3, 0, 2]
    assert x.sort(descending=True).indices.tolist() == [0, 2, 1, 3]


def test_results_have_names_and_print_as_in_pytorch():
    found = rl.tensor([1, 3, 2]).max(0)
    assert found.values is found[0]
    shown = "rushlight.return_types.max(\nvalues=tensor(3),\nindices=tensor(1))"
    assert repr(found) == shown
    assert type(pickle.loads(pickle.dumps(found))) is rl.return_types.max  # noqa: S301 - our own


def test_0d_tensors_count_as_one_element():
    x = rl.tensor(3.0)
    for found in (x.max(0), x.sort(), x.topk(1), x.kthvalue(1), x.cummax(0)):
        assert (found.values.item(), found.indices.item()) == (3, 0)
        assert found.values.shape == ()
    assert x.argmax(0).item() == 0


ERRORS = [
    (lambda x: rl.zeros(0).max(), RuntimeError, "Specify the reduction dim"),
    (lambda x: rl.zeros(2, 0).max(1), IndexError, "non-zero size"),
    (lambda x: rl.zeros(0).argmax(), IndexError, "Expected reduction dim to be specified"),
    (lambda x: x.max(5), IndexError, "Dimension out of range"),
    (lambda x: x.topk(4), RuntimeError, "selected index k out of range"),
    (lambda x: x.kthvalue(0), RuntimeError, "out of range"),
    (lambda x: x.cumsum(2), IndexError, "Dimension out of range"),
    (lambda x: rl.bincount(x), NotImplementedError, "not implemented for 'float32'"),
    (lambda x: rl.bincount(rl.tensor([-1])), RuntimeError, "non-negative"),
    (lambda x: x.quantile(2.0), RuntimeError, "range"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.zeros(2, 3))


def test_unique():
    x = rl.tensor([[3, 1], [1, 2]])
    found, inverse, counts = rl.unique(x, return_inverse=True, return_counts=True)
    assert found.tolist() == [1, 2, 3]
    assert inverse.tolist() == [[2, 0], [0, 1]]
    assert counts.tolist() == [2, 1, 1]
    assert rl.tensor([[1, 2], [1, 2], [0, 0]]).unique(dim=0).tolist() == [[0, 0], [1, 2]]


def test_unique_consecutive():
    x = rl.tensor([1, 1, 2, 2, 1])
    found, inverse, counts = x.unique_consecutive(return_inverse=True, return_counts=True)
    assert found.tolist() == [1, 2, 1]
    assert inverse.tolist() == [0, 0, 1, 1, 2]
    assert counts.tolist() == [2, 2, 1]


def test_bincount():
    x = rl.tensor([1, 3, 1])
    assert x.bincount(minlength=6).tolist() == [0, 2, 0, 1, 0, 0]
    assert x.bincount(rl.tensor([0.5, 1.0, 0.5])).tolist() == [0, 1, 0, 1]
    assert rl.zeros(0, dtype=rl.int64).bincount().shape == (0,)


def test_searching_sorted_sequences():
    edges = rl.tensor([1.0, 3.0, 5.0])
    assert rl.bucketize(rl.tensor([0.0, 3.0, 9.0]), edges).tolist() == [0, 1, 3]
    assert rl.searchsorted(edges, rl.tensor([3.0]), right=True).tolist() == [2]
    rows = rl.tensor([[1, 3], [2, 4]])
    assert rl.searchsorted(rows, rl.tensor([[3], [3]])).tolist() == [[1], [1]]


def test_isin():
    assert rl.isin(rl.tensor([[1, 2], [3, 4]]), rl.tensor([2, 4])).tolist() == [[False, True]] * 2


def test_histc():
    x = rl.tensor([1.0, 2.0, 1.0, 4.0])
    assert rl.histc(x, bins=4, min=0, max=4).tolist() == [0, 2, 1, 1]


def test_mode():
    found = rl.tensor([[1, 2, 2], [3, 3, 1]]).mode(1)
    assert found.values.tolist() == [2, 3]
    assert rl.tensor([[1, 2, 2], [3, 3, 1]]).gather(1, found.indices[:, None]).tolist() == [
        [2],
        [3],
    ]
