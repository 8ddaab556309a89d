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
    tensors: tuple[Tensor, Tensor, Tensor], weight: Any, bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Query, key and value by three weights, or by one that holds all three.

    One product does for what is projected by one weight and is one tensor.
    """
    query, key, value = tensors
    if isinstance(weight, tuple):
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        return tuple([linear(*each) for each in zip(tensors, weight, biases, strict=True)])
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    size = weight.shape[0] // 3
    first, second = (None, None) if bias is None else (bias[:size], bias[size:])
    q, rest = linear(query, weight[:size], first), weight[size:]
    if key is value:
        return q, *linear(key, rest, second).chunk(2, -1)
    biases = (None, None) if bias is None else second.chunk(2)
    k, v = [linear(*each) for each in zip((key, value), rest.chunk(2), biases, strict=True)]
    return q, k, v


def _check(query: Tensor, key: Tensor, value: Tensor, size: int, heads: int) -> None:
    ranks = {2: "unbatched (2-D)", 3: "batched (3-D)"}
    rank = query.dim()
    if rank not in ranks:
        words = "query should be unbatched 2D or batched 3D tensor but received "
        words += f"{rank}-D query tensor"
        fail(AssertionError, _NAME, words, "(time, samples, features)", describe(query))
    if key.dim() != rank or value.dim() != rank:
        words = f"For {ranks[rank]} `query`, expected `key` and `value` to be {rank}-D but found "
        words += f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        raise AssertionError(f"{words}\nIn {_NAME}.")
    if query.shape[-1] != size:
        words = f"was expecting embedding dimension of {size}, but got {query.shape[-1]}"
        fail(AssertionError, _NAME, words, str(size), describe(query))
    if size % heads:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {heads}")


def _check_keys(key: Tensor, value: Tensor, separate: bool) -> None:
    """Keys and values belong together; where one weight projects them, features too."""
    if separate and key.shape[:-1] != value.shape[:-1]:
        words = f"key's sequence and batch dims {list(key.shape[:-1])} do not match value's "
        raise AssertionError(f"{words}{list(value.shape[:-1])}\nIn {_NAME}.")
    if not separate and key.shape != value.shape:
        words = f"key shape {list(key.shape)} does not match value shape {list(value.shape)}"
        raise AssertionError(f"{words}\nIn {_NAME}.")


def _check_masks(
    query: Tensor, key: Tensor, mask: Tensor | None, padding: Tensor | None, heads: int
) -> None:
    """Masks have a dtype to mask with, and the shapes of the scores."""
    queries, keys = query.shape[0], key.shape[0]
    samples = query.shape[1] if query.dim() == 3 else 1
    for name, each in (("key_padding_mask", padding), ("attn_mask", mask)):
        dtype = None if each is None else each._spec.dtype
        if each is not None and dtype is not bool_ and not dtype.is_floating_point:
            words = f"only bool and floating types of {name} are supported"
            fail(AssertionError, _NAME, words, "bool or floating point", describe(each))
    if mask is not None:
        shapes = {2: (queries, keys), 3: (samples * heads, queries, keys)}
        if tuple(mask.shape) != shapes.get(mask.dim()):
            words = f"The shape of the {mask.dim()}D attn_mask is {list(mask.shape)}, but should "
            words += f"be {shapes.get(mask.dim(), shapes[2])}."
            raise RuntimeError(f"{words}\nIn {_NAME}.")
    expected = (samples, keys) if query.dim() == 3 else (keys,)
    if padding is not None and tuple(padding.shape) != expected:
        words = f"Expected `key_padding_mask` of shape {expected}, but got {list(padding.shape)}"
        raise AssertionError(f"{words}\nIn {_NAME}.")


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
    hidden, others are added to the scores.  With `is_causal` the mask must be given too; it is
    not looked at where neither padding nor weights need it.
    """
    _check(query, key, value, embed_dim_to_check, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    _check_keys(key, value, use_separate_proj_weight)
    _check_masks(query, key, attn_mask, key_padding_mask, num_heads)
    single = query.dim() == 2
    if single:
        query, key, value = _with_batch(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    causal = is_causal and key_padding_mask is None and not need_weights
    masks = None if causal else attn_mask, key_padding_mask
    seen, padding = [_added(mask, query) for mask in masks]
    separate = q_proj_weight, k_proj_weight, v_proj_weight
    weight = separate if use_separate_proj_weight else in_proj_weight
    q, k, v = _project((query, key, value), weight, in_proj_bias)
    if (bias_k is None) != (bias_v is None):
        missing, given = ("v", "k") if bias_v is None else ("k", "v")
        raise AssertionError(f"bias_{given} is set but bias_{missing} is None")
    if bias_k is not None:
        k, v = [cat([x, row.expand((1, *x.shape[1:]))]) for x, row in ((k, bias_k), (v, bias_v))]
        seen, padding = _one_more(seen), _one_more(padding)
    samples = query.shape[1]
    q, k, v = [_by_head(each, num_heads) for each in (q, k, v)]
    k, v = k if static_k is None else static_k, v if static_v is None else static_v
    if add_zero_attn:
        k, v = [cat([x, x.new_zeros((x.shape[0], 1, x.shape[2]))], 1) for x in (k, v)]
        seen, padding = _one_more(seen), _one_more(padding)
    mask = _mask(seen, padding, samples, num_heads)
    p = dropout_p if training else 0.0
    joined, weights = _attend(q, k, v, mask, p, need_weights, causal)
    joined = joined.transpose(0, 1).reshape((query.shape[0], samples, embed_dim_to_check))
    result = linear(joined, out_proj_weight, out_proj_bias)
    if weights is not None:
        weights = weights.reshape((samples, num_heads, *weights.shape[1:]))
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights.squeeze(0) if single else weights
    return result.squeeze(1) if single else result, weights


def _with_batch(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A single sample as a batch of one; what is one tensor stays one."""
    batched: dict[int, Tensor] = {}
    for each in (query, key, value):
        batched.setdefault(id(each), each.unsqueeze(1))
    return batched[id(query)], batched[id(key)], batched[id(value)]


def _one_more(mask: Tensor | None) -> Tensor | None:
    """A mask with one more key, which is seen."""
    return None if mask is None else pad(mask, (0, 1))


def _attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    p: float,
    need_weights: bool,
    causal: bool,
) -> tuple[Tensor, Tensor | None]:
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, p, causal), None
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(1, 2)
    weights = (scores if mask is None else scores + mask).softmax(-1)
    if p:
        weights = dropout(weights, p)
    return weights @ v, weights


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
