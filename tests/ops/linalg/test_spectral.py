"""Eigenvalues, singular values, orthogonal factors and what is made of them, against NumPy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import linalg
from tests.ops.harness import OpCase, array_of, table, values
from tests.ops.linalg.matrices import lighter, moved, symmetric

SQUARE, TALL, WIDE = values(2, 3, 3), values(4, 3), values(3, 4)
EVEN = SQUARE + moved(SQUARE)
RANK_2 = values(4, 2) @ values(2, 4, seed=1)


def rows(x):
    """Signs of columns fixed by that of their first element, without a gradient."""
    return x * x[..., :1, :].sign().detach()


def fixed(x):
    return x * np.sign(x[..., :1, :])


def of_eigh(a):
    found = linalg.eigh(symmetric(a))
    return found.eigenvalues, rows(found.eigenvectors)


def eigh_in_numpy(a):
    found, vectors = np.linalg.eigh(a)
    return found, fixed(vectors)


def of_qr(a, mode="reduced"):
    Q, R = linalg.qr(a, mode)
    signs = R.diagonal(0, -2, -1).sign().detach()
    k = signs.shape[-1]
    return Q[..., :k] * signs.unsqueeze(-2), R[..., :k, :] * signs.unsqueeze(-1)


def qr_in_numpy(a):
    Q, R = np.linalg.qr(a)
    signs = np.sign(np.diagonal(R, 0, -2, -1))
    return Q * signs[..., None, :], R * signs[..., None]


def of_svd(a, full=False):
    U, S, Vh = linalg.svd(a, full_matrices=full)
    k = S.shape[-1]
    U, Vh = U[..., :k], Vh[..., :k, :]
    signs = U[..., :1, :].sign().detach()
    return U * signs, S, Vh * signs.mT


def svd_in_numpy(a):
    U, S, Vh = np.linalg.svd(a, full_matrices=False)
    signs = np.sign(U[..., :1, :])
    return U * signs, S, Vh * moved(signs)


def of_reflectors(a):
    packed, tau = rl.geqrf(a)
    return linalg.householder_product(packed, tau)


VECTORS = [
    OpCase("eigh", of_eigh, (EVEN,), eigh_in_numpy),
    OpCase("eigh_upper", lambda a: linalg.eigh(a, "U").eigenvalues, (np.triu(EVEN),),
           lambda a: np.linalg.eigh(a, "U")[0], grad=False),
    OpCase("eigvalsh", lambda a: linalg.eigvalsh(symmetric(a)), (EVEN,), np.linalg.eigvalsh,
           also=((values(0, 0),),)),
    OpCase("qr", of_qr, (SQUARE,), qr_in_numpy),
    OpCase("qr_tall", of_qr, (TALL,), qr_in_numpy),
    OpCase("qr_wide", of_qr, (WIDE,), qr_in_numpy),
    OpCase("qr_complete", lambda a: of_qr(a, "complete"), (WIDE,), qr_in_numpy),
    OpCase("qr_r", lambda a: linalg.qr(a, "r").R.abs(), (TALL,),
           lambda a: np.abs(np.linalg.qr(a, "r")), grad=False),
    OpCase("qr_old", lambda a: rl.qr(a).R.abs(), (TALL,), lambda a: np.abs(np.linalg.qr(a, "r"))),
    OpCase("svd", of_svd, (SQUARE,), svd_in_numpy),
    OpCase("svd_tall", of_svd, (TALL,), svd_in_numpy),
    OpCase("svd_wide", of_svd, (WIDE,), svd_in_numpy),
    OpCase("svd_full", lambda a: of_svd(a, True), (TALL,), svd_in_numpy),
    OpCase("svd_old", lambda a: rl.svd(a)[0] * rl.svd(a)[1] @ rl.svd(a)[2].mT, (WIDE,),
           lambda a: a),
    OpCase("svdvals", linalg.svdvals, (SQUARE,),
           lambda a: np.linalg.svd(a, compute_uv=False), also=((values(3, 0),), (values(0, 3),))),
    OpCase("geqrf", lambda a: of_reflectors(a) @ rl.geqrf(a).a.triu()[:3], (TALL,), lambda a: a,
           grad=False),
]  # fmt: skip

REFLECTORS, SCALES = values(2, 5, 3), values(2, 3, seed=1)


def product_of_reflectors(a, tau, columns=None):
    m = a.shape[-2]
    result = np.eye(m)
    for i in range(tau.shape[-1]):
        v = np.concatenate((np.zeros(i), [1], a[i + 1 :, i]))
        result = result @ (np.eye(m) - tau[i] * np.outer(v, v))
    return result[:, : a.shape[-1] if columns is None else columns]


def each(function):
    return lambda *arrays: np.stack([function(*parts) for parts in zip(*arrays, strict=True)])


ROTATIONS = [
    OpCase("householder_product", linalg.householder_product, (REFLECTORS, SCALES),
           each(product_of_reflectors)),
    OpCase("householder_fewer", linalg.householder_product, (REFLECTORS, SCALES[:, :2].copy()),
           each(product_of_reflectors)),
    OpCase("orgqr_zero", rl.orgqr, (REFLECTORS[0], SCALES[0] * [1, 0, 1]), product_of_reflectors),
    OpCase("ormqr", rl.ormqr, (REFLECTORS[0], SCALES[0], values(5, 2)),
           lambda a, t, c: product_of_reflectors(a, t, 5) @ c),
    OpCase("ormqr_right", lambda a, t, c: rl.ormqr(a, t, c, left=False, transpose=True),
           (REFLECTORS[0], SCALES[0], values(2, 5)),
           lambda a, t, c: c @ product_of_reflectors(a, t, 5).T),
]  # fmt: skip

INEXACT = [
    OpCase("pinv", linalg.pinv, (TALL,), np.linalg.pinv,
           also=((values(0, 3),), (values(2, 3, 0),))),
    OpCase("pinv_wide", linalg.pinv, (values(2, 3, 4),), np.linalg.pinv),
    OpCase("pinv_singular", lambda a, b: linalg.pinv(a @ b, rtol=1e-4),
           (values(4, 2), values(2, 4, seed=1)), lambda a, b: np.linalg.pinv(a @ b, rcond=1e-4)),
    OpCase("pinv_hermitian", lambda a: linalg.pinv(symmetric(a), hermitian=True), (EVEN,),
           np.linalg.pinv),
    OpCase("pinv_tolerance", lambda a: linalg.pinv(a, atol=rl.tensor([5.0, 0.0])), (EVEN,),
           lambda a: np.stack([0 * a[0], np.linalg.pinv(a[1])]), grad=False),
    OpCase("pinverse", rl.pinverse, (TALL,), np.linalg.pinv),
    OpCase("lstsq", lambda a, b: linalg.lstsq(a, b).solution, (TALL, values(4, 2, seed=3)),
           lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0]),
    OpCase("lstsq_wide", lambda a, b: linalg.lstsq(a, b).solution, (WIDE, values(3, 2, seed=3)),
           lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0]),
    OpCase("lstsq_vectors", lambda a, b: linalg.lstsq(a, b).solution,
           (values(2, 4, 3), values(2, 4)),
           each(lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0])),
    OpCase("lstsq_residuals", lambda a, b: linalg.lstsq(a, b, driver="gelsd")[:2],
           (TALL, values(4, 2, seed=3)), lambda a, b: np.linalg.lstsq(a, b, rcond=None)[:2]),
    OpCase("matrix_rank", linalg.matrix_rank, (RANK_2,), np.linalg.matrix_rank, grad=False,
           dtypes=(),
           also=((TALL,), (values(2, 0, 3),), (np.stack([np.eye(3), np.ones((3, 3))]),))),
    OpCase("matrix_rank_hermitian", lambda a: linalg.matrix_rank(a, hermitian=True),
           (np.ones((3, 3)),), np.linalg.matrix_rank, grad=False),
    OpCase("matrix_rank_tol", lambda a: linalg.matrix_rank(a, 2.5), (np.diag([1.0, 2.0, 3.0]),),
           lambda a: np.asarray(1), grad=False),
]  # fmt: skip


REPEATED = "svd_full svd_old qr_old qr_complete householder_fewer orgqr_zero ormqr_right pinv_wide "
REPEATED += "pinverse lstsq_wide lstsq_vectors lstsq_residuals"


@table(lighter(VECTORS + ROTATIONS + INEXACT, REPEATED))
def test_decompositions(case, check):
    check(case)


def test_eigenvalues_of_a_rotation_are_complex():
    found = linalg.eig(rl.tensor([[0.0, -2.0], [2.0, 0.0]]))
    assert found.eigenvalues.dtype is rl.complex64
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues.numpy()), [-2j, 2j])
    found = linalg.eigvals(rl.tensor(SQUARE))
    assert found.dtype is rl.complex128
    want = np.linalg.eigvals(SQUARE).astype(complex)
    np.testing.assert_allclose(np.sort_complex(found.numpy()), np.sort_complex(want), atol=1e-12)


def test_eigenvectors_turn_into_their_multiples():
    values, vectors = linalg.eig(rl.tensor(SQUARE))
    w, V = values.numpy(), vectors.numpy()
    np.testing.assert_allclose(SQUARE @ V, V * w[:, None, :], atol=1e-12)


def test_equal_values_have_gradients():
    a = rl.eye(3, dtype=rl.float64, requires_grad=True)
    (linalg.svdvals(a).sum() + linalg.eigvalsh(a).sum()).backward()
    np.testing.assert_allclose(a.grad.numpy(), 2 * np.eye(3), atol=1e-12)


def test_results_that_are_not_wanted_are_empty():
    a, b = rl.tensor(TALL), rl.ones(4, 1, dtype=rl.float64)
    assert linalg.qr(a, "r").Q.shape == (0,)
    assert linalg.lstsq(a, b).residuals.shape == (0,)
    assert linalg.lstsq(a, b).rank.item() == 3
    assert linalg.lstsq(a, b, driver="gels").rank.shape == (0,)
    assert linalg.lstsq(a, b, driver="gelss").singular_values.shape == (3,)
    assert not rl.svd(a, compute_uv=False).U.any()


def test_low_rank_is_found_at_random():
    rl.manual_seed(0)
    a = rl.tensor(values(20, 3) @ values(3, 12, seed=1))
    for matrix in (a, a.mT):
        U, S, V = rl.svd_lowrank(matrix, q=4)
        np.testing.assert_allclose(array_of(U * S @ V.mT), array_of(matrix), atol=1e-10)
    U, S, V = rl.pca_lowrank(a, q=3)
    want = np.linalg.svd(array_of(a) - array_of(a).mean(0), compute_uv=False)[:3]
    np.testing.assert_allclose(array_of(S), want, atol=1e-10)


WRONG = {
    "qr mode": (lambda a: linalg.qr(a, "full"), RuntimeError, "unrecognized mode 'full'"),
    "UPLO": (lambda a: linalg.eigh(a[:3], "X"), RuntimeError, "to be 'L' or 'U', but got X"),
    "driver": (lambda a: linalg.svd(a, driver="gesvd"), RuntimeError, "only supported on CUDA"),
    "lstsq driver": (lambda a: linalg.lstsq(a, a, driver="x"), RuntimeError, "should be one of"),
    "lstsq rows": (lambda a: linalg.lstsq(a, a[:2]), RuntimeError, "should match other.size"),
    "reflectors": (lambda a: linalg.householder_product(a.mT, a[0]), RuntimeError, "shape"),
    "scales": (lambda a: linalg.householder_product(a, a[:, 0]), RuntimeError, "tau.shape"),
    "ormqr": (lambda a: rl.ormqr(a, a[0], a[:2]), RuntimeError, "must be equal to input.shape"),
    "pca": (lambda a: rl.pca_lowrank(a, q=9), ValueError, "not greater than"),
    "complex tolerance": (lambda a: linalg.pinv(a, atol=rl.ones((), dtype=rl.complex64)),
                          RuntimeError, "complex type is not supported"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call(rl.tensor(TALL))


@pytest.mark.parametrize("mode", ["complete", "r"])
def test_derivatives_that_are_not_there_say_so(mode):
    a = rl.tensor(TALL, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"not differentiable|not computed"):
        linalg.qr(a, mode).R.sum().backward()
    with pytest.raises(NotImplementedError, match="derivative"):
        rl.geqrf(a).a.sum().backward()


IN_FLOAT32 = {
    "inv": linalg.inv,
    "solve": lambda a: linalg.solve(a, a),
    "det": linalg.det,
    "qr": lambda a: linalg.qr(a).Q,
    "householder_product": lambda a: linalg.householder_product(a, a[0]),
    "pinv": linalg.pinv,
    "matrix_norm": lambda a: linalg.matrix_norm(a, "nuc"),
}


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_autocast_computes_in_float32(name):
    a = rl.tensor(SQUARE[0]).bfloat16()
    with rl.autocast("cpu", dtype=rl.bfloat16):
        found = IN_FLOAT32[name](a)
    assert found.dtype is rl.float32
    np.testing.assert_array_equal(array_of(found), array_of(IN_FLOAT32[name](a.float())))
