"""Layers in JAX: functions of a `Net`, which holds what a network has learned."""

from __future__ import annotations

import math
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

EPSILON = 1e-5


class Net:
    """Parameters and running statistics by name; `shapes` is filled where they are missing."""

    def __init__(self, parameters: dict, statistics: dict, trains: bool):
        self.parameters, self.statistics, self.trains = parameters, statistics, trains
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.updated: dict[str, Any] = {}

    def parameter(self, name: str, *shape: int):
        self.shapes[name] = shape
        return self.parameters.get(name, jnp.zeros(shape))

    def statistic(self, name: str, channels: int, value: float):
        """A running mean or variance; `updated` has what a training step makes of it."""
        found = self.statistics.get(name, jnp.full(channels, value))
        self.updated.setdefault(name, found)
        return found


def linear(net: Net, name: str, x, outputs: int, bias: bool = True):
    weight = net.parameter(f"{name}.weight", outputs, x.shape[-1])
    y = x @ weight.T
    return y + net.parameter(f"{name}.bias", outputs) if bias else y


def embedding(net: Net, name: str, count: int, width: int, places):
    return net.parameter(f"{name}.weight", count, width)[places]


def layer_norm(net: Net, name: str, x):
    width = x.shape[-1]
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    normal = (x - mean) * lax.rsqrt(variance + EPSILON)
    scale, shift = net.parameter(f"{name}.weight", width), net.parameter(f"{name}.bias", width)
    return normal * scale + shift


def convolution(net: Net, name: str, x, channels: int, kernel: int, stride: int, padding: int):
    """Images lie as (batch, height, width, channels); XLA takes as long the other way round."""
    weight = net.parameter(f"{name}.weight", channels, x.shape[-1], kernel, kernel)
    pads = [(padding, padding)] * 2
    layout = ("NHWC", "OIHW", "NHWC")
    return lax.conv_general_dilated(x, weight, (stride, stride), pads, dimension_numbers=layout)


def batch_norm(net: Net, name: str, x, momentum: float = 0.1):
    channels = x.shape[-1]
    scale = net.parameter(f"{name}.weight", channels)
    shift = net.parameter(f"{name}.bias", channels)
    running_mean = net.statistic(f"{name}.mean", channels, 0.0)
    running_variance = net.statistic(f"{name}.variance", channels, 1.0)
    mean, variance = running_mean, running_variance
    if net.trains:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count = x.size // channels
        unbiased = variance * (count / (count - 1))
        net.updated[f"{name}.mean"] = running_mean + momentum * (mean - running_mean)
        change = momentum * (unbiased - running_variance)
        net.updated[f"{name}.variance"] = running_variance + change
    return (x - mean) * (lax.rsqrt(variance + EPSILON) * scale) + shift


def max_pool(x, kernel: int, stride: int, padding: int):
    window, steps = (1, kernel, kernel, 1), (1, stride, stride, 1)
    pads = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return lax.reduce_window(x, -jnp.inf, lax.max, window, steps, pads)


def attention(q, k, v, is_causal: bool):
    """softmax(q @ k^T / sqrt(d) + mask) @ v over (batch, heads, places, d)."""
    scores = jnp.einsum("bhtd,bhsd->bhts", q, k) / math.sqrt(q.shape[-1])
    if is_causal:
        allowed = jnp.tril(jnp.ones(scores.shape[-2:], bool))
        scores = jnp.where(allowed, scores, -jnp.inf)
    return jnp.einsum("bhts,bhsd->bhtd", jax.nn.softmax(scores, axis=-1), v)


def heads_apart(x, heads: int):
    b, t, c = x.shape
    return x.reshape(b, t, heads, c // heads).transpose(0, 2, 1, 3)


def heads_together(x):
    b, h, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, t, h * d)


def cross_entropy(scores, labels):
    chosen = jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(scores, axis=1) - chosen)
