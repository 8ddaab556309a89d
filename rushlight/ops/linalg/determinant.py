"""Determinants and their logarithms."""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import linalg as p
from rushlight.graph.dtype import complex64, float32, float64
from rushlight.graph.node import Node
from rushlight.ops.autocast import in_float32
from rushlight.ops.compare import where
from rushlight.ops.complex import conj
from rushlight.ops.linalg.checks import check_square
from rushlight.ops.linalg.solve import Inverse
from rushlight.ops.results import named, shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgDet")
class Determinant(Operation):
    """det a: d/da = g adj(a)ᴴ, by Jacobi's formula; a singular matrix has it too."""

    def forward(ctx, a: Node) -> Node:
        ctx.save_inputs(0)
        return p.decompose(p.DETERMINANT, (a,))[0]

    def backward(ctx, grad: Tensor) -> Tensor:
        (a,) = ctx.saved
        return Adjugate.apply((a,)).mH * grad[..., None, None]


class Adjugate(Operation):
    """adj a = det(a) a⁻¹, whose derivative is taken from that product: not for singular a."""

    def forward(ctx, a: Node) -> Node:
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        return p.adjugate(a)

    def backward(ctx, grad: Tensor) -> Tensor:
        a, result = ctx.saved
        determinant = Determinant.apply((a,))[..., None, None]
        inverse = Inverse.apply((a,), "", None)[0].mH
        along = (grad * inverse.mT).sum((-2, -1), keepdim=True)
        return along * result.mH - conj(determinant) * (inverse @ grad @ inverse)


@shown_as("LinalgSlogdet")
class LogDeterminant(Operation):
    """(det a / |det a|, log |det a|): d/da = g a⁻ᴴ (Giles 2008); the sign turns for complex a."""

    def forward(ctx, a: Node) -> tuple:
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        sign, logarithm = p.decompose(p.LOG_DETERMINANT, (a,))
        return sign, real_part(logarithm)

    def backward(ctx, of_sign: Tensor, grad: Tensor) -> Tensor:
        a, sign = ctx.saved
        if a._spec.dtype.is_complex:
            grad = grad - 1j * (conj(of_sign) * sign).imag
        return Inverse.apply((a,), "", None)[0].mH * grad[..., None, None]


def real_part(x: Node) -> Node:
    """Numbers whose imaginary part is known to be 0, as real ones."""
    if not x.spec.dtype.is_complex:
        return x
    return e.cast(x, float32 if x.spec.dtype is complex64 else float64)


_SLOGDET = named("slogdet", "sign logabsdet")
_LINALG_SLOGDET = named("linalg_slogdet", "sign logabsdet")


@in_float32
def det(A: Tensor, *, out: Any = None) -> Tensor:
    """The determinants of (*, n, n) matrices; RuntimeError for other shapes.

    >>> import rushlight as rl
    >>> rl.linalg.det(rl.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor(3.)
    """
    return Determinant.apply((check_square("linalg.det", A, out),))


@in_float32
def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """(sign, logabsdet): the determinant is sign * exp(logabsdet), which may be out of range.

    For a singular matrix the sign is 0 and the logarithm minus infinity.

    >>> import rushlight as rl
    >>> rl.linalg.slogdet(rl.tensor([[0.0, 1.0], [1.0, 0.0]])).sign
    tensor(-1.)
    """
    return _LINALG_SLOGDET(*LogDeterminant.apply((check_square("linalg.slogdet", A, out),)))


@in_float32
def old_slogdet(input: Tensor) -> Any:
    """(sign, logabsdet) as `linalg.slogdet`."""
    return _SLOGDET(*LogDeterminant.apply((check_square("slogdet", input),)))


def old_det(input: Tensor) -> Tensor:
    """The determinants of (*, n, n) matrices, as `linalg.det`."""
    return det(input)


@in_float32
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: minus infinity where it is 0, NaN where it is negative.

    >>> import rushlight as rl
    >>> rl.logdet(rl.eye(2))
    tensor(0.)
    """
    sign, logarithm = LogDeterminant.apply((check_square("logdet", input),))
    if sign._spec.dtype.is_complex:
        return logarithm + sign.log()
    return where(sign == -1.0, math.nan, logarithm)


FUNCTIONS = {"det": old_det, "slogdet": old_slogdet, "logdet": logdet}
METHODS = dict(FUNCTIONS)
