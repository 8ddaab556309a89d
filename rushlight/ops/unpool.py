"""Unpooling: values put back where max pooling found them, zeros elsewhere."""

from __future__ import annotations

import math
from typing import Any

from rushlight.graph.dtype import int64
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.places import check_places, origin
from rushlight.ops.scatter import Scatter
from rushlight.ops.windows import Sizes, per_dimension
from rushlight.tensor import Tensor


def _lengths(
    name: str, lengths: Sizes, size: Sizes, stride: Sizes, padding: Sizes, output_size: Any
) -> Sizes:
    """The spatial sizes of the result: the smallest that pools to these, or the ones asked for."""
    rank = len(size)
    sides = zip(lengths, size, stride, padding, strict=True)
    default = tuple([(n - 1) * s + k - 2 * a for n, k, s, a in sides])
    if output_size is None:
        return default
    wanted = tuple(output_size)
    wanted = wanted[2:] if len(wanted) == rank + 2 else wanted
    if len(wanted) != rank:
        raise ValueError(
            f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it "
            f"has a length of '{len(wanted)}'\nIn {name}."
        )
    for axis, (n, s, m) in enumerate(zip(default, stride, wanted, strict=True)):
        if not n - s < m < n + s:
            raise ValueError(
                f'invalid output_size "{list(wanted)}" (dim {axis} must be between {n - s} and '
                f"{n + s})\nIn {name}."
            )
    return wanted


def _max_unpool(rank: int, input: Tensor, indices: Tensor, settings: tuple) -> Tensor:
    name = f"max_unpool{rank}d"
    check_tensor(name, "input", input)
    check_tensor(name, "indices", indices)
    kernel_size, stride, padding, output_size = settings
    if input.dim() not in (rank + 1, rank + 2):
        words = f"Input to {name} should be a {rank + 1}d or {rank + 2}d Tensor"
        fail(RuntimeError, name, words, "(samples, channels, sizes)", describe(input))
    if indices._spec.dtype is not int64:
        words = "elements in indices should be type int64"
        fail(RuntimeError, name, words, "int64 indices", describe(indices))
    if indices.shape != input.shape:
        words = "Expected shape of indices to be same as that of the input tensor"
        fail(RuntimeError, name, words, describe(input), describe(indices))
    size = per_dimension(name, "kernel_size", kernel_size, rank)
    step = size if stride is None else per_dimension(name, "stride", stride, rank)
    around = per_dimension(name, "padding", padding, rank)
    lengths = _lengths(name, tuple(input.shape[-rank:]), size, step, around, output_size)
    planes, whole = tuple(input.shape[:-rank]), math.prod(lengths)
    check_places(indices, whole, 0, name)
    zeros = input.new_zeros((*planes, whole))
    last = len(planes)
    places, values = indices.flatten(last), input.flatten(last)
    found = Scatter.apply((zeros, places, values), last, "set", origin(name))
    return found.reshape((*planes, *lengths))


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Values at the places that `max_pool1d(..., return_indices=True)` gave, zeros elsewhere.

    The result has the smallest size that pools to the input's, unless `output_size` says another
    that does; ValueError if it does not.

    >>> import rushlight as rl
    >>> F = rl.nn.functional
    >>> x, places = F.max_pool1d(rl.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
    >>> F.max_unpool1d(x, places, 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _max_unpool(1, input, indices, (kernel_size, stride, padding, output_size))


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Values at the places that `max_pool2d(..., return_indices=True)` gave, zeros elsewhere."""
    return _max_unpool(2, input, indices, (kernel_size, stride, padding, output_size))


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Values at the places that `max_pool3d(..., return_indices=True)` gave, zeros elsewhere."""
    return _max_unpool(3, input, indices, (kernel_size, stride, padding, output_size))
