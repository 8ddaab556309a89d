"""Cross entropy of a linear layer's results."""

from __future__ import annotations

from typing import Any

from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.cross_entropy import cross_entropy
from rushlight.ops.matmul import linear
from rushlight.tensor import Tensor

_NAME = "linear_cross_entropy"


def _check(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if input.dim() not in (1, 2):
        words = f"expected input with dimensionality 1 or 2, got {input.dim()}"
        fail(RuntimeError, _NAME, words, "(samples, features) or (features)", describe(input))
    if weight.dim() < 2:
        words = f"expected linear_weight with dimensionality at least 2, got {weight.dim()}"
        fail(RuntimeError, _NAME, words, "(classes, ..., features)", describe(weight))
    if input.shape[-1] != weight.shape[-1]:
        words = "expected equal input and linear_weight last dimensions (in_features), got "
        words += f"{input.shape[-1]} and {weight.shape[-1]}, respectively"
        raise RuntimeError(f"{words}\nIn {_NAME}.")
    if bias is not None and bias.shape != weight.shape[:-1]:
        words = f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}"
        raise RuntimeError(f"{words}\nIn {_NAME}.")
    if weight.dim() > 2 and input.dim() == 1:
        words = f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires "
        raise RuntimeError(f"{words}batched input, got unbatched\nIn {_NAME}: {describe(input)}.")


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target).

    The input is (samples, features) or (features); weights are (classes, features), or (classes,
    ..., features) for a loss at several places of each sample.  `ignore_index` is -100 by default,
    and cannot be given where the target holds probabilities.  `options` make no difference.

    >>> import rushlight as rl
    >>> F = rl.nn.functional
    >>> F.linear_cross_entropy(rl.ones(1, 3), rl.zeros(2, 3), rl.tensor([1]))
    tensor(0.6931)
    """
    for name, tensor in (("input", input), ("linear_weight", linear_weight), ("target", target)):
        check_tensor(_NAME, name, tensor)
    _check(input, linear_weight, linear_bias)
    classes, features = linear_weight.shape[:-1], input.shape[-1]
    shape = (*input.shape[:-1], *classes)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape((-1,))
    logits = linear(input, linear_weight.reshape((-1, features)), bias).reshape(shape)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )
