"""Attention with several heads (Vaswani et al., 2017), with all arguments of PyTorch's."""

from __future__ import annotations

import math
from typing import Any

from rushlight.graph.dtype import bool_
from rushlight.ops.attention import scaled_dot_product_attention
from rushlight.ops.check import describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.join import cat
from rushlight.ops.matmul import linear
from rushlight.ops.padding import pad
from rushlight.ops.random import dropout
from rushlight.tensor import Tensor

_NAME = "multi_head_attention_forward"


def _added(mask: Tensor | None, like: Tensor) -> Tensor | None:
    """A bool mask of what is hidden as numbers to add: minus infinity where it holds."""
    if mask is None or mask._spec.dtype is not bool_:
        return mask
    dtype = like._spec.dtype
    return where(mask, constant(-math.inf, dtype), constant(0, dtype))


def _project(
    tensors: tuple[Tensor, Tensor, Tensor], weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Query, key and value by the three parts of one weight; in one product if they are one."""
    query, key, value = tensors
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    weights = weight.chunk(3)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple([linear(*each) for each in zip(tensors, weights, biases, strict=True)])


def _check(query: Tensor, key: Tensor, value: Tensor, size: int, heads: int) -> None:
    if query.dim() not in (2, 3) or key.dim() != query.dim() or value.dim() != query.dim():
        words = "query should be unbatched 2D or batched 3D tensor, and key and value alike"
        actual = f"{describe(query)}, {describe(key)}, {describe(value)}"
        fail(AssertionError, _NAME, words, "(time, samples, features)", actual)
    if query.shape[-1] != size:
        words = f"was expecting embedding dimension of {size}, but got {query.shape[-1]}"
        fail(AssertionError, _NAME, words, str(size), describe(query))
    if size % heads:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {heads}")
    if key.shape[:-1] != value.shape[:-1]:
        words = f"key's sequence and batch dims {list(key.shape[:-1])} do not match value's "
        raise AssertionError(f"{words}{list(value.shape[:-1])}")


def _by_head(x: Tensor, heads: int) -> Tensor:
    """(time, samples, features) as (samples * heads, time, features of a head)."""
    time, samples, features = x.shape
    return x.reshape((time, samples * heads, features // heads)).transpose(0, 1)


def _mask(
    attn_mask: Tensor | None, padding: Tensor | None, samples: int, heads: int
) -> Tensor | None:
    """Both masks as one that is added to scores of (samples * heads, queries, keys)."""
    if attn_mask is not None and attn_mask.dim() == 2:
        attn_mask = attn_mask.unsqueeze(0)
    if padding is None:
        return attn_mask
    keys = padding.shape[-1]
    padding = padding.reshape((samples, 1, 1, keys)).expand((-1, heads, -1, -1))
    padding = padding.reshape((samples * heads, 1, keys))
    return padding if attn_mask is None else attn_mask + padding


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The attention of queries to keys in several heads, and its weights if they are needed.

    Shapes are (time, samples, features), or (time, features).  Bool masks are true where a key is
    hidden, others are added to the scores.  With `is_causal` the mask must be given too.
    """
    _check(query, key, value, embed_dim_to_check, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    single = query.dim() == 2
    if single:
        together = query is key and key is value
        query = query.unsqueeze(1)
        key, value = (query, query) if together else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    attn_mask, padding = _added(attn_mask, query), _added(key_padding_mask, query)
    if use_separate_proj_weight:
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        q = linear(query, q_proj_weight, biases[0])
        k = linear(key, k_proj_weight, biases[1])
        v = linear(value, v_proj_weight, biases[2])
    else:
        q, k, v = _project((query, key, value), in_proj_weight, in_proj_bias)
    if bias_k is not None and bias_v is not None:
        k = cat([k, bias_k.expand((1, *k.shape[1:]))])
        v = cat([v, bias_v.expand((1, *v.shape[1:]))])
        attn_mask, padding = _one_more(attn_mask), _one_more(padding)
    samples = query.shape[1]
    q, k, v = [_by_head(each, num_heads) for each in (q, k, v)]
    k, v = k if static_k is None else static_k, v if static_v is None else static_v
    if add_zero_attn:
        k, v = [
            cat([each, each.new_zeros((each.shape[0], 1, each.shape[2]))], 1) for each in (k, v)
        ]
        attn_mask, padding = _one_more(attn_mask), _one_more(padding)
    mask = _mask(attn_mask, padding, samples, num_heads)
    p = dropout_p if training else 0.0
    joined, weights = _attend(q, k, v, mask, p, need_weights)
    joined = joined.transpose(0, 1).reshape((query.shape[0], samples, embed_dim_to_check))
    result = linear(joined, out_proj_weight, out_proj_bias)
    if weights is not None:
        weights = weights.reshape((samples, num_heads, *weights.shape[1:]))
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights.squeeze(0) if single else weights
    return result.squeeze(1) if single else result, weights


def _one_more(mask: Tensor | None) -> Tensor | None:
    """A mask with one more key, which is seen."""
    return None if mask is None else pad(mask, (0, 1))


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float, need_weights: bool
) -> tuple[Tensor, Tensor | None]:
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, p), None
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(1, 2)
    weights = (scores if mask is None else scores + mask).softmax(-1)
    if p:
        weights = dropout(weights, p)
    return weights @ v, weights


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
