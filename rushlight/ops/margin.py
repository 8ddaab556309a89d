"""Losses with margins, and distances between vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rushlight.ops.activation import LogSigmoid
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import describe, fail
from rushlight.ops.compare import where
from rushlight.ops.cross_entropy import IsClass
from rushlight.ops.loss import check_reduction, reduced
from rushlight.ops.movement import broadcast_tensors
from rushlight.ops.promotion import promote_tensors
from rushlight.tensor import Tensor


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension; norms count as at least eps."""
    dtype = promote_tensors(x1, x2)
    x1, x2 = broadcast_tensors(x1.to(dtype), x2.to(dtype))
    left = x1.norm(2, dim, keepdim=True).clamp_min(eps)
    right = x2.norm(2, dim, keepdim=True).clamp_min(eps)
    return ((x1 / left) * (x2 / right)).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


@in_float32
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The input where the target is 1, max(0, margin - input) where it is -1."""
    reduction = check_reduction(reduction, size_average, reduce)
    apart = where(target == 1, 0, (margin - input).clamp_min(0))
    together = where(target == -1, 0, input)
    return reduced(apart + together, reduction)


@in_float32
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target (input1 - input2)): 1 ranks the first higher, -1 the second."""
    reduction = check_reduction(reduction, size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        words = "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
        words += f"input1: {list(input1.shape)}, input2: {list(input2.shape)}, "
        raise RuntimeError(f"{words}target: {list(target.shape)} ")
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@in_float32
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input))."""
    reduction = check_reduction(reduction, size_average, reduce)
    return reduced(-LogSigmoid.apply((target * input,)), reduction)


@in_float32
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cosine where the target is 1, max(0, cosine - margin) where it is -1."""
    reduction = check_reduction(reduction, size_average, reduce)
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.dim() - 1 != target.dim() or input2.dim() - 1 != target.dim():
        words = f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but "
        words += f"found inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        raise RuntimeError(words)
    tiny = 1e-12
    product = (input1 * input2).sum(-1)
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = product / squares.sqrt()
    together = where(target == 1, 1 - cosine, 0)
    apart = where(target == -1, (cosine - margin).clamp_min(0), 0)
    return reduced(together + apart, reduction)


@in_float32
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, distance to the positive - distance to the negative + margin).

    With `swap` the negative's distance is the smaller of those to the anchor and the positive.
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with any distance."""
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = distance_function or pairwise_distance
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if not anchor.dim() == positive.dim() == negative.dim():
        words = "The anchor, positive, and negative tensors are expected to have the same number "
        words += f"of dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
        raise RuntimeError(f"{words}negative {negative.dim()}D inputs")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((near - far + margin).clamp_min(0), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the binary cross entropy with logits."""
    reduction = check_reduction(reduction, size_average, reduce)
    likelihood = LogSigmoid.apply((input,))
    loss = -(target * likelihood + (1 - target) * (likelihood - input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input.shape[-1], reduction)


@in_float32
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the other classes of max(0, margin - x[target] + x[class]) ** p."""
    reduction = check_reduction(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    single = input.dim() < 2
    x = input.reshape((1, -1)) if single else input
    target = target.reshape(-1)
    if x.dim() != 2 or target.shape[0] != x.shape[0]:
        words = "inconsistent target size"
        fail(RuntimeError, "multi_margin_loss", words, f"shape [{x.shape[0]}]", describe(target))
    of_target = x.gather(1, target.unsqueeze(1))
    loss = (margin - of_target + x).clamp_min(0)
    if p == 2:
        loss = loss * loss
    if weight is not None:
        loss = loss * weight[target].unsqueeze(1)
    loss = where(IsClass.apply((target.long(),), x.shape[1]), 0, loss).sum(1) / x.shape[1]
    return reduced(loss.reshape(()) if single else loss, reduction)


@in_float32
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over pairs of a label and another class of max(0, 1 - x[label] + x[class]), a mean.

    A row of the target lists its labels, up to the first -1.
    """
    reduction = check_reduction(reduction, size_average, reduce)
    single = input.dim() < 2
    if input.shape != target.shape and (not single or input.numel() != target.numel()):
        words = f"inconsistent target size: {list(target.shape)} for input of size: "
        words += f"{list(input.shape)}"
        fail(RuntimeError, "multilabel_margin_loss", words, describe(input), describe(target))
    if input.dim() > 2 or not math.prod(input.shape[1:] if input.dim() > 1 else input.shape):
        words = "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
        words += f"{list(input.shape)}"
        fail(RuntimeError, "multilabel_margin_loss", words, "labels", describe(input))
    x, labels = (input.reshape((1, -1)), target.reshape((1, -1))) if single else (input, target)
    listed = (labels < 0).long().cumsum(1) == 0
    classes = x.shape[1]
    places = where(listed, labels, 0)
    is_label = IsClass.apply((places,), classes) & listed.unsqueeze(1)
    pairs = (1 - x.gather(1, places).unsqueeze(1) + x.unsqueeze(2)).clamp_min(0)
    counted = listed.unsqueeze(1) & ~is_label.any(2, keepdim=True)
    loss = where(counted, pairs, 0).sum((1, 2)) / classes
    return reduced(loss.reshape(()) if single else loss, reduction)


FUNCTIONS = {"cosine_similarity": cosine_similarity, "pairwise_distance": pairwise_distance}
METHODS: dict[str, Any] = {}
