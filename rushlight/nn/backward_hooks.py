"""Backward hooks of modules: two nodes of the autograd graph, around what a forward recorded.

Before a forward, each input that requires grad gets the history of an entry node whose edges are
its old history; afterwards the old one is put back.  Each output gets the history of an exit
node whose edges are its own.  Values are not touched: tensors stay the same objects, so modules
that write in place are not disturbed.  An output that the forward did not compute (it returned an
input or a parameter as it was) becomes a view of it, since what others do with that
tensor is none of this module's gradient.

In backward the exit node runs the backward-pre hooks on grad_output, the entry node runs the
full backward hooks on grad_input.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from rushlight.autograd.node import Edge, GradNode, attach, edge_of, next_sequence
from rushlight.autograd.operation import ViewOperation
from rushlight.graph.node import Node
from rushlight.tensor import Tensor


class Same(ViewOperation):
    """A view of a whole tensor."""

    def forward(ctx, x: Node) -> Node:
        return x

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad

    @staticmethod
    def layout(shape: tuple, strides: tuple, offset: int) -> tuple:
        return shape, strides, offset

    @staticmethod
    def put(whole: Node, part: Node) -> Node:
        return part


class BackwardCall:
    """One call of a module whose backward is watched: what its two nodes share."""

    def __init__(self, module: Any, pre_hooks: list[Callable], hooks: list[Callable]):
        self.module = module
        self.pre_hooks = pre_hooks
        self.hooks = hooks
        self.inputs: Any = ()
        self.has_entry = False
        self.arrived = False
        self.grad_output: tuple = ()
        self._replaced: list[tuple] = []
        self._boundary = 0

    # ------------------------------------------------------------------------- around a forward
    def enter(self, args: tuple) -> None:
        """Put the entry node in front of the inputs."""
        tensors = [t for t in dict.fromkeys(_tensors_of(args)) if t.requires_grad]
        self.inputs = _places_of(args, {id(t): i for i, t in enumerate(tensors)})
        if self.hooks and tensors:
            self.has_entry = True
            node = EntryNode(self, [edge_of(t) for t in tensors], [t._spec for t in tensors])
            for position, tensor in enumerate(tensors):
                before = tensor._grad_fn, tensor._output_number
                self._replaced.append((tensor, before, node))
                attach(tensor, node, position)
        self._boundary = next_sequence()

    def leave(self) -> None:
        """Give the inputs their history back, but for those that the forward wrote to."""
        for tensor, before, node in self._replaced:
            if tensor._grad_fn is node:
                tensor._grad_fn, tensor._output_number = before
        self._replaced = []

    def wrap_output(self, output: Any) -> Any:
        """Put the exit node behind the outputs; called before `leave`."""
        tensors = [t for t in dict.fromkeys(_tensors_of(output)) if t.requires_grad]
        if not tensors:
            return output
        own = {id(t): t if self._computed_here(t) else Same.apply((t,)) for t in tensors}
        if any(own[id(t)] is not t for t in tensors):
            output = _replace(output, own)
        tensors = list(own.values())
        places = _places_of(_as_tuple(output), {id(t): i for i, t in enumerate(tensors)})
        node = ExitNode(self, places, [edge_of(t) for t in tensors], [t._spec for t in tensors])
        for position, tensor in enumerate(tensors):
            attach(tensor, node, position)
        return output

    def _computed_here(self, tensor: Tensor) -> bool:
        node = tensor.grad_fn
        return node is not None and node.sequence > self._boundary

    # ------------------------------------------------------------------------------ in backward
    def run_pre_hooks(self, grad_output: tuple) -> tuple:
        """The gradients of the outputs, as the backward-pre hooks leave them."""
        for hook in self.pre_hooks:
            result = hook(self.module, grad_output)
            if result is not None:
                grad_output = _same_length("backward pre-hook", hook, result, grad_output)
        self.grad_output, self.arrived = grad_output, True
        if self.hooks and not self.has_entry:
            self._run_without_inputs()
        return grad_output

    def run_hooks(self, grad_input: tuple) -> tuple:
        """The gradients of the inputs, as the full backward hooks leave them."""
        if not self.arrived:  # this gradient did not pass the output, as in double backward
            return grad_input
        for hook in self.hooks:
            result = hook(self.module, grad_input, self.grad_output)
            if result is not None:
                grad_input = _same_length("backward hook", hook, result, grad_input)
        self.grad_output, self.arrived = (), False
        return grad_input

    def _run_without_inputs(self) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients.",
            stacklevel=2,
        )
        nothing = _fill(self.inputs, ())
        for hook in self.hooks:
            result = hook(self.module, nothing, self.grad_output)
            if any(gradient is not None for gradient in _flatten(result)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients.\n"
                    f"Actual: {_name(hook)} returned a gradient."
                )
        self.grad_output, self.arrived = (), False


class _HookNode(GradNode):
    """A node that passes gradients on."""

    suffix = ""

    def __init__(self, call: BackwardCall, edges: list[Edge], specs: list):
        self.call = call
        self.edges = tuple(edges)
        self.output_specs = tuple(specs)
        self.sequence = next_sequence()

    def name(self) -> str:
        """The name that PyTorch shows."""
        return "BackwardHookFunctionBackward"


class EntryNode(_HookNode):
    """Stands where the gradients of a module's inputs come out."""

    materialize = True

    def run(self, grads: tuple) -> tuple:
        """Let the full backward hooks see the gradients of the inputs."""
        grad_input = self.call.run_hooks(_fill(self.call.inputs, grads))
        return _pick(self.call.inputs, grad_input, grads)


class ExitNode(_HookNode):
    """Stands where the gradients of a module's outputs come in."""

    materialize = False

    def __init__(self, call: BackwardCall, places: Any, edges: list[Edge], specs: list):
        super().__init__(call, edges, specs)
        self.places = places

    def run(self, grads: tuple) -> tuple:
        """Let the backward-pre hooks see the gradients of the outputs."""
        grad_output = self.call.run_pre_hooks(_fill(self.places, grads))
        return _pick(self.places, grad_output, grads)


# ------------------------------------------------------------- nested tuples, lists and dicts
class _Place(int):
    """Where in a flat list of tensors the tensor stands that was here."""


def _tensors_of(value: Any) -> list[Tensor]:
    return [item for item in _flatten(value) if isinstance(item, Tensor)]


def _flatten(value: Any) -> list:
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in _flatten(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _flatten(item)]
    return [value]


def _map(function: Callable, value: Any) -> Any:
    """The same structure with every leaf replaced."""
    if isinstance(value, tuple):
        items = [_map(function, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [_map(function, item) for item in value]
    if isinstance(value, dict):
        return {key: _map(function, item) for key, item in value.items()}
    return function(value)


def _replace(value: Any, own: dict[int, Tensor]) -> Any:
    """The structure with other tensors, of the same types where they can be made."""
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _replace(item, own)
        return value
    if isinstance(value, list):
        value[:] = [_replace(item, own) for item in value]
        return value
    if isinstance(value, tuple):
        items = [_replace(item, own) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return own.get(id(value), value)


def _places_of(value: Any, numbers: dict[int, int]) -> Any:
    """The structure with a place for each numbered tensor and None for all else."""
    return _map(lambda leaf: _Place(numbers[id(leaf)]) if id(leaf) in numbers else None, value)


def _fill(places: Any, grads: tuple) -> Any:
    """The structure with the gradients in their places."""
    return _map(lambda place: None if place is None or not grads else grads[place], places)


def _pick(places: Any, structure: Any, grads: tuple) -> tuple:
    """The gradients out of a structure, in the order of their places."""
    picked = list(grads)
    for place, gradient in zip(_flatten(places), _flatten(structure), strict=True):
        if place is not None:
            picked[place] = gradient
    return tuple(picked)


def _as_tuple(value: Any) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _same_length(what: str, hook: Callable, result: Any, expected: tuple) -> tuple:
    result = _as_tuple(result)
    if len(_flatten(result)) != len(_flatten(expected)):
        raise RuntimeError(
            f"{what} '{_name(hook)}' returned an invalid number of grads, got {len(result)}, but "
            f"expected {len(expected)}\n"
            "Expected: None, or a gradient (or None) for each that the hook was given."
        )
    for new, old in zip(_flatten(result), _flatten(expected), strict=True):
        if isinstance(new, Tensor) and isinstance(old, Tensor) and new.shape != old.shape:
            raise RuntimeError(
                f"{what} '{_name(hook)}' has changed the size of value\n"
                f"Expected: a gradient of shape {list(old.shape)}.\n"
                f"Actual: shape {list(new.shape)}."
            )
    return result


def _name(hook: Callable) -> str:
    return getattr(hook, "__qualname__", repr(hook))
