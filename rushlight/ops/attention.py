"""Scaled dot product attention."""

from __future__ import annotations

import math
from typing import Any

from rushlight.graph import elementwise as e
from rushlight.graph.creation import iota
from rushlight.graph.dtype import bool_
from rushlight.graph.movement import expand
from rushlight.ops.autocast import lowered
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.random import dropout
from rushlight.tensor import Tensor, wrap


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
    """
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check_tensor("scaled_dot_product_attention", name, tensor)
    _check(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = [_repeat_heads(tensor, query.shape[-3]) for tensor in (key, value)]
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)
    if is_causal:
        attn_mask = _causal(*scores.shape[-2:])
    if attn_mask is not None:
        scores = _masked(scores, attn_mask)
    weights = scores.softmax(-1)
    if attn_mask is not None and not is_causal:
        unseen = (scores == -math.inf).all(-1, keepdim=True)
        weights = where(unseen, constant(0, weights._spec.dtype), weights)
    if dropout_p:
        weights = dropout(weights, dropout_p)
    return weights @ value


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
