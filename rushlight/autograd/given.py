"""The inputs of a function that is differentiated by itself, apart from `.grad` fields.

A transform calls a function on stand-ins for its inputs.  Each is an output of a `Given` node, at
which walks for this transform end.  Gradients of an outer one go on from there: a `Given` hands
them to the tensor that it stands for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rushlight.autograd import walk
from rushlight.autograd.node import AccumulateGrad, GradNode, attach, edge_of, next_sequence
from rushlight.graph.creation import literal
from rushlight.graph.movement import expand
from rushlight.graph.spec import Spec
from rushlight.tensor import Tensor, modes, node_of, wrap


class Given(GradNode):
    """Where the gradients of a transform end; open while the transform's function runs."""

    suffix = ""
    is_open = True

    def run(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """What arrives belongs to the tensor outside."""
        return grads


class Inputs(NamedTuple):
    """Stand-ins for the inputs, and the nodes where their gradients arrive."""

    tensors: list[Tensor]
    nodes: list[Given]


@contextlib.contextmanager
def differentiating(tensors: Sequence[Tensor]) -> Iterator[Inputs]:
    """In this block, what is computed from the stand-ins can be differentiated by them.

    RuntimeError for inputs that are whole numbers.
    """
    made = [stand_in(tensor) for tensor in tensors]
    inputs = Inputs([tensor for tensor, _ in made], [node for _, node in made])
    before, modes.grad = modes.grad, True
    modes.transforms += 1
    try:
        yield inputs
    finally:
        modes.grad = before
        modes.transforms -= 1
        for node in inputs.nodes:
            node.is_open = False


def stand_in(tensor: Tensor) -> tuple[Tensor, Given]:
    """A tensor of the same value for a function to read, and the node of its gradient."""
    spec = tensor._spec
    if not spec.dtype.is_differentiable:
        raise RuntimeError(
            "only Tensors of floating point and complex dtype can require gradients\n"
            f"Expected: such a tensor to differentiate by.\nActual: {spec}."
        )
    node = Given()
    node.edges = (edge_of(tensor) if modes.grad else None,)
    node.output_specs = (spec,)
    node.sequence = next_sequence()
    return attach(wrap(node_of(tensor)), node), node


def zeros(spec: Spec) -> Tensor:
    """Zeros of this spec."""
    return wrap(expand(literal(0, spec.dtype), spec.shape))


def depends_on_others(tensors: Sequence[Tensor]) -> bool:
    """Whether a leaf, or a transform whose function is still running, may ask for gradients."""
    edges = [edge_of(tensor) for tensor in tensors]
    stack = [edge[0] for edge in edges if edge is not None]
    seen = {*stack}
    while stack:
        node = stack.pop()
        if type(node) is AccumulateGrad or (type(node) is Given and node.is_open):
            return True
        for edge in node.edges:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return False


def leave(tensor: Tensor) -> Tensor:
    """A result of a transform: with its graph only if others can still differentiate it."""
    if not tensor.requires_grad or (modes.grad and depends_on_others([tensor])):
        return tensor
    return wrap(node_of(tensor))


def gradients(
    outputs: Sequence[Tensor],
    starts: Sequence[Tensor],
    inputs: Sequence[Given],
    keep_graph: bool = True,
) -> list[Tensor]:
    """The gradients at the inputs, given those of the outputs; zeros where nothing arrives.

    They can be differentiated themselves if there is somebody else who might.
    """
    used = [pair for pair in zip(outputs, starts, strict=True) if pair[0].requires_grad]
    create_graph = modes.grad and (
        any(start.requires_grad for start in starts) or depends_on_others(outputs)
    )
    found: dict = {}
    if used:
        roots = [(edge_of(output), start) for output, start in used]
        edges = [(node, 0) for node in inputs]
        keep_graph = keep_graph or create_graph
        found = walk.run(roots, keep_graph, create_graph, edges, captures=True)
    grads = [found.get((node, 0)) for node in inputs]
    pairs = zip(grads, inputs, strict=True)
    return [zeros(node.output_specs[0]) if g is None else leave(g) for g, node in pairs]
