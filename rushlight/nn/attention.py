"""Attention with several heads, as a layer."""

from __future__ import annotations

from typing import Any

import rushlight.nn.functional as F
from rushlight.nn import init
from rushlight.nn.creation import empty
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """The projection of `MultiheadAttention`'s result; a `Linear` under the name in PyTorch."""


class MultiheadAttention(Module):
    """The attention of queries to keys and values in several heads (Vaswani et al., 2017).

    Takes (length, batch, features), (batch, length, features) if `batch_first`, or (length,
    features); gives the attention in the shape of the queries, and its weights, (batch, queries,
    keys), or (batch, heads, queries, keys) with `average_attn_weights=False`.  Without
    `need_weights` the weights are None, and are never in memory where there is no dropout.  Bool
    masks are true where a key is hidden; others are added to the scores.  Query, key and value are
    projected by one matrix, unless `kdim` or `vdim` differ from `embed_dim`.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> x = rl.ones(2, 5, 8)
    >>> result, weights = nn.MultiheadAttention(8, 4, batch_first=True)(x, x, x)
    >>> result.shape, weights.shape
    (rushlight.Size([2, 5, 8]), rushlight.Size([2, 5, 5]))
    """

    bias_k: Tensor | None
    bias_v: Tensor | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        _check_sizes(embed_dim, num_heads)
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self._add_projections(device, dtype)
        if bias:
            self.in_proj_bias = Parameter(empty((3 * embed_dim,), device, dtype))
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            self.bias_k = Parameter(empty((1, 1, embed_dim), device, dtype))
            self.bias_v = Parameter(empty((1, 1, embed_dim), device, dtype))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _add_projections(self, device: Any, dtype: Any) -> None:
        """One weight for query, key and value, or one for each."""
        rows = self.embed_dim
        shapes: dict[str, tuple[int, int]] = {"in_proj_weight": (3 * rows, rows)}
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        if not self._qkv_same_embed_dim:
            columns = (rows, self.kdim, self.vdim)
            shapes = {name: (rows, size) for name, size in zip(names, columns, strict=True)}
        for name, shape in shapes.items():
            setattr(self, name, Parameter(empty(shape, device, dtype)))
        for name in ("in_proj_weight", *names):
            if name not in shapes:
                self.register_parameter(name, None)

    def _reset_parameters(self) -> None:
        """Draw new first values by Glorot's rule; biases start as zeros."""
        for name, weight in self.named_parameters(recurse=False):
            if name.endswith("weight"):
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        first = self.batch_first and query.dim() == 3
        if first:
            query, key, value = _transposed(query, key, value)
        result, weights = F.multi_head_attention_forward(
            *(query, key, value, self.embed_dim, self.num_heads),
            *(self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v),
            *(self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias),
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return result.transpose(0, 1) if first else result, weights


def _check_sizes(embed_dim: int, num_heads: int) -> None:
    if embed_dim <= 0 or num_heads <= 0:
        raise ValueError(
            f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
            f"num_heads={num_heads} instead"
        )
    if embed_dim % num_heads:
        raise AssertionError("embed_dim must be divisible by num_heads")


def _transposed(*tensors: Tensor) -> list[Tensor]:
    """Batch and length exchanged; what is one tensor stays one."""
    moved: dict[int, Tensor] = {}
    for tensor in tensors:
        if id(tensor) not in moved:
            moved[id(tensor)] = tensor.transpose(0, 1)
    return [moved[id(tensor)] for tensor in tensors]
