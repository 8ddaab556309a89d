"""Saved values between forward and backward: hooks that put them elsewhere, or do without them.

While `modes.watchers` is not empty, every watcher sees each node of the autograd graph when it is
made.  A packer is a watcher that takes the node's saved values away and leaves something in
`packed` that brings them back when backward comes to the node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rushlight.autograd.node import GradNode
from rushlight.graph.node import Node
from rushlight.tensor import Tensor, modes, node_of, wrap


class Packed(Protocol):
    """What brings the saved values of one node back."""

    def unpack(self, grads: tuple[Tensor | None, ...]) -> list[Node | None]:
        """The values; `grads` are the gradients that arrived at the node."""
        ...


def run_packed(node: GradNode, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    """The node's backward, with its saved values back while it runs."""
    node.put_saved(node.packed.unpack(grads))
    try:
        return node.run(grads)
    finally:
        node.take_saved()


class Packing:
    """A `with` block in which one packer, this one and no outer one, sees what is recorded."""

    def __enter__(self) -> Any:
        self._before = modes.watchers
        others = [watcher for watcher in modes.watchers if not isinstance(watcher, Packing)]
        modes.watchers = (*others, self)
        return self

    def __exit__(self, *_: object) -> None:
        modes.watchers = self._before

    def __call__(self, node: GradNode) -> None:
        """Look at a node that was just made."""
        raise NotImplementedError


class saved_tensors_hooks(Packing):  # noqa: N801 - PyTorch's name
    """A `with` block whose saved tensors go through `pack_hook`, and back through `unpack_hook`.

    >>> import rushlight as rl
    >>> x = rl.tensor([2.0, 3.0], requires_grad=True)
    >>> with rl.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), rl.from_numpy):
    ...     y = x.exp()
    >>> y.sum().backward()
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __call__(self, node: GradNode) -> None:
        """Pack the values that the node saved."""
        nodes = node.take_saved()
        if not any(nodes):
            return
        watchers, modes.watchers = modes.watchers, ()
        before, modes.grad = modes.grad, False
        try:
            packed = [value and (self.pack_hook(wrap(value)), value.spec) for value in nodes]
        finally:
            modes.watchers, modes.grad = watchers, before
        node.packed = _Hooked(self.unpack_hook, packed)


class _Hooked:
    """The values of one node, packed by the user's hook."""

    def __init__(self, unpack_hook: Callable[[Any], Tensor], packed: list):
        self.unpack_hook = unpack_hook
        self.packed = packed

    def unpack(self, grads: tuple) -> list[Node | None]:
        """What the user's hook makes of each."""
        return [item and self._unpack(*item) for item in self.packed]

    def _unpack(self, item: Any, spec: Any) -> Node:
        tensor = self.unpack_hook(item)
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of "
                f"type {type(tensor)}"
            )
        if tensor._spec is not spec:
            raise RuntimeError(
                "saved tensor unpack_hook changed the tensor\n"
                f"Expected: {spec}, as was packed.\nActual: {tensor._spec}."
            )
        return node_of(tensor)


class save_on_cpu(saved_tensors_hooks):  # noqa: N801 - PyTorch's name
    """A `with` block whose saved tensors wait in the CPU's memory: where they are anyway."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)
