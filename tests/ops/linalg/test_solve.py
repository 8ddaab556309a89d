"""Systems, inverses, determinants and the factors they are solved by, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import linalg
from tests.ops.harness import OpCase, array_of, table, values
from tests.ops.linalg.matrices import lighter, lower, moved, positive, regular, symmetric, upper

A, B = regular(3, 3), values(3, 2, seed=1)
BATCH = regular(2, 3, 3)
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [3.0, 3.0, 6.0]])


def of_system(left, right):
    return np.linalg.solve(left, right)


SYSTEMS = [
    OpCase("solve", linalg.solve, (A, B), of_system, also=((regular(0, 0), values(0, 2)),)),
    OpCase("solve_batch", linalg.solve, (BATCH, B), of_system),
    OpCase("solve_vector", linalg.solve, (A, B[:, 0].copy()), of_system),
    OpCase(
        "solve_vectors",
        linalg.solve,
        (BATCH, values(2, 3)),
        lambda a, b: of_system(a, b[..., None])[..., 0],
    ),
    OpCase(
        "solve_right",
        lambda a, b: linalg.solve(a, b, left=False),
        (A, values(2, 3)),
        lambda a, b: b @ np.linalg.inv(a),
    ),
    OpCase("solve_ex", lambda a, b: linalg.solve_ex(a, b).result, (A, B), of_system),
    OpCase("inv", linalg.inv, (BATCH,), np.linalg.inv, also=((regular(0, 0),), (regular(1, 1),))),
    OpCase("inv_ex", lambda a: linalg.inv_ex(a).inverse, (A,), np.linalg.inv),
    OpCase("inverse", rl.inverse, (A,), np.linalg.inv),
    OpCase(
        "tensorinv",
        lambda a: linalg.tensorinv(a, 1),
        (regular(4, 4).reshape(4, 2, 2),),
        lambda a: np.linalg.tensorinv(a, 1),
    ),
    OpCase("tensorsolve", linalg.tensorsolve, (A, B[:, 0].copy()), np.linalg.tensorsolve),
    OpCase(
        "tensorsolve_dims",
        lambda a, b: linalg.tensorsolve(a, b, dims=(0,)),
        (regular(4, 4).reshape(2, 4, 2), values(4)),
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
    ),
    OpCase("det", linalg.det, (BATCH,), np.linalg.det, also=((regular(0, 0),), (SINGULAR,))),
    OpCase("logdet", rl.logdet, (BATCH,), lambda a: np.linalg.slogdet(a)[1]),
    OpCase("slogdet", linalg.slogdet, (BATCH,), lambda a: tuple(np.linalg.slogdet(a))),
]

CHOLESKY = [
    OpCase("cholesky", lambda a: linalg.cholesky(symmetric(a)), (positive(2, 3, 3),),
           np.linalg.cholesky, also=((positive(0, 0),),)),
    OpCase("cholesky_upper", lambda a: linalg.cholesky(symmetric(a), upper=True),
           (positive(3, 3),), lambda a: np.linalg.cholesky(a).T),
    OpCase("cholesky_old", lambda a: rl.cholesky(symmetric(a), upper=True),
           (positive(3, 3),), lambda a: np.linalg.cholesky(a).T),
    OpCase("cholesky_solve", lambda b, a: rl.cholesky_solve(b, a.tril()), (B, lower(2, 3, 3)),
           lambda b, a: np.linalg.solve(a @ moved(a), b)),
    OpCase("cholesky_solve_upper", lambda b, a: rl.cholesky_solve(b, a.triu(), upper=True),
           (B, upper(3, 3)), lambda b, a: np.linalg.solve(a.T @ a, b)),
    OpCase("cholesky_inverse", lambda a: rl.cholesky_inverse(a.tril()), (lower(2, 3, 3),),
           lambda a: np.linalg.inv(a @ moved(a))),
    OpCase("cholesky_inverse_upper", lambda a: rl.cholesky_inverse(a.triu(), True), (upper(3, 3),),
           lambda a: np.linalg.inv(a.T @ a)),
]  # fmt: skip

TRIANGULAR = [
    OpCase("lower", lambda a, b: linalg.solve_triangular(a, b, upper=False),
           (regular(2, 3, 3), B), lambda a, b: of_system(np.tril(a), b)),
    OpCase("upper", lambda a, b: linalg.solve_triangular(a, b, upper=True),
           (regular(3, 3), values(2, 3, 2)), lambda a, b: of_system(np.triu(a), b)),
    OpCase("unit", lambda a, b: linalg.solve_triangular(a, b, upper=False, unitriangular=True),
           (A, B), lambda a, b: of_system(np.tril(a, -1) + np.eye(3), b)),
    OpCase("right", lambda a, b: linalg.solve_triangular(a, b, upper=True, left=False),
           (A, values(2, 3)), lambda a, b: b @ np.linalg.inv(np.triu(a))),
    OpCase("old", lambda b, a: rl.triangular_solve(b, a).solution, (B, A),
           lambda b, a: of_system(np.triu(a), b)),
    OpCase("old_transposed", lambda b, a: rl.triangular_solve(b, a, transpose=True).solution,
           (B, A), lambda b, a: of_system(np.triu(a).T, b)),
    OpCase("wide", lambda a, b: linalg.solve_triangular(a, b, upper=False),
           (regular(70, 70), values(70, 2)), lambda a, b: of_system(np.tril(a), b), grad=False),
]  # fmt: skip


def lu_of(a):
    """L U of rows in another order, from the packed form."""
    packed, pivots, _ = linalg.lu_factor_ex(a)
    return rl.lu_unpack(packed, pivots)[1:]


def by_hand(a):
    """L and U by Gauss's elimination, row by row."""
    a, m, n = a.copy(), *a.shape
    for k in range(min(m, n)):
        row = k + np.argmax(np.abs(a[k:, k]))
        a[[k, row]] = a[[row, k]]
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    k = min(m, n)
    return np.tril(a[:, :k], -1) + np.eye(m, k), np.triu(a[:k])


LU = [
    OpCase("square", lu_of, (values(4, 4),), by_hand),
    OpCase("tall", lu_of, (values(5, 3),), by_hand),
    OpCase("wide", lu_of, (values(3, 5),), by_hand),
    OpCase("blocks", lu_of, (values(70, 50),), by_hand, grad=False, tolerance=1e-4),
    OpCase("lu", lambda a: linalg.lu(a)[0] @ linalg.lu(a)[1] @ linalg.lu(a)[2],
           (values(2, 4, 3),), lambda a: a, also=((values(0, 3),), (values(2, 0, 0),))),
    OpCase("no_pivot", lambda a: linalg.lu(a, pivot=False)[1] @ linalg.lu(a, pivot=False)[2],
           (regular(3, 3),), lambda a: a),
    OpCase("lu_solve", lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b), (BATCH, B),
           of_system),
    OpCase("lu_solve_adjoint", lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b, adjoint=True),
           (BATCH, B), lambda a, b: of_system(moved(a), b)),
    OpCase("lu_solve_right", lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b, left=False),
           (BATCH, values(2, 2, 3)), lambda a, b: b @ np.linalg.inv(a)),
    OpCase("old", lambda a, b: rl.lu_solve(b, *rl.lu(a)), (A, B), of_system),
]  # fmt: skip


def ldl_of(a):
    return linalg.ldl_factor(symmetric(a))


SYMMETRIC = values(2, 6, 6) + moved(values(2, 6, 6))
LDL = [
    OpCase("ldl", lambda a, b: linalg.ldl_solve(*ldl_of(a), b), (SYMMETRIC, values(6, 2)),
           of_system, grad=False),
    OpCase("ldl_zero_diagonal", lambda a, b: linalg.ldl_solve(*ldl_of(a), b),
           (SYMMETRIC * (1 - np.eye(6)), values(6, 2)), of_system, grad=False),
    OpCase("ldl_positive", lambda a: ldl_of(a).LD.diagonal(0, -2, -1).prod(-1),
           (np.diag([4.0, 3.0]) + 1,), np.linalg.det, grad=False),
]  # fmt: skip


REPEATED = "solve_vector solve_ex inv_ex inverse tensorsolve tensorsolve_dims cholesky_upper "
REPEATED += "cholesky_old cholesky_solve_upper cholesky_inverse_upper right old_transposed "
REPEATED += "lu_solve_adjoint lu_solve_right old no_pivot"


@table(lighter(SYSTEMS + CHOLESKY + TRIANGULAR + LU + LDL, REPEATED))
def test_systems(case, check):
    check(case)


def test_the_determinant_of_a_singular_matrix_has_a_gradient():
    a = rl.tensor(SINGULAR, requires_grad=True)
    linalg.det(a).backward()
    cofactors = [
        (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(SINGULAR, i, 0), j, 1))
        for i in range(3)
        for j in range(3)
    ]
    np.testing.assert_allclose(a.grad.numpy().ravel(), cofactors, atol=1e-12)


def test_a_negative_determinant_has_no_logarithm():
    assert rl.logdet(rl.tensor([[0.0, 1.0], [1.0, 0.0]])).isnan()
    assert rl.logdet(rl.zeros(2, 2)).item() == -np.inf


FAILURES = {
    "inv": (lambda a: linalg.inv(a), "diagonal element 3 is zero.*singular"),
    "solve": (lambda a: linalg.solve(a, a), "input matrix is singular"),
    "cholesky": (lambda a: linalg.cholesky(a), "leading minor of order 2 is not positive-definite"),
    "lu_factor": (lambda a: linalg.lu_factor(a).LU, r"U\[3,3\] is zero"),
    "eigh": (lambda a: linalg.eigh(a / 0).eigenvalues, "contained non-finite values"),
    "svd": (lambda a: linalg.svdvals(a / 0), "contained non-finite values"),
    "eig": (lambda a: linalg.eig(a / 0).eigenvalues, "should not contain infs or NaNs"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_matrix_that_fails_is_an_error_that_names_the_line(name):
    function, words = FAILURES[name]
    good, bad = rl.eye(3), rl.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [3.0, 3.0, 6.0]])
    result = function(rl.stack([good, bad]))
    with pytest.raises(linalg.LinAlgError, match=f"(?s){words}.*recorded at .*test_solve.py"):
        result.sum().item()
    assert issubclass(linalg.LinAlgError, RuntimeError)


def test_info_says_which_matrix_failed():
    both = rl.tensor(np.stack([np.eye(3), SINGULAR]))
    inverse, info = linalg.inv_ex(both)
    assert info.dtype is rl.int32
    assert info.tolist() == [0, 3]
    assert inverse[0].tolist() == np.eye(3).tolist()
    assert inverse[1].isnan().all()
    assert linalg.solve_ex(both, both).info.tolist() == [0, 3]
    assert linalg.lu_factor_ex(both).info.tolist() == [0, 3]
    factor, info = linalg.cholesky_ex(rl.tensor([[4.0, 2.0], [2.0, 1.0]]))
    assert info.item() == 2
    assert factor[0, 0].item() == 2
    assert linalg.ldl_factor_ex(rl.zeros(2, 2)).info.item() == 1
    with pytest.raises(linalg.LinAlgError):
        linalg.inv_ex(both, check_errors=True).inverse.tolist()


WRONG = {
    "vector": (lambda: linalg.inv(rl.ones(3)), RuntimeError, "must have at least 2 dimensions"),
    "rectangular": (lambda: linalg.inv(rl.ones(3, 2)), RuntimeError,
                    "A must be batches of square matrices, but they are 3 by 2 matrices"),
    "integers": (lambda: linalg.inv(rl.ones(2, 2, dtype=rl.int64)), RuntimeError,
                 "linalg.inv: Expected a floating point or complex tensor as input. Got int64"),
    "half": (lambda: linalg.inv(rl.ones(2, 2, dtype=rl.float16)), RuntimeError,
             "Low precision dtypes not supported"),
    "dtypes": (lambda: linalg.solve(rl.eye(2), rl.ones(2, 1, dtype=rl.float64)), RuntimeError,
               "Expected A and B to have the same dtype"),
    "rows": (lambda: linalg.solve(rl.eye(2), rl.ones(3, 1)), RuntimeError,
             r"Incompatible shapes of A and B for the equation AX = B \(2x2 and 3x1\)"),
    "columns": (lambda: linalg.solve(rl.eye(2), rl.ones(2, 3), left=False), RuntimeError,
                "for the equation XA = B"),
    "left vector": (lambda: linalg.solve(rl.eye(2), rl.ones(2), left=False), RuntimeError,
                    "Vector broadcasting of the left hand side is not supported"),
    "batches": (lambda: linalg.solve(rl.ones(2, 3, 3), rl.ones(4, 3, 1)), RuntimeError,
                "must match the size of tensor b"),
    "not a tensor": (lambda: linalg.inv([[1.0]]), TypeError, "must be Tensor, not list"),
    "pivots": (lambda: linalg.lu_solve(rl.eye(2), rl.ones(2), rl.ones(2, 1)), RuntimeError,
               "pivots should be"),
    "unpacked": (lambda: rl.lu_unpack(rl.eye(2), rl.ones(2)), RuntimeError, "LU_pivots"),
    "cholesky_solve": (lambda: rl.cholesky_solve(rl.ones(3, 1), rl.eye(2)), RuntimeError,
                       "Incompatible matrix sizes for cholesky_solve"),
    "tensorinv": (lambda: linalg.tensorinv(rl.ones(2, 3), 1), RuntimeError, "but got 3 != 2"),
    "tensorinv ind": (lambda: linalg.tensorinv(rl.ones(2, 2), 0), RuntimeError,
                      "strictly positive integer"),
    "tensorsolve": (lambda: linalg.tensorsolve(rl.ones(2, 3), rl.ones(2)), RuntimeError,
                    "but got 3 != 2"),
    "out": (lambda: linalg.inv(rl.eye(2), out=rl.eye(2)), NotImplementedError, "out"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()


SIZES = st.integers(0, 5)
BATCHES = st.lists(st.integers(0, 3), max_size=2).map(tuple)


@given(BATCHES, SIZES, SIZES, st.booleans(), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_solutions_of_any_shape(batch, n, columns, left, seed):
    a = regular(*batch, n, n, seed=seed) if n else np.zeros((*batch, 0, 0))
    b = values(*batch, *((n, columns) if left else (columns, n)), seed=seed)
    x = linalg.solve(rl.tensor(a), rl.tensor(b), left=left)
    product = rl.tensor(a) @ x if left else x @ rl.tensor(a)
    assert x.shape == b.shape
    np.testing.assert_allclose(array_of(product), b, atol=1e-9)


@given(BATCHES, SIZES, SIZES, st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_factors_of_any_shape(batch, m, n, seed):
    a = values(*batch, m, n, seed=seed)
    P, L, U = linalg.lu(rl.tensor(a))
    k = min(m, n)
    assert (P.shape, L.shape, U.shape) == ((*batch, m, m), (*batch, m, k), (*batch, k, n))
    np.testing.assert_allclose(array_of(P @ L @ U), a, atol=1e-12)
    Q, R = linalg.qr(rl.tensor(a))
    assert (Q.shape, R.shape) == ((*batch, m, k), (*batch, k, n))
    np.testing.assert_allclose(array_of(Q @ R), a, atol=1e-12)
    U, S, Vh = linalg.svd(rl.tensor(a), full_matrices=False)
    np.testing.assert_allclose(array_of(U * S.unsqueeze(-2) @ Vh), a, atol=1e-12)
