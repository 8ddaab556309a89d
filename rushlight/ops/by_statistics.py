"""Normalisation by statistics that are given, as batch normalisation does in evaluation."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.dtypes import float32, float64
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal, number
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops.activation import widened
from rushlight.tensor import Tensor, modes


def reciprocal_root(variance: Node, eps: float) -> Node:
    """1 / sqrt(variance + eps)."""
    dtype = variance.spec.dtype
    return e.div(literal(1, dtype), e.unary(e.SQRT, e.add(variance, number(eps, dtype))))


class ByStatistics(Operation):
    """What `by_statistics` records, in one step where no gradient is wanted."""

    differentiable = False

    def forward(ctx, x: Node, mean: Node, variance: Node, *rest: Any) -> Node:
        *parameters, has_weight, has_bias, eps = rest
        scale = reciprocal_root(variance, eps)
        if has_weight:
            scale = e.mul(scale, parameters[0])
        shift = e.mul(e.unary(e.NEG, mean), scale)
        if has_bias:
            shift = e.add(shift, parameters[-1])
        shape = x.spec.shape
        return e.add(e.mul(x, expand(scale, shape, (1,))), expand(shift, shape, (1,)))


def by_statistics(
    input: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """One multiplication and one addition for each element."""
    given = [tensor for tensor in (input, mean, variance, weight, bias) if tensor is not None]
    idle = not modes.grad or not any(tensor.requires_grad for tensor in given)
    dtypes = {tensor._spec.dtype for tensor in given}
    if idle and len(dtypes) == 1 and dtypes <= {float32, float64}:
        return ByStatistics.apply(tuple(given), weight is not None, bias is not None, eps)
    shape = (1, -1, *(1,) * (input.dim() - 2))
    x = widened(input)
    scale = (widened(variance) + eps).rsqrt()
    if weight is not None:
        scale = scale * weight
    shift = -widened(mean) * scale
    if bias is not None:
        shift = shift + bias
    return (x * scale.reshape(shape) + shift.reshape(shape)).to(input.dtype)
