"""Bags of embeddings: rows of a table looked up and combined, bag by bag."""

from __future__ import annotations

import math
from typing import Any

from rushlight.graph.dtype import int64
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant, filled
from rushlight.ops.embedding import embedding
from rushlight.ops.indexed import IndexPut
from rushlight.ops.places import known_values, origin
from rushlight.ops.scatter import ScatterReduce
from rushlight.tensor import Tensor

_NAME = "embedding_bag"
_MODES = ("sum", "mean", "max")


def _check(
    input: Any, weight: Any, offsets: Any, mode: str, weights: Any, by_count: bool, sparse: bool
) -> None:
    check_tensor(_NAME, "input", input)
    check_tensor(_NAME, "weight", weight)
    if weight.dim() != 2:
        words = f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        fail(ValueError, _NAME, words, "a table of (rows, size)", describe(weight))
    if input.dim() not in (1, 2):
        words = f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        fail(ValueError, _NAME, words, "bags of indices", describe(input))
    if input.dim() == 2 and offsets is not None:
        words = "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
        words += f"of fixed length sequences. However, found offsets of type {type(offsets)}"
        raise ValueError(f"{words}\nIn {_NAME}.")
    if input.dim() == 1 and (not isinstance(offsets, Tensor) or offsets.dim() != 1):
        got = " but got None" if offsets is None else ""
        raise ValueError(f"offsets has to be a 1D Tensor{got}\nIn {_NAME}.")
    if mode not in _MODES:
        raise ValueError(f"mode has to be one of sum, mean or max\nActual: {mode!r}. In {_NAME}.")
    if mode == "max" and by_count:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    _check_weights(input, weights, mode)


def _check_weights(input: Tensor, weights: Any, mode: str) -> None:
    if weights is None:
        return
    if weights.shape != input.shape:
        words = f"embedding_bag: If per_sample_weights ({list(weights.shape)}) is not None, then "
        words += f"it must have the same shape as the input ({list(input.shape)})"
        raise ValueError(words)
    if mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}')."
        )


def _bags(offsets: Tensor, count: int, last: bool) -> tuple[Tensor, int]:
    """The bag of each of `count` entries, and how many bags there are.

    Entries behind the last offset, if that is where the last bag ends, are in one bag more.
    """
    values = known_values(offsets)
    if values is not None and values.size:
        if values[0] != 0:
            words = "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to "
            raise RuntimeError(f"{words}start from position 0. However, got {values[0]}")
        if values[-1] > count:
            words = "offsets[-1] can not be greater than input's length "
            raise RuntimeError(f"{words}{count}, but got offsets[-1] of {values[-1]}")
    bags = offsets.shape[0] - (1 if last else 0)
    if last and bags < 0:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    starts = filled(0, offsets._spec.with_dtype(int64).with_shape((count + 1,)))
    ones = filled(1, offsets._spec.with_dtype(int64))
    starts = IndexPut.apply((starts, ones, offsets), (0,), "add", origin(_NAME))
    return starts[:count].cumsum(0) - 1, bags


def _combined(rows: Tensor, kept: Tensor | None, bags: Any, count: int, mode: str) -> Tensor:
    """Rows combined by bag: `bags` says the bag of each, or how many rows each has."""
    zero = constant(0, rows._spec.dtype)
    if mode == "max":
        low = constant(-math.inf, rows._spec.dtype)
        rows = rows if kept is None else where(kept, rows, low)
        found = _largest(rows, bags, count, low)
        return where(found == low, zero, found)
    rows = rows if kept is None else where(kept, rows, zero)
    total = _summed(rows, bags, count)
    if mode == "sum":
        return total
    ones = filled(1, rows._spec.with_shape((*rows.shape[:-1], 1)))
    sizes = _summed(ones if kept is None else where(kept, ones, zero), bags, count)
    return total / sizes.clamp(min=1)


def _summed(rows: Tensor, bags: Tensor | None, count: int) -> Tensor:
    if bags is None:
        return rows.sum(1)
    zeros = filled(0, rows._spec.with_shape((count, rows.shape[-1])))
    return IndexPut.apply((zeros, rows, bags), (0,), "add", origin(_NAME))


def _largest(rows: Tensor, bags: Tensor | None, count: int, low: Tensor) -> Tensor:
    if bags is None:
        return rows.amax(1) if rows.shape[1] else rows.sum(1)
    lowest = low.expand((count, rows.shape[-1]))
    places = bags.unsqueeze(1).expand(rows.shape)
    return ScatterReduce.apply((lowest, places, rows), 0, "maximum", origin(_NAME))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The "sum", "mean" or "max" of the rows of a table that each bag of integers names.

    Bags are the rows of a 2-d input, or of a 1-d one what begins at each of `offsets`; with
    `include_last_offset` the last of these is where the last bag ends.  `per_sample_weights`
    multiplies rows before they are added up.  Entries that are `padding_idx` do not count; an
    empty bag gives zeros.  The other arguments are those of `embedding`.

    >>> import rushlight as rl
    >>> table = rl.tensor([[1.0], [2.0], [4.0]])
    >>> rl.nn.functional.embedding_bag(rl.tensor([[0, 1], [1, 2]]), table, mode="sum")
    tensor([[3.],
            [6.]])
    """
    _check(input, weight, offsets, mode, per_sample_weights, scale_grad_by_freq, sparse)
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.shape[0]
    options = padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
    rows = embedding(input, weight, *options)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    kept = None if padding_idx is None else (input != padding_idx).unsqueeze(-1)
    if input.dim() == 2:
        return _combined(rows, kept, None, input.shape[0], mode)
    bags, count = _bags(offsets, input.shape[0], include_last_offset)
    if include_last_offset:
        return _combined(rows, kept, bags, count + 1, mode)[:count]
    return _combined(rows, kept, bags, count, mode)
