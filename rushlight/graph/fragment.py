"""The fragment: primitives that are always recorded together, as one node.

What an operation records is decided by the specs of its inputs and by its arguments.  So it is
found once (`graph/repeat.py`), and from then on a single node stands for all of it, followed by a
`part` for each result if there are several.  Engines see neither: a graph is described to them in
primitives (`graph/structure.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.graph.node import Node, Origin, Primitive
from rushlight.graph.spec import Spec


class Step(NamedTuple):
    """One primitive of a fragment; its inputs are earlier steps, or ~i for the i-th input."""

    primitive: Primitive
    attributes: tuple
    inputs: tuple[int, ...]
    numbers: tuple
    spec: Spec
    origin: Origin | None


class Fragment(Primitive):
    """Some primitives in the place of one.

    `pieces` and `tail` are its part of a key (`graph/structure.py`): each piece is followed by
    what the given step reads from the given input.
    """

    __slots__ = ("nbytes", "numbers", "operations", "pieces", "result", "specs", "steps", "tail")

    def __init__(self, name: str, steps: tuple[Step, ...], result: int, operations: int):
        self.name, self.family = name, "fragment"
        self.steps = steps
        self.result = result  # the step whose value its node stands for
        self.specs = [step.spec for step in steps]
        self.numbers = [number for step in steps for number in step.numbers]
        self.nbytes = sum([spec.nbytes for spec in self.specs])
        self.operations = operations
        self.pieces: list[tuple[list, int, int]] = []
        self.tail: list = []
        for position, step in enumerate(steps):
            self.tail += (step.primitive, step.attributes, step.spec.pattern)
            for source in step.inputs:
                if source >= 0:
                    self.tail.append(position - source)
                else:
                    self.pieces.append((self.tail, position, ~source))
                    self.tail = []


class _Part(Primitive):
    """The primitive of a node that is one of several results of the node it reads."""

    __slots__ = ()

    def __init__(self) -> None:
        self.name = self.family = "part"


PART = _Part()


def spread(nodes: list[Node]) -> tuple[list[Node], dict[Node, int]]:
    """The primitives that recorded nodes stand for, as nodes, and which of them each node is."""
    found: list[Node] = []
    places: dict[Node, int] = {}
    for node in nodes:
        if node.primitive is PART:
            places[node] = places[node.inputs[0]] + node.attributes[0]
            continue
        inputs = [found[places[s]] if s in places else s for s in node.inputs]
        places[node] = first = len(found)
        if type(node.primitive) is not Fragment:
            parts = node.attributes, node.numbers, node.spec, node.origin
            found.append(Node(node.primitive, tuple(inputs), *parts))
            continue
        for step in node.primitive.steps:
            sources = [found[first + i] if i >= 0 else inputs[~i] for i in step.inputs]
            parts = step.attributes, step.numbers, step.spec, step.origin
            found.append(Node(step.primitive, tuple(sources), *parts))
        places[node] = first + node.primitive.result
    return found, places
