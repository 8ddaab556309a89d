"""LDL factors of symmetric (Hermitian) matrices that need not be positive-definite."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import linalg as p
from rushlight.graph.dtype import int32, int64
from rushlight.graph.node import Node
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import describe, fail
from rushlight.ops.linalg.checks import check_square, check_system
from rushlight.ops.results import named
from rushlight.tensor import Tensor


class LDLFactor(Operation):
    """L and D in one matrix, the pivots, and where D has a zero; without a derivative."""

    differentiable = False

    def forward(ctx, a: Node, hermitian: bool) -> tuple:
        packed, pivots, info = p.decompose(p.LDL, (a,), (hermitian,))
        return packed, e.cast(pivots, int32), e.cast(info, int32)


class LDLSolve(Operation):
    """x with a @ x = b, of a's factors; without a derivative."""

    differentiable = False

    def forward(ctx, packed: Node, pivots: Node, b: Node, hermitian: bool) -> Node:
        return p.ldl_solve(packed, e.cast(pivots, int64), b, hermitian)


_FACTOR = named("linalg_ldl_factor", "LD pivots")
_FACTOR_EX = named("linalg_ldl_factor_ex", "LD pivots info")


@in_float32
def ldl_factor(input: Tensor, *, hermitian: bool = False, out: Any = None) -> Any:
    """(LD, pivots): a compact form of P L D Lᵀ Pᵀ = input, by Bunch and Kaufman's pivoting.

    Takes (*, n, n) matrices, symmetric or with `hermitian` Hermitian, and reads the lower triangle.
    The form is LAPACK's (sytrf): D has blocks of 1 or 2 on the diagonal; int32 pivots count from 1
    and are negative for both columns of a block of 2.  There is no derivative.

    >>> import rushlight as rl
    >>> rl.linalg.ldl_factor(rl.tensor([[2.0, 1.0], [1.0, 2.0]])).LD
    tensor([[2.0000, 0.0000],
            [0.5000, 1.5000]])
    """
    check_square("linalg.ldl_factor", input, out)
    return _FACTOR(*LDLFactor.apply((input,), bool(hermitian))[:2])


@in_float32
def ldl_factor_ex(
    input: Tensor, *, hermitian: bool = False, check_errors: bool = False, out: Any = None
) -> Any:
    """(LD, pivots, info) as `ldl_factor`; info is 0, or the place of the first zero block of D."""
    check_square("linalg.ldl_factor_ex", input, out)
    return _FACTOR_EX(*LDLFactor.apply((input,), bool(hermitian)))


@in_float32
def ldl_solve(
    LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Any = None
) -> Tensor:
    """X with A @ X = B, of what `ldl_factor` gave of A; batches broadcast.

    >>> import rushlight as rl
    >>> factors = rl.linalg.ldl_factor(rl.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> rl.linalg.ldl_solve(*factors, rl.tensor([[3.0], [3.0]]))
    tensor([[1.],
            [1.]])
    """
    name = "linalg.ldl_solve"
    check_square(name, LD, out, "LD")
    check_system(name, LD, B, True)
    if pivots._spec.dtype not in (int32, int64):
        words = f"{name}: Expected pivots to be integers. Got {pivots._spec.dtype.name}"
        fail(RuntimeError, name, words, "int32 pivots", describe(pivots))
    if pivots._spec.shape != LD._spec.shape[:-1]:
        words = f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots "
        words += f"with shape {list(pivots.shape)} instead"
        fail(RuntimeError, name, words, f"shape {list(LD.shape[:-1])}", describe(pivots))
    return LDLSolve.apply((LD, pivots, B), bool(hermitian))
