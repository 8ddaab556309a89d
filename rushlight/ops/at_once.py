"""What loading code computes on arrays: its operations run at once, often on many small tensors.

Recording an operation costs some microseconds whatever its size.  Where a result is wanted at once
and nobody differentiates it, these functions give what the recorded operations would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.autograd.modes import is_grad_enabled
from rushlight.graph.batched import Batched
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import DType
from rushlight.graph.node import input_node
from rushlight.graph.recorder import recorder
from rushlight.graph.spec import spec_of
from rushlight.tensor import Tensor, wrap


def values_at_once(tensors: Sequence[Any]) -> list[np.ndarray] | None:
    """The values of tensors of one dtype, if they are to be computed with at once; else None."""
    if not recorder().immediate or not all(isinstance(tensor, Tensor) for tensor in tensors):
        return None
    dtype, differentiates = tensors[0]._spec.dtype, is_grad_enabled()
    if dtype.storage != dtype.compute:
        return None
    values = []
    for tensor in tensors:
        if differentiates and tensor.requires_grad:
            return None
        cell = tensor._cell
        if type(tensor._node if cell is None or tensor._chain else cell.node) is Batched:
            return None
        values.append(tensor._values())
    return values if len({value.dtype for value in values}) == 1 else None


def empty(shape: tuple[int, ...], dtype: DType) -> tuple[np.ndarray, Tensor]:
    """Pooled memory to fill, and the tensor that it becomes."""
    spec = spec_of(shape, dtype)
    buffer = Buffer(spec.nbytes)
    return buffer.stored(shape, dtype), wrap(input_node(buffer, spec))


def stacked(values: Sequence[np.ndarray], dtype: DType) -> Tensor:
    """Arrays of one shape on a new first axis."""
    count, shape = len(values), values[0].shape
    result, tensor = empty((count, *shape), dtype)
    if shape:
        np.concatenate(values, out=result.reshape(count * shape[0], *shape[1:]))
    else:
        result[...] = values
    return tensor


def padded(
    values: Sequence[np.ndarray], dtype: DType, batch_first: bool, fill: float, side: str
) -> Tensor:
    """Arrays of different lengths on a new axis, the first or the second, filled up at a side."""
    lengths = np.array([len(value) for value in values])[:, None]
    longest, count = int(lengths.max()), len(values)
    shape = (count, longest) if batch_first else (longest, count)
    result, tensor = empty((*shape, *values[0].shape[1:]), dtype)
    result[...] = np.asarray(fill).astype(result.dtype)
    places = np.arange(longest)
    held = places >= longest - lengths if side == "left" else places < lengths
    rows = result if batch_first else result.swapaxes(0, 1)
    rows[held] = np.concatenate(values)
    return tensor
