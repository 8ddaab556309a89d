"""Systems with triangular matrices."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import linalg as p
from rushlight.graph.node import Node
from rushlight.ops.autocast import in_float32
from rushlight.ops.linalg.checks import check_system
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgSolveTriangular")
class TriangularSolve(Operation):
    """x with a @ x = b: d/db is another such system, d/da = -(d/db) xᴴ in a's triangle."""

    def forward(ctx, a: Node, b: Node, upper: bool, unit: bool) -> Node:
        ctx.flags = upper, unit
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        return p.triangular_solve(a, b, upper, unit)

    def backward(ctx, grad: Tensor) -> tuple:
        (a, x), (upper, unit) = ctx.saved, ctx.flags
        of_b = under(a.mH, grad, not upper, unit)
        if not ctx.needs(0):
            return None, of_b
        of_a = -(of_b @ x.mH)
        return (of_a.triu(int(unit)) if upper else of_a.tril(-int(unit))), of_b


def under(a: Tensor, b: Tensor, upper: bool, unit: bool = False) -> Tensor:
    """x with a @ x = b for triangular a, without checks."""
    return TriangularSolve.apply((a, b), upper, unit)


def over(b: Tensor, a: Tensor, upper: bool, unit: bool = False) -> Tensor:
    """x with x @ a = b for triangular a, without checks."""
    return under(a.mT, b.mT, not upper, unit).mT


@in_float32
def solve_triangular(
    input: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Any = None,
) -> Tensor:
    """X with input @ X = B (or X @ input = B if not `left`), for triangular (*, n, n) matrices.

    Only the upper or the lower triangle of input is read; with `unitriangular` its diagonal counts
    as 1.  Batches broadcast.  Nothing is checked about zeros on the diagonal: they give infinities.

    >>> import rushlight as rl
    >>> A = rl.tensor([[2.0, 1.0], [0.0, 4.0]])
    >>> rl.linalg.solve_triangular(A, rl.tensor([[4.0], [8.0]]), upper=True)
    tensor([[1.],
            [2.]])
    """
    check_system("linalg.solve_triangular", input, B, left, out)
    return (under if left else _swapped)(input, B, upper, unitriangular)


def _swapped(a: Tensor, b: Tensor, upper: bool, unit: bool) -> Tensor:
    return over(b, a, upper, unit)


_TRIANGULAR_SOLVE = named("triangular_solve", "solution cloned_coefficient")


@in_float32
def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Any = None,
) -> Any:
    """(X, a copy of A) with A @ X = b, or Aᵀ @ X = b; `linalg.solve_triangular` is newer."""
    check_system("triangular_solve", A, b, True, out)
    x = under(A.mT, b, not upper, unitriangular) if transpose else under(A, b, upper, unitriangular)
    return _TRIANGULAR_SOLVE(x, A.clone())


FUNCTIONS = {"triangular_solve": triangular_solve}
METHODS = dict(FUNCTIONS)
