"""Histograms of one and several dimensions, and places of non-zero elements in a fixed size."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph.dtype import int64
from rushlight.ops.check import check_shape, check_tensor, describe, fail
from rushlight.ops.results import named
from rushlight.tensor import Tensor, from_array

_HISTOGRAM = named("histogram", "hist bin_edges")
_HISTOGRAMDD = named("histogramdd", "hist bin_edges")


def _check(name: str, input: Any) -> np.ndarray:
    dtype = check_tensor(name, "input", input)._spec.dtype
    if dtype.name not in ("float32", "float64"):
        words = f'"{name}_cpu" not implemented for {dtype.name!r}'
        fail(NotImplementedError, name, words, "float32 or float64", describe(input))
    return input.detach()._values()


def _edges(name: str, values: np.ndarray, bins: Any, bounds: Any) -> np.ndarray:
    """The edges of the bins along one dimension."""
    if isinstance(bins, Tensor):
        edges = bins.detach()._values()
        if edges.ndim != 1 or not edges.size:
            words = f"{name}(): bins tensor should have one dimension, but got {edges.ndim}"
            fail(RuntimeError, name, words, "a vector of edges", describe(bins))
        return edges
    if bins <= 0:
        raise RuntimeError(f"{name}(): bins must be > 0, but got {bins}")
    if bounds is not None:
        low, high = bounds
    elif values.size:
        low, high = values.min(), values.max()
    else:
        low, high = 0.0, 1.0
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}(): range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}(): min should not exceed max, but got min {low} max {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1, dtype=values.dtype)


def _counted(
    name: str, values: np.ndarray, edges: list[np.ndarray], weight: Any, density: bool
) -> np.ndarray:
    """How many rows of values, or what weight of them, fall into each bin."""
    weights = None
    if weight is not None:
        weights = check_tensor(name, "weight", weight).detach()._values().reshape(-1)
        if weights.size != len(values):
            words = f"{name}(): if weight tensor is provided it should have the same shape as the "
            words += "input tensor excluding its innermost dimension"
            fail(RuntimeError, name, words, f"{len(values)} weights", describe(weight))
    sizes = tuple([len(edge) - 1 for edge in edges])
    places = [_bin_of(values[:, axis], edge) for axis, edge in enumerate(edges)]
    inside = np.logical_and.reduce([place >= 0 for place in places])
    chosen = tuple([place[inside] for place in places])
    flat = np.ravel_multi_index(chosen, sizes) if inside.any() else np.zeros(0, np.int64)
    counted = None if weights is None else weights[inside].astype(np.float64)
    found = np.bincount(flat, counted, int(np.prod(sizes))).reshape(sizes).astype(np.float64)
    if density:
        volume = np.ones(())
        for axis, edge in enumerate(edges):
            shape = [-1 if at == axis else 1 for at in range(len(edges))]
            volume = volume * np.diff(edge.astype(np.float64)).reshape(shape)
        with np.errstate(all="ignore"):
            found = found / found.sum() / volume
    return found


def _bin_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Which bin each value falls into, -1 for none; the last bin holds its upper edge.

    Edges are bisected as they are: what they mean if they are not in order is PyTorch's.
    """
    first = np.zeros(values.shape, np.int64)
    length = np.full(values.shape, len(edges), np.int64)
    while length.size and length.max() > 0:
        half = length >> 1
        below = values < edges[np.minimum(first + half, len(edges) - 1)]
        active = length > 0
        first = np.where(active & ~below, first + half + 1, first)
        length = np.where(active, np.where(below, half, length - half - 1), 0)
    place = np.where(values == edges[-1], len(edges) - 2, first - 1)
    inside = (values >= edges[0]) & (values <= edges[-1])
    return np.where(inside, np.minimum(place, len(edges) - 2), -1)


def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False
) -> Any:
    """(hist, bin_edges): how many elements fall into each bin; a sync point.

    `bins` is a count of equal bins over `range` (the elements' range), or a tensor of edges.
    With `density` the areas add up to 1.

    >>> import rushlight as rl
    >>> rl.histogram(rl.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0)).hist
    tensor([2., 1.])
    """
    values = _check("histogram", input)
    flat = values.reshape(-1, 1)
    if weight is not None and tuple(weight.shape) != tuple(input.shape):
        words = "histogram(): if weight tensor is provided it should have the same shape as the "
        fail(RuntimeError, "histogram", f"{words}input tensor", describe(input), describe(weight))
    edges = _edges("histogram", flat, bins, range)
    found = _counted("histogram", flat, [edges], weight, density)
    return _HISTOGRAM(from_array(found, input.dtype), from_array(edges, input.dtype))


def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Any = None, density: bool = False
) -> Any:
    """(hist, bin_edges): how many rows of the input fall into each box; a sync point.

    The last dimension holds coordinates; `bins` is a count, one for each coordinate, or tensors
    of edges; `range` holds lowest and highest of each coordinate in turn.
    """
    values = _check("histogramdd", input)
    if values.ndim < 2:
        words = "torch.histogramdd: input tensor should have at least 2 dimensions, but got "
        fail(RuntimeError, "histogramdd", f"{words}{values.ndim}", "rows", describe(input))
    count = values.shape[-1]
    rows = values.reshape(-1, count)
    each = [bins] * count if isinstance(bins, int) else list(bins)
    if len(each) != count:
        words = "histogramdd(): The size of bins must be equal to the innermost dimension of the "
        fail(RuntimeError, "histogramdd", f"{words}input.", f"{count}", f"{len(each)}")
    if range is not None and len(range) != 2 * count:
        words = f"torch.histogramdd: range should have {2 * count} elements, but got {len(range)}"
        raise RuntimeError(words)
    edges = []
    for axis, bin_ in enumerate(each):
        bounds = None if range is None else range[2 * axis : 2 * axis + 2]
        edges.append(_edges("histogramdd", rows[:, axis], bin_, bounds))
    found = _counted("histogramdd", rows, edges, weight, density)
    named_edges = tuple([from_array(edge, input.dtype) for edge in edges])
    return _HISTOGRAMDD(from_array(found, input.dtype), named_edges)


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The places of the first `size` elements that are not 0, filled up with `fill_value`.

    >>> import rushlight as rl
    >>> rl.nonzero_static(rl.tensor([0, 3, 0, 4]), size=3)
    tensor([[ 1],
            [ 3],
            [-1]])
    """
    check_tensor("nonzero_static", "input", input)
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = np.argwhere(input.detach()._values())[:size]
    result = np.full((size, max(input.dim(), found.shape[1])), fill_value, np.int64)
    result[: len(found)] = found
    return from_array(result, int64)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The place in each dimension of elements counted in C order.

    Indices outside wrap around, as in PyTorch; TypeError for other than integers.

    >>> import rushlight as rl
    >>> rl.unravel_index(rl.tensor([3, 5]), (2, 3))
    (tensor([1, 1]), tensor([0, 2]))
    """
    dtype = check_tensor("unravel_index", "indices", indices)._spec.dtype
    if dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got rushlight.{dtype.name}")
    if not isinstance(shape, (int, tuple, list, Tensor)) and not hasattr(shape, "__iter__"):
        raise TypeError(
            f"expected 'shape' to be int or sequence of ints, but got {type(shape).__name__}"
        )
    sizes = check_shape("unravel_index", (shape if isinstance(shape, int) else tuple(shape),))
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    places, step = [], 1
    for size in reversed(sizes):
        places.append((indices // step) % size)
        step *= size
    return tuple(reversed(places))


FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (histogram, histogramdd, nonzero_static, unravel_index)
}
METHODS = {"histogram": histogram, "nonzero_static": nonzero_static}
