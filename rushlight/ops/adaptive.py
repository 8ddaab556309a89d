"""Adaptive pooling: windows of which there are as many as one asks for.

Window i of n over a dimension of size s goes from floor(i s / n) to ceil((i + 1) s / n).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.graph import indexing as p
from rushlight.graph import reduction as r
from rushlight.graph.movement import expand, permute, reshape
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.join import stack
from rushlight.ops.parts import slice_axis
from rushlight.ops.places import origin
from rushlight.ops.pool import MaxPool, SumPool
from rushlight.ops.scatter import Gather
from rushlight.ops.windows import Sizes, Sliding
from rushlight.tensor import Tensor, from_array, node_of, wrap


def _sizes(name: str, rank: int, input: Any, output_size: Any) -> Sizes:
    """How many windows there are in each dimension; None keeps the size."""
    check_tensor(name, "input", input)
    if input.dim() not in (rank + 1, rank + 2):
        words = f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got "
        expected = f"(channels, {rank} sizes) or (samples, channels, {rank} sizes)"
        if rank > 1 and input.dim() <= rank:
            raise ValueError(f"Input dimension should be at least {rank + 1}\nIn {name}.")
        fail(RuntimeError, name, f"{words}{list(input.shape)}", expected, describe(input))
    if not isinstance(output_size, (tuple, list)):
        output_size = (output_size,) * rank
    if len(output_size) != rank:
        raise RuntimeError(f"{name}(): Expected {rank} output sizes, but got {list(output_size)}")
    lengths = input.shape[-rank:]
    sizes = [n if size is None else int(size) for size, n in zip(output_size, lengths, strict=True)]
    if min(sizes) < 0:
        raise RuntimeError(f"{name}(): elements of output_size must be greater than or equal to 0")
    return tuple(sizes)


def _bounds(length: int, count: int) -> list[tuple[int, int]]:
    """Start and end of each window."""
    windows = range(count)
    return [(i * length // count, -((i + 1) * length // -count)) for i in windows]


def _even(lengths: Sizes, sizes: Sizes) -> Sliding | None:
    """The sliding windows that adaptive ones are where they divide the input evenly."""
    if any(size == 0 or n % size for n, size in zip(lengths, sizes, strict=True)):
        return None
    each = tuple([n // size for n, size in zip(lengths, sizes, strict=True)])
    zeros = (0,) * len(sizes)
    return Sliding(each, each, zeros, zeros, (1,) * len(sizes))


def _avg_pool(rank: int, input: Tensor, output_size: Any) -> Tensor:
    sizes = _sizes(f"adaptive_avg_pool{rank}d", rank, input, output_size)
    lengths = tuple(input.shape[-rank:])
    if set(sizes) == {1}:
        return input.mean(tuple(range(-rank, 0)), keepdim=True)
    slides = _even(lengths, sizes)
    if slides is not None and input.numel():
        return SumPool.apply((input,), slides) / math.prod(slides.size)
    for i, count in enumerate(sizes):
        axis = input.dim() - rank + i
        bounds = _bounds(input.shape[axis], count)
        parts = [slice_axis(input, axis, a, b - a).mean(axis) for a, b in bounds]
        if not parts:
            return input.new_zeros((*input.shape[:-rank], *sizes))
        input = stack(parts, axis)
    return input


def _tables(lengths: Sizes, sizes: Sizes) -> list[np.ndarray]:
    """Which places each window covers in each dimension; short windows repeat their last one."""
    tables = []
    for length, count in zip(lengths, sizes, strict=True):
        bounds = np.array(_bounds(length, count)).reshape(count, 2)
        width = int((bounds[:, 1] - bounds[:, 0]).max(initial=0))
        tables.append(np.minimum(bounds[:, :1] + np.arange(width), bounds[:, 1:] - 1))
    return tables


def _max_pool(rank: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    name = f"adaptive_max_pool{rank}d"
    sizes = _sizes(name, rank, input, output_size)
    lengths = tuple(input.shape[-rank:])
    slides = _even(lengths, sizes)
    if slides is not None and input.numel():
        return MaxPool.apply((input,), slides, bool(return_indices))
    places = _largest_places(input, lengths, sizes, name)
    flat = input.flatten(-rank)
    found = Gather.apply((flat, places.flatten(-rank)), flat.dim() - 1, origin(name))
    found = found.reshape(places.shape)
    return (found, places) if return_indices else found


def _largest_places(input: Tensor, lengths: Sizes, sizes: Sizes, name: str) -> Tensor:
    """Where the largest element of each window lies in its plane, in C order."""
    rank, lead = len(sizes), input.dim() - len(sizes)
    tables = _tables(lengths, sizes)
    widths = tuple([table.shape[1] for table in tables])
    flat = np.zeros((), np.int64)
    for i, table in enumerate(tables):
        shape = [1] * (2 * rank)
        shape[i], shape[rank + i] = table.shape
        flat = flat * lengths[i] + table.reshape(shape)
    table = np.broadcast_to(flat, (*sizes, *widths)).reshape(math.prod(sizes), math.prod(widths))
    x = reshape(node_of(input), (*input.shape[:lead], math.prod(lengths)))
    x = permute(x, (lead, *range(lead)))
    places = node_of(from_array(np.ascontiguousarray(table)))
    windows = p.take(x, (places,), origin(name))
    best = r.reduce(r.ARGMAX, windows, (1,))
    rows = expand(places, (*windows.spec.shape[:2], *windows.spec.shape[2:]), (0, 1))
    best = reshape(best, (best.spec.shape[0], 1, *best.spec.shape[1:]))
    chosen = p.gather(rows, best, 1, origin(name))
    chosen = reshape(chosen, (chosen.spec.shape[0], *chosen.spec.shape[2:]))
    moved = permute(chosen, (*range(1, lead + 1), 0))
    return wrap(reshape(moved, (*input.shape[:lead], *sizes)))


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` windows over the last dimension."""
    return _avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of as many windows as `output_size` says over the last two dimensions."""
    return _avg_pool(2, input, output_size)


@in_float32
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of as many windows as `output_size` says over the last three dimensions."""
    return _avg_pool(3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of `output_size` windows over the last dimension."""
    return _max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of as many windows as asked for over the last two dimensions."""
    return _max_pool(2, input, output_size, return_indices)


@in_float32
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of as many windows as asked for over the last three dimensions."""
    return _max_pool(3, input, output_size, return_indices)


_AVERAGES = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
_LARGEST = (adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d)
FUNCTIONS = {function.__name__: function for function in (*_AVERAGES, *_LARGEST)}
METHODS: dict[str, Any] = {}
