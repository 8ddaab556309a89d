"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from rushlight.autograd.inplace import write_value
from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import (
    Counts,
    Numbers,
    check_number,
    check_options,
    gradient_of,
    multiply_add,
    zeros_like,
)
from rushlight.tensor import Tensor, node_of


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), in PyTorch's form and order of rounding.

    With g the gradient, plus λ θ for a weight decay λ: m ← m + (1 - β1)(g - m);
    v ← β2 v + (1 - β2) g²; θ ← θ - lr / (1 - β1ᵗ) · m / (√v / √(1 - β2ᵗ) + eps).  With `amsgrad`
    the largest v so far takes v's place.  ValueError for numbers out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        check_number("learning rate", lr, lr >= 0.0)
        check_number("epsilon value", eps, eps >= 0.0)
        check_number("beta parameter at index 0", betas[0], 0.0 <= betas[0] < 1.0)
        check_number("beta parameter at index 1", betas[1], 0.0 <= betas[1] < 1.0)
        check_number("weight_decay value", weight_decay, weight_decay >= 0.0)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        check_options(type(self).__name__, defaults)
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what the closure returns."""
        loss = None if closure is None else closure()
        counts = Counts()
        for group in self.param_groups:
            numbers = Numbers()
            for parameter in group["params"]:
                if parameter._grad is not None:
                    state = self.state[parameter]
                    if not state:
                        _start(state, parameter, group, counts)
                    _update(parameter, state, group, numbers, counts)
        return loss


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← (1 - lr λ) θ first (Loshchilov and Hutter, 2019).

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> model = nn.Linear(4, 2)
    >>> optimizer = optim.AdamW(model.parameters(), lr=3e-4)
    >>> model(rl.ones(1, 4)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            *(params, lr, betas, eps, weight_decay, amsgrad),
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


def _start(state: dict, parameter: Tensor, group: dict[str, Any], counts: Counts) -> None:
    if parameter.dtype.is_complex:
        raise NotImplementedError("Adam of complex parameters is not built")
    state["step"] = counts.start()
    state["exp_avg"] = zeros_like(parameter)
    state["exp_avg_sq"] = zeros_like(parameter)
    if group["amsgrad"]:
        state["max_exp_avg_sq"] = zeros_like(parameter)


def _update(
    parameter: Tensor,
    state: dict[str, Any],
    group: dict[str, Any],
    numbers: Numbers,
    counts: Counts,
) -> None:
    dtype, lr, (beta1, beta2) = parameter.dtype, float(group["lr"]), map(float, group["betas"])
    count = counts.advance(state["step"])
    value, grad = node_of(parameter), gradient_of(parameter, group)
    decay = float(group["weight_decay"])
    if decay and group["decoupled_weight_decay"]:
        value = p.mul(value, numbers.get("shrink", 1 - lr * decay, dtype))
    elif decay:
        grad = multiply_add(grad, numbers.get("decay", decay, dtype), value)
    mean = node_of(state["exp_avg"])
    mean = multiply_add(mean, numbers.get("new mean", 1 - beta1, dtype), p.sub(grad, mean))
    square = p.mul(node_of(state["exp_avg_sq"]), numbers.get("old square", beta2, dtype))
    new = numbers.get("new square", 1 - beta2, dtype)
    square = p.add(square, p.mul(new, p.mul(grad, grad)))
    write_value(state["exp_avg"], mean)
    write_value(state["exp_avg_sq"], square)
    if group["amsgrad"]:
        square = p.binary(p.MAXIMUM, node_of(state["max_exp_avg_sq"]), square)
        write_value(state["max_exp_avg_sq"], square)
    correction = numbers.get(("root", count), lambda: math.sqrt(1 - beta2**count), dtype)
    step = numbers.get(("step", count), lambda: -lr / (1 - beta1**count), dtype)
    scale = _scale(square, correction, numbers.get("eps", group["eps"], dtype))
    write_value(parameter, p.add(value, p.div(p.mul(step, mean), scale)))


def _scale(square: Node, correction: Node, eps: Node) -> Node:
    return p.add(p.div(p.unary(p.SQRT, square), correction), eps)
