"""log(exp(a) + exp(b)), running sums of it, differences and distances."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal
from rushlight.graph.dtype import DType, bool_
from rushlight.graph.node import Node
from rushlight.ops.check import check_axis, check_tensor
from rushlight.ops.compare import where
from rushlight.ops.join import cat
from rushlight.ops.operands import align, two_tensors
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.promotion import get_default_dtype
from rushlight.ops.reduce import widened
from rushlight.tensor import Tensor


class Logaddexp(Operation):
    """log(exp(a) + exp(b)): the larger plus log1p of exp of minus their distance."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1)
        a, b = align(a, b, dtype, "logaddexp")
        larger = e.binary(e.MAXIMUM, a, b)
        apart = e.neg(e.unary(e.ABS, e.sub(a, b)))
        same = e.compare(e.EQ, a, b)
        distance = e.where(same, literal(0.0, dtype), apart)
        return e.add(larger, e.unary(e.LOG1P, e.unary(e.EXP, distance)))

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = [widened(value) for value in ctx.saved]
        apart = where(a == b, 0, a - b)
        return grad * apart.sigmoid(), grad * (-apart).sigmoid()


def logaddexp(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """log(exp(input) + exp(other)) without overflow."""
    check_options("logaddexp", out=out)
    a, b, dtype = two_tensors(input, other, "logaddexp")
    if dtype.is_complex:
        larger = where(a.real.detach() >= b.real.detach(), a, b)
        shift = where(larger.detach().isfinite(), larger.detach(), 0)
        return ((a - shift).exp() + (b - shift).exp()).log() + shift
    return Logaddexp.apply((a, b), dtype if dtype.is_floating_point else get_default_dtype())


@numpy_names
def logcumsumexp(input: Tensor, dim: int, *, out: Any = None) -> Tensor:
    """log(cumsum(exp(input))) without overflow, in steps that double their reach."""
    check_tensor("logcumsumexp", "input", input)
    check_options("logcumsumexp", out=out)
    axis = check_axis("logcumsumexp", dim, input._spec.rank)
    result, reach = input.clone(), 1
    size = input._spec.shape[axis] if input._spec.rank else 0
    while reach < size:
        earlier = result.narrow(axis, 0, size - reach)
        later = logaddexp(earlier, result.narrow(axis, reach, size - reach))
        result = cat([result.narrow(axis, 0, reach), later], axis)
        reach *= 2
    return result


@numpy_names
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Any = None,
) -> Tensor:
    """Each element less the one before it along a dimension, n times over."""
    check_tensor("diff", "input", input)
    check_options("diff", out=out)
    if not input._spec.rank:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = check_axis("diff", dim, input._spec.rank)
    if not n:
        return input.clone()
    parts = [part for part in (prepend, input, append) if part is not None]
    result = cat(parts, axis) if len(parts) > 1 else input
    for _ in range(min(n, result.shape[axis])):
        size = result.shape[axis] - 1
        later, earlier = result.narrow(axis, 1, size), result.narrow(axis, 0, size)
        result = later != earlier if result.dtype is bool_ else later - earlier
    return result


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return (input - other).norm(p)


FUNCTIONS = {f.__name__: f for f in (logaddexp, logcumsumexp, diff, dist)}
METHODS = dict(FUNCTIONS)
