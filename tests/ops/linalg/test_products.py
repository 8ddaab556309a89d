"""Norms, powers, exponentials and products, against NumPy."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import linalg
from rushlight.ops.linalg.products import cheapest_splits
from tests.ops.harness import OpCase, integers, table, values
from tests.ops.linalg.matrices import lighter, regular

X, A = values(3, 4), values(2, 3, 3)
ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)


def series(a, terms=40):
    """The exponential by its definition, of small matrices."""
    result = term = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    for k in range(1, terms):
        term = term @ a / k
        result = result + term
    return result


NORMS = [
    OpCase(f"matrix_norm_{order}", lambda a, order=order: linalg.matrix_norm(a, order), (A,),
           lambda a, order=order: np.linalg.norm(a, order, (-2, -1)))
    for order in ORDERS
]  # fmt: skip
NORMS += [
    OpCase("norm", linalg.norm, (X,), np.linalg.norm, also=((values(),), (values(2, 3, 2),))),
    OpCase("norm_nuc", lambda a: linalg.norm(a, "nuc"), (X,), lambda a: np.linalg.norm(a, "nuc")),
    OpCase("norm_vector", lambda a: linalg.norm(a, 3), (X[0],), lambda a: np.linalg.norm(a, 3)),
    OpCase("norm_dim", lambda a: linalg.norm(a, 1, dim=1), (X,),
           lambda a: np.linalg.norm(a, 1, 1)),
    OpCase("norm_dims", lambda a: linalg.norm(a, -1, (2, 0), True), (A,),
           lambda a: np.linalg.norm(a, -1, (2, 0), True)),
    OpCase("norm_two_dims", lambda a: linalg.norm(a, dim=(0, 1)), (A,),
           lambda a: np.linalg.norm(a, axis=(0, 1))),
    OpCase("matrix_norm_keepdim", lambda a: linalg.matrix_norm(a, "nuc", (0, 2), True), (A,),
           lambda a: np.linalg.norm(a, "nuc", (0, 2), True)),
    OpCase("vector_norm", lambda a: linalg.vector_norm(a, 3, (0, 1), keepdim=True), (A,),
           lambda a: (np.abs(a) ** 3).sum((0, 1), keepdims=True) ** (1 / 3)),
]  # fmt: skip
NORMS += [
    OpCase(f"cond_{order}", lambda a, order=order: linalg.cond(a, order), (A,),
           lambda a, order=order: np.linalg.cond(a, order))
    for order in (None, *ORDERS)
]  # fmt: skip

POWERS = [
    OpCase(f"power_{n}", lambda a, n=n: linalg.matrix_power(a, n), (regular(2, 3, 3) / 4,),
           lambda a, n=n: np.linalg.matrix_power(a, n), strided=n == 3, grad=n != 0)
    for n in (-2, -1, 0, 1, 2, 3, 7)
]  # fmt: skip
POWERS += [
    OpCase("exp", linalg.matrix_exp, (A,), series, also=((values(0, 0),), (values(1, 1),))),
    OpCase("exp_large", linalg.matrix_exp, (np.diag([-30.0, 9.0]),),
           lambda a: np.diag(np.exp(np.diag(a)))),
    OpCase("vander", linalg.vander, (X,),
           lambda x: x[..., None] ** np.arange(x.shape[-1])),
    OpCase("vander_6", lambda x: linalg.vander(x, N=6), (X[0],),
           lambda x: x[..., None] ** np.arange(6)),
    OpCase("vander_int", linalg.vander, (integers(4),),
           lambda x: x[..., None] ** np.arange(4), grad=False),
]  # fmt: skip

CHAIN = (values(5), values(5, 2, seed=1), values(2, 7, seed=2), values(7, seed=3))
PRODUCTS = [
    OpCase("multi_dot", lambda *parts: linalg.multi_dot(parts), CHAIN, lambda *p: p[0] @ p[1] @ p[2]
           @ p[3]),
    OpCase("multi_dot_matrices", lambda *parts: linalg.multi_dot(parts), CHAIN[1:3],
           lambda a, b: a @ b),
    OpCase("vecdot", linalg.vecdot, (A, A[0]), lambda a, b: (a * b).sum(-1)),
    OpCase("vecdot_dim", lambda a, b: linalg.vecdot(a, b, dim=0), (X, X + 1),
           lambda a, b: (a * b).sum(0)),
    OpCase("cross", linalg.cross, (A, values(1, 1, 3)), np.cross, also=((values(0, 3),) * 2,)),
    OpCase("cross_dim", lambda a, b: linalg.cross(a, b, dim=0), (X, X[:, :1] + 1),
           lambda a, b: np.cross(a, np.broadcast_to(b, a.shape), axis=0)),
    OpCase("diagonal", lambda a: linalg.diagonal(a, offset=1), (A,),
           lambda a: np.diagonal(a, 1, -2, -1)),
]  # fmt: skip


REPEATED = "matrix_norm_fro matrix_norm_-1 matrix_norm_-2 matrix_norm_inf matrix_norm_-inf "
REPEATED += "norm_nuc norm_dim norm_dims norm_two_dims matrix_norm_keepdim cond_nuc cond_1 cond_-1 "
REPEATED += "cond_2 cond_-2 cond_inf cond_-inf power_-1 power_1 power_7 vander_6 "
REPEATED += "multi_dot_matrices cross_dim"


@table(lighter(NORMS + POWERS + PRODUCTS, REPEATED))
def test_products(case, check):
    check(case)


def test_the_condition_of_a_singular_matrix_is_infinite():
    both = rl.stack([rl.eye(2), rl.ones(2, 2)])
    assert linalg.cond(both, 1).tolist() == [1, math.inf]
    assert linalg.cond(rl.zeros(0, 0), 1).item() == 0


def test_chains_are_multiplied_in_the_cheapest_order():
    assert cheapest_splits((10, 100, 5, 50)) == (2, (1, (), ()), ())
    assert cheapest_splits((50, 5, 100, 10)) == (1, (), (1, (), ()))


WRONG = {
    "order": (lambda a: linalg.matrix_norm(a, 3), RuntimeError, "Order 3 not supported"),
    "word": (lambda a: linalg.norm(a, "max"), RuntimeError, "Order max not supported"),
    "word for vectors": (lambda a: linalg.norm(a, "fro", dim=0), RuntimeError, "for vectors"),
    "three dims": (lambda a: linalg.norm(a, 2, (0, 1, 2)), RuntimeError, "of length 1 or 2"),
    "equal dims": (lambda a: linalg.matrix_norm(a, dim=(0, 0)), RuntimeError, "must be different"),
    "one dim": (lambda a: linalg.matrix_norm(a, dim=0), RuntimeError, "must be a 2-tuple"),
    "no dim": (lambda a: linalg.matrix_norm(a, dim=(0, 5)), IndexError, "out of range"),
    "3-d": (lambda a: linalg.norm(a[None], 2), RuntimeError, "must be 1D or 2D"),
    "integers": (lambda a: linalg.norm(a.long()), RuntimeError, "floating point"),
    "cond": (lambda a: linalg.cond(a, "max"), RuntimeError, "invalid norm type: max"),
    "power": (lambda a: linalg.matrix_power(a, 2), RuntimeError, "square matrices"),
    "chain": (lambda a: linalg.multi_dot([a, a]), RuntimeError, "cannot be multiplied"),
    "short chain": (lambda a: linalg.multi_dot([a]), RuntimeError, "at least 2 tensors"),
    "chain rank": (lambda a: linalg.multi_dot([a, a[None], a]), RuntimeError, "2D but got 3D"),
    "vander": (lambda a: linalg.vander(a, N=1), RuntimeError, "greater than 1"),
    "cross": (lambda a: linalg.cross(a, a), RuntimeError, "must have length 3. Got 4 and 4"),
    "cross ranks": (lambda a: linalg.cross(a, a[0]), RuntimeError, "same number of dimensions"),
    "vecdot": (lambda a: linalg.vecdot(a, a.double()), RuntimeError, "same dtype"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call(rl.ones(3, 4))
