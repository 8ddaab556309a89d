"""The structure of what is recorded: the key of its program, and its description in primitives.

Values are numbered as engines number them: leaves first, then primitives in recorded order.
"""

from __future__ import annotations

from typing import Any

from rushlight.graph.fragment import PART, Fragment, spread
from rushlight.graph.node import Node
from rushlight.graph.program import Equation, Graph, Leaf
from rushlight.graph.spec import Spec


class Structured:
    """Live nodes in recorded order, with the inputs that a program of theirs takes.

    Leaves each node's `slot` with its place among the primitives, a leaf's with ~place.  The key
    is that of the primitives, however they were recorded: for each the primitive, its attributes,
    the pattern of its result, and for each input how far back it is, or ~place of a leaf.
    """

    def __init__(self, live: list[Node]):
        self.leaves: list[Node] = []
        self.numbers: list = []
        self.specs: list[Spec] = []
        self._structure: list[Any] = []
        for node in live:
            primitive = node.primitive
            if type(primitive) is Fragment:
                self._add_fragment(node, primitive)
            elif primitive is PART:
                node.slot = node.inputs[0].slot + node.attributes[0]
            else:
                self._add_primitive(node)

    def _add_primitive(self, node: Node) -> None:
        structure, leaves = self._structure, self.leaves
        structure += (node.primitive, node.attributes, node.spec.pattern)
        node.slot = here = len(self.specs)
        for source in node.inputs:
            slot = source.slot
            if slot is None:
                leaves.append(source)
                slot = source.slot = -len(leaves)
            structure.append(here - slot if slot >= 0 else slot)
        self.specs.append(node.spec)
        self.numbers += node.numbers

    def _add_fragment(self, node: Node, fragment: Fragment) -> None:
        structure, leaves, inputs = self._structure, self.leaves, node.inputs
        first = len(self.specs)
        for piece, step, place in fragment.pieces:
            structure += piece
            source = inputs[place]
            slot = source.slot
            if slot is None:
                leaves.append(source)
                slot = source.slot = -len(leaves)
            structure.append(first + step - slot if slot >= 0 else slot)
        structure += fragment.tail
        node.slot = first + fragment.result
        self.specs += fragment.specs
        self.numbers += fragment.numbers

    def key(self, survivors: list[Node], donated: list[bool]) -> tuple:
        """What recordings with the same program have in common."""
        slots = [node.slot for node in survivors]
        kinds = [leaf if leaf.buffer is None else leaf.spec.pattern for leaf in self.leaves]
        return (*self._structure, None, *slots, None, *donated, *kinds)

    def describe(self, live: list[Node], survivors: list[Node], donated: list[bool]) -> Graph:
        """The graph for an engine to plan."""
        count = len(self.leaves)
        leaves = [
            Leaf(leaf.spec, leaf.attributes[0] if leaf.buffer is None else None, gift)
            for leaf, gift in zip(self.leaves, donated, strict=True)
        ]
        places = {leaf: place for place, leaf in enumerate(self.leaves)}
        equations: list[Equation] = []
        first = 0
        for place, node in enumerate(spread(live)[0], count):
            inputs = tuple([places[source] for source in node.inputs])
            parts = node.primitive, node.attributes, inputs, node.spec, first, len(node.numbers)
            equations.append(Equation(*parts))
            first += len(node.numbers)
            places[node] = place
        results = tuple([count + node.slot for node in survivors])
        return Graph(tuple(leaves), tuple(equations), results)
