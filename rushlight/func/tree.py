"""Nested tuples, lists and dicts with anything as leaves: taken apart and put together again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

LEAF = "*"


class Branch(NamedTuple):
    """A container of a structure: its type, the keys of a dict, and the structures within."""

    kind: type
    keys: tuple | None
    parts: tuple

    def __str__(self) -> str:
        parts = [str(part) for part in self.parts]
        if self.keys is not None:
            pairs = zip(self.keys, parts, strict=True)
            return "{" + ", ".join([f"{key!r}: {part}" for key, part in pairs]) + "}"
        return f"[{', '.join(parts)}]" if self.kind is list else f"({', '.join(parts)})"


Structure = Any
"""A Branch, or LEAF."""


def _opened(value: Any) -> tuple[tuple | None, list] | None:
    """The keys and the items of a container; None for a leaf."""
    kind = type(value)
    if kind in (dict, OrderedDict):
        return tuple(value), list(value.values())
    if kind in (list, tuple) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return None, list(value)
    return None


def flatten(value: Any) -> tuple[list, Structure]:
    """The leaves in order, and the structure."""
    leaves: list = []
    return leaves, _describe(value, leaves)


def _describe(value: Any, leaves: list) -> Structure:
    opened = _opened(value)
    if opened is None:
        leaves.append(value)
        return LEAF
    keys, items = opened
    return Branch(type(value), keys, tuple([_describe(item, leaves) for item in items]))


def rebuild(structure: Structure, leaves: list) -> Any:
    """The nest of this structure with these leaves."""
    return _rebuild(structure, iter(leaves))


def _rebuild(structure: Structure, leaves: Iterator) -> Any:
    if structure is LEAF:
        return next(leaves)
    kind, keys, parts = structure
    items = [_rebuild(part, leaves) for part in parts]
    if keys is not None:
        return kind(zip(keys, items, strict=True))
    return kind(*items) if hasattr(kind, "_fields") else kind(items)


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """The nest with `function` of each leaf."""
    leaves, structure = flatten(value)
    return rebuild(structure, [function(leaf) for leaf in leaves])


def broadcast(value: Any, structure: Structure) -> list | None:
    """The leaf of `value` for each leaf of a structure whose upper part it has; None if it has not.

    So `(0, None)` says 0 for all that lies in the first of two arguments.
    """
    opened = _opened(value)
    if structure is LEAF:
        return None if opened is not None else [value]
    if opened is None:
        return [value] * _size(structure)
    keys, items = opened
    kinds = {type(value), structure.kind}
    if (len(kinds) > 1 and kinds != {dict, OrderedDict}) or len(items) != len(structure.parts):
        return None
    if keys is not None:
        if {*keys} != {*structure.keys}:
            return None
        items = [value[key] for key in structure.keys]
    found: list = []
    for item, part in zip(items, structure.parts, strict=True):
        leaves = broadcast(item, part)
        if leaves is None:
            return None
        found += leaves
    return found


def _size(structure: Structure) -> int:
    """The number of leaves."""
    return 1 if structure is LEAF else sum([_size(part) for part in structure.parts])
