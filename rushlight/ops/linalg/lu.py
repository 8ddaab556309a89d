"""LU factors with partial pivoting, and systems solved by them."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import linalg as p
from rushlight.graph.dtype import int32, int64
from rushlight.graph.node import Node, Origin
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import broadcast, describe, fail
from rushlight.ops.join import cat
from rushlight.ops.linalg.checks import (
    batched,
    check_matrix,
    check_same_dtype,
    check_square,
    check_system,
    identity_like,
)
from rushlight.ops.linalg.triangular import under
from rushlight.ops.places import origin
from rushlight.ops.ranges import arange
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgLuFactorEx")
class LUFactor(Operation):
    """L and U in one matrix, with P L U = a; the swaps of rows; where U has a zero.

    With a' = Pᵀ a and square factors, d/da' = L⁻ᴴ (tril(Lᴴ gL, -1) + triu(gU Uᴴ)) U⁻ᴴ (Seeger et
    al. 2017, "Auto-differentiating linear algebra").  Rows below a square U are A₂ = L₂ U, columns
    right of a square L are A₂ = L U₂: their gradients come first, and what they leave for U or L.
    """

    def forward(ctx, a: Node, pivot: bool, checks: str, origin: Origin | None) -> tuple:
        packed, pivots, info = p.decompose(p.LU, (a,), (pivot, checks), origin)
        places = e.cast(pivots, int64)
        ctx.save_outputs(0)
        ctx.save_values(p.permutation(places, a.spec.shape[-2]))
        return packed, e.cast(places, int32), e.cast(info, int32)

    def backward(ctx, grad: Tensor, *_: Tensor) -> Tensor:
        packed, order = ctx.saved
        m, n = packed._spec.shape[-2:]
        k = min(m, n)
        square, of_square = packed[..., :k, :k], grad[..., :k, :k]
        of_lower, of_upper = of_square.tril(-1), of_square.triu()
        if m > n:
            rest = under(square, grad[..., k:, :].mH, upper=True).mH
            of_upper = of_upper - packed[..., k:, :].mH @ rest
        elif n > m:
            rest = under(square.mH, grad[..., k:], upper=True, unit=True)
            of_lower = of_lower - rest @ packed[..., k:].mH
        lower = square.tril(-1) + identity_like(square)
        core = (lower.mH @ of_lower).tril(-1) + (of_upper @ square.triu().mH).triu()
        half = under(square.mH, core, upper=True, unit=True)
        found = under(square, half.mH, upper=True).mH
        if m != n:
            found = cat((found, rest), -2 if m > n else -1)
        return take_rows(found, order.argsort(-1))


def take_rows(x: Tensor, order: Tensor) -> Tensor:
    """Row order[i] of x as row i; both have the same batches."""
    return x.gather(-2, order.unsqueeze(-1).expand(x._spec.shape))


class Permutation(Operation):
    """Where each row comes from after swaps."""

    differentiable = False

    def forward(ctx, pivots: Node, rows: int) -> Node:
        return p.permutation(e.cast(pivots, int64), rows)


_FACTOR = named("linalg_lu_factor", "LU pivots")
_FACTOR_EX = named("linalg_lu_factor_ex", "LU pivots info")
_LU = named("linalg_lu", "P L U")
_UNPACK = named("lu_unpack", "P L U")


@in_float32
def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """(LU, pivots): L below the diagonal of LU, U on and above it, and the swaps of rows.

    Takes (*, m, n) matrices; pivots, int32 of shape (*, min(m, n)), count from 1: row i was swapped
    with row pivots[i].  Without `pivot` no rows are swapped.  LinAlgError, when it is computed, if
    U has a zero on its diagonal.

    >>> import rushlight as rl
    >>> LU, pivots = rl.linalg.lu_factor(rl.tensor([[1.0, 2.0], [2.0, 6.0]]))
    >>> LU, pivots
    (tensor([[ 2.0000,  6.0000],
            [ 0.5000, -1.0000]]), tensor([2, 2], dtype=rushlight.int32))
    """
    name = "linalg.lu_factor"
    check_matrix(name, A, out)
    return _FACTOR(*LUFactor.apply((A,), pivot, name, origin(name))[:2])


@in_float32
def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """(LU, pivots, info) as `lu_factor`; info is 0, or the place of the first zero on U."""
    name = "linalg.lu_factor_ex"
    check_matrix(name, A, out)
    checks = (name, origin(name)) if check_errors else ("", None)
    return _FACTOR_EX(*LUFactor.apply((A,), pivot, *checks))


@in_float32
def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """(P, L, U) with A = P @ L @ U: P of shape (*, m, m), L (*, m, k), U (*, k, n).

    k is min(m, n).  Without `pivot`, P is empty and A = L @ U.

    >>> import rushlight as rl
    >>> P, L, U = rl.linalg.lu(rl.tensor([[1.0, 2.0], [2.0, 6.0]]))
    >>> L
    tensor([[1.0000, 0.0000],
            [0.5000, 1.0000]])
    """
    check_matrix("linalg.lu", A, out)
    packed, pivots, _ = LUFactor.apply((A,), pivot, "", None)
    return _LU(*_unpacked(packed, pivots, True, pivot))


def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
    *,
    out: Any = None,
) -> Any:
    """(P, L, U) of what `lu_factor` gave; what is not unpacked is empty."""
    check_matrix("lu_unpack", LU_data, out, "LU_data")
    if unpack_pivots and LU_pivots._spec.dtype is not int32:
        words = "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
        words += "dtype. Note: this function is intended to be used with the output produced by "
        words += "torch.linalg.lu_factor"
        fail(RuntimeError, "lu_unpack", words, "int32 pivots", describe(LU_pivots))
    return _UNPACK(*_unpacked(LU_data, LU_pivots, unpack_data, unpack_pivots))


def _unpacked(packed: Tensor, pivots: Tensor, data: bool, swaps: bool) -> tuple:
    m, n = packed._spec.shape[-2:]
    k = min(m, n)
    swapped = lower = upper = packed.new_empty(0)
    if data:
        lower = packed[..., :k].tril(-1) + identity_like(packed, m)[:, :k]
        upper = packed[..., :k, :].triu()
    if swaps:
        order = Permutation.apply((pivots,), m)
        swapped = (arange(m).unsqueeze(-1) == order.unsqueeze(-2)).to(packed._spec.dtype)
    return swapped, lower, upper


@in_float32
def lu_solve(
    LU: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    adjoint: bool = False,
    out: Any = None,
) -> Tensor:
    """X with A @ X = B (or X @ A = B if not `left`), of what `lu_factor` gave of A.

    With `adjoint` it is Aᴴ in place of A.  Batches broadcast.

    >>> import rushlight as rl
    >>> factors = rl.linalg.lu_factor(rl.tensor([[1.0, 2.0], [2.0, 6.0]]))
    >>> rl.linalg.lu_solve(*factors, rl.tensor([[3.0], [8.0]]))
    tensor([[1.],
            [1.]])
    """
    name = "linalg.lu_solve"
    check_square(name, LU, out, "LU")
    if pivots._spec.dtype is not int32:
        words = f"{name}: pivots should be a Tensor of scalar type torch.int32"
        fail(RuntimeError, name, words, "int32 pivots", describe(pivots))
    check_system(name, LU, B, left)
    if pivots._spec.shape[-1:] != LU._spec.shape[-1:]:
        words = f"{name}: Number of pivots per batch should be same as the dimension of the matrix"
        fail(RuntimeError, name, words, f"{LU._spec.shape[-1]} pivots", describe(pivots))
    if not left:
        return _solved(LU, pivots, B.mH, not adjoint).mH
    return _solved(LU, pivots, B, adjoint)


def _solved(packed: Tensor, pivots: Tensor, b: Tensor, adjoint: bool) -> Tensor:
    batch = broadcast(packed._spec.shape[:-2], b._spec.shape[:-2], "linalg.lu_solve")
    order = batched(Permutation.apply((pivots,), packed._spec.shape[-1]), batch, 1)
    if adjoint:
        half = under(packed.mH, batched(b, batch), upper=False)
        return take_rows(under(packed.mH, half, upper=True, unit=True), order.argsort(-1))
    half = under(packed, take_rows(batched(b, batch), order), upper=False, unit=True)
    return under(packed, half, upper=True)


@in_float32
def old_lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> tuple:
    """(LU, pivots), and info with `get_infos`; `linalg.lu_factor` is newer."""
    check_matrix("lu", A, out)
    checks = ("", None) if get_infos else ("lu_factor", origin("lu"))
    packed, pivots, info = LUFactor.apply((A,), pivot, *checks)
    return (packed, pivots, info) if get_infos else (packed, pivots)


@in_float32
def old_lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Any = None) -> Tensor:
    """X with A @ X = b, of what `lu` gave of A; `linalg.lu_solve` is newer."""
    check_square("lu_solve", LU_data, out, "LU_data")
    check_matrix("lu_solve", b, argument="b")
    check_same_dtype("lu_solve", LU_data, b, "LU_data", "b")
    return lu_solve(LU_data, LU_pivots, b)


FUNCTIONS = {"lu": old_lu, "lu_solve": old_lu_solve, "lu_unpack": lu_unpack}
METHODS = {"lu": old_lu, "lu_solve": old_lu_solve}
