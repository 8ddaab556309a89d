"""Variance and standard deviation."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.creation import number
from rushlight.graph.node import Node
from rushlight.ops.check import check_axes, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.options import check_options, numpy_names
from rushlight.ops.reduce import Axes, count_of, keep, spread, wide, widened, without
from rushlight.tensor import Tensor


def _moments(x: Node, axes: Axes, correction: float) -> tuple[Node, Node]:
    """Variance and mean, in two passes; 16-bit dtypes in float32."""
    x = wide(x)
    spec = x.spec
    count = count_of(spec.shape, axes)
    mean = e.div(r.sum_(x, axes), number(count, spec.dtype))
    apart = e.sub(x, m.expand(mean, spec.shape, without(spec.rank, axes)))
    freedom = number(max(0, count - correction), spec.dtype)
    return e.div(r.sum_(e.mul(apart, apart), axes), freedom), mean


def _variance_gradient(x: Tensor, grad: Tensor, axes: Axes, correction: float) -> Tensor:
    """2 (x - mean) / (count - correction), as Var's formula says."""
    x, grad, shape = widened(x), widened(grad), x._spec.shape
    freedom = count_of(shape, axes) - correction
    apart = x - x.mean(axes, keepdim=True) if axes else x - x
    if freedom <= 0:
        return spread(grad, shape, axes) * apart * float("nan")
    return spread(grad * (2 / freedom), shape, axes) * apart


class Var(Operation):
    """The mean of squared distances from the mean, with count - correction for the count."""

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, correction: float) -> Node:
        ctx.axes, ctx.correction = axes, correction
        ctx.save_inputs(0)
        found, _ = _moments(x, axes, correction)
        return keep(e.cast(found, x.spec.dtype), x.spec.shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return _variance_gradient(x, grad, ctx.axes, ctx.correction)


class Std(Operation):
    """The square root of the variance; where that is 0, so is the gradient."""

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, correction: float) -> Node:
        ctx.axes, ctx.correction = axes, correction
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        found = e.unary(e.SQRT, _moments(x, axes, correction)[0])
        return keep(e.cast(found, x.spec.dtype), x.spec.shape, axes, keepdim)

    def backward(ctx, grad: Tensor) -> Tensor:
        x, result = ctx.saved
        return _variance_gradient(x, _halved(grad, result), ctx.axes, ctx.correction)


def _halved(grad: Tensor, result: Tensor) -> Tensor:
    result, grad = widened(result), widened(grad)
    zero = result == 0
    return where(zero, 0, grad / where(zero, 1, result * 2))


class VarMean(Operation):
    """Variance and mean together."""

    def forward(ctx, x: Node, axes: Axes, keepdim: bool, correction: float, root: bool) -> tuple:
        ctx.axes, ctx.correction, ctx.root = axes, correction, root
        ctx.save_inputs(0)
        ctx.save_outputs(0)
        shape, dtype = x.spec.shape, x.spec.dtype
        found, mean = _moments(x, axes, correction)
        found = e.unary(e.SQRT, found) if root else found
        return tuple([keep(e.cast(y, dtype), shape, axes, keepdim) for y in (found, mean)])

    def backward(ctx, grad: Tensor, mean_grad: Tensor) -> Tensor:
        x, result = ctx.saved
        shape, axes = x._spec.shape, ctx.axes
        grad = _halved(grad, result) if ctx.root else grad
        through_mean = spread(mean_grad / count_of(shape, axes), shape, axes)
        return _variance_gradient(x, grad, axes, ctx.correction) + through_mean


class StdMean(VarMean):
    """Standard deviation and mean together."""


def _arguments(
    name: str, input: Tensor, dim: Any, unbiased: Any, correction: Any, out: Any
) -> tuple[Axes, float]:
    """The axes and the correction, of PyTorch's newer and older signatures."""
    check_tensor(name, "input", input)
    if out is not None:
        check_options(name, out=out)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    dtype = input._spec.dtype
    if not dtype.is_differentiable:
        words = "std and var only support floating point and complex dtypes"
        fail(RuntimeError, name, words, "a floating point tensor", describe(input))
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return check_axes(name, dim, input._spec.rank), correction


def _complex_variance(input: Tensor, axes: Axes, keepdim: bool, correction: float) -> Tensor:
    """The variance of complex numbers: that of their real parts and of their imaginary ones."""
    parts = [Var.apply((part,), axes, keepdim, correction) for part in (input.real, input.imag)]
    return parts[0] + parts[1]


def _moment(name: str, operation: type[Operation], words: str) -> Any:
    @numpy_names
    def moment(
        input: Tensor,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
        out: Any = None,
    ) -> Tensor:
        axes, correction = _arguments(name, input, dim, unbiased, correction, out)
        if input._spec.dtype.is_complex:
            found = _complex_variance(input, axes, keepdim, correction)
            return found.sqrt() if operation is Std else found
        return operation.apply((input,), axes, keepdim, correction)

    moment.__name__ = moment.__qualname__ = name
    moment.__doc__ = (
        f"The {words} of all elements or over some dimensions, divided by count - correction.\n\n"
        "    The correction is 1 unless given (`unbiased=False` is correction 0).  RuntimeError for"
        " integers.\n    "
    )
    return moment


def _moment_and_mean(name: str, operation: type[Operation], words: str) -> Any:
    @numpy_names
    def moments(
        input: Tensor,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
        out: Any = None,
    ) -> tuple[Tensor, Tensor]:
        axes, correction = _arguments(name, input, dim, unbiased, correction, out)
        if input._spec.dtype.is_complex:
            found = _complex_variance(input, axes, keepdim, correction)
            found = found.sqrt() if operation is StdMean else found
            return found, input.mean(axes, keepdim)
        return operation.apply((input,), axes, keepdim, correction, operation is StdMean)

    moments.__name__ = moments.__qualname__ = name
    moments.__doc__ = f"({words}, mean) of all elements or over some dimensions."
    return moments


var = _moment("var", Var, "variance")
std = _moment("std", Std, "standard deviation")
var_mean = _moment_and_mean("var_mean", VarMean, "variance")
std_mean = _moment_and_mean("std_mean", StdMean, "standard deviation")

FUNCTIONS = {f.__name__: f for f in (var, std, var_mean, std_mean)}
METHODS = {"var": var, "std": std}
