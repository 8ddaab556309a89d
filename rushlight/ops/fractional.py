"""Fractional max pooling (Graham, 2014): windows of one size at places drawn at random.

With n windows of size k over a dimension of size s and one number u in [0, 1) of a plane, window i
starts at floor((i + u) a) - floor(u a), where a = (s - k) / (n - 1); the last one ends at s.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.graph.dtype import int64
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.places import origin
from rushlight.ops.random import rand
from rushlight.ops.scatter import Gather
from rushlight.ops.windows import Sizes, per_dimension
from rushlight.tensor import Tensor, from_array


def _counts(name: str, lengths: Sizes, size: Sizes, output_size: Any, ratio: Any) -> Sizes:
    """How many windows there are in each dimension."""
    rank = len(lengths)
    if output_size is None and ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        counts = per_dimension(name, "output_size", output_size, rank)
    else:
        ratios = tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * rank
        counts = tuple([int(n * part) for n, part in zip(lengths, ratios, strict=True)])
    for axis, (n, k, count) in enumerate(zip(lengths, size, counts, strict=True)):
        if count + k - 1 > n:
            raise RuntimeError(
                f"{name}(): pool size {k} too large relative to input size {n} in dimension "
                f"{axis}\nExpected: at most {n - count + 1} for {count} windows."
            )
    return counts


def _starts(samples: Tensor, length: int, size: int, count: int) -> Tensor:
    """Where each window of each plane begins: (samples, channels, count)."""
    if count == 1:
        return (samples * 0 + (length - size)).to(int64).unsqueeze(-1)
    step = samples._spec.dtype.compute.type((length - size) / (count - 1)).item()
    steps = from_array(np.arange(count).astype(samples._spec.dtype.compute), samples.dtype)
    first = samples.unsqueeze(-1)
    found = (((steps + first) * step).trunc() - (first * step).trunc()).to(int64)
    last = from_array(np.arange(count) == count - 1)
    return where(last, length - size, found)


def _places(samples: Tensor, lengths: Sizes, size: Sizes, counts: Sizes, order: Any) -> Tensor:
    """The places in its plane of what each window covers: (samples, channels, windows, elements).

    Random numbers are for the dimensions in `order`.
    """
    rank, flat = len(lengths), 0
    lead = tuple(samples.shape[:2])
    for axis, (n, k, count) in enumerate(zip(lengths, size, counts, strict=True)):
        starts = _starts(samples[..., order[axis]], n, k, count)
        shape = [1] * (2 * rank)
        shape[axis] = count
        within = np.arange(k).reshape([k if i == rank + axis else 1 for i in range(2 * rank)])
        covered = starts.reshape((*lead, *shape)) + from_array(within)
        flat = covered if axis == 0 else flat * n + covered
    return flat.reshape((*lead, math.prod(counts), math.prod(size)))


def _check(name: str, rank: int, input: Tensor) -> None:
    check_tensor(name, "input", input)
    if input.dim() not in (rank + 1, rank + 2):
        words = f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got: "
        expected = f"(channels, {rank} sizes) or (samples, channels, {rank} sizes)"
        fail(RuntimeError, name, f"{words}{list(input.shape)}", expected, describe(input))


def _fractional(
    rank: int, input: Tensor, kernel_size: Any, counts: tuple, samples: Tensor | None, order: Any
) -> tuple[Tensor, Tensor]:
    """The largest elements of the windows, and their places in their planes."""
    name = f"fractional_max_pool{rank}d"
    _check(name, rank, input)
    size = per_dimension(name, "kernel_size", kernel_size, rank)
    lengths = tuple(input.shape[-rank:])
    sizes = _counts(name, lengths, size, *counts)
    x = input if input.dim() == rank + 2 else input.unsqueeze(0)
    lead = tuple(x.shape[:2])
    if samples is None:
        samples = rand((*lead, rank), dtype=input.dtype)
    if samples.dim() != 3 or samples.shape[0] < lead[0] or samples.shape[1:] != (lead[1], rank):
        words = f"Expect _random_samples of shape {[*lead, rank]}"
        fail(RuntimeError, name, words, "a number for each plane and dimension", describe(samples))
    places = _places(samples.detach()[: lead[0]], lengths, size, sizes, order)
    flat, at = x.flatten(2), origin(name)
    covered = Gather.apply((flat.detach(), places.flatten(2)), 2, at).reshape(places.shape)
    chosen = Gather.apply((places, covered.argmax(-1, keepdim=True)), 3, at).squeeze(-1)
    found = Gather.apply((flat, chosen), 2, at)
    shape = (*input.shape[:-rank], *sizes)
    return found.reshape(shape), chosen.reshape(shape)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest elements of windows over images, at random places that differ for each plane.

    As many windows as `output_size` says, or `output_ratio` of the input's size; with
    `return_indices` also the place of each in its plane.  `_random_samples`, of shape (samples,
    channels, 2), are the random numbers for columns and rows.

    >>> import rushlight as rl
    >>> rl.nn.functional.fractional_max_pool2d(rl.ones(1, 5, 5), 2, output_size=3).shape
    rushlight.Size([1, 3, 3])
    """
    counts = output_size, output_ratio
    found = _fractional(2, input, kernel_size, counts, _random_samples, (1, 0))
    return found if return_indices else found[0]


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest elements of windows over volumes, at random places that differ for each plane."""
    counts = output_size, output_ratio
    found = _fractional(3, input, kernel_size, counts, _random_samples, (0, 1, 2))
    return found if return_indices else found[0]
