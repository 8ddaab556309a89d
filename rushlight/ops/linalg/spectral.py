"""Eigenvalues and eigenvectors."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import linalg as p
from rushlight.graph.node import Node, Origin
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import fail
from rushlight.ops.linalg.checks import check_square, identity_like, is_differentiated
from rushlight.ops.linalg.determinant import real_part
from rushlight.ops.linalg.solve import Solve
from rushlight.ops.places import origin
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


def differences(values: Tensor) -> tuple[Tensor, Tensor]:
    """value[j] - value[i] at place (i, j) but 1 on the diagonal, and 0 there but 1 elsewhere."""
    one = identity_like(values.unsqueeze(-1))
    return values.unsqueeze(-2) - values.unsqueeze(-1) + one, 1 - one


@shown_as("LinalgEigh")
class Eigh(Operation):
    """Values w and vectors V with a = V diag(w) Vᴴ, of one triangle of a.

    d/da = V (diag(gw) + (Vᴴ gV) / (wⱼ - wᵢ)) Vᴴ, the quotient off the diagonal (Giles 2008), made
    Hermitian, as a is taken to be.
    """

    materialize = False

    def forward(ctx, a: Node, triangle: str, origin: Origin) -> tuple:
        ctx.save_outputs(0, 1)
        values, vectors = p.decompose(p.EIGH, (a,), (True, triangle), origin)
        return real_part(values), vectors

    def backward(ctx, of_values: Tensor | None, of_vectors: Tensor | None) -> Tensor:
        values, vectors = ctx.saved
        found: Any = 0
        if of_values is not None:
            found = (vectors * of_values.unsqueeze(-2)) @ vectors.mH
        if of_vectors is not None:
            gaps, off_diagonal = differences(values)
            inner = (vectors.mH @ of_vectors) * off_diagonal / gaps
            inner = (inner + inner.mH) * 0.5
            found = vectors @ inner @ vectors.mH + found
        return found


@shown_as("LinalgEigh")
class Eigvalsh(Operation):
    """Values alone, where no gradient is asked for."""

    differentiable = False

    def forward(ctx, a: Node, triangle: str, origin: Origin) -> Node:
        return real_part(p.decompose(p.EIGH, (a,), (False, triangle), origin)[0])


@shown_as("LinalgEig")
class Eig(Operation):
    """Values w and vectors V, of length 1, with a V = V diag(w); complex.

    With M = Vᴴ gV, d/da = V⁻ᴴ (diag(gw) + (M - Vᴴ V diag(Re M)) / conj(wⱼ - wᵢ)) Vᴴ (Boeddeker et
    al. 2017, "On the computation of complex-valued gradients").
    """

    materialize = False

    def forward(ctx, a: Node, origin: Origin) -> tuple:
        ctx.save_outputs(0, 1)
        return tuple(p.decompose(p.EIG, (a,), (True,), origin))

    def backward(ctx, of_values: Tensor | None, of_vectors: Tensor | None) -> Tensor:
        values, vectors = ctx.saved
        adjoint, one = vectors.mH, identity_like(vectors)
        inner: Any = 0 if of_values is None else of_values.unsqueeze(-2) * one
        if of_vectors is not None:
            gaps, off_diagonal = differences(values)
            product = adjoint @ of_vectors
            lengths = product.diagonal(0, -2, -1).real.unsqueeze(-2)
            turned = product - (adjoint @ vectors) * lengths
            inner = turned * off_diagonal / gaps.conj() + inner
        found = Solve.apply((adjoint, inner @ adjoint), "", None)[0]
        return found if ctx.input_spec(0).dtype.is_complex else found.real


@shown_as("LinalgEig")
class Eigvals(Operation):
    """Values alone, where no gradient is asked for."""

    differentiable = False

    def forward(ctx, a: Node, origin: Origin) -> Node:
        return p.decompose(p.EIG, (a,), (False,), origin)[0]


_EIG = named("linalg_eig", "eigenvalues eigenvectors")
_EIGH = named("linalg_eigh", "eigenvalues eigenvectors")


@in_float32
def eigh(input: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """(eigenvalues, eigenvectors) of symmetric (Hermitian) (*, n, n) matrices.

    Values are real and ascending; the vectors are the columns.  One triangle is read: the lower,
    or with UPLO "U" the upper.  Gradients of vectors need values that differ.  LinAlgError, when it
    is computed, for infinities and NaN.

    >>> import rushlight as rl
    >>> rl.linalg.eigh(rl.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    name = "linalg.eigh"
    check_square(name, input, out)
    return _EIGH(*Eigh.apply((input,), _triangle(name, UPLO), origin(name)))


@in_float32
def eigvalsh(input: Tensor, UPLO: str = "L", *, out: Any = None) -> Tensor:
    """The eigenvalues of symmetric (Hermitian) matrices, ascending.

    >>> import rushlight as rl
    >>> rl.linalg.eigvalsh(rl.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    name = "linalg.eigvalsh"
    check_square(name, input, out)
    arguments = _triangle(name, UPLO), origin(name)
    if is_differentiated(input):
        return Eigh.apply((input,), *arguments)[0]
    return Eigvalsh.apply((input,), *arguments)


def _triangle(name: str, triangle: str) -> str:
    if triangle not in ("L", "U", "l", "u"):
        words = f"Expected UPLO argument to be 'L' or 'U', but got {triangle}"
        fail(RuntimeError, name, words, "'L' or 'U'", repr(triangle))
    return triangle.upper()


@in_float32
def eig(input: Tensor, *, out: Any = None) -> Any:
    """(eigenvalues, eigenvectors) of square matrices, both complex, in no special order.

    The vectors are the columns, of length 1; their phase is free, so what is differentiated must
    not depend on it.  LinAlgError, when it is computed, for infinities and NaN.

    >>> import rushlight as rl
    >>> rl.linalg.eig(rl.tensor([[0.0, -1.0], [1.0, 0.0]])).eigenvalues
    tensor([0.+1.j, 0.-1.j])
    """
    name = "linalg.eig"
    return _EIG(*Eig.apply((check_square(name, input, out),), origin(name)))


@in_float32
def eigvals(input: Tensor, *, out: Any = None) -> Tensor:
    """The eigenvalues of square matrices, complex, in no special order.

    >>> import rushlight as rl
    >>> rl.linalg.eigvals(rl.tensor([[0.0, -1.0], [1.0, 0.0]]))
    tensor([0.+1.j, 0.-1.j])
    """
    name = "linalg.eigvals"
    check_square(name, input, out)
    if is_differentiated(input):
        return Eig.apply((input,), origin(name))[0]
    return Eigvals.apply((input,), origin(name))


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
