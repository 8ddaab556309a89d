"""Nodes of the autograd graph: what `grad_fn` is, and where hooks on gradients sit."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

from rushlight.autograd.handle import RemovableHandle
from rushlight.graph.batched import Batched, Levels
from rushlight.graph.node import Node
from rushlight.graph.spec import Spec
from rushlight.tensor import Tensor, modes, node_of, refresh, wrap

LAST = 1 << 62


Edge: TypeAlias = tuple["GradNode", int]
"""Where a gradient goes: which node, and as the gradient of which of its outputs."""


class GradNode:
    """One step of the backward walk: takes gradients of outputs, gives gradients of inputs.

    `edges` say where the gradients of the inputs go (None where none is needed); `output_specs`
    say what gradients of the outputs must look like.
    """

    edges: tuple[Edge | None, ...] = ()
    output_specs: tuple[Spec, ...] = ()
    sequence: int = 0
    freed: bool = False
    materialize: bool = True
    runs_on_none: bool = False
    recipe: Any = None
    pre_hooks: dict | None = None
    post_hooks: dict | None = None
    tensor_hooks: dict[int, dict] | None = None
    retained: dict[int, weakref.ref] | None = None
    origin: str | None = None
    packed: Any = None
    batches: dict[int, Levels] | None = None
    """The levels of vmap at which each output is batched, if one is."""
    _metadata: dict | None = None
    suffix = "Backward0"

    def name(self) -> str:
        """The name that PyTorch shows, such as MulBackward0."""
        return type(self).__name__ + self.suffix

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[GradNode | None, int], ...]:
        """The nodes that the gradients of the inputs go to, with the output number there."""
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    @property
    def metadata(self) -> dict:
        """A dict for the user's own notes."""
        if self._metadata is None:
            self._metadata = {}
        return self._metadata

    def _sequence_nr(self) -> int:
        return self.sequence

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after this node; it may return new grad_inputs."""
        if self.post_hooks is None:
            self.post_hooks = {}
        return RemovableHandle(self.post_hooks, hook)

    def register_prehook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(grad_outputs)` before this node; it may return new grad_outputs."""
        if self.pre_hooks is None:
            self.pre_hooks = {}
        return RemovableHandle(self.pre_hooks, hook)

    def hooks_of_output(self, output: int) -> dict:
        """The dict of tensor hooks on one output's gradient."""
        if self.tensor_hooks is None:
            self.tensor_hooks = {}
        return self.tensor_hooks.setdefault(output, {})

    def run(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs."""
        raise NotImplementedError(f"{self.name()} has no backward")

    def note_batches(self, output: int, value: Batched) -> None:
        """Keep in mind at which levels of vmap an output is batched."""
        self.batches = {**(self.batches or {}), output: value.levels}

    def take_saved(self) -> list[Node | None]:
        """Give the saved values away until `put_saved`."""
        return []

    def put_saved(self, nodes: list[Node | None]) -> None:
        """Have the saved values again."""

    def release(self) -> None:
        """Give saved values back."""


class AccumulateGrad(GradNode):
    """The end of the walk: adds what arrives to a leaf's `.grad`."""

    sequence = LAST
    suffix = ""
    variable: Tensor

    @property
    def output_specs(self) -> tuple[Spec, ...]:  # type: ignore[override]
        """What the gradient must look like."""
        return (self.variable._spec,)


def edge_of(tensor: Tensor) -> Edge | None:
    """Where the gradient of a tensor goes; None if it needs none."""
    if tensor._base is not None:
        refresh(tensor)
    if not tensor._requires_grad:
        return None
    node = tensor._grad_fn
    if node is not None:
        return node, tensor._output_number
    found = tensor._accumulator
    if found is not None:
        if type(found) is AccumulateGrad:
            return found, 0  # a saved leaf, unpacked: it holds the node of the original
        node = found()
        if node is not None:
            return node, 0
    node = AccumulateGrad()
    node.variable = tensor
    tensor._accumulator = weakref.ref(node)
    return node, 0


next_sequence = itertools.count().__next__
"""A number that later nodes exceed: the walk takes the latest node first."""


def tie(tensor: Tensor, edge: Edge) -> None:
    """Make gradients of an unpacked saved value go where those of the original go."""
    tensor._requires_grad = True
    node, output = edge
    if type(node) is AccumulateGrad:
        tensor._accumulator = node
    else:
        tensor._grad_fn, tensor._output_number = node, output


class SavedValue:
    """A value kept for backward: the node that was seen, and where its gradient goes.

    Holds no tensor, so no cycle can arise; a tensor written in place afterwards does not matter.
    `owner_output` marks an output of the node that saves it, whose edge would be a cycle.
    """

    __slots__ = ("edge", "node", "original", "owner_output")

    def __init__(self, node: Node, edge: Edge | None, owner_output: int | None = None):
        self.node = node
        self.edge = edge
        self.owner_output = owner_output
        self.original: weakref.ref | None = None

    def unpack(self, owner: GradNode) -> Tensor:
        """The value as a tensor, tied to the graph if gradients may be asked of the backward."""
        if self.original is not None:
            original = self.original()
            if original is not None and node_of(original) is self.node:
                return original
        tensor = wrap(self.node)
        edge = self.edge if self.owner_output is None else (owner, self.owner_output)
        if edge is not None and (modes.grad or self.original is not None):
            tie(tensor, edge)
        return tensor


def attach(tensor: Any, node: GradNode, output: int = 0) -> Any:
    """Make the tensor an output of this node."""
    tensor._requires_grad = True
    tensor._grad_fn = node
    tensor._output_number = output
    value = node_of(tensor)
    if type(value) is Batched:
        node.note_batches(output, value)
    return tensor
