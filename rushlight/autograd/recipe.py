"""The recipe: what an operation does with inputs of certain specs, found by doing it once.

Forward and backward of an operation are decided by the specs of its inputs, its arguments and
which inputs need a gradient.  So both are traced the first time (`graph/repeat.py`), and then what
they record is recorded again without running them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rushlight.autograd.fit import fit
from rushlight.autograd.node import Edge
from rushlight.graph.node import Node
from rushlight.graph.repeat import Repetition, UnrepeatableError, is_direct, look_up, trace
from rushlight.graph.spec import Spec
from rushlight.tensor import node_of, wrap

if TYPE_CHECKING:
    from rushlight.autograd.operation import Operation

Edges = tuple[Edge | None, ...]
_known: dict[tuple, Any] = {}


class Recipe:
    """How to record an operation, and what to note on it for backward."""

    __slots__ = ("_backwards", "attributes", "forward", "outputs")

    def __init__(self, forward: Repetition, outputs: int, attributes: dict[str, Any]):
        self.forward = forward
        """Records the outputs, and behind them the values to save."""
        self.outputs = outputs
        self.attributes = attributes
        self._backwards: dict[tuple, Repetition | None] = {}

    @property
    def is_repeated(self) -> bool:
        """Whether every backward so far could be traced."""
        return None not in self._backwards.values()

    def start(self, ctx: Operation, nodes: list[Node]) -> Sequence[Node]:
        """Record the operation, and have `ctx` keep what backward needs; returns the outputs."""
        ctx.recipe = self
        ctx.__dict__.update(self.attributes)
        values = self.forward.record(nodes)
        ctx._saved = values[self.outputs :]
        return values

    def backward(self, ctx: Operation, grads: Sequence[Node | None]) -> Repetition | None:
        """How to record the gradients of the inputs; None if that must be computed anew."""
        specs = tuple([None if grad is None else grad.spec for grad in grads])
        if is_direct():
            return None
        if specs not in self._backwards:
            self._backwards[specs] = _trace_backward(ctx, self.attributes, specs)
        return self._backwards[specs]


def recipe_of(ctx: Operation, nodes: list[Node], arguments: tuple, key: tuple) -> Recipe | None:
    """How an operation is recorded; None if it must simply run.

    The key has the class, the arguments, and the spec and the need for a gradient of each input.
    """
    if is_direct():
        return None
    found = look_up(_known, key, _trace_forward, ctx, nodes, arguments)
    return None if found is None or found.forward.differs(arguments) else found


def repetition_of(
    operation: type[Operation], nodes: list[Node], arguments: tuple, key: tuple
) -> Repetition | None:
    """How an operation is recorded that no gradient flows through; None if it must simply run."""
    if is_direct():
        return None
    found = look_up(_known, key, _trace_idle, operation, nodes, arguments)
    return None if found is None or found.differs(arguments) else found


def _trace_idle(operation: type[Operation], nodes: list[Node], arguments: tuple) -> Any:
    forward = partial(operation.forward, operation.idle)
    return trace(forward, [node.spec for node in nodes], arguments, operation.__name__)


def _trace_forward(ctx: Operation, nodes: list[Node], arguments: tuple) -> Recipe | None:
    """Run the forward of an operation like `ctx` on stand-ins."""
    twin = object.__new__(type(ctx))
    twin.edges = ctx.edges
    outputs = 1

    def forward(*nodes: Any) -> Any:
        nonlocal outputs
        result = twin.run_forward(list(nodes[: len(twin.edges)]), nodes[len(twin.edges) :])
        outputs = len(result)
        return (*result, *twin._saved)

    found = trace(forward, [node.spec for node in nodes], arguments, type(ctx).__name__)
    attributes = {**twin.__dict__}
    for name in ("edges", "_inputs", "_saved"):
        attributes.pop(name, None)
    if found is None or any(type(value) is Node for value in attributes.values()):
        return None
    return Recipe(found, outputs, attributes)


def _trace_backward(ctx: Operation, attributes: dict, specs: tuple) -> Repetition | None:
    """Run the backward of an operation like `ctx` on stand-ins."""
    twin = object.__new__(type(ctx))
    twin.__dict__.update(attributes)
    twin.edges = ctx.edges
    saved: list[Spec | None] = [None if node is None else node.spec for node in ctx._saved]

    def backward(*nodes: Node) -> list[Node | None]:
        given = iter(nodes)
        grads = [None if spec is None else wrap(next(given)) for spec in specs]
        twin._saved = [None if spec is None else next(given) for spec in saved]
        results = twin.backward(*grads)
        results = results if type(results) is tuple else (results,)
        if len(results) < len(twin.edges):
            raise UnrepeatableError  # the walk explains it
        fitted = []
        for edge, grad, want in zip(twin.edges, results, twin.input_specs, strict=False):
            wanted = edge is not None and grad is not None
            fitted.append(node_of(fit(grad, want, edge, twin)) if wanted else None)
        return fitted

    given = [spec for spec in (*specs, *saved) if spec is not None]
    return trace(backward, given, name=ctx.name())
