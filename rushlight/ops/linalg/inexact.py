"""What a tolerance decides: pseudo-inverses, least squares, ranks."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import linalg as p
from rushlight.graph.dtype import int64
from rushlight.graph.node import Node, Origin
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import maximum, where
from rushlight.ops.linalg.checks import (
    batched,
    check_matrix,
    check_same_dtype,
    check_square,
    epsilon_of,
)
from rushlight.ops.linalg.determinant import real_part
from rushlight.ops.linalg.singular import values_of
from rushlight.ops.linalg.solve import is_vectors
from rushlight.ops.linalg.spectral import eigvalsh
from rushlight.ops.places import origin
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor

Tolerance = float | Tensor | None


@shown_as("LinalgPinv")
class PseudoInverse(Operation):
    """P = a⁺: the derivative of Golub and Pereyra 1973, for a rank that stays as it is."""

    def forward(
        ctx, a: Node, absolute: Node, relative: Node, hermitian: bool, origin: Origin
    ) -> Node:
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        return p.pseudo_inverse(a, absolute, relative, hermitian, origin)

    def backward(ctx, grad: Tensor) -> tuple:
        a, inverse = ctx.saved
        return pinv_gradient(a, inverse, grad), None, None


def pinv_gradient(a: Tensor, inverse: Tensor, grad: Tensor) -> Tensor:
    """-Pᴴ g Pᴴ + (I - a P) gᴴ P Pᴴ + Pᴴ P gᴴ (I - P a)."""
    adjoint, of = inverse.mH, grad.mH
    after = of @ inverse @ adjoint
    before = adjoint @ inverse @ of
    found = after - a @ (inverse @ after) - adjoint @ grad @ adjoint
    return found + before - (before @ inverse) @ a


def _tolerances(name: str, a: Tensor, absolute: Tolerance, relative: Tolerance) -> tuple:
    """The absolute and the relative tolerance for each matrix, as real tensors.

    Without a relative one it is epsilon times the larger size, but 0 where the absolute is not.
    """
    *batch, m, n = a._spec.shape
    dtype = a._spec.dtype
    default = epsilon_of(dtype) * max(m, n)
    like = a.detach().abs() if dtype.is_complex else a.detach()
    zero = like.new_zeros(())
    absolute_given = _tolerance(name, "atol", zero if absolute is None else absolute, zero)
    if relative is None:
        relative_given = where(absolute_given > 0, zero, zero + default)
    else:
        relative_given = _tolerance(name, "rtol", relative, zero)
    return batched(absolute_given, tuple(batch), 0), batched(relative_given, tuple(batch), 0)


def _tolerance(name: str, argument: str, value: float | Tensor, like: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        return like + float(value)
    if value._spec.dtype.is_complex:
        words = f"{name}: {argument} tensor of complex type is not supported."
        fail(RuntimeError, name, words, "real numbers", describe(value))
    return value.detach().to(like._spec.dtype)


@in_float32
def pinv(
    input: Tensor,
    rcond: Tolerance = None,
    hermitian: bool = False,
    *,
    atol: Tolerance = None,
    rtol: Tolerance = None,
    out: Any = None,
) -> Tensor:
    """The pseudo-inverses of Moore and Penrose, (*, n, m) of (*, m, n) matrices.

    Singular values up to max(atol, rtol * the largest) count as 0; by default atol is 0 and rtol is
    epsilon * max(m, n), or 0 if atol is given.  `rcond` is an older name of rtol.  With `hermitian`
    the matrices are taken as symmetric (Hermitian), and the lower triangle is read.

    >>> import rushlight as rl
    >>> rl.linalg.pinv(rl.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    name = "linalg.pinv"
    (check_square if hermitian else check_matrix)(name, input, out)
    return pseudo_inverse(name, input, atol, rcond if rtol is None else rtol, hermitian)


def pseudo_inverse(
    name: str, a: Tensor, absolute: Tolerance, relative: Tolerance, hermitian: bool = False
) -> Tensor:
    """The pseudo-inverse, without checks of the matrix."""
    tolerances = _tolerances(name, a, absolute, relative)
    return PseudoInverse.apply((a, *tolerances), bool(hermitian), origin(name))


@in_float32
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverses of matrices; singular values below rcond * the largest count as 0."""
    return pseudo_inverse("pinverse", check_matrix("pinverse", input), 0.0, rcond)


@in_float32
def matrix_rank(
    input: Tensor,
    tol: Tolerance = None,
    hermitian: bool = False,
    *,
    atol: Tolerance = None,
    rtol: Tolerance = None,
    out: Any = None,
) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest), as int64.

    The tolerances are as for `pinv`; `tol` is an absolute one.  With `hermitian` the sizes of
    eigenvalues stand for the singular values.

    >>> import rushlight as rl
    >>> rl.linalg.matrix_rank(rl.ones(3, 3))
    tensor(1)
    """
    name = "linalg.matrix_rank"
    (check_square if hermitian else check_matrix)(name, input, out)
    if tol is not None:
        atol, rtol = tol, 0.0
    matrix = input.detach()
    if not input._spec.size:
        return matrix.new_zeros(tuple(input._spec.shape[:-2]), dtype=int64)
    absolute, relative = _tolerances(name, matrix, atol, rtol)
    sizes = eigvalsh(matrix).abs() if hermitian else values_of(matrix, name)
    least = maximum(absolute, relative * sizes.amax(-1))
    return (sizes > least.unsqueeze(-1)).sum(-1)


@shown_as("LinalgLstsq")
class LeastSquares(Operation):
    """(x, rank, singular values) with |a x - b| least, and of these x the least.

    As x = a⁺ b, the gradient is the pseudo-inverse's.
    """

    def forward(ctx, a: Node, b: Node, relative: float, origin: Origin) -> tuple:
        ctx.relative = relative
        ctx.save_inputs(0, 1)
        x, rank, sizes = p.decompose(p.LEAST_SQUARES, (a, b), (), origin, (relative,))
        return x, e.cast(rank, int64), real_part(sizes)

    def backward(ctx, grad: Tensor, *_: Tensor) -> tuple:
        a, b = ctx.saved
        inverse = pseudo_inverse("linalg.lstsq", a, 0.0, ctx.relative)
        of_a = pinv_gradient(a, inverse, grad @ b.mH) if ctx.needs(0) else None
        return of_a, inverse.mH @ grad


_LSTSQ = named("linalg_lstsq", "solution residuals rank singular_values")
_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@in_float32
def lstsq(
    input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> Any:
    """(solution, residuals, rank, singular_values) of the least squares problem input @ X = b.

    input is (*, m, n), b (*, m, k) or vectors (*, m).  All drivers (LAPACK's names; "gelsy" unless
    given) find X by singular values, and the least X where there are several; values up to rcond
    times the largest count as 0, epsilon * max(m, n) unless given.  What a driver does not find is
    empty: rank for "gels", singular_values but for "gelsd" and "gelss"; residuals are there if
    m > n and the rank is n, but not for "gelsy".

    >>> import rushlight as rl
    >>> A = rl.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> rl.linalg.lstsq(A, rl.tensor([[1.0], [3.0], [5.0]])).solution
    tensor([[1.],
            [2.]])
    """
    name, driver = "linalg.lstsq", "gelsy" if driver is None else driver
    vectors = _check_least_squares(name, input, b, driver)
    b = b.unsqueeze(-1) if vectors else b
    m, n = input._spec.shape[-2:]
    relative = epsilon_of(input._spec.dtype) * max(m, n) if rcond is None else float(rcond)
    x, rank, sizes = LeastSquares.apply((input, b), relative, origin(name))
    residuals = _residuals(input, b, x, rank, driver, vectors)
    rank = rank.new_empty(0) if driver == "gels" else rank
    sizes = sizes if driver in ("gelsd", "gelss") else sizes.new_empty(0)
    return _LSTSQ(x.squeeze(-1) if vectors else x, residuals, rank, sizes)


def _check_least_squares(name: str, a: Tensor, b: Tensor, driver: str) -> bool:
    """Whether b holds vectors; an error for what does not fit."""
    check_matrix(name, a, argument="input")
    check_tensor(name, "b", b)
    check_same_dtype(name, a, b, "input", "other")
    if not 0 <= a._spec.rank - b._spec.rank <= 1 and b._spec.rank != 1:
        words = f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - "
        fail(RuntimeError, name, f"{words}other.dim()) <= 1", "matrices or vectors", describe(b))
    vectors = is_vectors(name, a, b)
    axis = -1 if vectors else -2
    if b._spec.shape[axis] != a._spec.shape[-2]:
        words = f"{name}: input.size(-2) should match other.size({axis})"
        fail(RuntimeError, name, words, f"{a._spec.shape[-2]} rows", describe(b))
    if driver not in _DRIVERS:
        words = f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        fail(RuntimeError, name, words, "a driver", repr(driver))
    return vectors


def _residuals(a: Tensor, b: Tensor, x: Tensor, rank: Tensor, driver: str, vectors: bool) -> Tensor:
    """The sums of squares |a x - b|²; a sync point for drivers that find the rank."""
    m, n = a._spec.shape[-2:]
    wanted = m > n and driver != "gelsy"
    if wanted and driver != "gels":
        wanted = bool((rank._values() == n).all())
    if not wanted:
        return real_zeros(a)
    size = (a @ x - b).abs()
    found = (size * size).sum(-2)
    return found.squeeze(-1) if vectors and not found._spec.shape[:-1] else found


def real_zeros(like: Tensor) -> Tensor:
    """An empty tensor of real numbers."""
    return (like.detach().abs() if like._spec.dtype.is_complex else like).new_empty(0)


FUNCTIONS = {"pinverse": pinverse}
METHODS = dict(FUNCTIONS)
