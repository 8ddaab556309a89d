"""The connectionist temporal classification loss (Graves et al., 2006)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.join import stack
from rushlight.ops.loss import check_reduction, reduced
from rushlight.ops.padding import pad
from rushlight.tensor import Tensor, from_array


def _lengths(value: Any) -> np.ndarray:
    values = value._values() if isinstance(value, Tensor) else np.asarray(value)
    return values.reshape(-1).astype(np.int64)


def _paths(targets: np.ndarray, lengths: np.ndarray, blank: int) -> np.ndarray:
    """Each sample's labels with blanks before, between and behind them."""
    longest = int(lengths.max(initial=0))
    paths = np.full((len(lengths), 2 * longest + 1), blank, np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    for sample, length in enumerate(lengths):
        row = targets[sample] if targets.ndim == 2 else targets[starts[sample] :]
        paths[sample, 1 : 2 * length : 2] = row[:length]
    return paths


@in_float32
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log probability of label sequences, summed over all alignments.

    `log_probs` is (time, samples, classes), `targets` (samples, length) or all labels in one row;
    "mean" divides each loss by its target's length first.  `zero_infinity` makes losses that no
    alignment can reach, and their gradients, 0.  Targets and lengths are read (a sync point).
    """
    check_reduction(reduction)
    check_tensor("ctc_loss", "log_probs", log_probs)
    single = log_probs.dim() == 2
    x = log_probs.unsqueeze(1) if single else log_probs
    times, labels = _lengths(input_lengths), _lengths(target_lengths)
    _check(x, times, labels, blank)
    given = targets._values()
    paths = _paths(given.reshape(1, -1) if single else given, labels, blank)
    loss = -_likelihood(x, paths, times, labels, blank) + _normaliser(x, times)
    if zero_infinity:
        loss = where(loss == math.inf, 0, loss)
    if reduction == "mean":
        return (loss / from_array(np.maximum(labels, 1)).to(loss.dtype)).mean()
    return reduced(loss.squeeze(0) if single else loss, reduction)


def _check(x: Tensor, times: np.ndarray, labels: np.ndarray, blank: int) -> None:
    if x.dim() != 3:
        words = "log_probs must be (time, samples, classes)"
        fail(RuntimeError, "ctc_loss", words, "3 dimensions", describe(x))
    if not 0 <= blank < x.shape[2]:
        raise RuntimeError("blank must be in label range")
    if len(times) != x.shape[1] or len(labels) != x.shape[1]:
        raise RuntimeError("input_lengths and target_lengths must be of size batch_size")
    if times.max(initial=0) > x.shape[0]:
        words = "Expected input_lengths to have value at most "
        raise RuntimeError(f"{words}{x.shape[0]}, but got value {times.max()}")


def _normaliser(x: Tensor, times: np.ndarray) -> Tensor:
    """Zero, with the gradient exp(x): what makes the gradient that of logits, as in PyTorch."""
    inside = from_array(np.arange(x.shape[0])[:, None] < times)
    sums = where(inside, x.exp().sum(2), 0).sum(0)
    return sums - sums.detach()


def _likelihood(
    x: Tensor, paths: np.ndarray, times: np.ndarray, labels: np.ndarray, blank: int
) -> Tensor:
    """The log probability of each sample's paths, by the forward recursion."""
    samples, states = paths.shape
    place = np.arange(states)
    skips = np.zeros(paths.shape, bool)
    skips[:, 2:] = (paths[:, 2:] != blank) & (paths[:, 2:] != paths[:, :-2])
    skip = from_array(skips)
    never = constant(-math.inf, x.dtype)
    index = from_array(np.broadcast_to(paths, (x.shape[0], samples, states)).copy())
    emitted = x.gather(2, index)
    begin = from_array((place < 2) & (place < 2 * labels[:, None] + 1))
    alpha = where(begin, emitted[0], never)
    for time in range(1, x.shape[0]):
        one = pad(alpha[:, :-1], (1, 0), value=-math.inf)
        two = pad(alpha[:, :-2], (2, 0), value=-math.inf) if states > 2 else one * 0 - math.inf
        two = where(skip, two, never)
        stepped = stack([alpha, one, two]).logsumexp(0) + emitted[time]
        alpha = where(from_array((time < times)[:, None]), stepped, alpha)
    ends = (place == 2 * labels[:, None]) | (place == 2 * labels[:, None] - 1)
    return where(from_array(ends), alpha, never).logsumexp(1)


FUNCTIONS: dict[str, Any] = {"ctc_loss": ctc_loss}
METHODS: dict[str, Any] = {}
