"""Scaled dot product attention and its gradient, with all weights at once."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph.attention import ATTENTION, ATTENTION_GRADIENT, KEY, QUERY, RESULT
from rushlight.graph.node import Primitive


def _scores(
    query: np.ndarray, key: np.ndarray, scale: np.ndarray, masks: list[np.ndarray], causal: bool
) -> np.ndarray:
    """How well each key fits each query; minus infinity for keys that a query does not see."""
    scores = np.matmul(query, np.swapaxes(key, -1, -2)) * scale
    for mask in masks:
        hides = mask.dtype.kind == "b"
        scores = np.where(mask, scores, -np.inf) if hides else scores + widened(mask)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    return scores


def _weights(scores: np.ndarray, log_sum_exp: np.ndarray) -> np.ndarray:
    """exp(scores - log_sum_exp), 0 where a query sees nothing."""
    total = np.where(np.isneginf(log_sum_exp), 0, log_sum_exp)
    return np.exp(scores - total[..., None])


def _attention(arrays, attributes, numbers, spec):
    which, causal = attributes
    query, key, value, scale = map(widened, arrays[:4])
    scores = _scores(query, key, scale, arrays[4:], causal)
    largest = np.max(scores, axis=-1, initial=-np.inf)
    powers = _weights(scores, largest)
    sums = powers.sum(-1)
    if which == RESULT:
        return np.matmul(powers, value) / np.where(sums == 0, 1, sums)[..., None]
    return np.log(sums) + largest


def _attention_gradient(arrays, attributes, numbers, spec):
    which, causal = attributes
    query, key, value, scale, result, total, gradient = map(widened, arrays[:7])
    weights = _weights(_scores(query, key, scale, arrays[7:], causal), total)
    if which not in (QUERY, KEY):
        return np.matmul(np.swapaxes(weights, -1, -2), gradient)
    of_weights = np.matmul(gradient, np.swapaxes(value, -1, -2))
    of_scores = weights * (of_weights - (gradient * result).sum(-1, keepdims=True)) * scale
    if which == QUERY:
        return np.matmul(of_scores, key)
    return np.matmul(np.swapaxes(of_scores, -1, -2), query)


RULES: dict[Primitive, Rule] = {
    ATTENTION: _attention,
    ATTENTION_GRADIENT: _attention_gradient,
}
