"""Vision Transformers: Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021.

Names, arguments and `state_dict` keys are torchvision's, so that its weights fit.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from rushlight import nn
from rushlight.ops.creation import empty, zeros
from rushlight.ops.join import cat
from rushlight.tensor import Tensor
from rushlight.vision.models.weights import refuse_weights

Norm = Callable[[int], nn.Module]
USUAL_NORM = partial(nn.LayerNorm, eps=1e-6)


class MLPBlock(nn.Sequential):
    """Two linear layers with a GELU between them, for each place by itself."""

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float):
        super().__init__(
            nn.Linear(in_dim, mlp_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(mlp_dim, in_dim),
            nn.Dropout(dropout),
        )
        for layer in (self[0], self[3]):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)


class EncoderBlock(nn.Module):
    """Attention and a small network, each on what is normalised, each added to what comes in."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Norm = USUAL_NORM,
    ):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        """(N, places, hidden_dim) to the same."""
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """The places' positions, and blocks one after the other."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Norm = USUAL_NORM,
    ):
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        sizes = num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        layers = OrderedDict(
            (f"encoder_layer_{number}", EncoderBlock(*sizes)) for number in range(num_layers)
        )
        self.layers = nn.Sequential(layers)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        """(N, seq_length, hidden_dim) to the same."""
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """(N, 3, image_size, image_size) images to (N, num_classes) logits.

    Patches of `patch_size` become places of a sequence, with one more in front whose result is
    classified; `representation_size` puts another linear layer and a tanh before the last.
    ValueError for images that patches do not fill, and for images of another size.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Norm = USUAL_NORM,
    ):
        super().__init__()
        if image_size % patch_size != 0:
            raise ValueError(
                "Input shape indivisible by patch size!\nExpected: an image_size that patch_size "
                f"divides.\nActual: {image_size} and {patch_size}."
            )
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(
            *(self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim),
            *(dropout, attention_dropout, norm_layer),
        )
        heads: OrderedDict[str, nn.Module] = OrderedDict()
        if representation_size is not None:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
        heads["head"] = nn.Linear(representation_size or hidden_dim, num_classes)
        self.heads = nn.Sequential(heads)
        self._initialise()

    def _initialise(self) -> None:
        values = self.conv_proj.in_channels * self.patch_size**2
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / values))
        nn.init.zeros_(self.conv_proj.bias)
        if len(self.heads) > 1:
            first = self.heads[0]
            nn.init.trunc_normal_(first.weight, std=math.sqrt(1 / first.in_features))
            nn.init.zeros_(first.bias)
        nn.init.zeros_(self.heads[-1].weight)
        nn.init.zeros_(self.heads[-1].bias)

    def _patches(self, x: Tensor) -> Tensor:
        """Images to (N, patches, hidden_dim)."""
        size = self.image_size
        if x.shape[-2:] != (size, size):
            raise ValueError(
                f"Wrong image height or width! Expected {size} x {size} but got "
                f"{x.shape[-2]} x {x.shape[-1]}!"
            )
        return self.conv_proj(x).flatten(2).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, image_size, image_size) images to (N, num_classes) logits."""
        patches = self._patches(x)
        first = self.class_token.expand(patches.shape[0], -1, -1)
        return self.heads(self.encoder(cat([first, patches], 1))[:, 0])


def _vit(
    sizes: tuple[int, ...], weights: Any, options: dict[str, Any], image_size: int = 224
) -> VisionTransformer:
    refuse_weights(weights)
    return VisionTransformer(options.pop("image_size", image_size), *sizes, **options)


def vit_b_16(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """ViT-Base with patches of 16: 86.6 million parameters; `kwargs` go to VisionTransformer.

    NotImplementedError for weights other than None; `progress` is accepted.
    """
    return _vit((16, 12, 12, 768, 3072), weights, kwargs)


def vit_b_32(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """ViT-Base with patches of 32: 88.2 million parameters; arguments as for `vit_b_16`."""
    return _vit((32, 12, 12, 768, 3072), weights, kwargs)


def vit_l_16(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """ViT-Large with patches of 16: 304.3 million parameters; arguments as for `vit_b_16`."""
    return _vit((16, 24, 16, 1024, 4096), weights, kwargs)


def vit_l_32(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """ViT-Large with patches of 32: 306.5 million parameters; arguments as for `vit_b_16`."""
    return _vit((32, 24, 16, 1024, 4096), weights, kwargs)


def vit_h_14(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VisionTransformer:
    """ViT-Huge with patches of 14: 632.0 million parameters; arguments as for `vit_b_16`."""
    return _vit((14, 32, 16, 1280, 5120), weights, kwargs)
