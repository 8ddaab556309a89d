"""Networks in tinygrad, by the parameter names of the others."""

from __future__ import annotations

import itertools

from tinygrad import Tensor, nn


class Attention:
    """Causal attention in one call; `by_hand`: softmax(q @ k^T / sqrt(d) + mask) @ v."""

    def __init__(self, width: int, heads: int, length: int, by_hand: bool):
        self.heads, self.by_hand = heads, by_hand
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def __call__(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = (
            part.reshape(b, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(c, dim=2)
        )
        if self.by_hand:
            mask = Tensor.full((t, t), float("-inf")).triu(1)
            scores = q @ k.transpose(-2, -1) / (c // self.heads) ** 0.5
            y = (scores + mask).softmax(-1) @ v
        else:
            y = q.scaled_dot_product_attention(k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, t, c))


class Block:
    """Attention and a network of two layers, each added to what comes in."""

    def __init__(self, width: int, heads: int, length: int, by_hand: bool):
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, length, by_hand)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def __call__(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        y = self.up(self.norm2(x))
        return x + self.down(y * 0.5 * (1 + (y * 0.5**0.5).erf()))


class GPT:
    """Words so far to the scores of the next one at each place."""

    def __init__(
        self,
        vocabulary: int,
        width: int,
        heads: int,
        layers: int,
        length: int,
        by_hand: bool = False,
    ):
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = [Block(width, heads, length, by_hand) for _ in range(layers)]
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def __call__(self, words: Tensor) -> Tensor:
        x = self.words(words) + self.places(Tensor.arange(words.shape[1]))
        return self.head(self.norm(x.sequential(self.blocks)))


class MNIST:
    """Two convolutions, pooling, two linear layers."""

    def __init__(self, classes: int, channels: tuple[int, int], hidden: int, size: int):
        first, second = channels
        self.conv1, self.conv2 = nn.Conv2d(1, first, 3), nn.Conv2d(first, second, 3)
        self.fc1 = nn.Linear(second * ((size - 4) // 2) ** 2, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv2(self.conv1(x).relu()).relu().max_pool2d(2)
        return self.fc2(self.fc1(x.flatten(1)).relu())


class Multilayer:
    """Linear layers with ReLU between them; numbered as in a Sequential of both."""

    def __init__(self, layers: tuple[int, ...]):
        pairs = list(itertools.pairwise(layers))
        for i, (inputs, outputs) in enumerate(pairs):
            setattr(self, str(2 * i), nn.Linear(inputs, outputs))
        self.count = len(pairs)

    def __call__(self, x: Tensor) -> Tensor:
        for i in range(self.count):
            x = getattr(self, str(2 * i))(x)
            x = x if i == self.count - 1 else x.relu()
        return x


NETWORKS = {"gpt": GPT, "mnist": MNIST, "multilayer": Multilayer}
