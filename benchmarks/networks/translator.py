"""A Transformer of encoder and decoder (Vaswani et al., 2017), written from linear layers."""

from __future__ import annotations

import math

from networks.framework import F, framework, nn


class Attention(nn.Module):
    """Each place of x looks at the places of `seen`."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x, seen, is_causal: bool = False):
        q, k, v = (
            layer(part).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, part in ((self.query, x), (self.key, seen), (self.value, seen))
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=is_causal)
        return self.out(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    """Two linear layers with ReLU between them."""

    def __init__(self, width: int):
        super().__init__(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))


class EncoderLayer(nn.Module):
    """Attention to the source and a small network, each added and normalised."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attention, self.forward_part = Attention(width, heads), FeedForward(width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        x = self.norm1(x + self.attention(x, x))
        return self.norm2(x + self.forward_part(x))


class DecoderLayer(nn.Module):
    """Attention to earlier places, attention to the source, and a small network."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.own, self.across = Attention(width, heads), Attention(width, heads)
        self.forward_part = FeedForward(width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x, memory):
        x = self.norm1(x + self.own(x, x, is_causal=True))
        x = self.norm2(x + self.across(x, memory))
        return self.norm3(x + self.forward_part(x))


class Translator(nn.Module):
    """A source and the target so far to the scores of the target's next words."""

    def __init__(self, vocabulary: int, width: int, heads: int, layers: int, length: int):
        super().__init__()
        self.scale = math.sqrt(width)
        self.source_words = nn.Embedding(vocabulary, width)
        self.target_words = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(length, width)
        self.encoder = nn.ModuleList([EncoderLayer(width, heads) for _ in range(layers)])
        self.decoder = nn.ModuleList([DecoderLayer(width, heads) for _ in range(layers)])
        self.head = nn.Linear(width, vocabulary)

    def forward(self, source, target):
        memory = self.placed(self.source_words, source)
        for layer in self.encoder:
            memory = layer(memory)
        x = self.placed(self.target_words, target)
        for layer in self.decoder:
            x = layer(x, memory)
        return self.head(x)

    def placed(self, embedding: nn.Module, words):
        return embedding(words) * self.scale + self.places(framework.arange(words.size(1)))


def network(**sizes) -> nn.Module:
    return Translator(**sizes)


def loss(model: nn.Module, source, target, following):
    scores = model(source, target)
    return F.cross_entropy(scores.flatten(0, 1), following.flatten())
