"""Normalisation by mean and variance: over batches, layers, groups, instances.

The backward passes are written out (Ioffe and Szegedy, 2015; Ba et al., 2016): with y = (x - mean)
rstd, the gradient of x is rstd (g - mean(g) - y mean(g y)).  When the gradient is to be
differentiated again, mean and rstd are computed from x once more, by differentiable operations.
"""

from __future__ import annotations

from typing import Any

from rushlight.autograd.inplace import write
from rushlight.autograd.operation import Operation
from rushlight.dtypes import finfo
from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from rushlight.graph.creation import number
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops.activation import widened
from rushlight.ops.by_statistics import by_statistics, reciprocal_root
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.reduce import Axes, count_of, spread, total, wide, without
from rushlight.ops.results import shown_as
from rushlight.tensor import Tensor, modes


def _moments(x: Node, axes: Axes) -> tuple[Node, Node, Node]:
    """The mean, the variance, and x less its mean."""
    kept = without(x.spec.rank, axes)
    count = number(count_of(x.spec.shape, axes), x.spec.dtype)
    mean = e.div(r.sum_(x, axes), count)
    centred = e.sub(x, expand(mean, x.spec.shape, kept))
    return mean, e.div(r.sum_(e.mul(centred, centred), axes), count), centred


def _normalised(x: Tensor, axes: Axes, eps: float, mean: Tensor, rstd: Tensor) -> tuple:
    """(x - mean) rstd and rstd, both in x's shape; from x itself if x is to be differentiated."""
    shape = x._spec.shape
    if modes.grad:
        count = count_of(shape, axes)
        centred = x - spread(total(x, axes) / count, shape, axes)
        rstd = (total(centred * centred, axes) / count + eps).rsqrt()
    else:
        centred = x - spread(mean, shape, axes)
    wide_rstd = spread(rstd, shape, axes)
    return centred * wide_rstd, wide_rstd


def _affine(y: Node, weight: Node | None, bias: Node | None, axes: Axes | None = None) -> Node:
    shape = y.spec.shape
    if weight is not None:
        y = e.mul(y, expand(wide(weight), shape, axes))
    return y if bias is None else e.add(y, expand(wide(bias), shape, axes))


def _pick(tensors: list, given: tuple[bool, bool]) -> list:
    """Weight and bias where they are given, None elsewhere."""
    rest = iter(tensors)
    return [next(rest) if present else None for present in given]


class NativeBatchNorm(Operation):
    """x normalised over all axes but the channels', times a weight, plus a bias.

    Its results are y and the batch's mean and variance, through which no gradient flows.
    """

    materialize = False

    def forward(ctx, x: Node, *rest: Any) -> tuple:
        *parameters, given, eps = rest
        weight, bias = _pick(parameters, given)
        axes = tuple([axis for axis in range(x.spec.rank) if axis != 1])
        ctx.arguments = axes, eps, given
        dtype, x = x.spec.dtype, wide(x)
        mean, variance, centred = _moments(x, axes)
        rstd = reciprocal_root(variance, eps)
        ctx.save_inputs(0, 1 if given[0] else None)
        ctx.save_values(mean, rstd)
        scale = rstd if weight is None else e.mul(rstd, wide(weight))
        y = _affine(e.mul(centred, expand(scale, x.spec.shape, (1,))), None, bias, (1,))
        return e.cast(y, dtype), mean, variance

    def backward(ctx, grad: Tensor, *_: Any) -> tuple:
        x, weight, mean, rstd = ctx.saved
        axes, eps, given = ctx.arguments
        x, grad = widened(x), widened(grad)
        shape, count = x._spec.shape, count_of(x._spec.shape, axes)
        y, wide_rstd = _normalised(x, axes, eps, mean, rstd)
        added, weighted = total(grad, axes), total(grad * y, axes)
        slope = y * spread(weighted / count, shape, axes)
        left = (grad - spread(added / count, shape, axes) - slope) * wide_rstd
        if weight is not None:
            left = left * spread(weight, shape, axes)
        parameters = [each for each, has in zip((weighted, added), given, strict=True) if has]
        return left, *parameters


class NativeLayerNorm(Operation):
    """x normalised over its last axes, times a weight, plus a bias of the shape of those axes."""

    def forward(ctx, x: Node, *rest: Any) -> Node:
        *parameters, count, given, eps = rest
        axes = tuple(range(x.spec.rank - count, x.spec.rank))
        ctx.arguments = axes, eps, given
        dtype, x = x.spec.dtype, wide(x)
        mean, variance, centred = _moments(x, axes)
        rstd = reciprocal_root(variance, eps)
        ctx.save_inputs(0, 1 if given[0] else None)
        ctx.save_values(mean, rstd)
        y = e.mul(centred, expand(rstd, x.spec.shape, without(x.spec.rank, axes)))
        return e.cast(_affine(y, *_pick(parameters, given)), dtype)

    def backward(ctx, grad: Tensor) -> tuple:
        x, weight, mean, rstd = ctx.saved
        axes, eps, given = ctx.arguments
        x, grad = widened(x), widened(grad)
        shape, count = x._spec.shape, count_of(x._spec.shape, axes)
        y, wide_rstd = _normalised(x, axes, eps, mean, rstd)
        inner = grad if weight is None else grad * weight
        added = spread(total(inner, axes) / count, shape, axes)
        slope = y * spread(total(inner * y, axes) / count, shape, axes)
        left = (inner - added - slope) * wide_rstd
        parameters = [each for each, has in zip((grad * y, grad), given, strict=True) if has]
        return left, *parameters


@shown_as("FusedRmsNorm")
class RmsNorm(Operation):
    """x over the root of the mean of its squares over the last axes, times a weight."""

    def forward(ctx, x: Node, *rest: Any) -> Node:
        *weight, count, eps = rest
        axes = tuple(range(x.spec.rank - count, x.spec.rank))
        ctx.arguments = axes, eps
        dtype, x = x.spec.dtype, wide(x)
        size = number(count_of(x.spec.shape, axes), x.spec.dtype)
        rstd = reciprocal_root(e.div(r.sum_(e.mul(x, x), axes), size), eps)
        ctx.save_inputs(0, 1 if weight else None)
        ctx.save_values(rstd)
        y = e.mul(x, expand(rstd, x.spec.shape, without(x.spec.rank, axes)))
        return e.cast(_affine(y, weight[0] if weight else None, None), dtype)

    def backward(ctx, grad: Tensor) -> tuple:
        x, weight, rstd = [None if value is None else value.conj() for value in ctx.saved]
        axes, eps = ctx.arguments
        x, grad = widened(x), widened(grad)
        shape, count = x._spec.shape, count_of(x._spec.shape, axes)
        if modes.grad:
            rstd = (total(x * x, axes) / count + eps).rsqrt()
        wide_rstd = spread(rstd, shape, axes)
        y = x * wide_rstd
        inner = grad if weight is None else grad * weight
        left = (inner - y * spread(total(inner * y, axes) / count, shape, axes)) * wide_rstd
        return left if weight is None else (left, grad * y)


# ---------------------------------------------------------------------------------------- functions
def _check_channels(name: str, channels: int, **parameters: Tensor | None) -> None:
    for what, parameter in parameters.items():
        if parameter is not None and tuple(parameter.shape) != (channels,):
            words = f"{what} should contain {channels} elements not {parameter.numel()}"
            fail(RuntimeError, name, words, f"{what} of shape [{channels}]", describe(parameter))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel (dimension 1) normalised: in training by the batch, else by running statistics.

    In training the running statistics move towards the batch's by `momentum`, in place; the
    variance that they get is the unbiased one.  ValueError in training with one value a channel.
    """
    check_tensor("batch_norm", "input", input)
    if not input.numel():
        return input.clone()
    if input.dim() < 2:
        words = f"expected at least 2D input (got {input.dim()}D input)"
        fail(ValueError, "batch_norm", words, "(samples, channels, ...)", describe(input))
    if eps < 0 or (training and eps == 0):
        wanted = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {wanted}, but got {eps}")
    channels = input.shape[1]
    _check_channels("batch_norm", channels, running_mean=running_mean, running_var=running_var)
    _check_channels("batch_norm", channels, weight=weight, bias=bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("Expected running_mean and running_var to be defined in evaluation")
        return by_statistics(input, running_mean, running_var, weight, bias, eps)
    count = input.numel() // max(channels, 1)
    if count <= 1:
        words = "Expected more than 1 value per channel when training, got input size "
        raise ValueError(f"{words}{list(input.shape)}")
    tensors = [tensor for tensor in (input, weight, bias) if tensor is not None]
    given = (weight is not None, bias is not None)
    y, mean, variance = NativeBatchNorm.apply(tuple(tensors), given, eps)
    _move(running_mean, mean.detach(), momentum)
    if running_var is not None:
        _move(running_var, variance.detach() * (count / (count - 1)), momentum)
    return y


def _move(running: Tensor | None, found: Tensor, momentum: float) -> None:
    """Move running statistics towards those found, in place."""
    if running is not None:
        before, modes.grad = modes.grad, False
        try:
            moved = running * (1 - momentum) + found.to(running.dtype) * momentum
            write(running, moved, "batch_norm")
        finally:
            modes.grad = before


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The input normalised over its last dimensions, whose shape is given, times weight plus bias.

    >>> import rushlight as rl
    >>> rl.layer_norm(rl.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = _check_normalised("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    tensors = [tensor for tensor in (input, weight, bias) if tensor is not None]
    given = (weight is not None, bias is not None)
    return NativeLayerNorm.apply(tuple(tensors), len(shape), given, eps)


def _check_normalised(name: str, input: Any, shape: Any, **parameters: Tensor | None) -> tuple:
    check_tensor(name, "input", input)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for what, parameter in parameters.items():
        if parameter is not None and tuple(parameter.shape) != shape:
            words = f"Expected {what} to be of same shape as normalized_shape, but got {what} of "
            words += f"shape {list(parameter.shape)} and normalized_shape = {list(shape)}"
            fail(RuntimeError, name, words, f"shape {list(shape)}", describe(parameter))
    if tuple(input.shape[-len(shape) :]) != shape:
        words = f"Given normalized_shape={list(shape)}, expected input with shape "
        words += f"[*, {', '.join(map(str, shape))}], but got input of size{list(input.shape)}"
        fail(RuntimeError, name, words, f"last sizes {list(shape)}", describe(input))
    return shape


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The input over the root mean square of its last dimensions, times weight.

    `eps`, added under the root, is the dtype's machine epsilon by default.
    """
    shape = _check_normalised("rms_norm", input, normalized_shape, weight=weight)
    eps = finfo(widened(input).dtype).eps if eps is None else eps
    tensors = (input,) if weight is None else (input, weight)
    return RmsNorm.apply(tensors, len(shape), eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The channels (dimension 1) in groups, each normalised in each sample; weight by channel."""
    check_tensor("group_norm", "input", input)
    if input.dim() < 2:
        words = f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        fail(RuntimeError, "group_norm", words, "(samples, channels, ...)", describe(input))
    channels = input.shape[1]
    if num_groups < 1 or channels % num_groups:
        words = "Expected number of channels in input to be divisible by num_groups, but got input "
        words += f"of shape {list(input.shape)} and num_groups={num_groups}"
        fail(RuntimeError, "group_norm", words, "a divisor of the channels", str(num_groups))
    _check_channels("group_norm", channels, weight=weight, bias=bias)
    return _normalise_groups(input, num_groups, weight, bias, eps)


def _normalise_groups(
    input: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    rest = tuple(input.shape[2:])
    grouped = input.reshape((input.shape[0], groups, input.shape[1] // max(groups, 1), *rest))
    y = NativeLayerNorm.apply((grouped,), 1 + len(rest), (False, False), eps)
    y = y.reshape(input.shape)
    shape = (-1, *(1,) * len(rest))
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel of every sample normalised, by itself or by running statistics."""
    check_tensor("instance_norm", "input", input)
    if input.dim() < 2:
        raise ValueError(f"instance_norm: expected at least 2D input (got {input.dim()}D input)")
    channels = input.shape[1]
    _check_channels("instance_norm", channels, running_mean=running_mean, running_var=running_var)
    _check_channels("instance_norm", channels, weight=weight, bias=bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return by_statistics(input, running_mean, running_var, weight, bias, eps)
    count = input.numel() // max(input.shape[0] * channels, 1)
    if count == 1:
        words = "Expected more than 1 spatial element when training, got input size "
        raise ValueError(f"{words}{list(input.shape)}")
    flat = input.detach().reshape((*input.shape[:2], -1))
    if running_mean is not None:
        _move(running_mean, flat.mean((0, 2)), momentum)
    if running_var is not None:
        _move(running_var, flat.var(2).mean(0), momentum)
    return _normalise_groups(input, channels, weight, bias, eps)


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None
) -> Tensor:
    """The input over its p-norm along a dimension, which counts as at least eps."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps)
    return input / norm.expand_as(input)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """The input over (k + alpha * the mean square of `size` neighbouring channels) ** beta."""
    if input.dim() < 3:
        words = f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)"
        fail(ValueError, "local_response_norm", words, "at least 3 dimensions", describe(input))
    if not input.numel():
        return input
    from rushlight.ops.padding import pad

    around = (0, 0) * (input.dim() - 2) + (size // 2, (size - 1) // 2)
    squares = pad(input * input, around).unfold(1, size, 1)
    mean = squares.sum(-1) / size
    return input / (mean * alpha + k) ** beta


FUNCTIONS = {f.__name__: f for f in (layer_norm, rms_norm, group_norm)}
METHODS: dict[str, Any] = {}
