"""Cholesky factors of symmetric (Hermitian) positive-definite matrices."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import linalg as p
from rushlight.graph.dtype import int32
from rushlight.graph.node import Node, Origin
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import broadcast, describe, fail
from rushlight.ops.linalg.checks import (
    batched,
    check_matrix,
    check_same_dtype,
    check_square,
    identity_like,
)
from rushlight.ops.linalg.triangular import under
from rushlight.ops.places import origin
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgCholeskyEx")
class Cholesky(Operation):
    """L with L Lᴴ = a, of a's lower triangle, and where it failed.

    d/da = (S + Sᴴ) / 2 with S = L⁻ᴴ Φ(Lᴴ g) L⁻¹; Φ takes the lower triangle with half its diagonal
    (Murray 2016, "Differentiation of the Cholesky decomposition").
    """

    def forward(ctx, a: Node, checks: str, origin: Origin | None) -> tuple:
        ctx.save_outputs(0)
        factor, info = p.decompose(p.CHOLESKY, (a,), (checks,), origin)
        return factor, e.cast(info, int32)

    def backward(ctx, grad: Tensor, _: Tensor) -> Tensor:
        (factor,) = ctx.saved
        product = factor.mH @ grad
        half = (product.tril() + product.tril(-1)) * 0.5
        middle = under(factor.mH, half, upper=True)
        found = under(factor.mH, middle.mH, upper=True)
        return (found + found.mH) * 0.5


_CHOLESKY_EX = named("linalg_cholesky_ex", "L info")


@in_float32
def cholesky(input: Tensor, *, upper: bool = False, out: Any = None) -> Tensor:
    """The lower factor L with L Lᴴ = input, or the upper one with Uᴴ U = input.

    Takes (*, n, n) symmetric (Hermitian) positive-definite matrices and reads one triangle only:
    the lower one, or with `upper` the upper one.  LinAlgError, when it is computed, if a matrix is
    not positive-definite.

    >>> import rushlight as rl
    >>> rl.linalg.cholesky(rl.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    name = "linalg.cholesky"
    return _factor(check_square(name, input, out), upper, name, origin(name))[0]


@in_float32
def cholesky_ex(
    input: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None
) -> Any:
    """(L, info) as `cholesky`; info is 0, or the order of a leading minor that is not positive.

    >>> import rushlight as rl
    >>> rl.linalg.cholesky_ex(rl.tensor([[1.0, 2.0], [2.0, 1.0]])).info
    tensor(2, dtype=rushlight.int32)
    """
    name = "linalg.cholesky_ex"
    check_square(name, input, out)
    checks = (name, origin(name)) if check_errors else ("", None)
    return _CHOLESKY_EX(*_factor(input, upper, *checks))


def _factor(matrix: Tensor, upper: bool, checks: str, place: Origin | None) -> tuple:
    factor, info = Cholesky.apply((matrix.mH if upper else matrix,), checks, place)
    return factor.mH if upper else factor, info


@in_float32
def old_cholesky(input: Tensor, upper: bool = False, *, out: Any = None) -> Tensor:
    """The lower factor L with L Lᴴ = input, or the upper one; `linalg.cholesky` is newer."""
    name = "cholesky"
    return _factor(check_square(name, input, out), upper, name, origin(name))[0]


class CholeskySolve(Operation):
    """x with L Lᴴ x = b: d/db is another such system, d/dL = -(s + sᴴ) L with s = (d/db) xᴴ.

    As in PyTorch, L's gradient counts all elements of L, though one triangle is read.
    """

    def forward(ctx, b: Node, factor: Node) -> Node:
        ctx.save_inputs(1)
        ctx.save_outputs(0)
        half = p.triangular_solve(factor, b, False, False)
        return p.triangular_solve(factor, half, False, False, adjoint=True)

    def backward(ctx, grad: Tensor) -> tuple:
        factor, x = ctx.saved
        of_b = CholeskySolve.apply((grad, factor))
        if not ctx.needs(1):
            return of_b, None
        product = of_b @ x.mH
        return of_b, -((product + product.mH) @ factor)


@in_float32
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False, *, out: Any = None) -> Tensor:
    """X with A @ X = B, of the Cholesky factor L of A: A = L Lᴴ, or Lᴴ L with `upper`.

    >>> import rushlight as rl
    >>> L = rl.tensor([[2.0, 0.0], [1.0, 2.0]])
    >>> rl.cholesky_solve(rl.tensor([[4.0], [2.0]]), L)
    tensor([[1.],
            [0.]])
    """
    name = "cholesky_solve"
    check_square(name, L, out, "L")
    check_matrix(name, B, argument="B")
    check_same_dtype(name, L, B, "L", "B")
    _check_rows(name, B, L)
    batch = broadcast(B._spec.shape[:-2], L._spec.shape[:-2], name)
    return CholeskySolve.apply((batched(B, batch), batched(L.mH if upper else L, batch)))


def _check_rows(name: str, b: Tensor, factor: Tensor) -> None:
    rows, order = b._spec.shape[-2], factor._spec.shape[-1]
    if rows != order:
        words = f"Incompatible matrix sizes for {name}: each A matrix is {order} by {order} but "
        words += f"each b matrix is {rows} by {b._spec.shape[-1]}"
        fail(RuntimeError, name, words, f"{order} rows", describe(b))


@in_float32
def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Any = None) -> Tensor:
    """The inverse of A, of the Cholesky factor L of A: A = L Lᴴ, or Lᴴ L with `upper`.

    >>> import rushlight as rl
    >>> rl.cholesky_inverse(rl.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0.2500, 0.0000],
            [0.0000, 1.0000]])
    """
    check_square("cholesky_inverse", L, out, "L")
    factor = L.mH if upper else L
    return CholeskySolve.apply((batched(identity_like(L), L._spec.shape[:-2]), factor))


FUNCTIONS = {
    "cholesky": old_cholesky,
    "cholesky_solve": cholesky_solve,
    "cholesky_inverse": cholesky_inverse,
}
METHODS = dict(FUNCTIONS)
