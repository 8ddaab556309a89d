"""Orthogonal factors: QR, and products of Householder reflectors."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import linalg as p
from rushlight.graph.node import Node
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import describe, fail
from rushlight.ops.join import cat
from rushlight.ops.linalg.checks import check_matrix, check_same_dtype, identity_like
from rushlight.ops.linalg.triangular import under
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


def hermitian_of_lower(x: Tensor) -> Tensor:
    """The Hermitian matrix with x's lower triangle, and the real part of its diagonal."""
    strict = x.tril(-1)
    diagonal = x.tril() - strict
    if x._spec.dtype.is_complex:
        diagonal = (diagonal + diagonal.mH) * 0.5
    return strict + strict.mH + diagonal


@shown_as("LinalgQr")
class QR(Operation):
    """Q and R with Q R = a.

    With M = R gRᴴ - gQᴴ Q and H(M) the Hermitian matrix of M's lower triangle,
    d/da = (gQ + Q H(M)) R⁻ᴴ for at least as many rows as columns (Walter and Lehmann 2012,
    "Algorithmic differentiation of linear algebra functions").  Of a wide a, the columns behind the
    first square are Q R₂: their gradients pass to Q (Roberts and Roberts 2020, "QR and LQ
    decomposition matrix backpropagation algorithms").
    """

    def forward(ctx, a: Node, mode: str) -> tuple:
        ctx.mode = mode
        ctx.save_outputs(0, 1)
        return tuple(p.decompose(p.QR, (a,), (mode,)))

    def backward(ctx, of_q: Tensor, of_r: Tensor) -> Tensor:
        q, r = ctx.saved
        m, n = q._spec.shape[-2], r._spec.shape[-1]
        if ctx.mode == "complete" and m > n:
            words = "The QR decomposition is not differentiable when mode='complete' and "
            raise RuntimeError(f"{words}nrows > ncols")
        if m >= n:
            return _of_tall(q, r, of_q, of_r)
        rest, of_rest = r[..., m:], of_r[..., m:]
        of_q = of_q + q @ rest @ of_rest.mH
        square = _of_tall(q, r[..., :m], of_q, of_r[..., :m])
        return cat((square, q @ of_rest), -1)


def _of_tall(q: Tensor, r: Tensor, of_q: Tensor, of_r: Tensor) -> Tensor:
    inner = hermitian_of_lower(r @ of_r.mH - of_q.mH @ q)
    return under(r, (of_q + q @ inner).mH, upper=True).mH


class _QRWithoutQ(Operation):
    """R alone, whose derivative needs the Q that was not computed."""

    def forward(ctx, a: Node, mode: str) -> Node:
        return p.decompose(p.QR, (a,), (mode,))[0]

    def backward(ctx, grad: Tensor) -> Tensor:
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
            "Please use linalg.qr(A, mode='reduced') if you are going to require gradients"
        )


@shown_as("Geqrf")
class Reflectors(Operation):
    """Householder reflectors below R, and their scales."""

    def forward(ctx, a: Node) -> tuple:
        return tuple(p.decompose(p.REFLECTORS, (a,)))


_LINALG_QR, _QR = named("linalg_qr", "Q R"), named("qr", "Q R")
_GEQRF = named("geqrf", "a tau")


@in_float32
def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """(Q, R) with A = Q @ R, Q's columns orthonormal and R upper triangular.

    A is (*, m, n); "reduced" gives Q of (*, m, k) and R of (*, k, n) with k = min(m, n),
    "complete" k = m, and "r" an empty Q.  Gradients are not there for "complete" with m > n, and
    for "r".

    >>> import rushlight as rl
    >>> Q, R = rl.linalg.qr(rl.tensor([[0.0, 2.0], [1.0, 3.0]]))
    >>> (Q @ R).round()
    tensor([[0., 2.],
            [1., 3.]])
    """
    check_matrix("linalg.qr", A, out)
    if mode not in ("reduced", "complete", "r"):
        words = f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
        fail(RuntimeError, "linalg.qr", f"{words}'r', or 'complete'", "a mode", repr(mode))
    if mode == "r":
        return _LINALG_QR(A.new_empty(0), _QRWithoutQ.apply((A,), mode))
    return _LINALG_QR(*QR.apply((A,), mode))


@in_float32
def old_qr(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """(Q, R), reduced with `some` and else complete; `linalg.qr` is newer."""
    return _QR(*qr(input, "reduced" if some else "complete", out=out))


@in_float32
def geqrf(input: Tensor, *, out: Any = None) -> Any:
    """(a, tau): R on and above a's diagonal, below it reflectors whose product is Q.

    `linalg.householder_product(a, tau)` is Q, `ormqr` multiplies by it.  There is no derivative.
    """
    return _GEQRF(*Reflectors.apply((check_matrix("geqrf", input, out),)))


@in_float32
def householder_product(input: Tensor, tau: Tensor, *, out: Any = None) -> Tensor:
    """The first n columns of H₁ H₂ ... H_k, where Hᵢ = I - tauᵢ vᵢ vᵢᴴ, for (*, m, n) input.

    vᵢ is 1 at place i, 0 before it, and column i of input behind it.  RuntimeError unless
    m >= n >= k.

    >>> import rushlight as rl
    >>> a, tau = rl.geqrf(rl.tensor([[3.0], [4.0]]))
    >>> rl.linalg.householder_product(a, tau).abs()
    tensor([[0.6000],
            [0.8000]])
    """
    name = "linalg.householder_product"
    _check_reflectors(name, check_matrix(name, input, out, "input"), tau)
    n = input._spec.shape[-1]
    vectors, product = _compact(input, tau)
    return identity_like(input)[:, :n] - vectors @ (product @ vectors[..., :n, :].mH)


def _compact(input: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    """V and T with H₁ ... H_k = I - V T Vᴴ.

    T⁻¹ is the strict upper triangle of Vᴴ V with 1/tau on the diagonal (Puglisi 1992,
    "Modification of the Householder method based on the compact WY representation"); so T is
    D (I + S D)⁻¹ with D = diag(tau), which tau = 0 does not disturb.
    """
    k = tau._spec.shape[-1]
    vectors = input[..., :k].tril(-1) + identity_like(input)[:, :k]
    scales = tau.unsqueeze(-2)
    strict = (vectors.mH @ vectors).triu(1) * scales
    one = identity_like(strict)
    return vectors, tau.unsqueeze(-1) * under(strict, one, upper=True, unit=True)


def _check_reflectors(name: str, input: Tensor, tau: Tensor) -> None:
    m, n = input._spec.shape[-2:]
    scales = tau._spec.shape
    check_same_dtype(name, input, tau, "input", "tau")
    if m < n:
        words = f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        fail(RuntimeError, name, words, "at least as many rows as columns", describe(input))
    if len(scales) != input._spec.rank - 1 or scales[:-1] != input._spec.shape[:-2]:
        words = f"{name}: Expected tau to have one dimension less than input, and equal batches"
        fail(RuntimeError, name, words, f"batches {list(input.shape[:-2])}", describe(tau))
    if scales[-1] > n:
        words = f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        fail(RuntimeError, name, words, f"at most {n} scales", describe(tau))


def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of reflectors, as `linalg.householder_product`."""
    return householder_product(input, tau)


@in_float32
def ormqr(
    input: Tensor,
    tau: Tensor,
    other: Tensor,
    left: bool = True,
    transpose: bool = False,
    *,
    out: Any = None,
) -> Tensor:
    """Q @ other, or other @ Q if not `left`, for the whole Q of reflectors as `geqrf` gives them.

    With `transpose` it is Qᴴ in place of Q, which is never formed.

    >>> import rushlight as rl
    >>> a, tau = rl.geqrf(rl.tensor([[3.0], [4.0]]))
    >>> rl.ormqr(a, tau, rl.tensor([[3.0], [4.0]]), transpose=True).abs().round()
    tensor([[5.],
            [0.]])
    """
    check_matrix("ormqr", input, out, "input")
    check_matrix("ormqr", other, argument="other")
    check_same_dtype("ormqr", input, other, "input", "other")
    vectors, product = _compact(input, tau)
    rows, axis = input._spec.shape[-2], -2 if left else -1
    if other._spec.shape[axis] != rows:
        words = f"ormqr: other.shape[{axis}] must be equal to input.shape[-2]"
        fail(RuntimeError, "ormqr", words, f"size {rows}", describe(other))
    product = product.mH if transpose else product
    if left:
        return other - vectors @ (product @ (vectors.mH @ other))
    return other - ((other @ vectors) @ product) @ vectors.mH


FUNCTIONS = {"qr": old_qr, "geqrf": geqrf, "orgqr": orgqr, "ormqr": ormqr}
METHODS = dict(FUNCTIONS)
