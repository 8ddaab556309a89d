"""Batched values: what `vmap` makes of a value, which operations see as that of one sample.

A batched node has the spec of one sample.  Its `value` is a node that holds all samples, with one
leading dimension for each level of vmap, the outermost first.  What is recorded on batched nodes is
recorded on their values, for all samples at once, by the rules in `graph/batching.py`.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator

from rushlight.graph.node import INPUT, Node
from rushlight.graph.spec import spec_of

_next_order = itertools.count().__next__


class Level:
    """One call of vmap: the number of samples, and how random numbers are drawn for them.

    It has no hash, so that nothing that was recorded with it is looked up to be recorded again.
    """

    __slots__ = ("order", "randomness", "size")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, size: int, randomness: str = "error"):
        self.size = size
        self.randomness = randomness
        self.order = _next_order()


Levels = tuple[Level, ...]


class Batched(Node):
    """A value that differs from sample to sample; `levels` are those of its leading dimensions."""

    __slots__ = ("levels", "value")

    def __init__(self, value: Node, levels: Levels):
        shape = value.spec.shape[len(levels) :]
        super().__init__(INPUT, (), (), (), spec_of(shape, value.spec.dtype))
        self.value = value
        self.levels = levels

    def __repr__(self) -> str:
        return f"<batched {self.spec} in {self.value}>"


def batched(value: Node, levels: Levels) -> Node:
    """The node of one sample, of a value whose leading dimensions are these levels."""
    return Batched(value, levels) if levels else value


def all_samples(node: Node) -> Node:
    """The value with all of its samples."""
    return node.value if type(node) is Batched else node


def levels_of(node: Node) -> Levels:
    """The levels at which a value differs from sample to sample."""
    return node.levels if type(node) is Batched else ()


def union(*groups: Levels) -> Levels:
    """All of these levels, the outermost first."""
    found: list[Level] = []
    for group in groups:
        found += [level for level in group if level not in found]
    return tuple(sorted(found, key=lambda level: level.order))


# ------------------------------------------------------------------------------- the active levels
class _Local(threading.local):
    active: Levels = ()


_local = _Local()


def active_levels() -> Levels:
    """The levels of vmap in whose functions this thread is now."""
    return _local.active


@contextlib.contextmanager
def inside(level: Level) -> Iterator[None]:
    """What is recorded in this block is about one sample of this level."""
    before = _local.active
    _local.active = (*before, level)
    try:
        yield
    finally:
        _local.active = before


def drawn_levels() -> Levels:
    """The active levels that have random numbers for each sample; RuntimeError if one forbids them.

    The words are PyTorch's.
    """
    levels = _local.active
    if any(level.randomness == "error" for level in levels):
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the "
            "'same' or 'different' randomness flags on vmap or perform the randomness operation "
            "out of vmap"
        )
    return tuple([level for level in levels if level.randomness == "different"])


def explain_no_value(node: Node) -> str:
    """Why Python cannot look at a batched value."""
    return (
        "vmap: It looks like you're calling .item() on a Tensor, or attempting to use a Tensor in "
        "some data-dependent control flow. We don't support that.\n"
        "Expected: a function without item(), if, print, NumPy or sizes that depend on the values "
        f"of a sample; choose by rl.where instead.\nActual: it asked for a value {node.spec}."
    )
