"""Walking again: a walk over a graph like one walked before records the same, at once.

A training loop builds the same graph in every step.  Where a walk does nothing but record
gradients, they are decided by the graph's structure: by the recipes of its operations, by how these
are linked, and by which of the saved values are the same.  The second walk over a structure is
watched; from the third on, what it recorded is recorded again as one fragment.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from rushlight.autograd.node import AccumulateGrad, Edge, GradNode
from rushlight.graph.node import Node
from rushlight.graph.recorder import recorder
from rushlight.graph.repeat import Repetition, is_direct, repetition_of
from rushlight.tensor import Tensor, modes, node_of, wrap

_MOST_KNOWN = 1000
_SEEN, _NEVER = "seen once", "never repeated"
_known: dict[tuple, Repetition | str] = {}
_sequence = attrgetter("sequence")


def walk_again(root: Edge, grad: Tensor, keep_graph: bool, walk: Callable[[], None]) -> None:
    """Record what `walk()` records; walk only where that is not known."""
    survey = None if modes.anomaly or is_direct() else survey_of(root[0])
    if survey is None:
        walk()
        return
    structure = survey.structure(root, node_of(grad))
    found = _known.get(structure)
    if type(found) is Repetition:
        survey.repeat(found, keep_graph)
        return
    mine = recorder()
    first, recorded = len(mine.pending), mine.recorded
    walk()
    if found is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[structure] = _SEEN
    elif found is _SEEN:
        is_whole = mine.recorded == recorded  # nothing was computed on the way
        repetition = survey.repetition(mine.pending[first:]) if is_whole else None
        _known[structure] = repetition or _NEVER


def survey_of(root: GradNode) -> Survey | None:
    """The graph below a root; None if a walk over it might do more than record."""
    operations: list[Any] = []
    leaves: list[AccumulateGrad] = []
    found: list[GradNode] = [root]
    seen = {root}
    for node in found:
        if node.pre_hooks or node.post_hooks or node.tensor_hooks or node.retained:
            return None
        if type(node) is AccumulateGrad:
            leaf = node.variable
            if leaf._grad is not None or not leaf._requires_grad:
                return None
            if leaf._hooks or leaf._post_accumulate_hooks:
                return None
            leaves.append(node)
        elif node.recipe is None or node.freed or node.packed is not None:
            return None
        else:
            operations.append(node)
            for edge in node.edges:
                if edge is not None and edge[0] not in seen:
                    seen.add(edge[0])
                    found.append(edge[0])
    return Survey(operations, leaves)


class Survey:
    """A graph as a walk finds it: its operations, latest first, and its leaves."""

    def __init__(self, operations: list[Any], leaves: list[AccumulateGrad]):
        operations.sort(key=_sequence, reverse=True)
        self.operations = operations
        self.leaves = leaves
        self.given: dict[Node, int] = {}
        """The values that the walk reads, and their numbers."""

    def structure(self, root: Edge, grad: Node) -> tuple:
        """All that decides what the walk records, but for the values themselves."""
        nodes: list[GradNode] = [*self.operations, *self.leaves]
        places = {node: i for i, node in enumerate(nodes)}
        found = [places[root[0]], root[1], grad.spec, self.number_of(grad)]
        for node in self.operations:
            found.append(node.recipe)
            for edge in node.edges:
                if edge is not None:
                    found += (places[edge[0]], edge[1])
            for value in node._saved:
                if value is not None:
                    found.append(self.number_of(value))
        return tuple(found)

    def number_of(self, value: Node) -> int | Node:
        """The number of a value that is given; a literal itself, which is structure."""
        if value.primitive.family == "literal":
            return value
        return self.given.setdefault(value, len(self.given))

    def repetition(self, recorded: list[Node]) -> Repetition | None:
        """How to record again what a walk recorded just now."""
        if not all(node.recipe.is_repeated for node in self.operations):
            return None
        grads = [leaf.variable._grad for leaf in self.leaves]
        outputs = [None if grad is None else node_of(grad) for grad in grads]
        return repetition_of("backward", [*self.given], recorded, outputs)

    def repeat(self, repetition: Repetition, keep_graph: bool) -> None:
        """Do all that the walk would do."""
        grads = repetition.record([*self.given])
        for leaf, grad in zip(self.leaves, grads, strict=True):
            leaf.variable._grad = None if grad is None else wrap(grad)
        if not keep_graph:
            for node in self.operations:
                node.release()
