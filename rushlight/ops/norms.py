"""Norms of vectors: (sum of |x|^p)^(1/p), with its limits for p of 0 and infinity."""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.dtypes import as_dtype
from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import DType
from rushlight.graph.node import Node
from rushlight.ops.check import check_axes, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.reduce import Axes, count_of, keep, spread, total, wide, widened
from rushlight.ops.results import shown_as
from rushlight.tensor import Tensor


@shown_as("LinalgVectorNorm")
class Norm(Operation):
    """The p-norm over some axes.

    d/dx = sign(x) (|x| / norm)^(p-1), taken as 0 where the norm is 0; for infinite p the elements
    of that size share the gradient evenly.
    """

    def forward(ctx, x: Node, order: float, axes: Axes, keepdim: bool) -> Node:
        ctx.order, ctx.axes = order, axes
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        found = e.cast(_norm(wide(x), order, axes), x.spec.dtype)
        return keep(found, x.spec.shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> Tensor:
        x, result = [widened(value) for value in ctx.saved]
        grad = widened(grad)
        order, shape = ctx.order, x._spec.shape
        if order == 0:
            return x * 0
        norm, grad = spread(result, shape, ctx.axes), spread(grad, shape, ctx.axes)
        if order == 1:
            return x.sign() * grad
        if math.isinf(order):
            return grad * _shares(x, norm, ctx.axes)
        one = constant(1, x._spec.dtype)
        zero = norm == 0
        safe = where(zero, one, norm)
        if order == 2:
            return where(zero, 0, grad * (x / safe))
        vanishing = (x == 0) if order < 2 else zero
        ratio = where(vanishing, one, x.abs()) / safe
        return where(vanishing | zero, 0, grad * x.sign() * ratio ** (order - 1))


def _shares(x: Tensor, norm: Tensor, axes: Axes) -> Tensor:
    chosen = (x.abs() == norm).to(x.dtype)
    return chosen * x.sign() / spread(total(chosen, axes), x._spec.shape, axes)


def _norm(x: Node, order: float, axes: Axes) -> Node:
    """The norm by the shortest way for this order, which is structure for 0, 1, 2, infinity."""
    dtype = x.spec.dtype
    if order == 2:
        return e.unary(e.SQRT, r.sum_(e.mul(x, x), axes))
    if order == 0:
        return r.sum_(e.cast(e.compare(e.NE, x, literal(0, dtype)), dtype), axes)
    size = e.unary(e.ABS, x)
    if order == 1:
        return r.sum_(size, axes)
    if math.isinf(order):
        return r.reduce(r.MAX if order > 0 else r.MIN, size, axes)
    powers = r.sum_(e.binary(e.POW, size, number(order, dtype)), axes)
    return e.binary(e.POW, powers, number(1 / order, dtype))


def _nuclear(tensor: Tensor, dim: Any, keepdim: bool) -> Tensor:
    rank = tensor._spec.rank
    axes = (rank - 2, rank - 1) if dim is None else check_axes("norm", dim, rank)
    if rank < 2 or len(axes) != 2 or (dim is None and rank > 2):
        words = "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
        fail(RuntimeError, "norm", words, "a matrix, or two dimensions in dim", describe(tensor))
    from rushlight.ops.linalg.norms import matrix_norm

    return matrix_norm(tensor, "nuc", axes, keepdim)


def vector_norm(
    name: str, tensor: Tensor, order: float, axes: Axes, keepdim: bool, dtype: DType | None
) -> Tensor:
    """The norm of the elements over sorted axes, with the checks that all norms share."""
    spec = tensor._spec
    if dtype is not None:
        tensor = tensor.to(dtype)
    elif not spec.dtype.is_differentiable:
        words = f"{name}: Expected a floating point or complex tensor as input. Got "
        words += spec.dtype.name
        fail(RuntimeError, name, words, "a floating point tensor", describe(tensor))
    if not count_of(spec.shape, axes) and (order < 0 or math.isinf(order)):
        fail(
            RuntimeError,
            name,
            f"{name} cannot compute the {order:g} norm on an empty dimension because the "
            "operation does not have an identity",
            "a dimension with elements",
            describe(spec),
        )
    tensor = tensor.abs() if tensor._spec.dtype.is_complex else tensor
    return Norm.apply((tensor,), float(order), axes, keepdim)


@numpy_names
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    out: Any = None,
    dtype: DType | None = None,
) -> Tensor:
    """The p-norm of all elements or over some dimensions: (sum of |x|^p)^(1/p).

    "fro" and None are p = 2; infinity is the largest |x|, 0 counts what is not 0; "nuc" is the
    sum of a matrix's singular values.  RuntimeError for integers.

    >>> import rushlight as rl
    >>> rl.norm(rl.tensor([3.0, 4.0]))
    tensor(5.)
    """
    check_tensor("norm", "input", input)
    if out is not None:
        check_options("norm", out=out)
    if p is None or p == "fro":
        p = 2
    if p == "nuc":
        return _nuclear(input if dtype is None else input.to(dtype), dim, keepdim)
    if isinstance(p, str):
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.\nIn norm.")
    axes = check_axes("norm", dim, input._spec.rank)
    order = p.item() if isinstance(p, Tensor) else p
    return vector_norm("linalg.vector_norm", input, order, axes, keepdim, as_dtype("norm", dtype))


FUNCTIONS = {"norm": norm}
METHODS = {"norm": norm}
