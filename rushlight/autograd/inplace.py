"""In-place writes: a new node for the storage cell, and the history that goes with it."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph.batched import levels_of
from rushlight.graph.creation import literal
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.tensor import Tensor, ensure_cell, modes, node_of, root_of


class CopySlices(Operation):
    """A base tensor with the part that a view shows replaced: what a write through a view does."""

    suffix = ""

    def forward(ctx, base: Node, part: Node, chain: tuple) -> Node:
        ctx.chain = chain
        return put_through(base, part, chain)

    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        spec = ctx.input_spec(1)
        zeros = object.__new__(Tensor)
        zeros._node = expand(literal(0, spec.dtype), spec.shape)
        whole = CopySlices.apply((grad, zeros), ctx.chain) if ctx.needs(0) else None
        part = grad
        for operation, arguments in ctx.chain:
            part = operation.apply((part,), *arguments)
        return whole, part


def put_through(base: Node, part: Node, chain: tuple) -> Node:
    """`base` with the elements at the end of a chain of movements replaced by `part`."""
    wholes = [base]
    for operation, arguments in chain[:-1]:
        wholes.append(operation.forward(operation.idle, wholes[-1], *arguments))
    for whole, (operation, arguments) in zip(reversed(wholes), reversed(chain), strict=True):
        part = operation.put(whole, part, *arguments)
    return part


def check_inplace(tensor: Tensor, name: str) -> None:
    """RuntimeError where PyTorch forbids a write: leaves that require grad, tracked views."""
    check_leaf(tensor, name)
    if tensor._chain and 0 in _repeating_strides(tensor):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation.\n"
            f"In {name}: the tensor of shape {list(tensor.shape)} was made by expand()."
        )


def check_leaf(tensor: Tensor, name: str) -> None:
    """RuntimeError for a leaf that requires grad, and for a view of one."""
    if modes.grad and tensor.requires_grad:
        if tensor._grad_fn is None:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation.\n"
                f"Expected: {name} on a tensor that is computed or needs no gradient.\n"
                "Actual: a leaf that requires grad. To update a parameter by hand, write under "
                "`with rl.no_grad():`, or to `.data`."
            )
        base = root_of(tensor)
        if base is not None and base._grad_fn is None and base._requires_grad:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                f"operation.\nIn {name}: write under `with rl.no_grad():`, or to `.data`."
            )


def _repeating_strides(tensor: Tensor) -> list[int]:
    strides = tensor._layout()[0]
    return [step for size, step in zip(tensor._spec.shape, strides, strict=True) if size > 1]


def write(tensor: Tensor, result: Tensor, name: str) -> Tensor:
    """Give `tensor` the value and the history of `result`, of equal shape and dtype."""
    check_inplace(tensor, name)
    check_levels(tensor, node_of(result), name)
    root = root_of(tensor)
    base = tensor if root is None else root
    if tensor._untracked and modes.grad and (result._requires_grad or base.requires_grad):
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            f"enabled.\nIn {name}: make the view outside no_grad, or write inside it."
        )
    if modes.grad and result._requires_grad:
        rewrite_history(tensor, result)
    write_value(tensor, node_of(result))
    return tensor


def rewrite_history(tensor: Tensor, result: Tensor) -> None:
    """The tensor's gradient now flows to `result`'s; for a view, through its base."""
    base = root_of(tensor)
    if base is None:
        _adopt_history(tensor, result)
        return
    steps = tensor._chain[len(base._chain) :]
    _adopt_history(base, CopySlices.apply((base, result), steps))
    tensor._requires_grad = True


def _adopt_history(tensor: Tensor, result: Tensor) -> None:
    if tensor._retains and tensor._grad_fn is not None:
        (tensor._grad_fn.retained or {}).pop(tensor._output_number, None)
    tensor._requires_grad = result._requires_grad
    tensor._grad_fn, tensor._output_number = result._grad_fn, result._output_number
    if tensor._retains:
        from rushlight.autograd.hooks import retain

        retain(tensor)


def check_levels(tensor: Tensor, value: Node, name: str) -> None:
    """RuntimeError if the value differs between samples of vmap, and the tensor has one for all."""
    levels = levels_of(value)
    if levels and any(level not in levels_of(node_of(tensor)) for level in levels):
        raise RuntimeError(
            f"vmap: {name}(self, *extra_args) is not possible because there exists a Tensor "
            "`other` in extra_args that has more elements than `self`. This happened due to "
            "`other` being vmapped over but `self` not being vmapped over in a vmap. Please try "
            f"to use out-of-place operators instead of {name}."
        )


def write_value(tensor: Tensor, node: Node) -> None:
    """Write a value to the tensor's storage, for all its aliases."""
    check_levels(tensor, node, "write")
    cell = ensure_cell(tensor)
    if tensor._chain:
        node = put_through(cell.node, node, tensor._chain)
    cell.write(node)


__all__: list[Any] = ["CopySlices", "check_inplace", "rewrite_history", "write", "write_value"]
