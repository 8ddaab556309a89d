"""Power-average pooling: the p-norm of sliding windows."""

from __future__ import annotations

import math
from typing import Any

from rushlight.ops.pool import avg_pool1d, avg_pool2d, avg_pool3d
from rushlight.ops.rectifier import relu
from rushlight.ops.windows import per_dimension
from rushlight.tensor import Tensor

_AVERAGES = (avg_pool1d, avg_pool2d, avg_pool3d)


def _lp_pool(
    rank: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    size = per_dimension(f"lp_pool{rank}d", "kernel_size", kernel_size, rank)
    mean = _AVERAGES[rank - 1](input**norm_type, size, stride, 0, ceil_mode)
    return (mean.sign() * relu(mean.abs()) * math.prod(size)) ** (1 / norm_type)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(the sum of x^p)^(1/p) of each window over the last dimension; p is `norm_type`.

    A window that overhangs the end, with `ceil_mode`, counts as many elements as a whole one.

    >>> import rushlight as rl
    >>> rl.nn.functional.lp_pool1d(rl.tensor([[[3.0, 4.0, 6.0, 8.0]]]), 2, 2)
    tensor([[[ 5., 10.]]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(the sum of x^p)^(1/p) of each window over the last two dimensions."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(the sum of x^p)^(1/p) of each window over the last three dimensions."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
