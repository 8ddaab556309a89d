"""Losses that own a layer: cross entropy of a linear layer, and its adaptive form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import rushlight.nn.functional as F
from rushlight.nn.container import ModuleList, Sequential
from rushlight.nn.linear import Linear
from rushlight.nn.loss import _WeightedLoss
from rushlight.nn.module import Module
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor, from_array


@dataclass
class LinearCrossEntropyOptions:
    """How PyTorch cuts `LinearCrossEntropyLoss` into chunks; accepted, and nothing depends on it.

    >>> from rushlight import nn
    >>> nn.LinearCrossEntropyOptions(batch_chunk_size=8).batch_chunk_size
    8
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross entropy of a linear layer's results: features (N, in_features), classes (N, *).

    `out_features` are the sizes of * if the loss is at several places of each sample.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> loss = nn.LinearCrossEntropyLoss(5, 10)
    >>> loss(rl.zeros(2, 5), rl.tensor([3, 7]))
    tensor(2.3026, grad_fn=<...>)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ):
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                f"expected label_smoothing to be in range [0, 1], got {label_smoothing}"
            )
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        columns = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, columns, bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*shape, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class AdaptiveLogSoftmax(NamedTuple):
    """The log probability of each target, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Softmax over many classes by clusters of rare ones (Grave et al., 2017).

    Classes are ordered from frequent to rare; `cutoffs` say where clusters begin.  The head knows
    the first classes and one place for each cluster, cluster i has a tail whose inner size is
    in_features / div_value^(i + 1), which computes the samples of its classes only.  Reading which
    these are is a sync point.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[5, 10], div_value=2.0)
    >>> output, loss = layer(rl.ones(3, 8), rl.tensor([0, 7, 19]))
    >>> output.shape, layer.log_prob(rl.ones(3, 8)).shape
    (rushlight.Size([3]), rushlight.Size([3, 20]))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        starts = _check_cutoffs(list(cutoffs), n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*starts, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for cluster in range(self.n_clusters):
            inner = int(in_features // div_value ** (cluster + 1))
            size = self.cutoffs[cluster + 1] - self.cutoffs[cluster]
            first = Linear(in_features, inner, False, device, dtype)
            self.tail.append(Sequential(first, Linear(inner, size, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Draw new first values of all layers."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> AdaptiveLogSoftmax:
        _check_target(input_, target_)
        batched = target_.dim() > 0
        x = input_ if batched else input_.unsqueeze(0)
        target = target_._values().reshape(-1)
        if target.size and not (target.min() >= 0 and target.max() < self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min()}, {target.max()}] were found. "
            )
        cluster = np.searchsorted(self.cutoffs, target, side="right")
        places = np.where(cluster == 0, target, self.shortlist_size + cluster - 1)
        output = _chosen(self.head(x), places)
        for number in range(1, self.n_clusters + 1):
            rows = np.flatnonzero(cluster == number)
            if rows.size:
                index = from_array(rows)
                found = self.tail[number - 1](x.index_select(0, index))
                found = _chosen(found, target[rows] - self.cutoffs[number - 1])
                output = output.index_add(0, index, found)
        loss = -output.mean()
        return AdaptiveLogSoftmax(output if batched else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log probabilities of all classes: (N, in_features) to (N, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for cluster, tail in enumerate(self.tail):
            chance = head[:, self.shortlist_size + cluster].unsqueeze(1)
            parts.append(F.log_softmax(tail(input), 1) + chance)
        return FUNCTIONS["cat"](parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class of each sample; where the head names no cluster, by it alone."""
        likeliest = self.head(input).argmax(1)
        short = likeliest < self.shortlist_size
        return FUNCTIONS["where"](short, likeliest, self.log_prob(input).argmax(1))


def _chosen(scores: Tensor, places: np.ndarray) -> Tensor:
    """The log probability of one class for each sample."""
    index = from_array(places.astype(np.int64)).unsqueeze(1)
    return F.log_softmax(scores, 1).gather(1, index).squeeze(1)


def _check_cutoffs(cutoffs: list, classes: int) -> list[int]:
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    whole = all(int(start) == start for start in cutoffs)
    if not whole or cutoffs != sorted({*cutoffs}) or min(cutoffs) <= 0 or max(cutoffs) >= classes:
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
            f"order, where each value is between 1 and n_classes-1\nActual: {cutoffs}."
        )
    return cutoffs


def _check_target(input: Tensor, target: Tensor) -> None:
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found "
            f"inputs with size {list(input.shape)}"
        )
    if target.dim() and input.shape[0] != target.shape[0]:
        raise RuntimeError("Input and target should have the same size in the batch dimension.")
