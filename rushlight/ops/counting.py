"""Results whose size depends on the values: unique, bincount, histc; each is a sync point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.graph.dtype import float32, float64, int32, int64
from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.tensor import Tensor, from_array


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements (or slices along `dim`), in order; a sync point.

    With `return_inverse` also which one each element is, with `return_counts` also how often each
    occurs.

    >>> import rushlight as rl
    >>> rl.unique(rl.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    check_tensor("unique", "input", input)
    values = input.detach()._values()
    axis = None if dim is None else check_axis("unique", dim, input._spec.rank)
    found, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(values.shape if axis is None else -1)
    return _chosen(input, found, inverse, counts, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (or slices along `dim`) without repetitions of the one before; a sync point."""
    check_tensor("unique_consecutive", "input", input)
    values = input.detach()._values()
    shape = values.shape if dim is None else -1
    if dim is not None:
        axis = check_axis("unique_consecutive", dim, input._spec.rank)
    else:
        values, axis = values.reshape(-1), 0
    rows = np.moveaxis(values, axis, 0)
    new = np.ones(len(rows), bool)
    if len(rows) > 1:
        new[1:] = (rows[1:] != rows[:-1]).reshape(len(rows) - 1, -1).any(1)
    starts = np.flatnonzero(new)
    found = np.take(values, starts, axis)
    inverse = (np.cumsum(new) - 1).reshape(shape)
    counts = np.diff(np.append(starts, len(rows)))
    return _chosen(input, found, inverse, counts, return_inverse, return_counts)


def _chosen(
    input: Tensor, found: Any, inverse: Any, counts: Any, with_inverse: bool, with_counts: bool
) -> Any:
    results = [from_array(found, input._spec.dtype)]
    results += [from_array(inverse, int64)] if with_inverse else []
    results += [from_array(counts, int64)] if with_counts else []
    return results[0] if len(results) == 1 else tuple(results)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on occurs, or the sum of its weights; a sync point.

    RuntimeError unless input holds non-negative integers in one dimension.

    >>> import rushlight as rl
    >>> rl.bincount(rl.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    check_tensor("bincount", "input", input)
    spec = input._spec
    if spec.dtype.kind not in "iu":
        words = f'"bincount_cpu" not implemented for {spec.dtype.name!r}'
        fail(NotImplementedError, "bincount", words, "integers", describe(spec))
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    values = input._values()
    if spec.rank != 1 or (values.size and values.min() < 0):
        words = "bincount only supports 1-d non-negative integral inputs."
        fail(RuntimeError, "bincount", words, "non-negative integers", describe(spec))
    if weights is None:
        return from_array(np.bincount(values, minlength=minlength), int64)
    if weights._spec.shape != spec.shape:
        words = "weights should be 1-d and have the same length as input"
        fail(RuntimeError, "bincount", words, describe(spec), describe(weights))
    dtype = float32 if weights._spec.dtype is float32 else float64
    sums = np.bincount(values, weights.detach()._values(), minlength)
    return from_array(sums, dtype)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal parts of [min, max]; a sync point.

    With min and max both 0, the range is that of the elements.
    """
    check_tensor("histc", "input", input)
    if not input._spec.dtype.is_floating_point:
        words = f'"histogram_cpu" not implemented for {input._spec.dtype.name!r}'
        fail(NotImplementedError, "histc", words, "a floating point tensor", describe(input))
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    values = input.detach()._values().reshape(-1).astype(np.float64)
    low, high = float(min), float(max)
    if low == high and values.size:
        low, high = values.min(), values.max()
    if low == high:
        low, high = low - 1, high + 1
    if low > high:
        raise RuntimeError(f"max must be larger than min, but got {min} and {max}")
    inside = values[(values >= low) & (values <= high)]
    counts, _ = np.histogram(inside, bins, (low, high))
    return from_array(counts, input._spec.dtype)


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where each value belongs in sequences that are in order along their last dimension.

    The first place that keeps the order, or the last with `right`; a sync point.
    """
    check_tensor("searchsorted", "sorted_sequence", sorted_sequence)
    if side not in (None, "left", "right"):
        raise RuntimeError(f"side can only be 'left' or 'right' but got {side}")
    right = right or side == "right"
    sequence = sorted_sequence.detach()._values()
    if sorter is not None:
        sequence = np.take_along_axis(sequence, sorter._values(), -1)
    values = input.detach()._values() if isinstance(input, Tensor) else np.asarray(input)
    if sequence.ndim > 1 and sequence.shape[:-1] != values.shape[:-1]:
        words = "boundaries tensor should be 1 dimension or the first N-1 dimensions of "
        words += "boundaries tensor and input value tensor must match"
        fail(RuntimeError, "searchsorted", words, describe(sorted_sequence), describe(input))
    found = _searched(sequence, values, "right" if right else "left")
    return from_array(found, int32 if out_int32 else int64)


def _searched(sequence: np.ndarray, values: np.ndarray, side: Any) -> np.ndarray:
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side)
    rows = sequence.reshape(math.prod(sequence.shape[:-1]), sequence.shape[-1])
    wanted = values.reshape(len(rows), values.shape[-1])
    pairs = zip(rows, wanted, strict=True)
    found = [np.searchsorted(row, value, side) for row, value in pairs]
    return np.asarray(found, np.int64).reshape(values.shape)


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """In which of the parts between the boundaries each value falls; a sync point."""
    check_tensor("bucketize", "boundaries", boundaries)
    if boundaries._spec.rank != 1:
        words = "boundaries tensor must be 1 dimension, but got dim("
        fail(RuntimeError, "bucketize", words, "a 1-d tensor", describe(boundaries))
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


_FUNCTIONS = (unique, unique_consecutive, bincount, histc, searchsorted, bucketize)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS = {name: FUNCTIONS[name] for name in ("unique", "unique_consecutive", "bincount", "histc")}
