"""What a file of tensors may be made of, checked without following it too deep."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np

from rushlight import dtypes
from rushlight.device import device
from rushlight.graph.dtype import DType
from rushlight.io.file import Refused
from rushlight.size import Size
from rushlight.tensor import Tensor

_KEYS = (str, int, float, bool, bytes, type(None))
_MOST_KEY_PARTS, _DEEPEST, _MOST_REPEATS = 64, 200, 1000
_FREE = 1_000_000
_LEAVES = (*_KEYS, complex, bytearray, Size, DType, device, dtypes.layout)
_LEAVES += (Tensor, np.ndarray, np.generic)
_CONTAINERS = (list, tuple, dict, OrderedDict, Counter, set, frozenset, Namespace)


def show(value: Any) -> str:
    """A value of a file in a few letters; what holds others is only named by its type."""
    if isinstance(value, (str, bytes, int, float, bool, type(None), DType)):
        return f"{value!r:.80}"
    if isinstance(value, tuple) and all(type(item) is int for item in value[:64]):
        return f"{value[:64]!r:.80}"
    return getattr(value, "name", None) or f"a {type(value).__name__}"


def check_key(key: Any) -> None:
    """Refused unless it is a plain key of a dict, and not so deep that hashing it takes long."""
    rest, count = [key], 0
    while rest:
        part = rest.pop()
        count += 1
        if type(part) is tuple and count + len(part) <= _MOST_KEY_PARTS:
            rest.extend(part)
        elif type(part) not in _KEYS:
            raise Refused(
                "a dict or a set has a key other than a text, a number or a short tuple of them: "
                f"a {type(part).__name__}."
            )


def check_plain(root: Any) -> None:
    """Refused unless it holds tensors and plain values alone, and neither itself nor a bomb."""
    known: dict[int, tuple[int, int]] = {}  # of a container: how deep it is, how many values
    entered: set[int] = set()
    work = [(root, False)]
    while work:
        value, leaving = work.pop()
        if not isinstance(value, _CONTAINERS) or isinstance(value, Size):
            _check_leaf(value)
        elif leaving:
            entered.remove(id(value))
            known[id(value)] = _measure(value, known)
        elif id(value) in entered:
            raise Refused("a list or a dict that contains itself.")
        elif id(value) not in known:
            entered.add(id(value))
            work.append((value, True))
            work.extend((item, False) for item in _items(value) if id(item) not in known)
    _, total = known.get(id(root), (0, 1))
    if total > max(_FREE, _MOST_REPEATS * (len(known) + 1)):
        raise Refused(f"lists within lists that unfold to {total:,} values.")


def _measure(value: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    depth, total = 0, 1
    for item in _items(value):
        item_depth, item_total = known.get(id(item), (0, 1))
        depth, total = max(depth, item_depth), total + item_total
    if depth >= _DEEPEST:
        raise Refused(f"lists or dicts within each other more than {_DEEPEST} deep.")
    return depth + 1, total


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, Namespace):
        return vars(value).values()
    if not isinstance(value, dict):
        return value
    notes = getattr(value, "_metadata", None)
    return value.values() if notes is None else [*value.values(), notes]


def _check_leaf(value: Any) -> None:
    if not isinstance(value, _LEAVES):
        raise Refused(f"{show(value)} stands where a tensor or a plain value must.")
