"""Transformers (Vaswani et al., 2017): encoder and decoder layers, stacks of them, and both."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import rushlight.nn.functional as F
from rushlight.nn import init
from rushlight.nn.attention import MultiheadAttention
from rushlight.nn.container import ModuleList
from rushlight.nn.dropout import Dropout
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module
from rushlight.nn.normalization import LayerNorm
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor, node_of

Activation = str | Callable[[Tensor], Tensor]


class _Layer(Module):
    """What encoder and decoder layers share: their parts, and the two-layer network at the end."""

    attentions: tuple[str, ...] = ()

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        for name in self.attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, **made
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        places = range(1, len(self.attentions) + 2)
        for place in places:
            setattr(self, f"norm{place}", LayerNorm(d_model, layer_norm_eps, True, bias, **made))
        for place in places:
            setattr(self, f"dropout{place}", Dropout(dropout))
        self.activation = _get_activation_fn(activation)

    def _around(self, x: Tensor, norm: Module, block: Callable[[Tensor], Tensor]) -> Tensor:
        """x and a block of it added, normalised before the block or after the sum."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))

    def _attend(
        self,
        attention: Module,
        query: Tensor,
        keys: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        causal: bool,
    ) -> Tensor:
        return attention(
            query,
            keys,
            keys,
            attn_mask=mask,
            key_padding_mask=padding,
            is_causal=causal,
            need_weights=False,
        )[0]

    def _sa_block(
        self,
        x: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        """Attention of the sequence to itself."""
        masks = attn_mask, key_padding_mask, is_causal
        return self.dropout1(self._attend(self.self_attn, x, x, *masks))

    def _ff_block(self, x: Tensor) -> Tensor:
        """The network of two layers."""
        hidden = self.dropout(self.activation(self.linear1(x)))
        return getattr(self, f"dropout{len(self.attentions) + 1}")(self.linear2(hidden))


class TransformerEncoderLayer(_Layer):
    """Attention of a sequence to itself, then a network of two layers, each with a way around it.

    The norms come after the sums, or before the blocks with `norm_first`.  `activation` is "relu",
    "gelu" or a function.  Takes and gives (length, batch, d_model), (batch, length, d_model) if
    `batch_first`, or (length, d_model).

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, batch_first=True)
    >>> layer(rl.ones(3, 5, 8)).shape
    rushlight.Size([3, 5, 8])
    """

    attentions = ("self_attn",)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self._sa_block(x, src_mask, src_key_padding_mask, is_causal)

        return self._around(self._around(src, self.norm1, attend), self.norm2, self._ff_block)


class TransformerDecoderLayer(_Layer):
    """Attention of a sequence to itself, then to a memory, then a network of two layers.

    Its options are those of `TransformerEncoderLayer`.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2, batch_first=True)
    >>> layer(rl.ones(3, 5, 8), rl.ones(3, 7, 8)).shape
    rushlight.Size([3, 5, 8])
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self._sa_block(x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

        def attend_to_memory(x: Tensor) -> Tensor:
            masks = memory_mask, memory_key_padding_mask, memory_is_causal
            return self._mha_block(x, memory, *masks)

        x = self._around(tgt, self.norm1, attend)
        x = self._around(x, self.norm2, attend_to_memory)
        return self._around(x, self.norm3, self._ff_block)

    def _mha_block(
        self,
        x: Tensor,
        mem: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        """Attention of the sequence to the memory."""
        masks = attn_mask, key_padding_mask, is_causal
        return self.dropout2(self._attend(self.multihead_attn, x, mem, *masks))


class TransformerEncoder(Module):
    """Copies of an encoder layer in sequence, then an optional norm.

    `enable_nested_tensor` and `mask_check` are accepted and make no difference.  `is_causal` says
    that the mask is causal; None knows it of one by `generate_square_subsequent_mask`.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2)
    >>> nn.TransformerEncoder(layer, num_layers=2)(rl.ones(5, 3, 8)).shape
    rushlight.Size([5, 3, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        causal = _is_causal(mask, is_causal)
        x = src
        for layer in self.layers:
            x = layer(
                x,
                src_mask=mask,
                is_causal=causal,
                src_key_padding_mask=src_key_padding_mask,
            )
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Copies of a decoder layer in sequence, then an optional norm.

    `tgt_is_causal` says that the mask is causal; None knows it of one by
    `generate_square_subsequent_mask`.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2)
    >>> nn.TransformerDecoder(layer, num_layers=2)(rl.ones(5, 3, 8), rl.ones(7, 3, 8)).shape
    rushlight.Size([5, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        causal = _is_causal(tgt_mask, tgt_is_causal)
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder over a source, and a decoder over a target that attends to it.

    Sequences are (length, batch, d_model), (batch, length, d_model) if `batch_first`, or (length,
    d_model).  Weights start by Glorot's rule.  RuntimeError where batches or features differ.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> net = nn.Transformer(8, 2, 1, 1, 16)
    >>> net(rl.ones(7, 3, 8), rl.ones(5, 3, 8)).shape
    rushlight.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        parts = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps
        options = batch_first, norm_first, bias, device, dtype

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*parts, *options)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        self.encoder = custom_encoder
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*parts, *options)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm())
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draw new first values of all matrices."""
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError(
                "the feature number of src and tgt must be equal to d_model\n"
                f"Expected: {self.d_model}.\nActual: {src.size(-1)} and {tgt.size(-1)}."
            )
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """A mask to add: 0 where a place may be seen, minus infinity for those behind one's own.

        >>> from rushlight import nn
        >>> nn.Transformer.generate_square_subsequent_mask(3)
        tensor([[0., -inf, -inf],
                [0., 0., -inf],
                [0., 0., 0.]])
        """
        hidden = FUNCTIONS["full"]((sz, sz), -math.inf, dtype=dtype, device=device).triu(1)
        hidden._causal = node_of(hidden)
        return hidden


def _get_activation_fn(activation: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


def _get_clones(layer: Module, count: int) -> ModuleList:
    return ModuleList([deepcopy(layer) for _ in range(count)])


def _is_causal(mask: Tensor | None, told: bool | None) -> bool:
    """Whether the mask hides exactly what lies behind one's own place.

    Known of masks by `generate_square_subsequent_mask`; to look at others would be a sync point,
    and the result is the same.
    """
    if told is not None or mask is None:
        return bool(told)
    return getattr(mask, "_causal", None) is node_of(mask)
