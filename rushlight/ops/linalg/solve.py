"""Systems of linear equations, and inverses."""

from __future__ import annotations

from math import prod
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import linalg as p
from rushlight.graph.dtype import int32
from rushlight.graph.node import Node, Origin
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.ops.linalg.checks import check_same_dtype, check_square, check_system
from rushlight.ops.options import check_options
from rushlight.ops.places import origin
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgSolveEx")
class Solve(Operation):
    """x with a @ x = b, and where that failed: d/db solves with aᴴ, d/da = -(d/db) xᴴ.

    Giles 2008, "Collected matrix derivative results".
    """

    def forward(ctx, a: Node, b: Node, checks: str, origin: Origin | None) -> tuple:
        ctx.arguments = checks, origin
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        x, info = p.decompose(p.LINEAR_SOLVE, (a, b), (checks,), origin)
        return x, e.cast(info, int32)

    def backward(ctx, grad: Tensor, _: Tensor) -> tuple:
        a, x = ctx.saved
        of_b = Solve.apply((a.mH, grad), *ctx.arguments)[0]
        return -(of_b @ x.mH) if ctx.needs(0) else None, of_b


@shown_as("LinalgInvEx")
class Inverse(Operation):
    """a⁻¹, and where there is none: d/da = -a⁻ᴴ g a⁻ᴴ (Giles 2008)."""

    def forward(ctx, a: Node, checks: str, origin: Origin | None) -> tuple:
        ctx.save_outputs(0)
        inverse, info = p.decompose(p.INVERSE, (a,), (checks,), origin)
        return inverse, e.cast(info, int32)

    def backward(ctx, grad: Tensor, _: Tensor) -> Tensor:
        (inverse,) = ctx.saved
        adjoint = inverse.mH
        return -(adjoint @ grad @ adjoint)


_SOLVE_EX = named("linalg_solve_ex", "result info")
_INV_EX = named("linalg_inv_ex", "inverse info")


@in_float32
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Any = None) -> Tensor:
    """X with A @ X = B, or X @ A = B if not `left`; A is (*, n, n), B (*, n, k) or (*, n).

    B counts as vectors if it has one dimension, or A's shape without the last one; other batches
    broadcast.  LinAlgError, when it is computed, if a matrix is singular.

    >>> import rushlight as rl
    >>> rl.linalg.solve(rl.tensor([[2.0, 0.0], [0.0, 4.0]]), rl.tensor([2.0, 8.0]))
    tensor([1., 2.])
    """
    check_options("linalg.solve", out=out)
    return solved("linalg.solve", A, B, left, True)[0]


@in_float32
def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """(result, info) as `solve`; info is 0, or the place of the first zero pivot.

    The result for a singular matrix is NaN.

    >>> import rushlight as rl
    >>> rl.linalg.solve_ex(rl.zeros(1, 1), rl.ones(1)).info
    tensor(1, dtype=rushlight.int32)
    """
    check_options("linalg.solve_ex", out=out)
    return _SOLVE_EX(*solved("linalg.solve_ex", A, B, left, check_errors))


def solved(name: str, a: Tensor, b: Tensor, left: bool, checked: bool) -> tuple[Tensor, Tensor]:
    """The solution and info; B's columns may be vectors."""
    check_square(name, a)
    vectors = is_vectors(name, a, b)
    if vectors and not left:
        words = f"{name}: Vector broadcasting of the left hand side is not supported for "
        words += f"left=False. In this case {name} is equivalent to B / A.squeeze(-1)"
        fail(RuntimeError, name, words, "matrices B", describe(b))
    b = b.unsqueeze(-1) if vectors else b
    check_system(name, a, b, left)
    arguments = (name, origin(name)) if checked else ("", None)
    if left:
        x, info = Solve.apply((a, b), *arguments)
        return x.squeeze(-1) if vectors else x, info
    x, info = Solve.apply((a.mT, b.mT), *arguments)
    return x.mT, info


def is_vectors(name: str, a: Tensor, b: Any) -> bool:
    """Whether the right-hand side of a system holds vectors, not matrices."""
    check_tensor(name, "B", b)
    rank, shape = a._spec.rank, b._spec.shape
    return len(shape) == 1 or (rank - 1 == len(shape) and shape == a._spec.shape[:-1])


@in_float32
def inv(A: Tensor, *, out: Any = None) -> Tensor:
    """The inverses of (*, n, n) matrices; LinAlgError, when it is computed, if one is singular.

    `linalg.solve` is faster and more accurate than a product with an inverse.

    >>> import rushlight as rl
    >>> rl.linalg.inv(rl.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return inverse_of(check_square("linalg.inv", A, out))


def inverse_of(a: Tensor, name: str = "linalg.inv") -> Tensor:
    """The inverse, without checks of the argument."""
    return Inverse.apply((a,), name, origin(name))[0]


@in_float32
def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """(inverse, info) as `inv`; info is 0, or the place of the first zero pivot.

    The inverse of a singular matrix is NaN.

    >>> import rushlight as rl
    >>> rl.linalg.inv_ex(rl.zeros(1, 1)).info
    tensor(1, dtype=rushlight.int32)
    """
    name = "linalg.inv_ex"
    check_square(name, A, out)
    return _INV_EX(*Inverse.apply((A,), *((name, origin(name)) if check_errors else ("", None))))


def inverse(input: Tensor, *, out: Any = None) -> Tensor:
    """The inverses of (*, n, n) matrices, as `linalg.inv`."""
    return inv(input, out=out)


@in_float32
def tensorinv(input: Tensor, ind: int = 2, *, out: Any = None) -> Tensor:
    """The inverse for `tensordot`: tensordot(result, input, ind) is the identity.

    The first `ind` dimensions of input have as many elements as the others.

    >>> import rushlight as rl
    >>> rl.linalg.tensorinv(rl.eye(6).reshape(2, 3, 6)).shape
    rushlight.Size([6, 2, 3])
    """
    name = "linalg.tensorinv"
    check_tensor(name, "input", input)
    check_options(name, out=out)
    if ind <= 0:
        words = "Expected a strictly positive integer for 'ind'"
        fail(RuntimeError, name, words, "ind above 0", f"ind {ind}")
    shape = input._spec.shape
    rows, columns = prod(shape[:ind]), prod(shape[ind:])
    if rows != columns:
        words = "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
        words += f"prod(self.shape[:ind]), but got {columns} != {rows}"
        fail(RuntimeError, name, words, "as many elements before ind as behind", describe(input))
    matrix = check_square(name, input.reshape(rows, columns))
    return inverse_of(matrix, name).reshape((*shape[ind:], *shape[:ind]))


@in_float32
def tensorsolve(input: Tensor, other: Tensor, dims: Any = None, *, out: Any = None) -> Tensor:
    """X with tensordot(input, X, X.ndim) = other; `dims` of input are moved to its end first.

    >>> import rushlight as rl
    >>> rl.linalg.tensorsolve(rl.eye(4).reshape(2, 2, 4), rl.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    name = "linalg.tensorsolve"
    for argument, value in (("input", input), ("other", other)):
        check_tensor(name, argument, value)
    check_options(name, out=out)
    check_same_dtype(name, input, other)
    if dims is not None:
        axes = [check_axis(name, axis, input._spec.rank) for axis in dims]
        input = input.movedim(axes, list(range(-len(axes), 0)))
    shape, size = input._spec.shape[other._spec.rank :], other._spec.size
    if prod(shape) != size:
        words = "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
        words += f"prod(self.shape[:other.ndim]), but got {prod(shape)} != {size}"
        fail(RuntimeError, name, words, "a square system", f"{describe(input)}, {describe(other)}")
    matrix = input.reshape(size, size)
    return solved(name, matrix, other.reshape(-1), True, True)[0].reshape(shape)


FUNCTIONS = {"inverse": inverse}
METHODS = dict(FUNCTIONS)
