"""Sums of products of two tensors over labelled axes: what all matrix products are made of."""

from __future__ import annotations

from functools import lru_cache

from rushlight.autograd.operation import Operation
from rushlight.graph.contraction import contract
from rushlight.graph.movement import permute
from rushlight.graph.node import Node
from rushlight.tensor import Tensor

Labels = tuple[int, ...]


@lru_cache(maxsize=4096)
def _plan(a: Labels, b: Labels, result: Labels) -> tuple:
    """Which axes of a and b to sum over and to keep in pairs, and the order of the result.

    Labels in both operands and in the result are batch axes, those in both alone are summed over.
    """
    over = [label for label in a if label in b and label not in result]
    batch = [label for label in a if label in b and label in result]
    free = [label for label in a if label not in b] + [label for label in b if label not in a]
    given = [*batch, *free]
    order = tuple([given.index(label) for label in result])
    axes = (
        tuple([a.index(label) for label in over]),
        tuple([b.index(label) for label in over]),
        tuple([a.index(label) for label in batch]),
        tuple([b.index(label) for label in batch]),
    )
    return axes, None if order == tuple(range(len(order))) else order


def contraction(a: Node, b: Node, labels_a: Labels, labels_b: Labels, result: Labels) -> Node:
    """Record a contraction whose axes are told by labels."""
    axes, order = _plan(labels_a, labels_b, result)
    product = contract(a, b, *axes)
    return product if order is None else permute(product, order)


class Contract(Operation):
    """Products of a and b summed over the labels that the result lacks.

    Every label of an operand is in the other one or in the result, so that the gradients are
    contractions too.
    """

    def forward(ctx, a: Node, b: Node, labels_a: Labels, labels_b: Labels, result: Labels) -> Node:
        if ctx.recording:
            ctx.labels = labels_a, labels_b, result
            ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
        return contraction(a, b, labels_a, labels_b, result)

    def backward(ctx, grad: Tensor) -> tuple:
        labels_a, labels_b, result = ctx.labels
        a, b = ctx.saved
        kind = type(ctx)
        left = right = None
        if b is not None:
            left = kind.apply((grad, b.conj()), result, labels_b, labels_a)
        if a is not None:
            right = kind.apply((a.conj(), grad), labels_a, result, labels_b)
        return left, right


class Mm(Contract):
    """The product of two matrices."""


class Bmm(Contract):
    """The products of two batches of matrices."""


class Mv(Contract):
    """The product of a matrix and a vector."""


class Dot(Contract):
    """The sum of the products of two vectors."""
