"""Recording a body once for all its steps: nodes that stand for values which nobody knows yet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from rushlight.graph import recorder as recording
from rushlight.graph.creation import RANDOM_BITS, random_bits
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import Recorder
from rushlight.graph.spec import Spec


def _infer_given(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return spec


PLACEHOLDER = Primitive("placeholder", "placeholder", _infer_given)


def placeholder(spec: Spec) -> Node:
    """A node that stands for a value of every step."""
    return Node(PLACEHOLDER, (), (), (), spec)


class Tracing(Recorder):
    """Records a body apart from what the thread has pending; computes nothing of it."""

    tracing = True

    def __init__(self, outer: Recorder):
        self.outer = outer
        self.pending: list[Node] = []
        self.journal: dict[Any, Any] = {}
        self.immediate = False
        self.recorded = 0

    def __del__(self) -> None:
        """Nothing of a body is computed by itself."""

    def remember(self, holder: Any, value: Any) -> None:
        """Note a write; generators of random numbers do advance."""
        if type(value) is Node:
            self.journal.setdefault(holder, value)
        else:
            self.outer.remember(holder, value)

    def soft_cut(self) -> None:
        """A body is not computed, however large."""

    def compute(self) -> None:
        """Compute what is pending outside."""
        recording.set_recorder(self.outer)
        try:
            self.outer.compute()
        finally:
            recording.set_recorder(self)

    def explain_missing(self, node: Node) -> str:
        """Why a value is not there."""
        return (
            "Python needs a value inside the body of a scan, which is recorded once for all steps\n"
            "Expected: a body without item(), if, print, NumPy or sizes that depend on values of "
            f"a step; choose by rl.where instead.\nActual: it asked for a value {node.spec}."
        )


@contextlib.contextmanager
def tracing() -> Iterator[list[Node]]:
    """Record into the list that this gives, apart from everything else.

    A write to a tensor from outside is undone, and a RuntimeError.
    """
    outer = recording.recorder()
    inner = Tracing(outer)
    recording.set_recorder(inner)
    written = False
    try:
        yield inner.pending
    finally:
        recording.set_recorder(outer)
        inside = set(inner.pending)
        for holder, value in inner.journal.items():
            if value not in inside and value.primitive is not PLACEHOLDER:
                holder.restore(value)
                written = True
    if written:
        raise RuntimeError(
            "the body of a scan wrote in place to a tensor from outside\n"
            "Expected: a body that hands changed values on as its carry or its results."
        )


class Trace:
    """A recorded body: placeholders and nodes in order.

    `sequences` are placeholders of elements, and random bits, of which each step has its own.
    `varying` are the nodes that may differ from step to step.  `lifted` are those that were handed
    over to the thread's recorder; traces of the same nodes share the set.
    """

    def __init__(
        self,
        carries: list[Node],
        sequences: list[Node],
        nodes: list[Node],
        lifted: set[Node] | None = None,
    ):
        self.carries = carries
        self.sequences = sequences + [n for n in nodes if n.primitive is RANDOM_BITS]
        self.every = nodes
        self.lifted = set() if lifted is None else lifted
        self.varying = {*self.carries, *self.sequences}
        for node in nodes:
            if node not in self.varying and not self.varying.isdisjoint(node.inputs):
                self.varying.add(node)

    @property
    def nodes(self) -> list[Node]:
        """The nodes of the body, without those that were lifted out of it."""
        return [node for node in self.every if node not in self.lifted]

    def stacks(self, given: list[Node], length: int) -> list[Node]:
        """The sequences: those given, then the random bits of all steps."""
        bits = []
        for node in self.sequences[len(given) :]:
            bits.append(random_bits((length, *node.spec.shape), *node.numbers))
        return [*given, *bits]

    def lift(self, results: list[Node], also: Iterable[Node] = ()) -> None:
        """Hand over to the thread's recorder what every step would compute alike.

        Movements stay, but those in `also`: they cost nothing where they are, and a copy outside.
        """
        nodes = self.nodes
        needed = {*results}
        found = [node for node in also if node not in self.varying]
        for node in reversed(nodes):
            if node in needed:
                needed.update(node.inputs)
                if node not in self.varying and node.primitive.family != "movement":
                    found.append(node)
        lifted = _with_sources(found, set(nodes))
        recording.adopt([node for node in nodes if node in lifted])
        self.lifted |= lifted


def _with_sources(nodes: list[Node], inside: set[Node]) -> set[Node]:
    """Those of the nodes that are inside, and what they read there."""
    found, stack = set(), list(nodes)
    while stack:
        node = stack.pop()
        if node in inside and node not in found:
            found.add(node)
            stack += node.inputs
    return found
