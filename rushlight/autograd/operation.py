"""The operation: forward in primitives and backward in operations, side by side.

An operation is a class with two methods.  `forward(ctx, *nodes, *arguments)` records primitives;
`backward(ctx, *gradients)` computes with tensors, so that every gradient can be differentiated
again.  The instance is the node of the autograd graph (`grad_fn`).  Gradients need not match their
input in shape and dtype as far as broadcasting and promotion made the difference: the walk sums
and casts them to the input's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rushlight.autograd.node import GradNode, edge_of, next_sequence, tie
from rushlight.autograd.recipe import Edges, Recipe, recipe_of, repetition_of
from rushlight.graph.batched import Batched
from rushlight.graph.node import Node
from rushlight.graph.spec import Spec
from rushlight.tensor import Tensor, ensure_cell, modes, node_of, wrap


class Idle:
    """Stands in for `ctx` where no gradient can be asked for: everything saved is dropped."""

    recording = False

    def save_inputs(self, *positions: int | None) -> None:
        """Nothing to save."""

    def save_values(self, *nodes: Node) -> None:
        """Nothing to save."""

    def save_outputs(self, *positions: int) -> None:
        """Nothing to save."""

    def needs(self, position: int) -> bool:
        """No input needs a gradient."""
        return False

    def __setattr__(self, name: str, value: Any) -> None:
        pass


IDLE = Idle()


class Operation(GradNode):
    """Base of all built-in operations.

    What forward and backward record depends on the specs of the inputs, on the arguments and on
    which inputs need a gradient, so that they run once for each of these (see `recipe.py`).
    """

    idle = IDLE
    recording = True
    differentiable = True
    recipe: Recipe | None
    returns_tuple: bool = False
    input_specs: Sequence[Spec] = ()
    _inputs: Sequence[Node] = ()
    _saved: Sequence[Node | None] = ()
    _places: Sequence[int | None] = ()  # of the saved values: input i, output ~i, None for others

    def forward(self, *values: Any) -> Node | tuple[Node, ...]:
        """Record the primitives; returns the output node, or a tuple of them."""
        raise NotImplementedError(type(self).__name__)

    def backward(self, *grads: Tensor) -> Any:
        """The gradients of the tensor inputs: one, or a tuple with None where there is none."""
        raise NotImplementedError(f"the derivative of {type(self).__name__} is not implemented")

    # ------------------------------------------------------------------------------- for forward
    def save_inputs(self, *positions: int | None) -> None:
        """Keep these inputs for backward; None keeps a place empty."""
        inputs = self._inputs
        self.save([None if i is None else inputs[i] for i in positions], positions)

    def save_values(self, *nodes: Node) -> None:
        """Keep values on the way (masks, places) for backward, through which no gradient flows."""
        self.save(nodes, [None] * len(nodes))

    def save_outputs(self, *positions: int) -> None:
        """Keep these outputs for backward."""
        self.save([None] * len(positions), [~position for position in positions])

    def save(self, nodes: Sequence[Node | None], places: Sequence[int | None]) -> None:
        """Keep nodes that are inputs i, outputs ~i, or None of both."""
        self._saved = [*self._saved, *nodes]
        self._places = [*self._places, *places]

    def needs(self, position: int) -> bool:
        """Whether this input needs a gradient."""
        return self.edges[position] is not None

    # ------------------------------------------------------------------------------ for backward
    @property
    def saved(self) -> list[Tensor | None]:
        """The kept values in the order of the `save_...` calls, as tensors."""
        unpacked = []
        linked = modes.grad
        for node, place in zip(self._saved, self._places, strict=True):
            if node is None:
                unpacked.append(None)
                continue
            tensor = wrap(node)
            unpacked.append(tensor)
            if linked and place is not None:
                edge = self.edges[place] if place >= 0 else (self, ~place)
                if edge is not None:
                    tie(tensor, edge)
        return unpacked

    def input_spec(self, position: int) -> Spec:
        """Shape and dtype of an input."""
        return self.input_specs[position]

    # ----------------------------------------------------------------------------------- applying
    @classmethod
    def apply(cls, tensors: tuple[Tensor, ...], *arguments: Any) -> Any:
        """Record the operation on these tensors."""
        linked = modes.grad and cls.differentiable
        nodes, edges, wanted = [], [], False
        key: list[Any] = [cls, arguments]
        for tensor in tensors:
            node = tensor._node if tensor._cell is None else node_of(tensor)
            edge = None
            if linked and (tensor._requires_grad or tensor._base is not None):
                edge = edge_of(tensor)
                wanted = wanted or edge is not None
            nodes.append(node)
            edges.append(edge)
            key += (node.spec, edge is None)
        if wanted:
            return cls._apply_linked(nodes, tuple(edges), arguments, tuple(key))
        repetition = repetition_of(cls, nodes, arguments, tuple(key))
        if repetition is None:
            result = cls.forward(IDLE, *nodes, *arguments)
            return tuple([wrap(node) for node in result]) if type(result) is tuple else wrap(result)
        outputs = repetition.record(nodes)
        return tuple([wrap(n) for n in outputs]) if repetition.is_sequence else wrap(outputs[0])

    @classmethod
    def _apply_linked(cls, nodes: list[Node], edges: Edges, arguments: tuple, key: tuple) -> Any:
        """Record the operation as a node of the autograd graph."""
        ctx = object.__new__(cls)
        ctx.sequence = next_sequence()
        ctx.edges = edges
        recipe = recipe_of(ctx, nodes, arguments, key)
        if recipe is None:
            outputs = ctx.run_forward(nodes, arguments)
        else:
            outputs = recipe.start(ctx, nodes)
        if ctx.returns_tuple:
            results: Any = tuple(ctx.link(outputs[: len(ctx.output_specs)]))
        else:
            results = _attach(outputs[0], ctx, 0)
        for watcher in modes.watchers:
            watcher(ctx)
        return results

    def run_forward(self, nodes: list[Node], arguments: tuple) -> tuple[Node, ...]:
        """Record the primitives, and keep what backward needs; returns the outputs."""
        self._inputs = nodes
        self.input_specs = [node.spec for node in nodes]
        result = self.forward(*nodes, *arguments)
        self._inputs = ()
        self.returns_tuple = type(result) is tuple
        outputs: Any = result if self.returns_tuple else (result,)
        self.output_specs = tuple([node.spec for node in outputs])
        self._saved = [
            outputs[~place] if place is not None and place < 0 else node
            for node, place in zip(self._saved, self._places, strict=True)
        ]
        return outputs

    def link(self, outputs: Sequence[Node]) -> list[Tensor]:
        """The outputs as tensors whose gradients come here."""
        return [_attach(node, self, position) for position, node in enumerate(outputs)]

    def run(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs."""
        if self.recipe is not None and not modes.grad:
            nodes = [None if grad is None else node_of(grad) for grad in grads]
            repetition = self.recipe.backward(self, nodes)
            if repetition is not None:
                given = [node for node in (*nodes, *self._saved) if node is not None]
                results = repetition.record(given)
                return tuple([None if node is None else wrap(node) for node in results])
        result = self.backward(*grads)
        return result if type(result) is tuple else (result,)

    def take_saved(self) -> list[Node | None]:
        """Give the saved values away until `put_saved`."""
        saved, self._saved = self._saved, [None] * len(self._saved)
        return list(saved)

    def put_saved(self, nodes: list[Node | None]) -> None:
        """Have the saved values again."""
        self._saved = nodes

    def release(self) -> None:
        """Give saved values back, and whatever else the forward kept."""
        if self._saved:
            self.freed = True
            self._saved, self.packed = (), None


class ViewOperation(Operation):
    """An operation whose result shares storage with its one input.

    `layout` says where the elements lie (logical strides), `put` writes a part back into a whole.
    """

    @staticmethod
    def layout(shape: tuple, strides: tuple, offset: int, *arguments: Any) -> tuple:
        """Shape, strides and offset of the result, from those of the input."""
        raise NotImplementedError

    @staticmethod
    def put(whole: Node, part: Node, *arguments: Any) -> Node:
        """`whole` with the elements that the view shows replaced by `part`."""
        raise NotImplementedError

    @classmethod
    def apply(cls, tensors: tuple[Tensor], *arguments: Any) -> Tensor:
        """A view of the tensor."""
        result = super().apply(tensors, *arguments)
        cls.share(result, tensors[0], *arguments)
        return result

    @classmethod
    def share(cls, result: Tensor, source: Tensor, *arguments: Any) -> None:
        """Make `result` a view of `source` by this operation."""
        cell = ensure_cell(source)
        result._cell = cell
        result._chain = (*source._chain, (cls, arguments))
        result._seen = cell.version
        result._base = source if source._base is None else source._base
        result._untracked = source._untracked or not modes.grad


def _attach(node: Node, ctx: Operation, output: int) -> Tensor:
    tensor = object.__new__(Tensor)
    tensor._node = node
    if node.spec.dtype.is_differentiable:
        tensor._requires_grad = True
        tensor._grad_fn = ctx
        tensor._output_number = output
        if type(node) is Batched:
            ctx.note_batches(output, node)
    return tensor


def caller() -> str:
    """File and line of the first frame outside this package: the user's."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("rushlight."):
        if ".examples" in frame.f_globals["__name__"]:
            break
        frame = frame.f_back
    return "unknown place" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
