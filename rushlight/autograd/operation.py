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

from rushlight.autograd.node import AccumulateGrad, GradNode, SavedValue, edge_of, next_sequence
from rushlight.graph.node import Node
from rushlight.tensor import Tensor, ensure_cell, modes, node_of


class Idle:
    """Stands in for `ctx` where no gradient can be asked for: everything saved is dropped."""

    def save_inputs(self, *positions: int) -> None:
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
    materialize = True
    differentiable = True
    _saving: tuple = ()
    _saved: tuple = ()
    _nodes: list | None = None

    def forward(self, *values: Any) -> Node | tuple[Node, ...]:
        """Record the primitives; returns the output node, or a tuple of them."""
        raise NotImplementedError(type(self).__name__)

    def backward(self, *grads: Tensor) -> Any:
        """The gradients of the tensor inputs: one, or a tuple with None where there is none."""
        raise NotImplementedError(f"the derivative of {type(self).__name__} is not implemented")

    # ------------------------------------------------------------------------------- for forward
    def save_inputs(self, *positions: int | None) -> None:
        """Keep these inputs for backward; None keeps a place empty."""
        self._saving = (*self._saving, *[("input", position) for position in positions])

    def save_values(self, *nodes: Node) -> None:
        """Keep values on the way (masks, places) for backward, through which no gradient flows."""
        self._saving = (*self._saving, *[("value", node) for node in nodes])

    def save_outputs(self, *positions: int) -> None:
        """Keep these outputs for backward."""
        self._saving = (*self._saving, *[("output", position) for position in positions])

    def needs(self, position: int) -> bool:
        """Whether this input needs a gradient."""
        return self.edges[position] is not None

    # ------------------------------------------------------------------------------ for backward
    @property
    def saved(self) -> list[Tensor]:
        """The kept values in the order of the `save_...` calls, as tensors."""
        return [value and value.unpack(self) for value in self._saved]

    def input_spec(self, position: int) -> Any:
        """Shape and dtype of an input."""
        return self._input_specs[position]

    # ----------------------------------------------------------------------------------- applying
    @classmethod
    def apply(cls, tensors: tuple[Tensor, ...], *arguments: Any) -> Any:
        """Record the operation on these tensors."""
        nodes = [t._node if t._cell is None else node_of(t) for t in tensors]
        if modes.grad and cls.differentiable:
            for tensor in tensors:
                if tensor._requires_grad or tensor._base is not None and tensor.requires_grad:
                    return cls._apply_recorded(tensors, nodes, arguments)
        result = cls.forward(IDLE, *nodes, *arguments)
        if type(result) is tuple:
            return tuple([_wrap(node) for node in result])
        tensor = object.__new__(Tensor)
        tensor._node = result
        return tensor

    @classmethod
    def _apply_recorded(cls, tensors: tuple, nodes: list, arguments: tuple) -> Any:
        ctx = object.__new__(cls)
        ctx.sequence = next_sequence()
        ctx.edges = tuple([edge_of(tensor) for tensor in tensors])
        ctx._input_specs = [node.spec for node in nodes]
        result = ctx.forward(*nodes, *arguments)
        outputs = result if type(result) is tuple else (result,)
        ctx.output_specs = tuple([node.spec for node in outputs])
        if ctx._saving:
            ctx._saved = ctx._keep(nodes, outputs)
        if modes.anomaly:
            ctx.origin = caller()
        wrapped = [_attach(node, ctx, position) for position, node in enumerate(outputs)]
        return tuple(wrapped) if type(result) is tuple else wrapped[0]

    def _keep(self, nodes: list, outputs: tuple) -> tuple:
        kept = []
        for kind, which in self._saving:
            if which is None:
                kept.append(None)
            elif kind == "input":
                kept.append(SavedValue(nodes[which], self.edges[which]))
            elif kind == "output":
                kept.append(SavedValue(outputs[which], None, which))
            else:
                kept.append(SavedValue(which, None))
        del self._saving
        return tuple(kept)

    def run(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs."""
        result = self.backward(*grads)
        return result if type(result) is tuple else (result,)

    def release(self) -> None:
        """Give saved values back, and whatever else the forward kept."""
        if self._saved:
            self.freed = True
            self._saved = ()


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
        (source,) = tensors
        result = super().apply(tensors, *arguments)
        cell = ensure_cell(source)
        result._cell = cell
        result._chain = (*source._chain, (cls, arguments))
        result._seen = cell.version
        result._base = source if source._base is None else source._base
        result._untracked = source._untracked or not modes.grad
        return result


def _wrap(node: Node) -> Tensor:
    tensor = object.__new__(Tensor)
    tensor._node = node
    return tensor


def _attach(node: Node, ctx: Operation, output: int) -> Tensor:
    tensor = object.__new__(Tensor)
    tensor._node = node
    dtype = node.spec.dtype
    if dtype.is_floating_point or dtype.is_complex:
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


__all__ = ["AccumulateGrad", "Idle", "Operation", "ViewOperation", "caller"]
