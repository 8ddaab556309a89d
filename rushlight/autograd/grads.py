"""Clearing the gradients that leaves accumulated."""

from __future__ import annotations

from rushlight.autograd.inplace import write_value
from rushlight.graph.creation import literal
from rushlight.graph.movement import expand
from rushlight.tensor import Tensor


def clear_grad(leaf: Tensor, set_to_none: bool = True) -> None:
    """Drop a leaf's gradient, or fill it with zeros."""
    grad = leaf._grad
    if grad is None:
        return
    if set_to_none:
        leaf._grad = None
        return
    spec = grad._spec
    grad._requires_grad, grad._grad_fn = False, None
    write_value(grad, expand(literal(0, spec.dtype), spec.shape))
