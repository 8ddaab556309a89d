"""Complex matrices: derivatives by finite differences, values by what they must satisfy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import linalg
from rushlight.autograd import gradcheck, gradgradcheck
from tests.ops.harness import array_of, values


def numbers(*shape, seed=0):
    return values(*shape, seed=seed) + 1j * values(*shape, seed=seed + 50)


def hermitian(a):
    return (a + a.mH) / 2


def triangle(a):
    return (a + 3 * rl.eye(a.shape[-1], dtype=a.dtype)).tril()


def sizes(results):
    """Values as they are, vectors by the sizes of their elements: their phases are free."""
    return tuple([part if part.ndim == 1 else part.abs() for part in results])


def rebuilt(a):
    U, S, Vh = linalg.svd(a, full_matrices=False)
    return U * S.unsqueeze(-2).exp() @ Vh


def ldl_solution(a, b):
    factors = linalg.ldl_factor(a, hermitian=True)
    return linalg.ldl_solve(*factors, b, hermitian=True)


REAL, SQUARE, TALL, WIDE = values(3, 3), numbers(3, 3), numbers(4, 3), numbers(2, 3)
COLUMNS, ROWS = numbers(3, 2, seed=1), numbers(2, 3, seed=1)
DERIVATIVES = {
    "eig of real": (lambda a: sizes(linalg.eig(a)), REAL),
    "eigvals of real": (linalg.eigvals, REAL),
    "eig": (lambda a: sizes(linalg.eig(a)), SQUARE),
    "eigh": (lambda a: sizes(linalg.eigh(hermitian(a))), SQUARE),
    "svd": (lambda a: sizes(linalg.svd(a)), SQUARE),
    "svd, tall": (rebuilt, TALL),
    "svd, wide": (rebuilt, WIDE),
    "inv": (linalg.inv, SQUARE),
    "solve": (linalg.solve, SQUARE, COLUMNS),
    "solve, right": (lambda a, b: linalg.solve(a, b, left=False), SQUARE, ROWS),
    "solve_triangular": (lambda a, b: linalg.solve_triangular(a, b, upper=True), SQUARE, COLUMNS),
    "det": (linalg.det, SQUARE),
    "slogdet": (linalg.slogdet, SQUARE),
    "logdet": (lambda a: rl.logdet(a).real, SQUARE),
    "cholesky": (lambda a: linalg.cholesky(triangle(a) @ triangle(a).mH), SQUARE),
    "cholesky_solve": (lambda a, b: rl.cholesky_solve(b, triangle(a)), SQUARE, COLUMNS),
    "cholesky_inverse": (lambda a: rl.cholesky_inverse(triangle(a)), SQUARE),
    "lu_factor": (lambda a: linalg.lu_factor(a).LU, TALL),
    "lu_factor, wide": (lambda a: linalg.lu_factor(a).LU, WIDE),
    "lu_solve": (lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b, adjoint=True), SQUARE,
                 COLUMNS),
    "qr": (lambda a: linalg.qr(a).Q @ linalg.qr(a).R.abs().to(a.dtype), TALL),
    "qr, wide": (lambda a: linalg.qr(a).R.abs(), WIDE),
    "householder_product": (linalg.householder_product, TALL, numbers(3, seed=1)),
    "ormqr": (rl.ormqr, TALL, numbers(3, seed=1), numbers(4, 2, seed=2)),
    "pinv": (linalg.pinv, TALL),
    "pinv of Hermitian": (lambda a: linalg.pinv(hermitian(a), hermitian=True), SQUARE),
    "lstsq": (lambda a, b: linalg.lstsq(a, b).solution, TALL, numbers(4, 2, seed=1)),
    "matrix_exp": (linalg.matrix_exp, SQUARE),
    "matrix_power": (lambda a: linalg.matrix_power(a, -3), SQUARE),
    "matrix_norm": (lambda a: linalg.matrix_norm(a, "nuc"), SQUARE),
    "vector_norm": (lambda a: linalg.vector_norm(a, 3, dim=0), SQUARE),
    "cond": (lambda a: linalg.cond(a, 1), SQUARE),
    "cross": (linalg.cross, SQUARE, numbers(3, 3, seed=1)),
    "vecdot": (linalg.vecdot, SQUARE, numbers(3, 3, seed=1)),
}  # fmt: skip
TWICE = ("eig of real", "eigvals of real", "eigh", "solve", "slogdet", "svd", "cholesky", "pinv")


def leaves(arrays):
    return tuple([rl.tensor(array, requires_grad=True) for array in arrays])


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives(name):
    function, *arrays = DERIVATIVES[name]
    assert gradcheck(function, leaves(arrays))


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives(name):
    function, *arrays = DERIVATIVES[name]
    assert gradgradcheck(function, leaves(arrays))


def test_a_phase_is_no_derivative():
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(lambda a: linalg.eig(a).eigenvectors * (1 + 2j), leaves([SQUARE]))


VALUES = {
    "inv": (linalg.inv, np.linalg.inv),
    "det": (linalg.det, np.linalg.det),
    "slogdet": (lambda a: linalg.slogdet(a).sign, lambda a: np.linalg.slogdet(a)[0]),
    "singular values": (linalg.svdvals, lambda a: np.linalg.svd(a, compute_uv=False)),
    "eigenvalues": (lambda a: linalg.eigvalsh(hermitian(a)),
                    lambda a: np.linalg.eigvalsh((a + a.conj().T) / 2)),
    "norm": (linalg.norm, np.linalg.norm),
    "ldl": (lambda a: ldl_solution(hermitian(a), a),
            lambda a: np.linalg.solve((a + a.conj().T) / 2, a)),
    "ldl, symmetric": (lambda a: linalg.ldl_solve(*linalg.ldl_factor(a + a.mT), a),
                       lambda a: np.linalg.solve(a + a.T, a)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", VALUES)
def test_values(name, dtype):
    function, reference = VALUES[name]
    a = numbers(5, 5, seed=3).astype(dtype)
    want, got = reference(a), array_of(function(rl.tensor(a)))
    np.testing.assert_allclose(got, want, rtol=2e-4 if dtype == "complex64" else 1e-10)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 0)])
def test_nothing_has_a_norm(shape):
    empty = rl.zeros(shape, dtype=rl.complex64)
    for order in ("fro", "nuc", 2):
        assert not linalg.matrix_norm(empty, order).any()


def test_low_rank():
    a = rl.tensor(numbers(9, 2) @ numbers(2, 7))
    U, S, V = rl.svd_lowrank(a, q=3)
    np.testing.assert_allclose(array_of(U * S @ V.mH), array_of(a), atol=1e-10)
