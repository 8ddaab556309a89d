"""The body of a scan with its tensors: recorded once, and a place in the autograd graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from rushlight.autograd.node import AccumulateGrad, Edge, GradNode, edge_of, next_sequence
from rushlight.graph.node import Node
from rushlight.graph.spec import Spec
from rushlight.graph.tracing import Trace, placeholder, tracing
from rushlight.ops.autocast import Casting
from rushlight.tensor import Tensor, modes, node_of, wrap


@contextlib.contextmanager
def recording() -> Iterator[list[Node]]:
    """Record nodes into a list of their own; nobody watches, and no value is looked at.

    `autocast` keeps no casts: what is made here is no good outside.
    """
    before = modes.watchers, modes.anomaly, modes.autocast
    modes.watchers, modes.anomaly = (), False
    if modes.autocast is not None:
        modes.autocast = Casting(modes.autocast.dtype, is_caching=False)
    try:
        with tracing() as nodes:
            yield nodes
    finally:
        modes.watchers, modes.anomaly, modes.autocast = before


def stand_in(spec: Spec, wants_grad: bool) -> Tensor:
    """A tensor that stands for a value of every step."""
    tensor = wrap(placeholder(spec))
    tensor._requires_grad = wants_grad and spec.dtype.is_floating_point
    return tensor


class Border(GradNode):
    """Stands for a place outside where gradients leave a body, so that walks of it end there."""

    sequence = -1

    def __init__(self, edge: Edge):
        self.edge = edge
        self.output_specs = (edge[0].output_specs[edge[1]],)


class Body:
    """A body's placeholders, its results, and the nodes between them.

    `since` is when recording began: what the autograd graph has from before lies outside.
    """

    def __init__(
        self,
        carries: list[Tensor],
        elements: list[Tensor],
        results: tuple[list[Tensor], list[Tensor]],
        nodes: list[Node],
        since: int,
        lifted: set[Node] | None = None,
        borders: dict[Edge, Border] | None = None,
    ):
        self.carries = carries
        self.elements = elements
        self.next_carries, self.stacked = results
        self.since = since
        self.edges = [edge_of(tensor) for tensor in self.sources]
        self.borders: dict[Edge, Border] = {} if borders is None else borders
        self.trace = Trace(
            [node_of(tensor) for tensor in carries],
            [node_of(tensor) for tensor in elements],
            nodes,
            lifted,
        )

    @property
    def results(self) -> list[Tensor]:
        """The next carried values, then what is stacked."""
        return [*self.next_carries, *self.stacked]

    def with_results(self, stacked: list[Tensor]) -> Body:
        """The same body with other stacked results."""
        parts = self.carries, self.elements, (self.next_carries, stacked)
        return Body(*parts, self.trace.every, self.since, self.trace.lifted, self.borders)

    def edge_of(self, tensor: Tensor) -> Edge | None:
        """Where the gradient of a result goes within the body, or at its border."""
        edge = edge_of(tensor)
        return edge if edge is None else self._inner(edge)

    def _inner(self, edge: Edge) -> Edge:
        node = edge[0]
        if node in self._own or type(node) is Border:
            return edge
        if type(node) is not AccumulateGrad and node.sequence >= self.since:
            return edge
        found = self.borders.get(edge)
        if found is None:
            found = self.borders[edge] = Border(edge)
        return found, 0

    def outside_edges(self) -> list[Edge]:
        """Where gradients of values leave the body that it closes over; the graph is cut there."""
        self._own = {edge[0] for edge in self.edges if edge is not None}
        found: dict[Edge, None] = {}
        seen: set[GradNode] = {*self._own}
        stack = [edge for edge in map(self.edge_of, reversed(self.results)) if edge is not None]
        while stack:
            node = stack.pop()[0]
            if type(node) is Border:
                found[node.edge] = None
            elif node not in seen:
                seen.add(node)
                node.edges = tuple([None if e is None else self._inner(e) for e in node.edges])
                stack += [inside for inside in reversed(node.edges) if inside is not None]
        return list(found)

    @property
    def sources(self) -> list[Tensor]:
        """The placeholders: carried values, then elements."""
        return [*self.carries, *self.elements]


def record_body(
    function: Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]],
    carries: list[tuple[Spec, bool]],
    elements: list[tuple[Spec, bool]],
) -> Body:
    """Call a body once on placeholders; each comes with whether a gradient may be asked of it."""
    since = next_sequence()
    first = [stand_in(*each) for each in carries]
    second = [stand_in(*each) for each in elements]
    kept = [node_of(tensor) for tensor in (*first, *second)]
    with recording() as nodes:
        results: Any = function(first, second)
        for tensor in (*results[0], *results[1]):
            node_of(tensor)
    body = Body(first, second, results, nodes, since)
    if kept != [node_of(tensor) for tensor in body.sources]:
        raise RuntimeError(
            "the body of a scan wrote in place to its arguments\n"
            "Expected: a body that hands changed values on as its carry or its results."
        )
    return body
