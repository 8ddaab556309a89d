"""softmax and log_softmax."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.dtypes import as_dtype
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.dtype import DType
from rushlight.graph.node import Node
from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.ops.options import numpy_names
from rushlight.ops.reduce import spread, total, wide, widened, without
from rushlight.tensor import Tensor


def _shifted(x: Node, axis: int) -> tuple[Node, Node]:
    """x less its largest along the axis, and the sum of the exponentials."""
    others = without(x.spec.rank, (axis,))
    largest = r.reduce(r.MAX, x, (axis,))
    shifted = e.sub(x, m.expand(largest, x.spec.shape, others))
    return shifted, others


class Softmax(Operation):
    """exp(x) over its sum; the gradient is y (g - sum(g y))."""

    def forward(ctx, x: Node, axis: int, dtype: DType) -> Node:
        ctx.axis = axis
        ctx.save_outputs(0)
        shifted, others = _shifted(wide(e.cast(x, dtype)), axis)
        powers = e.unary(e.EXP, shifted)
        sums = m.expand(r.sum_(powers, (axis,)), x.spec.shape, others)
        return e.cast(e.div(powers, sums), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        grad, result = widened(grad), widened(ctx.saved[0])
        axes = (ctx.axis,)
        weighted = grad * result
        return weighted - result * spread(total(weighted, axes), result._spec.shape, axes)


class LogSoftmax(Operation):
    """x less the logarithm of the sum of exp(x); the gradient is g - exp(y) sum(g)."""

    def forward(ctx, x: Node, axis: int, dtype: DType) -> Node:
        ctx.axis = axis
        ctx.save_outputs(0)
        shifted, others = _shifted(wide(e.cast(x, dtype)), axis)
        sums = r.sum_(e.unary(e.EXP, shifted), (axis,))
        logarithm = m.expand(e.unary(e.LOG, sums), x.spec.shape, others)
        return e.cast(e.sub(shifted, logarithm), dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        grad, result = widened(grad), widened(ctx.saved[0])
        axes = (ctx.axis,)
        return grad - result.exp() * spread(total(grad, axes), result._spec.shape, axes)


def _along(name: str, operation: type[Operation], words: str, example: str) -> Any:
    @numpy_names
    def function(
        input: Tensor, dim: int, dtype: DType | None = None, _stacklevel: int = 3
    ) -> Tensor:
        check_tensor(name, "input", input)
        axis = check_axis(name, dim, input._spec.rank)
        dtype = as_dtype(name, dtype) or input._spec.dtype
        if not dtype.is_floating_point:
            missing = f'"{name}_lastdim_kernel_impl" not implemented for {dtype.name!r}'
            wanted = "a floating point tensor, or dtype=rl.float32"
            fail(NotImplementedError, name, missing, wanted, describe(input))
        if not input._spec.size:
            return input.to(dtype, copy=True)
        if not input._spec.rank:
            return operation.apply((input.reshape(1),), 0, dtype).reshape(())
        return operation.apply((input,), axis, dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{words} along one dimension, with the largest element taken out first.\n\n"
        "    The result has input's shape, and its dtype unless given; 16-bit dtypes are computed "
        f"in float32.\n\n    >>> import rushlight as rl\n    {example}\n    "
    )
    return function


softmax = _along(
    "softmax",
    Softmax,
    "exp(input) over its sum",
    ">>> rl.softmax(rl.tensor([0.0, 0.0]), 0)\n    tensor([0.5000, 0.5000])",
)
log_softmax = _along(
    "log_softmax",
    LogSoftmax,
    "The logarithm of softmax",
    ">>> rl.log_softmax(rl.tensor([0.0, 0.0]), 0)\n    tensor([-0.6931, -0.6931])",
)

FUNCTIONS = {"softmax": softmax, "log_softmax": log_softmax}
METHODS = dict(FUNCTIONS)
