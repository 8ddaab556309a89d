"""Arithmetic of three operands: addcmul, addcdiv, lerp."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as p
from rushlight.graph.creation import literal
from rushlight.graph.dtype import DType
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops.elementwise import add, div, mul
from rushlight.ops.operands import Operand, align, operands
from rushlight.tensor import Tensor


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    product = mul(tensor1, tensor2)
    return add(input, product if value == 1 else mul(product, value))


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2; RuntimeError if both are integers."""
    quotient_of_integers = not (tensor1.dtype.is_differentiable or tensor2.dtype.is_differentiable)
    if quotient_of_integers:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release "
            "addcdiv will perform a true division of tensor1 and tensor2."
        )
    scaled = tensor1 if value == 1 else mul(tensor1, value)
    return add(input, div(scaled, tensor2))


class Lerp(Operation):
    """start + weight * (end - start), counted from the nearer end."""

    def forward(ctx, start: Node, end: Node, weight: Node, dtype: DType) -> Node:
        ctx.save_inputs(0, 1, 2)
        start, end = align(start, end, dtype, "lerp")
        way, weight = align(p.sub(end, start), weight, dtype, "lerp")
        start, _ = align(start, way, dtype, "lerp")
        end, _ = align(end, way, dtype, "lerp")
        one, half = literal(1, dtype), literal(0.5, dtype)
        near_start = p.add(start, p.mul(weight, way))
        near_end = p.sub(end, p.mul(way, p.sub(one, weight)))
        small = p.compare(p.LT, p.unary(p.ABS, weight), half)
        return p.where(*_mask_for(small, near_start), near_end)

    def backward(ctx, grad: Tensor) -> tuple:
        start, end, weight = [value.conj() for value in ctx.saved]
        return grad * (1 - weight), grad * weight, grad * (end - start)


def _mask_for(mask: Node, like: Node) -> tuple[Node, Node]:
    """A mask of the shape of what it chooses, unless it has rank 0."""
    return (expand(mask, like.spec.shape) if mask.spec.rank else mask), like


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """input + weight * (end - input), for a number or a tensor of weights.

    >>> import rushlight as rl
    >>> rl.lerp(rl.tensor([0.0, 10.0]), rl.tensor([10.0, 20.0]), 0.5)
    tensor([ 5., 15.])
    """
    if input.dtype is not end.dtype:
        raise RuntimeError(
            f"expected dtype {input.dtype.name} for `end` but got dtype {end.dtype.name}"
        )
    _, factor, dtype = operands(input, weight, "lerp")
    return Lerp.apply((input, end, factor), dtype)


FUNCTIONS = {"addcmul": addcmul, "addcdiv": addcdiv, "lerp": lerp}
METHODS = FUNCTIONS
INPLACE = tuple(FUNCTIONS)
