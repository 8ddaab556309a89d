"""Dropout of elements and of whole channels."""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.inplace import write
from rushlight.ops import random
from rushlight.ops.activation import _SELU_ALPHA, _SELU_SCALE
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.tensor import Tensor

_SATURATION = -_SELU_ALPHA * _SELU_SCALE


def _drop(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, shape: Any = None
) -> Tensor:
    result = random.dropout(input, p, training, shape)
    return write(input, result, f"{name}_") if inplace and result is not input else result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element is 0 with probability p, else divided by 1 - p; outside training the input."""
    return _drop("dropout", input, p, training, inplace)


def _channels(
    name: str, rank: int | None, input: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    """Dropout of whole channels: dimension 1, or 0 where the batch dimension is missing."""
    check_tensor(name, "input", input)
    single = rank is not None and input.dim() == rank + 1
    if input.dim() < 2 and not single:
        words = "Feature dropout requires at least 2 dimensions in the input"
        fail(RuntimeError, name, words, "(samples, channels, ...)", describe(input))
    kept = 1 if single else 2
    shape = (*input.shape[:kept], *(1,) * (input.dim() - kept))
    return _drop(name, input, p, training, inplace, tuple(shape))


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of (samples, channels, length) is 0 with probability p."""
    if input.dim() not in (2, 3):
        words = f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input."
        raise RuntimeError(words)
    return _channels("dropout1d", 1, input, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of (samples, channels, rows, columns) is 0 with probability p."""
    # three dimensions are (samples, channels, length), as PyTorch reads them here
    return _channels("dropout2d", None, input, p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Each channel of (samples, channels, depth, rows, columns) is 0 with probability p."""
    return _channels("dropout3d", 3, input, p, training, inplace)


def feature_dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each channel (dimension 1) is 0 with probability p."""
    return _channels("feature_dropout", None, input, p, training, False)


def _alpha(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, shape: tuple
) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        result = input * 0
    else:
        kept = random.rand(*shape, dtype=input.dtype) >= p
        scale = 1 / math.sqrt((1 - p) * (1 + p * _SATURATION**2))
        shift = -scale * _SATURATION * p
        result = where(kept, input, _SATURATION) * scale + shift
    return write(input, result, f"{name}_") if inplace else result


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of what a selu gives (Klambauer et al., 2017)."""
    return _alpha("alpha_dropout", input, p, training, inplace, tuple(input.shape))


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels (dimension 1)."""
    if input.dim() < 2 and training:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = (*input.shape[:2], *(1,) * (input.dim() - 2))
    return _alpha("feature_alpha_dropout", input, p, training, inplace, shape)


FUNCTIONS: dict[str, Any] = {"feature_dropout": feature_dropout, "alpha_dropout": alpha_dropout}
METHODS: dict[str, Any] = {}
