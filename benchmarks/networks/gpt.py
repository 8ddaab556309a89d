"""GPT in the layer order of GPT-2 (Radford et al., 2019), with attention in two ways."""

from __future__ import annotations

import math

from networks.framework import F, framework, nn


class SelfAttention(nn.Module):
    """Causal attention in one call, or `by_hand`: softmax(q @ k^T / sqrt(d) + mask) @ v."""

    def __init__(self, width: int, heads: int, length: int, by_hand: bool):
        super().__init__()
        self.heads, self.by_hand = heads, by_hand
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        if by_hand:
            mask = framework.full((length, length), -math.inf)
            self.register_buffer("mask", framework.triu(mask, diagonal=1))

    def forward(self, x):
        b, t, c = x.size()
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (
            part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in (q, k, v)
        )
        if self.by_hand:
            scores = q @ k.transpose(-2, -1) / math.sqrt(k.size(-1))
            y = F.softmax(scores + self.mask[:t, :t], dim=-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    """Attention and a network of two layers, each added to what comes in."""

    def __init__(self, width: int, heads: int, length: int, by_hand: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, length, by_hand)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """Letters or words so far to the scores of the next one at each place."""

    def __init__(
        self,
        vocabulary: int,
        width: int,
        heads: int,
        layers: int,
        length: int,
        by_hand: bool = False,
    ):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(length, width)
        self.blocks = nn.ModuleList([Block(width, heads, length, by_hand) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, words):
        x = self.words(words) + self.places(framework.arange(words.size(1)))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def network(**sizes) -> nn.Module:
    return GPT(**sizes)


def loss(model: nn.Module, words, following):
    scores = model(words)
    return F.cross_entropy(scores.view(-1, scores.size(-1)), following.view(-1))
