"""Singular values and vectors, and what is made of them: pseudo-inverses, least squares, ranks."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import linalg as p
from rushlight.graph.node import Node, Origin
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import fail
from rushlight.ops.linalg.checks import check_matrix, identity_like, is_differentiated
from rushlight.ops.linalg.determinant import real_part
from rushlight.ops.linalg.spectral import differences
from rushlight.ops.places import origin
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgSvd")
class SVD(Operation):
    """U, S and Vᴴ with U diag(S) Vᴴ = a.

    With X' = X - Xᴴ off the diagonal and E = Sⱼ² - Sᵢ², d/da = U ((Uᴴ gU)' S / E + S (Vᴴ gV)' / E
    + diag(gS)) Vᴴ + (I - U Uᴴ) gU S⁻¹ Vᴴ + U S⁻¹ gVᴴ (I - V Vᴴ)  (Townsend 2016, "Differentiating
    the singular value decomposition"; the diagonal of Uᴴ gU turns phases of complex a).
    """

    materialize = False

    def forward(ctx, a: Node, full: bool, origin: Origin) -> tuple:
        ctx.save_outputs(0, 1, 2)
        left, sizes, right = p.decompose(p.SVD, (a,), (True, full), origin)
        return left, real_part(sizes), right

    def backward(ctx, of_u: Tensor | None, of_s: Tensor | None, of_vh: Tensor | None) -> Tensor:
        u, s, vh = ctx.saved
        k = s._spec.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        if of_u is None and of_vh is None:
            return u @ (of_s.unsqueeze(-1) * vh)
        values, inverse = s.unsqueeze(-2), (1 / s).unsqueeze(-2)
        inner: Any = 0 if of_s is None else of_s.unsqueeze(-2) * identity_like(s.unsqueeze(-1))
        outer: Any = 0
        if of_u is not None:
            of_u = of_u[..., :k]
            product = u.mH @ of_u
            inner = _turned(product, s) * values + inner
            if product._spec.dtype.is_complex:
                inner = inner + _phases(product) * inverse
            if u._spec.shape[-2] > k:
                outer = ((of_u - u @ product) * inverse) @ vh
        if of_vh is not None:
            of_vh = of_vh[..., :k, :]
            product = of_vh @ vh.mH
            inner = s.unsqueeze(-1) * _turned(product.mH, s) + inner
            if vh._spec.shape[-1] > k:
                outer = u @ (inverse.mT * (of_vh - product @ vh)) + outer
        return u @ inner @ vh + outer


def _turned(product: Tensor, s: Tensor) -> Tensor:
    """(X - Xᴴ) / (Sⱼ² - Sᵢ²) off the diagonal."""
    gaps, off_diagonal = differences(s)
    sums = s.unsqueeze(-2) + s.unsqueeze(-1)
    one = 1 - off_diagonal
    return (product - product.mH) * off_diagonal / (gaps * (sums * off_diagonal + one))


def _phases(product: Tensor) -> Tensor:
    """The imaginary part of the diagonal."""
    one = identity_like(product)
    return (product - product.mH) * one * 0.5


@shown_as("LinalgSvd")
class SingularValues(Operation):
    """Values alone, where no gradient is asked for."""

    differentiable = False

    def forward(ctx, a: Node, origin: Origin) -> Node:
        return real_part(p.decompose(p.SVD, (a,), (False, False), origin)[0])


_LINALG_SVD, _SVD = named("linalg_svd", "U S Vh"), named("svd", "U S V")


@in_float32
def svd(
    A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None
) -> Any:
    """(U, S, Vh) with A = U @ diag(S) @ Vh; S is real and descending.

    A is (*, m, n) and k is min(m, n): U is (*, m, m) and Vh (*, n, n), without `full_matrices`
    (*, m, k) and (*, k, n).  Signs (phases) of pairs of vectors are free; gradients of vectors need
    values that differ, of full ones only the first k count.  LinAlgError, when it is computed, for
    infinities and NaN.

    >>> import rushlight as rl
    >>> rl.linalg.svd(rl.tensor([[3.0, 0.0], [0.0, -2.0]])).S
    tensor([3., 2.])
    """
    name = "linalg.svd"
    check_matrix(name, A, out)
    _check_driver(name, driver)
    return _LINALG_SVD(*SVD.apply((A,), bool(full_matrices), origin(name)))


def _check_driver(name: str, driver: str | None) -> None:
    if driver is not None:
        words = f"{name}: keyword argument `driver=` is only supported on CUDA inputs with "
        fail(RuntimeError, name, f"{words}cuSOLVER backend.", "driver=None", repr(driver))


@in_float32
def svdvals(A: Tensor, *, driver: str | None = None, out: Any = None) -> Tensor:
    """The singular values of (*, m, n) matrices, descending; they have gradients everywhere.

    >>> import rushlight as rl
    >>> rl.linalg.svdvals(rl.tensor([[3.0, 0.0], [0.0, -2.0]]))
    tensor([3., 2.])
    """
    name = "linalg.svdvals"
    check_matrix(name, A, out)
    _check_driver(name, driver)
    return values_of(A, name)


def values_of(a: Tensor, name: str) -> Tensor:
    """The singular values, without checks."""
    if is_differentiated(a):
        return SVD.apply((a,), False, origin(name))[1]
    return SingularValues.apply((a,), origin(name))


@in_float32
def old_svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """(U, S, V) with input = U @ diag(S) @ Vᴴ; `linalg.svd` is newer, and gives Vᴴ.

    Reduced with `some`; without `compute_uv`, U and V are zeros.
    """
    check_matrix("svd", input, out)
    if compute_uv:
        u, s, vh = SVD.apply((input,), not some, origin("svd"))
        return _SVD(u, s, vh.mH)
    *batch, m, n = input._spec.shape
    u, v = input.new_zeros((*batch, m, m)), input.new_zeros((*batch, n, n))
    return _SVD(u, values_of(input, "svd"), v)


FUNCTIONS = {"svd": old_svd}
METHODS = dict(FUNCTIONS)
