"""The gradient of a scan: a scan in the other direction, found when the forward one is recorded.

The body's own autograd graph is walked once, with placeholders for the gradients of its results.
What that reads of the forward pass is stacked by the forward scan: its *residuals*.  The gradient
of a value from outside is a sum over all steps.  Where a step adds a contraction, as for the
weights of a matrix product, both factors are stacked and one contraction over time does the work
of all steps; other sums are carried along.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.autograd import walk
from rushlight.autograd.node import Edge, edge_of
from rushlight.graph import elementwise as e
from rushlight.graph import movement as p
from rushlight.graph.contraction import contract
from rushlight.graph.creation import literal
from rushlight.graph.node import Node
from rushlight.graph.reduction import sum_
from rushlight.graph.scan import Closed, close, scan
from rushlight.graph.spec import Spec
from rushlight.graph.tracing import Trace
from rushlight.ops.scan_body import Body, recording, stand_in
from rushlight.tensor import modes, node_of

Stacks = dict[Node, Node]
"""For nodes of a body, their values in all steps."""
Total = Callable[[Stacks], Node]
"""Records the sum over all steps of a gradient that a step gives."""

_RESHAPED = ("permute", "reshape", "expand")


def zeros(spec: Spec) -> Node:
    """Zeros of this spec."""
    return p.expand(literal(0, spec.dtype), spec.shape)


def differentiate(body: Body, outside: list[Edge], create_graph: bool) -> tuple[list, list, list]:
    """Placeholders for the gradients of a body's results, and what follows from them.

    Gives the placeholders (None where no gradient flows), the gradients of the body's sources and
    those of the outside edges (None where there is none).  To be called while recording.
    """
    arriving = [
        None if edge_of(t) is None else stand_in(t._spec, create_graph) for t in body.results
    ]
    pairs = zip(body.results, arriving, strict=True)
    roots = [(body.edge_of(t), g) for t, g in pairs if g is not None]
    borders = [(body.borders[edge], 0) for edge in outside]
    targets = [edge for edge in (*body.edges, *borders) if edge is not None]
    before = modes.grad
    modes.grad = create_graph
    try:
        found = walk.run(roots, True, create_graph, targets, captures=True) if roots else {}
    finally:
        modes.grad = before
    of_sources = [None if edge is None else found.get(edge) for edge in body.edges]
    return arriving, of_sources, [found.get(edge) for edge in borders]


class Gradient:
    """The plan of a scan's backward.

    `residuals` are the nodes that the forward scan must stack.
    """

    def __init__(self, body: Body, outside: list[Edge], length: int):
        self.body, self.length = body, length
        self.residuals: dict[Node, None] = {}
        self.stacked: dict[Node, None] = {}
        self.lasting: set[Node] = set()
        with recording() as nodes:
            arriving, of_sources, of_outside = differentiate(body, outside, create_graph=False)
            self.arriving = [None if g is None else node_of(g) for g in arriving]
            self.carries = [
                node_of(stand_in(t._spec, False)) if g is None else g
                for t, g in zip(body.next_carries, self.arriving, strict=False)
            ]
            self.carry_specs = [node.spec for node in self.carries]
            count = len(body.carries)
            self.nodes = nodes
            self.inside = set(nodes)
            next_carries = [
                zeros(node.spec) if grad is None else node_of(grad)
                for node, grad in zip(self.carries, of_sources[:count], strict=True)
            ]
            self.of_elements = [None if g is None else node_of(g) for g in of_sources[count:]]
            self.stacked.update(dict.fromkeys([g for g in self.of_elements if g is not None]))
            self.sums: list[tuple[Node, Node]] = []
            self.plan_totals([None if g is None else node_of(g) for g in of_outside])
            next_carries += [e.add(held, grad) for held, grad in self.sums]
            self.inside = set(nodes)
        self.carries += [held for held, _ in self.sums]
        self.close(next_carries)

    # ------------------------------------------------------------------------ what a step adds up
    def plan_totals(self, grads: list[Node | None]) -> None:
        """How to get the sums over all steps; sees first what varies from step to step."""
        trace = self.body.trace
        varying = Trace([*self.carries, *filter(None, self.arriving)], [], [])
        self.varying = trace.varying | varying.varying
        for node in self.nodes:
            if not self.varying.isdisjoint(node.inputs):
                self.varying.add(node)
        self.totals = [None if grad is None else self.total(grad) for grad in grads]

    def total(self, node: Node) -> Total:
        """How to get the sum of a node over all steps."""
        name = node.primitive.name
        inside = node in self.inside and node in self.varying
        if inside and name in _RESHAPED:
            inner = self.total(node.inputs[0])
            return lambda stacks: _moved(node, inner(stacks))
        if inside and name == "contract":
            return self.total_contraction(node)
        if inside and name == "add" and all(s.spec.rank == node.spec.rank for s in node.inputs):
            first, second = map(self.total, node.inputs)
            return lambda stacks: e.add(first(stacks), second(stacks))
        if inside and name == "sum":
            stack = self.stack(node.inputs[0])
            axes = (0, *[axis + 1 for axis in node.attributes])
            return lambda stacks: sum_(stack(stacks), axes)
        if inside and name == "cast" and node.inputs[0].spec.dtype.is_floating_point:
            inner = self.total(node.inputs[0])
            return lambda stacks: e.cast(inner(stacks), node.spec.dtype)
        held = node_of(stand_in(node.spec, False))
        self.sums.append((held, node))
        return lambda stacks: stacks[held]

    def total_contraction(self, node: Node) -> Total:
        """One contraction over time and what each step contracts, or of a sum with what stays."""
        a, b = node.inputs
        batch_a, batch_b, over_a, over_b = node.attributes
        if a in self.varying and b in self.varying:
            left, right = self.stack(a), self.stack(b)
            axes = [tuple([axis + 1 for axis in part]) for part in node.attributes]
            over = (0, *axes[2]), (0, *axes[3])
            return lambda stacks: contract(left(stacks), right(stacks), *over, axes[0], axes[1])
        parts = over_a, over_b, batch_a, batch_b
        self.lasting.add(b if a in self.varying else a)
        if a in self.varying:
            first = self.total(a)
            return lambda stacks: contract(first(stacks), b, *parts)
        second = self.total(b)
        return lambda stacks: contract(a, second(stacks), *parts)

    def stack(self, node: Node) -> Total:
        """How to get the values of a node in all steps."""
        length = self.length  # what is returned must not hold this plan: it would be a cycle
        if node.primitive.name in _RESHAPED and node in self.varying and node.inputs:
            inner = self.stack(node.inputs[0])
            return lambda stacks: _moved(node, inner(stacks), length)
        if node not in self.varying:
            shape = (length, *node.spec.shape)
            self.lasting.add(node)
            return lambda stacks: p.expand(node, shape)
        if node in self.inside or node in self.carries:
            self.stacked[node] = None
        elif node not in self.body.trace.sequences and node not in self.arriving:
            self.residuals[node] = None
        return lambda stacks: stacks[node]

    # --------------------------------------------------------------------------- the reverse body
    def close(self, next_carries: list[Node]) -> None:
        """Make the reverse body: find the residuals that it reads, and what else it is made of."""
        trace, results = self.body.trace, [*next_carries, *self.stacked]
        forward = set(trace.nodes)
        given = {*self.carries, *trace.sequences, *filter(None, self.arriving)}
        pending, seen = [*results], set()
        while pending:
            node = pending.pop()
            if node in seen or node in given or node in self.residuals:
                continue
            seen.add(node)
            moved = node in forward and node.primitive.family == "movement"
            if node in self.inside or moved:
                pending += node.inputs
            elif node in trace.varying:
                self.residuals[node] = None
        elements = [g for g in self.arriving[len(self.body.carries) :] if g is not None]
        self.sequences = [*trace.sequences, *self.residuals, *elements]
        reverse = Trace(self.carries, self.sequences, [*trace.every, *self.nodes], trace.lifted)
        reverse.varying |= trace.varying
        reverse.lift(results, self.lasting)
        self.closed: Closed = close(reverse.nodes, self.carries, self.sequences, results)
        del self.nodes, self.inside, self.varying, self.lasting

    # ------------------------------------------------------------------------------------ running
    def run(self, saved: list[Node], grads: list[Node], reverse: bool, needs: list[bool]) -> list:
        """Record the reverse scan; `saved` are the forward's sequences, residuals and constants.

        Gives the gradients of the first carried values, of the sequences and of what is outside.
        """
        count = len(self.body.carries)
        known = len(self.body.trace.sequences) + len(self.residuals)
        sequences, constants = saved[:known], saved[known:]
        arrived = [g for g, here in zip(grads, self.arriving, strict=True) if here is not None]
        carried = [zeros(spec) for spec in self.carry_specs]
        for position, here in enumerate(self.arriving[:count]):
            if here is not None:
                carried[position] = grads[position]
        arrived = arrived[sum([here is not None for here in self.arriving[:count]]) :]
        carried += [zeros(node.spec) for _, node in self.sums]
        sequences = [*sequences, *arrived]
        closed = self.closed._replace(constants=constants)
        wanted = [which for which in range(count) if needs[which]]
        wanted += range(count, len(self.closed.body.graph.results))
        found = scan(closed, carried, sequences, self.length, not reverse, wanted)
        stacks = dict(zip(self.sequences, sequences, strict=True))
        later = len(self.carries)
        stacks.update(zip([held for held, _ in self.sums], found[count:later], strict=True))
        stacks.update(zip(self.stacked, found[later:], strict=True))
        of_elements = [None if node is None else stacks[node] for node in self.of_elements]
        totals = [None if total is None else total(stacks) for total in self.totals]
        return [*found[:count], *of_elements, *totals]


def _moved(node: Node, x: Node, length: int | None = None) -> Node:
    """A movement done to a sum over steps, or to the stack of all steps."""
    lead = () if length is None else (length,)
    axes = node.attributes
    if node.primitive.name == "reshape":
        return p.reshape(x, (*lead, *node.spec.shape))
    if lead:
        axes = (0, *[axis + 1 for axis in axes])
    if node.primitive.name == "permute":
        return p.permute(x, axes)
    return p.expand(x, (*lead, *node.spec.shape), axes)
