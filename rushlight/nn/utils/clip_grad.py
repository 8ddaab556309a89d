"""Clipping gradients by their norm or by value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

from rushlight.autograd.inplace import write_value
from rushlight.graph.node import Node
from rushlight.graph.repeat import repeated
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor, modes, node_of, wrap

Tensors = Tensor | Iterable[Tensor]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _norm(tensor: Tensor, order: float) -> Tensor:
    if order == math.inf:
        return tensor.abs().max()
    if order == 2:
        return (tensor * tensor).sum().sqrt()
    if order == 1:
        return tensor.abs().sum()
    return (tensor.abs() ** order).sum() ** (1 / order)


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as if they were one vector.

    RuntimeError, with `error_if_nonfinite`, if it is infinite or not a number.
    """
    found, order = _listed(tensors), float(norm_type)
    if not found:
        return FUNCTIONS["tensor"](0.0)
    before, modes.grad = modes.grad, False
    try:
        total = wrap(repeated(_total_norm, [node_of(tensor) for tensor in found], (order,)))
    finally:
        modes.grad = before
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so "
            "it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def _total_norm(*given: Any) -> Node:
    *nodes, order = given
    return node_of(_norm(FUNCTIONS["stack"]([_norm(wrap(node), order) for node in nodes]), order))


def _scaled(total: Node, *given: Any) -> list[Node]:
    *grads, most = given
    scale = (most / (wrap(total) + 1e-6)).clamp(max=1.0)
    return [node_of(wrap(grad) * scale.to(grad.spec.dtype)) for grad in grads]


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale gradients in place by max_norm / total_norm, where that is below 1."""
    grads = _grads(parameters)
    nodes = [node_of(tensor) for tensor in (total_norm, *grads)]
    before, modes.grad = modes.grad, False
    try:
        scaled = repeated(_scaled, nodes, (float(max_norm),))
    finally:
        modes.grad = before
    for grad, node in zip(grads, scaled, strict=True):
        write_value(grad, node)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients in place so that their norm, as one vector, is at most max_norm.

    Returns the norm before.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> x = nn.Parameter(rl.tensor([3.0, 4.0]))
    >>> (x * x / 2).sum().backward()
    >>> nn.utils.clip_grad_norm_(x, 1.0)
    tensor(5.)
    >>> x.grad
    tensor([0.6000, 0.8000])
    """
    found = _listed(parameters)
    total = get_total_norm(_grads(found), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(found, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Keep every element of the gradients between -clip_value and clip_value, in place."""
    clip_value = float(clip_value)
    before, modes.grad = modes.grad, False
    try:
        for grad in _grads(parameters):
            kept = grad.detach().clamp(-clip_value, clip_value)
            write_value(grad, node_of(kept))
    finally:
        modes.grad = before


def _grads(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """`clip_grad_norm_`, by its older name; warns."""
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
