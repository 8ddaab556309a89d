"""Sizes of windows, given as one number for all dimensions or as one for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def to_sizes(value: Any, count: int) -> tuple:
    """A number as a tuple of `count` equal ones; a sequence as a tuple."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(value)
    return (value,) * count


def reversed_pairs(sizes: tuple) -> tuple:
    """Each size twice, the last dimension first: what `pad` takes."""
    return tuple(size for size in reversed(sizes) for _ in range(2))
