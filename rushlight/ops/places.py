"""Index tensors: their dtype, their bounds, and where an error about them was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.autograd.operation import caller
from rushlight.graph.batched import Batched
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import bool_, int32, int64, uint8
from rushlight.graph.indexing import IndexOutOfRange
from rushlight.graph.node import Origin
from rushlight.ops.check import describe
from rushlight.tensor import Tensor, from_array, node_of

# How to find the path of the module that is running; `rushlight.nn` says it when it is imported.
find_module: Callable[[], str] = str


def origin(operation: str) -> Origin:
    """The operation and the user's line, for an error that may come when the graph is computed."""
    return Origin(operation, caller(), find_module())


def known_values(tensor: Tensor) -> np.ndarray | None:
    """The values if they are computed already; None if reading them would be a sync point."""
    node = node_of(tensor)
    if type(node.buffer) is Buffer:
        return node.buffer.values(node.spec)
    return None


def is_unseen(tensor: Tensor) -> bool:
    """Whether Python cannot look at a tensor: inside vmap, if it differs between samples."""
    return type(node_of(tensor)) is Batched


def holds_anywhere(mask: Tensor, unseen: bool) -> bool:
    """Whether an element is true, a sync point; `unseen` where Python cannot look."""
    return unseen if is_unseen(mask) else bool(mask._values().any())


def check_places(places: Tensor, size: int, dimension: int, operation: str, least: int = 0) -> None:
    """IndexOutOfRange if a place that is known already lies outside [least, size).

    Places that are not computed yet are checked when they are.
    """
    values = known_values(places)
    if values is None or not values.size:
        return
    low, high = values.min(), values.max()
    if low < least or high >= size:
        wrong = low if low < least else high
        raise IndexOutOfRange(
            f"index {wrong} is out of bounds for dimension {dimension} with size {size}\n"
            f"Expected: indices from {least} to {size - 1}.\n"
            f"Actual: indices from {low} to {high}, in an index of shape {list(places.shape)}.\n"
            f"In {operation}."
        )


def as_index(value: Any) -> Tensor:
    """An index given as a tensor, an array or a sequence, as a bool or integer tensor."""
    if not isinstance(value, Tensor):
        if isinstance(value, (list, tuple)):
            value = [item.tolist() if isinstance(item, Tensor) else item for item in value]
        array = np.asarray(value)
        value = from_array(array if array.size else array.astype(np.int64))
    if value._spec.dtype not in (int64, int32, bool_, uint8):
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors\n"
            f"Expected: int64, int32 or bool.\nActual: {describe(value)}."
        )
    return value


def check_integer_index(operation: str, index: Any) -> Tensor:
    """The index if it is an int32 or int64 tensor, else PyTorch's error."""
    if not isinstance(index, Tensor):
        raise TypeError(
            f"{operation}(): argument 'index' must be Tensor, not {type(index).__name__}"
        )
    if index._spec.dtype not in (int64, int32) and index._spec.size:
        raise RuntimeError(
            f"{operation}(): Expected dtype int32 or int64 for index\n"
            f"Expected: an integer tensor.\nActual: {describe(index)}."
        )
    return index
