"""Tensors to make parameters and buffers from."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.device import check_device
from rushlight.graph.dtype import DType
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, from_array


def empty(shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> Tensor:
    """Zeros, to be filled by an initializer; their memory is there at once."""
    check_device(device)
    if min(shape, default=0) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    return filled(tuple(shape), 0, dtype or get_default_dtype())


def filled(shape: tuple[int, ...], value: float, dtype: DType) -> Tensor:
    """A tensor of one number."""
    return from_array(np.full(shape, value, dtype.compute), dtype)
