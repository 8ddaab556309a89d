"""Sums, means, products, moments, norms and softmax against NumPy."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, distinct, integers, positive, table, values

SIXTEEN = ("float16", "bfloat16", "float32")
SOME = values(3, 4, 2)
RAGGED = ((values(1, 7),), (values(5),), (values(0),), (values(3, 1, 5),))


def zeroed(array: np.ndarray, *places: tuple) -> np.ndarray:
    array = array.copy()
    for place in places:
        array[place] = 0
    return array


def log_sum_exp(x, axis, keepdims=False):
    return np.log(np.exp(x).sum(axis, keepdims=keepdims))


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


SUMS = [
    OpCase("sum", rl.sum, (SOME,), np.sum, dtypes=SIXTEEN, also=RAGGED),
    OpCase("sum_dim", lambda x: x.sum(1), (SOME,), lambda x: x.sum(1)),
    OpCase("sum_dims", lambda x: x.sum((0, -1)), (SOME,), lambda x: x.sum((0, 2))),
    OpCase("sum_keepdim", lambda x: x.sum(1, True), (SOME,), lambda x: x.sum(1, keepdims=True)),
    OpCase("sum_0d", rl.sum, (values(),), np.sum),
    OpCase(
        "sum_axis", lambda x: rl.sum(x, axis=0, keepdims=True), (SOME,), lambda x: x.sum(0)[None]
    ),
    OpCase("mean", rl.mean, (SOME,), np.mean, dtypes=SIXTEEN, also=RAGGED),
    OpCase("mean_dims", lambda x: x.mean((0, 1)), (SOME,), lambda x: x.mean((0, 1))),
    OpCase("nansum", rl.nansum, (SOME,), np.nansum),
    OpCase("nanmean", lambda x: rl.nanmean(x, 0), (SOME,), lambda x: np.nanmean(x, 0)),
    OpCase("prod", rl.prod, (values(2, 3),), np.prod, also=RAGGED),
    OpCase("prod_dim", lambda x: x.prod(1), (SOME,), lambda x: x.prod(1)),
    OpCase("prod_one_zero", rl.prod, (zeroed(values(2, 3), (0, 1)),), np.prod),
    OpCase("prod_two_zeros", rl.prod, (zeroed(values(2, 3), (0, 1), (1, 1)),), np.prod),
    OpCase(
        "prod_zeros_dim",
        lambda x: x.prod(0, keepdim=True),
        (zeroed(values(3, 4), (0, 1), (1, 1), (2, 3)),),
        lambda x: x.prod(0, keepdims=True),
    ),
    OpCase("logsumexp", lambda x: x.logsumexp(1), (SOME,), lambda x: log_sum_exp(x, 1)),
    OpCase(
        "logsumexp_dims",
        lambda x: rl.logsumexp(x, (0, 2), keepdim=True),
        (SOME,),
        lambda x: log_sum_exp(x, (0, 2), True),
        dtypes=SIXTEEN,
    ),
    OpCase("softmax", lambda x: x.softmax(1), (SOME,), lambda x: softmax(x, 1), dtypes=SIXTEEN),
    OpCase("softmax_last", lambda x: x.softmax(-1), (values(5),), lambda x: softmax(x, -1)),
    OpCase("softmax_0d", lambda x: x.softmax(0), (values(),), lambda x: x * 0 + 1),
    OpCase(
        "log_softmax",
        lambda x: x.log_softmax(-2),
        (SOME,),
        lambda x: np.log(softmax(x, 1)),
        dtypes=SIXTEEN,
    ),
]

MOMENTS = [
    OpCase("var", rl.var, (SOME,), lambda x: x.var(ddof=1), dtypes=SIXTEEN),
    OpCase("var_dim", lambda x: x.var(1), (SOME,), lambda x: x.var(1, ddof=1)),
    OpCase("var_biased", lambda x: x.var(0, False), (SOME,), lambda x: x.var(0)),
    OpCase(
        "var_correction",
        lambda x: rl.var(x, (0, 1), correction=2.5, keepdim=True),
        (SOME,),
        lambda x: x.var((0, 1), keepdims=True) * 12 / 9.5,
    ),
    OpCase("std", lambda x: x.std(), (SOME,), lambda x: x.std(ddof=1), dtypes=SIXTEEN),
    OpCase("std_dims", lambda x: x.std((0, 2)), (SOME,), lambda x: x.std((0, 2), ddof=1)),
    OpCase(
        "var_mean", lambda x: rl.var_mean(x, 1), (SOME,), lambda x: (x.var(1, ddof=1), x.mean(1))
    ),
    OpCase(
        "std_mean",
        lambda x: rl.std_mean(x, 0, keepdim=True),
        (SOME,),
        lambda x: (x.std(0, ddof=1, keepdims=True), x.mean(0, keepdims=True)),
    ),
]

NORMS = [
    OpCase("norm", rl.norm, (SOME,), lambda x: np.linalg.norm(x.ravel()), dtypes=SIXTEEN),
    OpCase("norm_0d", rl.norm, (values(),), np.abs),
    OpCase(
        "norm_fro",
        lambda x: x.norm("fro", (0, 1)),
        (SOME,),
        lambda x: np.linalg.norm(x, axis=(0, 1)),
    ),
    OpCase("norm_1", lambda x: x.norm(1, 1), (distinct(3, 4),), lambda x: np.abs(x).sum(1)),
    OpCase("norm_3", lambda x: x.norm(3, 0), (distinct(3, 4),), lambda x: np.linalg.norm(x, 3, 0)),
    OpCase(
        "norm_half",
        lambda x: x.norm(0.5, 1, True),
        (positive(3, 4),),
        lambda x: (x**0.5).sum(1, keepdims=True) ** 2,
    ),
    OpCase("norm_-2", lambda x: x.norm(-2), (positive(6),), lambda x: np.linalg.norm(x, -2)),
    OpCase("norm_inf", lambda x: x.norm(np.inf, 0), (distinct(3, 4),), lambda x: np.abs(x).max(0)),
    OpCase("norm_-inf", lambda x: x.norm(-np.inf), (distinct(6),), lambda x: np.abs(x).min()),
    OpCase(
        "norm_nuclear",
        lambda x: x.norm("nuc"),
        (values(3, 4),),
        lambda x: np.linalg.norm(x, "nuc"),
        gradgrad=False,
    ),
    OpCase("norm_0", lambda x: x.norm(0, 1), (distinct(2, 3),), lambda x: (x != 0).sum(1) * 1.0),
]


@table(SUMS + MOMENTS + NORMS)
def test_against_numpy(case, check):
    check(case)


def test_integers_and_bool_sum_and_multiply_as_int64():
    x = rl.tensor([[1, 2], [3, 4]], dtype=rl.uint8)
    assert x.sum().dtype is rl.int64
    assert x.sum(0).tolist() == [4, 6]
    assert x.prod().item() == 24
    assert (x > 1).sum().item() == 3
    assert x.sum(dtype=rl.float32).dtype is rl.float32
    assert x.sum(dtype=float).dtype is rl.float64


def test_half_precision_sums_without_overflow_on_the_way():
    x = rl.full((4000,), 30.0, dtype=rl.float16)
    assert x.mean().item() == 30.0
    assert x.var().item() == 0.0


EXTENTS = [
    ("all", [[True, False], [True, True]], None, False),
    ("all", [[True, False], [True, True]], 1, [False, True]),
    ("any", [[0.0, 0.0], [0.0, float("nan")]], 1, [False, True]),
    ("any", [[0, 0], [0, 0]], None, False),
    ("all", [], None, True),
    ("any", [], None, False),
]


@pytest.mark.parametrize(("name", "data", "dim", "want"), EXTENTS)
def test_all_and_any(name, data, dim, want):
    got = getattr(rl.tensor(data), name)(*([] if dim is None else [dim]))
    assert got.dtype is rl.bool
    assert got.tolist() == want


def test_all_of_uint8_is_uint8_as_in_pytorch():
    assert rl.tensor([1, 2], dtype=rl.uint8).all().dtype is rl.uint8


def test_count_nonzero():
    x = rl.tensor(integers(4, 5))
    assert x.count_nonzero(1).tolist() == np.count_nonzero(x.numpy(), 1).tolist()


def test_empty_dimensions():
    x = rl.zeros(2, 0, 3)
    assert x.sum(1).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert x.prod(1).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert x.mean(1).isnan().all()
    assert x.softmax(1).shape == (2, 0, 3)
    assert x.logsumexp(1).tolist() == [[-np.inf] * 3] * 2
    assert x.norm(dim=1).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_logsumexp_of_infinities():
    x = rl.tensor([[-np.inf, -np.inf], [-np.inf, 1.0]], requires_grad=True)
    y = x.logsumexp(1)
    assert y.tolist() == [-np.inf, 1]
    y.sum().backward()
    assert x.grad.tolist() == [[0, 0], [0, 1]]
    assert rl.tensor([np.inf, 1.0]).logsumexp(0).item() == np.inf


def test_gradients_where_a_norm_or_deviation_vanishes_are_zero():
    x = rl.zeros(3, requires_grad=True)
    (x.norm() + x.std() + x.norm(3)).backward()
    assert x.grad.tolist() == [0, 0, 0]


ERRORS = [
    (lambda x: x.sum(2), IndexError, "Dimension out of range"),
    (lambda x: x.sum((0, 0)), RuntimeError, "appears multiple times"),
    (lambda x: x.long().mean(), RuntimeError, "could not infer output dtype"),
    (lambda x: x.long().var(), RuntimeError, "only support floating point"),
    (lambda x: x.long().softmax(0), NotImplementedError, "not implemented for 'int64'"),
    (lambda x: x.long().norm(), RuntimeError, "Expected a floating point"),
    (lambda x: x.norm("x"), RuntimeError, "not supported"),
    (lambda x: x.sum(dtype=3), TypeError, "argument 'dtype'"),
    (lambda x: rl.sum([1, 2]), TypeError, "must be Tensor, not list"),
    (lambda x: rl.zeros(0).norm(np.inf), RuntimeError, "identity"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.zeros(2, 3))


NAMES = [
    (lambda x: x.sum(), "SumBackward0"),
    (lambda x: x.sum(0), "SumBackward1"),
    (lambda x: x.mean(), "MeanBackward0"),
    (lambda x: x.mean(0), "MeanBackward1"),
    (lambda x: x.prod(0), "ProdBackward1"),
    (lambda x: x.max(), "MaxBackward1"),
    (lambda x: x.max(0).values, "MaxBackward0"),
    (lambda x: x.norm(), "LinalgVectorNormBackward0"),
    (lambda x: x.log_softmax(0), "LogSoftmaxBackward0"),
]


@pytest.mark.parametrize(("call", "name"), NAMES)
def test_names_of_grad_fn(call, name):
    assert call(rl.ones(2, requires_grad=True)).grad_fn.name() == name
