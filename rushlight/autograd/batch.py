"""vmap and gradients: batch dimensions that operations do not see, as operations of their own.

Inside vmap the graph is about one sample.  Its gradients are batched where the values are, so that
a walk computes those of all samples at once.  A gradient that comes to a value which is the same
for all samples is summed over them, unless the walk itself happens inside vmap: then it is asked
for each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rushlight.autograd.node import GradNode
from rushlight.autograd.operation import Operation, ViewOperation
from rushlight.graph.batched import (
    Batched,
    Level,
    Levels,
    active_levels,
    batched,
    inside,
    levels_of,
    union,
)
from rushlight.graph.batching import aligned, join, separate, sum_over
from rushlight.graph.node import Node
from rushlight.tensor import Tensor, node_of


class AddBatchDim(ViewOperation):
    """One sample of a level, of a tensor that has all of them along a dimension."""

    def forward(ctx, whole: Node, dim: int, level: Level) -> Node:
        ctx.dim, ctx.level = dim, level
        return separate(whole, dim, level)

    def backward(ctx, grad: Tensor) -> Tensor:
        return RemoveBatchDim.apply((grad,), ctx.dim, ctx.level)

    @staticmethod
    def layout(shape: tuple, strides: tuple, offset: int, dim: int, level: Level) -> tuple:
        after = dim + 1
        return shape[:dim] + shape[after:], strides[:dim] + strides[after:], offset

    @staticmethod
    def put(whole: Node, part: Node, dim: int, level: Level) -> Node:
        return join(part, dim, level)


class RemoveBatchDim(Operation):
    """All samples of a level along a dimension, of the tensor of one sample."""

    def forward(ctx, part: Node, dim: int, level: Level) -> Node:
        ctx.dim, ctx.level = dim, level
        return join(part, dim, level)

    def backward(ctx, grad: Tensor) -> Tensor:
        return AddBatchDim.apply((grad,), ctx.dim, ctx.level)


class SumBatchDims(Operation):
    """The sum over the samples of some levels."""

    def forward(ctx, x: Node, levels: Levels) -> Node:
        ctx.levels = levels
        return sum_over(x, levels)

    def backward(ctx, grad: Tensor) -> Tensor:
        return ExpandBatchDims.apply((grad,), ctx.levels)


class ExpandBatchDims(Operation):
    """The same value for each sample of some levels."""

    def forward(ctx, x: Node, levels: Levels) -> Node:
        ctx.levels = levels
        every = union(levels_of(x), levels)
        return batched(aligned(x, every), every)

    def backward(ctx, grad: Tensor) -> Tensor:
        return SumBatchDims.apply((grad,), ctx.levels)


def leave_levels(grad: Tensor, node: GradNode, output: int) -> Tensor:
    """A gradient that arrives at an output, summed over the samples that share the output."""
    value = node_of(grad)
    if type(value) is not Batched:
        return grad
    kept = (*(node.batches or {}).get(output, ()), *active_levels())
    left = tuple([level for level in value.levels if level not in kept])
    return SumBatchDims.apply((grad,), left) if left else grad


def is_batched(tensor: Tensor, level: Level) -> bool:
    """Whether a tensor differs from sample to sample of a level."""
    return level in levels_of(node_of(tensor))


def map_rows(
    function: Callable[[list[Tensor | None]], Sequence[Tensor | None]],
    tensors: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """What `function` gives for the rows of some tensors, stacked; None stays None."""
    size = next(tensor._spec.shape[0] for tensor in tensors if tensor is not None)
    level = Level(size)
    rows = [None if t is None else AddBatchDim.apply((t,), 0, level) for t in tensors]
    with inside(level):
        results = function(rows)
    return [None if t is None else RemoveBatchDim.apply((t,), 0, level) for t in results]
