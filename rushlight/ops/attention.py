"""Scaled dot product attention."""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.attention import attention, attention_gradient, wide
from rushlight.graph.creation import iota, number
from rushlight.graph.dtype import bool_
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops.autocast import lowered
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.random import dropout
from rushlight.tensor import Tensor, modes, node_of, wrap


class ScaledDotProductFlashAttentionForCpu(Operation):
    """Attention as one primitive, whose weights are never in memory; so is its gradient.

    A gradient that is to be differentiated again is written in tensor operations.
    """

    def forward(ctx, query: Node, key: Node, value: Node, *rest: Any) -> Node:
        *masks, scale, causal = rest
        mask = _broadcast(masks[0], query, key) if masks else None
        ctx.scale, ctx.causal = scale, causal
        factor = number(scale, wide(query.spec.dtype))
        operands = query, key, value, factor, mask, causal
        result, log_sum_exp = attention(*operands, with_log_sum_exp=ctx.recording)
        if ctx.recording:
            ctx.save_inputs(0, 1, 2)
            ctx.save_outputs(0)
            ctx.save_values(log_sum_exp, *masks)
        return result

    def backward(ctx, grad: Tensor) -> tuple:
        query, key, value, result, log_sum_exp, *masks = ctx.saved
        rest = (None,) * len(masks)
        if modes.grad:
            mask = masks[0] if masks else None
            operands = query, key, value, mask, ctx.scale, ctx.causal
            return *_differentiable_gradient(*operands, grad), *rest
        q, k, v = node_of(query), node_of(key), node_of(value)
        mask = _broadcast(node_of(masks[0]), q, k) if masks else None
        given = number(ctx.scale, wide(q.spec.dtype)), node_of(result), node_of(log_sum_exp)
        needed = ctx.needs(0), ctx.needs(1), ctx.needs(2)
        found = attention_gradient(q, k, v, *given, node_of(grad), mask, ctx.causal, needed)
        return *[None if node is None else wrap(node) for node in found], *rest


def _broadcast(mask: Node, query: Node, key: Node) -> Node:
    """A mask in the shape of the scores."""
    return expand(mask, (*query.spec.shape[:-1], key.spec.shape[-2]))


def _differentiable_gradient(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float,
    causal: bool,
    grad: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    weights = _weights(query, key, mask, scale, causal)
    of_weights = grad @ value.transpose(-2, -1)
    of_scores = weights * (of_weights - (weights * of_weights).sum(-1, keepdim=True)) * scale
    of_value = weights.transpose(-2, -1) @ grad
    return of_scores @ key, of_scores.transpose(-2, -1) @ query, of_value


@lowered
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key.T * scale + mask) @ value (Vaswani et al., 2017).

    Shapes are (..., queries, size), (..., keys, size) and (..., keys, values); `scale` is
    1 / sqrt(size) by default.  A bool mask says which keys count, another is added; `is_causal`
    lets a query see keys up to its own place only.  A query that sees no key gets zeros.
    `enable_gqa` repeats the heads of key and value to those of the query.

    Without dropout, and unless the mask needs a gradient, this is one step that never holds the
    scores in memory (after Dao et al., 2022, "FlashAttention").
    """
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check_tensor("scaled_dot_product_attention", name, tensor)
    _check(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = [_repeat_heads(tensor, query.shape[-3]) for tensor in (key, value)]
    scale = 1 / math.sqrt(query.shape[-1] or 1) if scale is None else scale
    if not dropout_p and _is_one_step(query, key, value, attn_mask):
        masks = () if attn_mask is None else (attn_mask,)
        operation = ScaledDotProductFlashAttentionForCpu
        return operation.apply((query, key, value, *masks), float(scale), bool(is_causal))
    weights = _weights(query, key, attn_mask, scale, is_causal)
    return (dropout(weights, dropout_p) if dropout_p else weights) @ value


def _is_one_step(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """Whether the primitive takes these: one batch shape, and no gradient of a mask."""
    batch, size = query.shape[:-2], query.shape[-1]
    keys, shape = key.shape[-2], (*query.shape[:-1], key.shape[-2])
    return (
        query._spec.dtype.is_floating_point
        and key.shape == (*batch, keys, size)
        and value.shape[:-1] == (*batch, keys)
        and (mask is None or (not mask.requires_grad and _fits(mask.shape, shape)))
    )


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a shape broadcasts to `whole`."""
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(n in (1, m) for n, m in pairs)


def _weights(query: Tensor, key: Tensor, mask: Tensor | None, scale: float, causal: bool) -> Tensor:
    """How much each key counts for each query."""
    scores = (query * scale) @ key.transpose(-2, -1)
    if causal:
        return _masked(scores, _causal(*scores.shape[-2:])).softmax(-1)
    if mask is None:
        return scores.softmax(-1)
    scores = _masked(scores, mask)
    zero = constant(0, scores._spec.dtype)
    unseen = (scores == -math.inf).all(-1, keepdim=True)
    return where(unseen, zero, where(unseen, zero, scores).softmax(-1))


def _check(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, is_causal: bool
) -> None:
    name = "scaled_dot_product_attention"
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        words = "query, key, and value must be at least 2 dimensional"
        actual = f"{describe(query)}, {describe(key)}, {describe(value)}"
        fail(ValueError, name, words, "(..., places, size)", actual)
    dtypes = {tensor._spec.dtype for tensor in (query, key, value)}
    if len(dtypes) > 1:
        words = "Expected query, key, and value to have the same dtype, but got query.dtype: "
        words += f"{query.dtype.name} key.dtype: {key.dtype.name} and value.dtype: "
        raise RuntimeError(f"{words}{value.dtype.name} instead.\nIn {name}.")
    if attn_mask is not None and attn_mask._spec.dtype not in (bool_, query._spec.dtype):
        words = "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
        words += f"attn_mask.dtype: {attn_mask.dtype.name} and query.dtype: {query.dtype.name}"
        raise RuntimeError(f"{words} instead.\nIn {name}.")


def _repeat_heads(tensor: Tensor, heads: int) -> Tensor:
    if tensor.dim() < 3 or heads % tensor.shape[-3]:
        words = "Number of heads in key and value must divide the number of heads in query"
        fail(RuntimeError, "scaled_dot_product_attention", words, str(heads), describe(tensor))
    return tensor.repeat_interleave(heads // tensor.shape[-3], -3)


def _causal(queries: int, keys: int) -> Tensor:
    """Whether each query may see each key: keys up to its own place."""
    shape = (queries, keys)
    return wrap(e.compare(e.LE, expand(iota(keys), shape), expand(iota(queries), shape, (0,))))


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    if mask._spec.dtype is not bool_:
        return scores + mask
    return where(mask, scores, constant(-math.inf, scores._spec.dtype))


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
