"""Hooks on tensors: what sees, and may replace, a gradient on its way."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from rushlight.autograd.handle import RemovableHandle
from rushlight.tensor import Tensor


def register_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call `hook(grad)` with this tensor's gradient in every backward; it may return a new one.

    Raises RuntimeError if the tensor requires no gradient.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._grad_fn is not None:
        return RemovableHandle(self._grad_fn.hooks_of_output(self._output_number), hook)
    if self._hooks is None:
        self._hooks = {}
    return RemovableHandle(self._hooks, hook)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call `hook(tensor)` after a backward added to this leaf's `.grad`.

    Raises RuntimeError for non-leaves and for tensors that require no gradient.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._grad_fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if self._post_accumulate_hooks is None:
        self._post_accumulate_hooks = {}
    return RemovableHandle(self._post_accumulate_hooks, hook)


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of this non-leaf in `.grad`; on a leaf nothing changes.

    Raises RuntimeError if the tensor requires no gradient.
    """
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if self._grad_fn is not None:
        self._retains = True
        retain(self)


def retain(tensor: Tensor) -> None:
    """Note at the tensor's grad_fn that it wants to keep its gradient."""
    node = tensor._grad_fn
    if node.retained is None:
        node.retained = {}
    node.retained[tensor._output_number] = weakref.ref(tensor)


METHODS = {
    "register_hook": register_hook,
    "register_post_accumulate_grad_hook": register_post_accumulate_grad_hook,
    "retain_grad": retain_grad,
}
