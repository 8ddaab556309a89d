"""The operation: forward in primitives and backward in operations, side by side.

An operation is a class with two methods.  `forward(ctx, *nodes, *arguments)` records primitives;
`backward(ctx, *gradients)` computes with tensors, so that every gradient can be differentiated
again.  The instance is the node of the autograd graph (`grad_fn`).  Gradients need not match their
input in shape and dtype as far as broadcasting and promotion made the difference: the walk sums
and casts them to the input's.
"""

from __future__ import annotations

import sys
from typing import Any

from rushlight.autograd.node import GradNode, edge_of, next_sequence, tie
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
    """Base of all built-in operations."""

    idle = IDLE
    recording = True
    materialize = True
    differentiable = True
    _saved: list | None = None
    _inputs: list | None = None
    _saves_output: bool = False

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
        kept = [(None if i is None else inputs[i], i) for i in positions]
        self._saved = kept if self._saved is None else self._saved + kept

    def save_values(self, *nodes: Node) -> None:
        """Keep values on the way (masks, places) for backward, through which no gradient flows."""
        self._saved = (self._saved or []) + [(node, None) for node in nodes]

    def save_outputs(self, *positions: int) -> None:
        """Keep these outputs for backward."""
        self._saved = (self._saved or []) + [(None, -1 - position) for position in positions]
        self._saves_output = True

    def needs(self, position: int) -> bool:
        """Whether this input needs a gradient."""
        return self.edges[position] is not None

    # ------------------------------------------------------------------------------ for backward
    @property
    def saved(self) -> list[Tensor | None]:
        """The kept values in the order of the `save_...` calls, as tensors."""
        unpacked = []
        linked = modes.grad
        for node, position in self._saved:
            if node is None:
                unpacked.append(None)
                continue
            tensor = object.__new__(Tensor)
            tensor._node = node
            unpacked.append(tensor)
            if linked and position is not None:
                edge = self.edges[position] if position >= 0 else (self, -1 - position)
                if edge is not None:
                    tie(tensor, edge)
        return unpacked

    def input_spec(self, position: int) -> Spec:
        """Shape and dtype of an input."""
        return self._input_specs[position]

    # ----------------------------------------------------------------------------------- applying
    @classmethod
    def apply(cls, tensors: tuple[Tensor, ...], *arguments: Any) -> Any:
        """Record the operation on these tensors."""
        nodes = []
        wanted = False
        for tensor in tensors:
            nodes.append(tensor._node if tensor._cell is None else node_of(tensor))
            if tensor._requires_grad or (tensor._base is not None and tensor.requires_grad):
                wanted = True
        if wanted and cls.differentiable and modes.grad:
            return cls._apply_recorded(tensors, nodes, arguments)
        result = cls.forward(IDLE, *nodes, *arguments)
        if type(result) is tuple:
            return tuple([wrap(node) for node in result])
        tensor = object.__new__(Tensor)
        tensor._node = result
        return tensor

    @classmethod
    def _apply_recorded(cls, tensors: tuple, nodes: list, arguments: tuple) -> Any:
        ctx = object.__new__(cls)
        ctx.sequence = next_sequence()
        ctx.edges = tuple([edge_of(t) if t._requires_grad else None for t in tensors])
        ctx._input_specs = [node.spec for node in nodes]
        ctx._inputs = nodes
        result = ctx.forward(*nodes, *arguments)
        ctx._inputs = None
        if type(result) is tuple:
            outputs: Any = ctx._finish_several(result)
        else:
            ctx.output_specs = (result.spec,)
            if ctx._saves_output:
                ctx._saved[ctx._saved.index((None, -1))] = (result, -1)
            outputs = _attach(result, ctx, 0)
        for watcher in modes.watchers:
            watcher(ctx)
        return outputs

    def _finish_several(self, outputs: tuple[Node, ...]) -> tuple[Tensor, ...]:
        self.output_specs = tuple([node.spec for node in outputs])
        if self._saves_output:
            self._saved = [
                (outputs[-1 - position], position)
                if position is not None and position < 0
                else (node, position)
                for node, position in self._saved
            ]
        return tuple([_attach(node, self, position) for position, node in enumerate(outputs)])

    def run(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs."""
        result = self.backward(*grads)
        return result if type(result) is tuple else (result,)

    def take_saved(self) -> list[Node | None]:
        """Give the saved values away until `put_saved`."""
        saved = self._saved or ()
        self._saved = [(None, position) for _, position in saved]
        return [node for node, _ in saved]

    def put_saved(self, nodes: list[Node | None]) -> None:
        """Have the saved values again."""
        places = [position for _, position in self._saved]
        self._saved = list(zip(nodes, places, strict=True))

    def release(self) -> None:
        """Give saved values back, and whatever else the forward kept."""
        if self._saved:
            self.freed = True
            self._saved = self.packed = None


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
    return tensor


def caller() -> str:
    """File and line of the first frame outside this package: the user's."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("rushlight."):
        if ".examples" in frame.f_globals["__name__"]:
            break
        frame = frame.f_back
    return "unknown place" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
