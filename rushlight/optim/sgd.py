"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import (
    Row,
    Rows,
    check_number,
    check_options,
    check_rate,
    multiply_add,
    zeros_like,
)
from rushlight.tensor import Tensor


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
        check_rate(lr)
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
            rows = Rows()
            for parameter in group["params"]:
                if parameter._grad is not None:
                    rows.add(*_row(parameter, group, self.state))
            rows.update(_updated, partial(_numbers, group), group["maximize"])
        return loss


def _row(parameter: Tensor, group: dict[str, Any], states: dict) -> tuple[Row, bool]:
    """The tensors of an update, and whether momentum begins with it."""
    row = parameter, parameter._grad
    if group["momentum"] == 0:
        return row, False
    state = states[parameter]
    begins = state.get("momentum_buffer") is None
    if begins:
        state["momentum_buffer"] = zeros_like(parameter)
    return (*row, state["momentum_buffer"]), begins


def _numbers(group: dict[str, Any], begins: bool) -> dict[str, float]:
    numbers = {"step": -float(group["lr"])}
    if group["weight_decay"] != 0:
        numbers["decay"] = group["weight_decay"]
    if group["momentum"] != 0 and not begins:
        numbers["old buffer"] = group["momentum"]
    if group["dampening"] != 0:
        numbers["new buffer"] = 1 - group["dampening"]
    if group["nesterov"]:
        numbers["ahead"] = group["momentum"]
    return numbers


def _updated(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
    """The new parameter, and the new buffer if there is momentum."""
    value, grad, *state = row
    if maximize:
        grad = p.neg(grad)
    if "decay" in numbers:
        grad = multiply_add(grad, numbers["decay"], value)
    if state:
        state = [_buffer(state[0], grad, numbers)]
        grad = multiply_add(grad, numbers["ahead"], state[0]) if "ahead" in numbers else state[0]
    return [multiply_add(value, numbers["step"], grad), *state]


def _buffer(old: Node, grad: Node, numbers: dict[str, Node]) -> Node:
    if "old buffer" not in numbers:
        return grad
    new = p.mul(numbers["new buffer"], grad) if "new buffer" in numbers else grad
    return p.add(p.mul(numbers["old buffer"], old), new)
