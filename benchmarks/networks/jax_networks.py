"""The networks in JAX: what each computes from a `Net` and a batch, by the names of the others."""

from __future__ import annotations

import math

import jax
from jax import lax
from jax import numpy as jnp

from networks import jax_layers as layers
from networks.jax_layers import Net


def gpt(
    net: Net,
    words,
    *,
    vocabulary: int,
    width: int,
    heads: int,
    layers_: int,
    length: int,
    by_hand: bool = False,
):
    """Words so far to the scores of the next one; XLA sees attention alike in both ways."""
    x = layers.embedding(net, "words", vocabulary, width, words)
    x = x + layers.embedding(net, "places", length, width, jnp.arange(words.shape[1]))
    for i in range(layers_):
        name = f"blocks.{i}"
        y = layers.layer_norm(net, f"{name}.norm1", x)
        y = layers.linear(net, f"{name}.attention.qkv", y, 3 * width)
        q, k, v = (layers.heads_apart(part, heads) for part in jnp.split(y, 3, axis=-1))
        y = layers.heads_together(layers.attention(q, k, v, is_causal=True))
        x = x + layers.linear(net, f"{name}.attention.out", y, width)
        y = layers.layer_norm(net, f"{name}.norm2", x)
        y = layers.linear(net, f"{name}.up", y, 4 * width)
        x = x + layers.linear(net, f"{name}.down", jax.nn.gelu(y, approximate=False), width)
    x = layers.layer_norm(net, "norm", x)
    return layers.linear(net, "head", x, vocabulary, bias=False)


def resnet(net: Net, images, *, classes: int, width: int = 64, large: bool = False):
    """Images to the scores of classes: eight residual blocks in four stages."""
    x = images.transpose(0, 2, 3, 1)
    x = layers.convolution(net, "stem.0", x, width, *((7, 2, 3) if large else (3, 1, 1)))
    x = jax.nn.relu(layers.batch_norm(net, "stem.1", x))
    x = layers.max_pool(x, 3, 2, 1) if large else x
    for i in range(8):
        x = _residual(net, f"blocks.{i}", x, width << i // 2, 1 + (i in (2, 4, 6)))
    return layers.linear(net, "head", x.mean((1, 2)), classes)


def _residual(net: Net, name: str, x, channels: int, stride: int):
    """Two 3x3 convolutions, and the way around them."""
    y = layers.convolution(net, f"{name}.conv1", x, channels, 3, stride, 1)
    y = jax.nn.relu(layers.batch_norm(net, f"{name}.bn1", y))
    y = layers.convolution(net, f"{name}.conv2", y, channels, 3, 1, 1)
    y = layers.batch_norm(net, f"{name}.bn2", y)
    if stride != 1 or x.shape[-1] != channels:
        x = layers.convolution(net, f"{name}.around.0", x, channels, 1, stride, 0)
        x = layers.batch_norm(net, f"{name}.around.1", x)
    return jax.nn.relu(y + x)


def mnist(net: Net, images, *, classes: int, channels: tuple[int, int], hidden: int, size: int):
    """Two convolutions, pooling, two linear layers."""
    x = images.transpose(0, 2, 3, 1)
    for name, count in zip(("conv1", "conv2"), channels, strict=True):
        x = layers.convolution(net, name, x, count, 3, 1, 0)
        x = jax.nn.relu(x + net.parameter(f"{name}.bias", count))
    x = layers.max_pool(x, 2, 2, 0).transpose(0, 3, 1, 2)
    x = jax.nn.relu(layers.linear(net, "fc1", x.reshape(len(x), -1), hidden))
    return layers.linear(net, "fc2", x, classes)


def inception(net: Net, images, *, classes: int):
    """A convolution and three stages of inception modules."""
    x = _normed(net, "stem", images.transpose(0, 2, 3, 1), 64, 3)
    x = layers.max_pool(x, 3, 2, 1)
    x = _branches(net, "a", x, 32, (32, 64), (8, 16), 16)
    x = _branches(net, "b", x, 64, (48, 96), (16, 48), 32)
    x = layers.max_pool(x, 3, 2, 1)
    x = _branches(net, "c", x, 96, (48, 104), (8, 24), 32)
    x = _branches(net, "d", x, 128, (64, 128), (16, 32), 32)
    x = _branches(net, "e", x, 160, (80, 160), (16, 64), 64)
    return layers.linear(net, "head", x.mean((1, 2)), classes)


def _normed(net: Net, name: str, x, channels: int, kernel: int):
    x = layers.convolution(net, f"{name}.conv", x, channels, kernel, 1, kernel // 2)
    return jax.nn.relu(layers.batch_norm(net, f"{name}.norm", x))


def _branches(net: Net, name: str, x, one: int, three: tuple, five: tuple, pooled: int):
    """An inception module: four branches, joined by channels."""
    parts = [_normed(net, f"{name}.one", x, one, 1)]
    for branch, kernel, (narrow, wide) in (("three", 3, three), ("five", 5, five)):
        y = _normed(net, f"{name}.{branch}.0", x, narrow, 1)
        parts.append(_normed(net, f"{name}.{branch}.1", y, wide, kernel))
    parts.append(_normed(net, f"{name}.pooled.1", layers.max_pool(x, 3, 1, 1), pooled, 1))
    return jnp.concatenate(parts, axis=-1)


def translator(
    net: Net, source, target, *, vocabulary: int, width: int, heads: int, layers_: int, length: int
):
    """A source and the target so far to the scores of the target's next words."""

    def placed(name: str, words):
        x = layers.embedding(net, name, vocabulary, width, words) * math.sqrt(width)
        places = jnp.arange(words.shape[1])
        return x + layers.embedding(net, "places", length, width, places)

    def joined(name: str, norm: str, x, y):
        return layers.layer_norm(net, f"{name}.{norm}", x + y)

    memory = placed("source_words", source)
    for i in range(layers_):
        name = f"encoder.{i}"
        y = _attend(net, f"{name}.attention", memory, memory, heads, False)
        memory = joined(name, "norm1", memory, y)
        memory = joined(name, "norm2", memory, _feed_forward(net, name, memory))
    x = placed("target_words", target)
    for i in range(layers_):
        name = f"decoder.{i}"
        x = joined(name, "norm1", x, _attend(net, f"{name}.own", x, x, heads, True))
        x = joined(name, "norm2", x, _attend(net, f"{name}.across", x, memory, heads, False))
        x = joined(name, "norm3", x, _feed_forward(net, name, x))
    return layers.linear(net, "head", x, vocabulary)


def _attend(net: Net, name: str, x, seen, heads: int, is_causal: bool):
    """Each place of x looks at the places of `seen`."""
    width = x.shape[-1]
    q, k, v = (
        layers.heads_apart(layers.linear(net, f"{name}.{part}", source, width), heads)
        for part, source in (("query", x), ("key", seen), ("value", seen))
    )
    y = layers.heads_together(layers.attention(q, k, v, is_causal))
    return layers.linear(net, f"{name}.out", y, width)


def _feed_forward(net: Net, name: str, x):
    y = jax.nn.relu(layers.linear(net, f"{name}.forward_part.0", x, 4 * x.shape[-1]))
    return layers.linear(net, f"{name}.forward_part.2", y, x.shape[-1])


def recurrent(net: Net, words, *, vocabulary: int, width: int, hidden: int):
    """A language model of one LSTM layer, whose places are scanned."""
    x = layers.embedding(net, "words", vocabulary, width, words)
    inner = net.parameter("recurrent.weight_ih_l0", 4 * hidden, width)
    across = net.parameter("recurrent.weight_hh_l0", 4 * hidden, hidden)
    bias = net.parameter("recurrent.bias_ih_l0", 4 * hidden)
    gates = x @ inner.T + bias + net.parameter("recurrent.bias_hh_l0", 4 * hidden)

    def cell(state, given):
        h, c = state
        i, f, g, o = jnp.split(given + h @ across.T, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((len(words), hidden))
    _, outputs = lax.scan(cell, (start, start), gates.transpose(1, 0, 2))
    return layers.linear(net, "head", outputs.transpose(1, 0, 2), vocabulary)


def multilayer(net: Net, x, *, layers_: tuple[int, ...]):
    """Linear layers with ReLU between them."""
    last = len(layers_) - 2
    for i, outputs in enumerate(layers_[1:]):
        x = layers.linear(net, str(2 * i), x, outputs)
        x = x if i == last else jax.nn.relu(x)
    return x


NETWORKS = {
    function.__name__: function
    for function in (gpt, resnet, mnist, inception, translator, recurrent, multilayer)
}
