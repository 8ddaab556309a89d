"""Losses against targets of numbers and probabilities.

Every loss takes `reduction`: "none" for each element's, "mean" or "sum" for one number.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from rushlight.graph.creation import literal, number
from rushlight.graph.node import Node
from rushlight.ops.activation import LogSigmoid, widened
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import broadcast, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.places import holds_anywhere, known_values
from rushlight.ops.promotion import promote_tensors
from rushlight.ops.reduce import wide
from rushlight.ops.results import shown_as
from rushlight.tensor import Tensor

_SMALLEST = 1e-12


def check_reduction(reduction: str, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction if it is one, or what the two arguments of early PyTorch say."""
    if size_average is not None or reduce is not None:
        mean = size_average is None or size_average
        reduction = "none" if reduce is not None and not reduce else ("mean" if mean else "sum")
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction={reduction!r} instead.",
            stacklevel=4,
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses as they are, their mean, or their sum."""
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def _pair(name: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Both expanded to one shape, with a warning if they differ in it."""
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    have, want = input._spec.shape, target._spec.shape
    if have == want:
        return input, target
    warnings.warn(
        f"Using a target size ({list(want)}) that is different to the input size ({list(have)}). "
        "This will likely lead to incorrect results due to broadcasting. Please ensure they have "
        "the same size.",
        stacklevel=4,
    )
    shape = broadcast(have, want, name)
    return input.expand(shape), target.expand(shape)


class MseLoss(Operation):
    """The squares of the differences, reduced; the gradient is 2 (a - b) g, over n for a mean."""

    def forward(ctx, a: Node, b: Node, dtype: Any, reduction: str) -> Node:
        ctx.save_inputs(0, 1)
        ctx.reduction = reduction
        a, b = wide(e.cast(a, dtype)), wide(e.cast(b, dtype))
        difference = e.sub(a, b)
        loss = e.mul(difference, difference)
        if reduction != "none":
            axes, count = tuple(range(a.spec.rank)), a.spec.size
            loss = r.sum_(loss, axes)
            if reduction == "mean":
                loss = e.div(loss, number(count, loss.spec.dtype))
        return e.cast(loss, dtype)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        scale = grad * (2 / max(a._spec.size, 1) if ctx.reduction == "mean" else 2)
        left = (a - b) * scale
        return left, -left if ctx.needs(1) else None


class BinaryCrossEntropy(Operation):
    """-(t log(x) + (1 - t) log(1 - x)), with logarithms not below -100."""

    def forward(ctx, x: Node, target: Node) -> Node:
        ctx.save_inputs(0, 1)
        dtype, x, target = x.spec.dtype, wide(x), wide(target)
        least, one = literal(-100, x.spec.dtype), literal(1, x.spec.dtype)
        yes = e.binary(e.MAXIMUM, e.unary(e.LOG, x), least)
        no = e.binary(e.MAXIMUM, e.unary(e.LOG1P, e.neg(x)), least)
        return e.cast(e.sub(e.mul(e.sub(target, one), no), e.mul(target, yes)), dtype)

    def backward(ctx, grad: Tensor) -> tuple:
        x, target = ctx.saved
        x, target = widened(x), widened(target)
        one = constant(1, x._spec.dtype)
        left = right = None
        if ctx.needs(0):
            left = grad * (x - target) / ((one - x) * x).clamp_min(_SMALLEST)
        if ctx.needs(1):
            right = grad * ((one - x).log() - x.log())
        return left, right


@in_float32
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)².

    >>> import rushlight as rl
    >>> rl.nn.functional.mse_loss(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    input, target = _pair("mse_loss", input, target)
    dtype = promote_tensors(input, target)
    if weight is not None:
        return _weighted(MseLoss.apply((input, target), dtype, "none"), weight, reduction)
    return MseLoss.apply((input, target), dtype, reduction)


def _weighted(loss: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Losses times weights; their mean is over the sum of the weights."""
    weight = weight.expand(loss.shape)
    loss = loss * weight
    return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)


@in_float32
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|."""
    reduction = check_reduction(reduction, size_average, reduce)
    input, target = _pair("l1_loss", input, target)
    loss = (input - target).abs()
    return reduced(loss, reduction) if weight is None else _weighted(loss, weight, reduction)


@shown_as("SmoothL1Loss")
class Huber(Operation):
    """d² / 2 where |d| < delta, else delta (|d| - delta / 2), with d = a - b."""

    def forward(ctx, a: Node, b: Node, delta: float) -> Node:
        ctx.save_inputs(0, 1)
        ctx.delta = delta
        difference = e.sub(a, b)
        size = e.unary(e.ABS, difference)
        half, bound = literal(0.5, a.spec.dtype), number(delta, a.spec.dtype)
        inner = e.mul(e.mul(difference, difference), half)
        outer = e.mul(e.sub(size, e.mul(bound, half)), bound)
        return e.where(e.compare(e.LT, size, bound), inner, outer)

    def backward(ctx, grad: Tensor) -> tuple:
        a, b = ctx.saved
        left = grad * (a - b).clamp(-ctx.delta, ctx.delta)
        return left, -left


@in_float32
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared difference up to delta, beyond it delta * (|difference| - delta / 2)."""
    check_reduction(reduction)
    if isinstance(delta, complex):
        raise TypeError(f"delta must be a float or int, got: {type(delta)}")
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    loss = _huber("huber_loss", input, target, delta)
    return reduced(loss, reduction) if weight is None else _weighted(loss, weight, reduction)


def _huber(name: str, input: Tensor, target: Tensor, delta: float) -> Tensor:
    input, target = _pair(name, input, target)
    dtype = promote_tensors(input, target)
    return Huber.apply((input.to(dtype), target.to(dtype)), delta)


@in_float32
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The huber loss over beta: |difference| far from 0, and smooth within beta of it."""
    reduction = check_reduction(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return reduced(_huber("smooth_l1_loss", input, target, beta) / beta, reduction)


def _same_size(name: str, input: Tensor, target: Tensor) -> None:
    if tuple(input.shape) != tuple(target.shape):
        words = f"Using a target size ({list(target.shape)}) that is different to the input size "
        words += f"({list(input.shape)}) is deprecated. Please ensure they have the same size."
        fail(ValueError, name, words, f"a target of shape {list(input.shape)}", describe(target))


def _check_probabilities(input: Tensor) -> None:
    values = known_values(input)
    if values is not None and not ((values >= 0) & (values <= 1)).all():
        words = "all elements of input should be between 0 and 1"
        actual = f"from {values.min()} to {values.max()}"
        fail(RuntimeError, "binary_cross_entropy", words, "probabilities", actual)


@in_float32
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)), for probabilities between 0 and 1.

    RuntimeError for inputs outside that are known at the call; others give NaN.
    """
    reduction = check_reduction(reduction, size_average, reduce)
    check_tensor("binary_cross_entropy", "input", input)
    _check_probabilities(input)
    _same_size("binary_cross_entropy", input, target)
    if target._spec.dtype is not input._spec.dtype:
        words = f"Found dtype {target.dtype.name} but expected {input.dtype.name}"
        fail(RuntimeError, "binary_cross_entropy", words, input.dtype.name, describe(target))
    loss = BinaryCrossEntropy.apply((input, target))
    return reduced(loss if weight is None else loss * weight, reduction)


@in_float32
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The binary cross entropy of sigmoid(input), without overflow.

    `pos_weight` multiplies the loss of positive targets, `weight` that of every element.
    """
    reduction = check_reduction(reduction, size_average, reduce)
    name = "binary_cross_entropy_with_logits"
    check_tensor(name, "input", input)
    if tuple(input.shape) != tuple(target.shape):
        words = f"Target size ({list(target.shape)}) must be the same as input size "
        words += f"({list(input.shape)})"
        fail(ValueError, name, words, f"a target of shape {list(input.shape)}", describe(target))
    likelihood = LogSigmoid.apply((input,))
    if pos_weight is not None:
        likelihood = likelihood * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input - likelihood
    return reduced(loss if weight is None else loss * weight, reduction)


def _times_log(x: Tensor, y: Tensor) -> Tensor:
    """x log(y), and 0 where x is 0."""
    zero = x == 0
    return where(zero, 0, x * where(zero, 1, y).log())


@in_float32
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log(target) - input): how far a distribution is from one given by its logarithms.

    "batchmean" divides the sum by the first size, which is the mathematical definition.
    """
    batch = reduction == "batchmean"
    reduction = check_reduction("sum" if batch else reduction, size_average, reduce)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = _times_log(target, target) - target * input
    result = reduced(loss, reduction)
    return result / input.shape[0] if batch and input.dim() else result


@in_float32
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of counts under a Poisson rate, or its logarithm, the input."""
    reduction = check_reduction(reduction, size_average, reduce)
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        safe = where(target > 1, target, 1)
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        loss = loss + where(target > 1, stirling, 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of targets under normal distributions of mean input."""
    check_reduction(reduction)
    if not isinstance(var, Tensor):
        var = input.new_full((), float(var)).expand(input.shape)
    if tuple(var.shape) != tuple(input.shape) and var.dim():
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = var.unsqueeze(-1)
        elif not _has_one_size_of_one(tuple(var.shape), tuple(input.shape)):
            raise ValueError("var is of incorrect size")
    if holds_anywhere(var < 0, unseen=False):
        raise ValueError("var has negative entry/entries")
    # a limited variance is a constant: no gradient leads through the limit
    variance = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (variance.log() + (input - target) ** 2 / variance)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def _has_one_size_of_one(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether shapes are equal but for one dimension, along which the small one is repeated."""
    if len(small) != len(large):
        return False
    return [m for m, n in zip(small, large, strict=True) if m != n] == [1]


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
