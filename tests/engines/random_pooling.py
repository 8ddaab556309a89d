"""Steps of random graphs: sliding windows and their adjoints."""

from __future__ import annotations

from math import prod

from rushlight.graph import pooling as p
from rushlight.graph.dtype import bool_
from tests.engines.random_elementwise import combined
from tests.engines.random_graphs import LARGEST, MOST_ELEMENTS, Builder, Value


def _windows(b: Builder, lengths: tuple[int, ...]) -> tuple[p.Windows, tuple[int, ...]] | None:
    """Windows of which each has an element inside, and how many there are."""
    sides = []
    for length in lengths:
        size, stride, dilation = 1 + b.number(4), 1 + b.number(3), 1 + b.number(2)
        low = b.number((size + 1) // 2) if dilation == 1 else 0
        high = b.number((size + 1) // 2) if dilation == 1 else 0
        rest = length + low + high - dilation * (size - 1) - 1
        sides.append((size, stride, low, dilation, rest // stride + 1))
    *geometry, counts = map(tuple, zip(*sides, strict=True))
    return (p.Windows(*geometry), counts) if min(counts) > 0 else None


def pooling(b: Builder) -> Value | None:
    """One of the primitives over windows of the last dimensions."""
    x = b.value(lambda value: 0 < len(value.shape) < 5 and value.dtype is not bool_)
    if x is None or not prod(x.shape):
        return None
    rank = 1 + b.number(min(3, len(x.shape)))
    lengths = tuple(x.shape[-rank:])
    found = _windows(b, lengths)
    if found is None:
        return None
    windows, counts = found
    count = prod(windows.size)
    if count * prod(x.shape) > 8 * MOST_ELEMENTS:
        return None
    choice = b.pick(("largest", "sum", "spread sum", "spread"))
    if choice == "largest":
        return x._replace(node=p.max_pool(x.node, counts, windows))
    sums = combined(x, p.sum_pool(x.node, counts, windows), count)
    if choice == "sum" or sums.bound * count > LARGEST.get(x.dtype.name, 1e9):
        return sums
    if choice == "spread sum" or not x.is_exact:
        return combined(sums, p.spread_sum(sums.node, lengths, windows), count)
    places = p.max_places(x.node, counts, windows)
    return combined(sums, p.spread(sums.node, places, lengths), count)
