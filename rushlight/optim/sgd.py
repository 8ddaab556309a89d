"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rushlight.autograd.inplace import write_value
from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import Numbers, check_number, check_options, gradient_of, multiply_add
from rushlight.tensor import Tensor, node_of, wrap


class SGD(Optimizer):
    """parameter - lr · gradient.

    With momentum μ, damping τ and weight decay λ, at each step (Sutskever et al., 2013, in
    PyTorch's form): g ← g + λ θ; b ← μ b + (1 - τ) g, at first b ← g; g ← g + μ b with Nesterov,
    else b; θ ← θ - lr · g.  ValueError for numbers out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    tensor([0.])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_number("learning rate", lr, lr >= 0.0)
        check_number("momentum value", momentum, momentum >= 0.0)
        check_number("weight_decay value", weight_decay, weight_decay >= 0.0)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_options("SGD", defaults)
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what the closure returns."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            numbers = Numbers()
            for parameter in group["params"]:
                if parameter._grad is not None:
                    _update(parameter, self.state, group, numbers)
        return loss


def _update(parameter: Tensor, states: dict, group: dict[str, Any], numbers: Numbers) -> None:
    value, dtype = node_of(parameter), parameter.dtype
    grad = gradient_of(parameter, group)
    if group["weight_decay"] != 0:
        decay = numbers.get("weight_decay", group["weight_decay"], dtype)
        grad = multiply_add(grad, decay, value)
    if group["momentum"] != 0:
        grad = _apply_momentum(grad, states[parameter], group, numbers)
    step = numbers.get("step", lambda: -float(group["lr"]), dtype)
    write_value(parameter, multiply_add(value, step, grad))


def _apply_momentum(
    grad: Node, state: dict[str, Any], group: dict[str, Any], numbers: Numbers
) -> Node:
    dtype = grad.spec.dtype
    momentum = numbers.get("momentum", group["momentum"], dtype)
    held = state.get("momentum_buffer")
    if held is None:
        buffer = grad
        state["momentum_buffer"] = wrap(buffer)
    else:
        new = grad
        if group["dampening"] != 0:
            kept = numbers.get("kept", lambda: 1 - group["dampening"], dtype)
            new = p.mul(kept, grad)
        buffer = p.add(p.mul(momentum, node_of(held)), new)
        write_value(held, buffer)
    return multiply_add(grad, momentum, buffer) if group["nesterov"] else buffer
