"""The storage cell: what a tensor shares with its views and its detached selves."""

from __future__ import annotations

import sys

import numpy as np

from rushlight.graph.buffer import Buffer
from rushlight.graph.node import INPUT, Node, input_node
from rushlight.graph.recorder import recorder, value_of

EXPORTED = "exported"


class Cell:
    """The storage that a tensor shares with its views, its `.data` and its detached selves."""

    __slots__ = ("__weakref__", "foreign", "node", "strides", "version")

    def __init__(self, node: Node, foreign: np.ndarray | None = None):
        self.node = node
        self.version = 0
        self.foreign: np.ndarray | str | None = foreign  # who else can write the memory
        self.strides: tuple[int, ...] | None = None  # of the whole, where not C order

    def write(self, node: Node) -> None:
        """Give all tensors of this cell a new value."""
        recorder().remember(self, self.node)
        self.node = node
        self.version += 1
        self.foreign = None

    def restore(self, node: Node) -> None:
        """Go back to the value of the last sync point, after a failed program."""
        self.node = node
        self.version += 1

    def adopt(self) -> None:
        """Copy memory that someone else can write, since an operation is about to read it.

        Memory that was exported, and into which no array looks any more, needs no copy.
        """
        foreign, self.foreign = self.foreign, None
        if foreign is not EXPORTED or value_of(self.node).is_exported:
            self.node = _copy_of(self.node)
            self.version += 1

    def export(self) -> Buffer:
        """The value's memory, for arrays outside to share with this cell alone."""
        if type(self.foreign) is np.ndarray:
            return self.node.buffer
        buffer = value_of(self.node)
        if self.foreign is None and sys.getrefcount(self.node) > _ONE_HOLDER:
            self.node = _copy_of(self.node)
            buffer = self.node.buffer
        self.foreign = EXPORTED
        return buffer


def _copy_of(node: Node) -> Node:
    spec = node.spec
    stored = value_of(node).stored(spec.shape, spec.dtype)
    return input_node(Buffer.holding(stored, spec.dtype), spec)


_ONE_HOLDER = sys.getrefcount(Cell(Node(INPUT, (), (), (), None)).node)
