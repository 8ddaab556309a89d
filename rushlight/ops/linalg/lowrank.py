"""Approximate decompositions of low rank, by random projections.

Halko, Martinsson and Tropp 2009, "Finding structure with randomness", algorithms 4.4 and 5.1.
"""

from __future__ import annotations

from rushlight.graph.dtype import complex64, float32, float64
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import describe
from rushlight.ops.complex import complex as complex_of
from rushlight.ops.linalg.checks import check_matrix
from rushlight.ops.linalg.orthogonal import qr
from rushlight.ops.linalg.singular import svd
from rushlight.ops.random import randn
from rushlight.tensor import Tensor


def _range(a: Tensor, size: int, iterations: int) -> Tensor:
    """Orthonormal columns that nearly span those of a."""
    basis = qr(a @ _random(a, size)).Q
    for _ in range(iterations):
        other = qr(a.mH @ basis).Q
        basis = qr(a @ other).Q
    return basis


def _random(a: Tensor, columns: int) -> Tensor:
    shape, dtype = (a._spec.shape[-1], columns), a._spec.dtype
    if not dtype.is_complex:
        return randn(shape, dtype=dtype)
    part = float32 if dtype is complex64 else float64
    return complex_of(randn(shape, dtype=part), randn(shape, dtype=part))


@in_float32
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) with A - M nearly U @ diag(S) @ Vᴴ, of about rank q; random.

    A is (*, m, n), U (*, m, q), V (*, n, q); `niter` are the power iterations that sharpen it.

    >>> import rushlight as rl
    >>> rl.svd_lowrank(rl.ones(5, 4), q=2)[1].shape
    rushlight.Size([2])
    """
    check_matrix("svd_lowrank", A)
    a = A if M is None else A - M.expand(A._spec.shape)
    m, n = a._spec.shape[-2:]
    wide = m < n
    a = a.mH if wide else a
    basis = _range(a, 6 if q is None else q, 2 if niter is None else niter)
    left, values, right = svd(basis.mH @ a, full_matrices=False)
    left, right = basis @ left, right.mH
    return (right, values, left) if wide else (left, values, right)


@in_float32
def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) of A's principal components: rows are samples, V's columns the directions.

    q is min(6, m, n) unless given; with `center` the mean of every column is taken off first.
    ValueError if q is not within 0 and min(m, n), or niter is negative.

    >>> import rushlight as rl
    >>> rl.pca_lowrank(rl.randn(8, 3))[2].shape
    rushlight.Size([3, 3])
    """
    check_matrix("pca_lowrank", A)
    m, n = A._spec.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        words = f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        raise ValueError(f"{words}\nIn pca_lowrank of {describe(A)}.")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer\nIn pca_lowrank.")
    return svd_lowrank(A - A.mean(-2, True) if center else A, q, niter)


FUNCTIONS = {"svd_lowrank": svd_lowrank, "pca_lowrank": pca_lowrank}
METHODS: dict = {}
