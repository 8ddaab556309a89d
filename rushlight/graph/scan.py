"""The scan: a loop over the leading dimension, whose body is a graph and an attribute.

Step t takes the constants, the carried values and element t of each sequence; it gives the next
carried values and one element of each stacked result.  The results of a scan are the last carried
values, then the stacked results: one equation for each, siblings of each other.  The length is a
size like any other, known when the program runs.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from rushlight.graph.batched import Batched
from rushlight.graph.creation import number
from rushlight.graph.dtype import int64
from rushlight.graph.node import Node, Origin, Primitive
from rushlight.graph.program import Equation, Graph, Leaf
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec, spec_of


class Body:
    """A graph as part of a structure: there is one object for each structure.

    The specs in `graph` are those of the recording that made it; the sizes of a run come with the
    run.  Leaves are the constants, the carried values, one element of each sequence, and literals.
    """

    __slots__ = ("__weakref__", "graph", "key")

    def __init__(self, graph: Graph, key: tuple):
        self.graph = graph
        self.key = key

    def __repr__(self) -> str:
        lines = str(self.graph).replace("\n", "\n    ")
        return f"body {{\n    {lines}\n}}"


_bodies: weakref.WeakValueDictionary[tuple, Body] = weakref.WeakValueDictionary()


def body_of(graph: Graph) -> Body:
    """The body of this structure."""
    leaves = tuple(
        [(leaf.spec.pattern, type(leaf.literal), repr(leaf.literal)) for leaf in graph.leaves]
    )
    equations = tuple(
        [(e.primitive, e.attributes, e.inputs, e.spec.pattern, e.number_count) for e in graph[1]]
    )
    key = leaves, equations, graph.results
    found = _bodies.get(key)
    if found is None:
        found = _bodies[key] = Body(graph, key)
    return found


class Counts(NamedTuple):
    """How many of a scan's inputs are constants, carried values and sequences."""

    constants: int
    carries: int
    sequences: int


class Closed(NamedTuple):
    """A recorded body as a graph, and what it needs from outside."""

    body: Body
    constants: list[Node]
    """Values from outside that every step reads."""
    specs: tuple[Spec, ...]
    """The specs of all values of this recording."""
    numbers: tuple
    origin: Origin | None
    """Where the first primitive that can fail was recorded."""


def _infer_scan(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return spec


SCAN = Primitive("scan", "scan", _infer_scan, can_fail=True, siblings=True)


def close(
    nodes: list[Node], carries: list[Node], sequences: list[Node], results: list[Node]
) -> Closed:
    """Make a graph of what `results` need of `nodes`, a recording in order.

    `carries` stand for the carried values, `sequences` for their elements.
    """
    sources = [*carries, *sequences]
    inside, needed = set(nodes), _needed(nodes, sources, results)
    constants: dict[Node, None] = {}
    literals: dict[Node, None] = {}
    known = {*sources}
    for node in [*[source for n in needed for source in n.inputs], *results]:
        if node not in known and (node not in inside):
            is_literal = node.primitive.family == "literal" and node not in results
            (literals if is_literal else constants).setdefault(node)
    if any(node.numbers for node in needed) or not sequences:
        # numbers of the body and the length tell this scan from another one with the same inputs
        constants[number(0, int64)] = None
    order = [*constants, *sources, *literals]
    place = {node: position for position, node in enumerate([*order, *needed])}
    leaves = [Leaf(n.spec, n.attributes[0] if n in literals else None) for n in order]
    equations, numbers = [], []
    for node in needed:
        inputs = tuple([place[source] for source in node.inputs])
        parts = node.primitive, node.attributes, inputs, node.spec, len(numbers)
        equations.append(Equation(*parts, len(node.numbers)))
        numbers += node.numbers
    graph = Graph(tuple(leaves), tuple(equations), tuple([place[node] for node in results]))
    specs = tuple([node.spec for node in place])
    origin = next((node.origin for node in needed if node.origin is not None), None)
    return Closed(body_of(graph), list(constants), specs, tuple(numbers), origin)


def _needed(nodes: list[Node], sources: list[Node], results: list[Node]) -> list[Node]:
    """The nodes that the results are computed of, in order."""
    wanted, given = {*results}, {*sources}
    for node in reversed(nodes):
        if node in wanted and node not in given:
            wanted.update(node.inputs)
    return [node for node in nodes if node in wanted and node not in given]


def scan(
    closed: Closed,
    carries: list[Node],
    sequences: list[Node],
    length: int,
    reverse: bool,
    wanted: list[int] | None = None,
) -> list[Any]:
    """Record a scan; its results, with None for those that are not wanted.

    A reverse scan begins with the last elements of the sequences.
    """
    body, constants, specs, numbers, origin = closed
    if Batched in map(type, (*constants, *carries, *sequences)):
        from rushlight.graph.scan_batching import scan_batched

        return scan_batched(closed, carries, sequences, length, reverse, wanted)
    counts = Counts(len(constants), len(carries), len(sequences))
    inputs = [*constants, *carries, *sequences]
    given = (length, specs, *numbers)
    results: list[Any] = []
    for which, value in enumerate(body.graph.results):
        if wanted is not None and which not in wanted:
            results.append(None)
            continue
        spec = specs[value]
        if which >= len(carries):
            spec = spec_of((length, *spec.shape), spec.dtype)
        attributes = which, body, reverse, counts
        # a tuple for each: the recorder counts the references to its inputs
        results.append(record(SCAN, tuple(inputs), attributes, given, spec, origin))
    return results
