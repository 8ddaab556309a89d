"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import (
    Counts,
    Rows,
    check_betas,
    check_number,
    check_options,
    check_rate,
    multiply_add,
    zeros_like,
)
from rushlight.tensor import Tensor


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
        check_rate(lr)
        check_number("epsilon value", eps, eps >= 0.0)
        check_betas(betas)
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
            rows = Rows()
            for parameter in group["params"]:
                if parameter._grad is not None:
                    state = self.state[parameter]
                    if not state:
                        _start(state, parameter, group, counts)
                    moments = [state[name] for name in _MOMENTS if name in state]
                    rows.add((parameter, parameter._grad, *moments), counts.advance(state["step"]))
            flags = group["maximize"], group["decoupled_weight_decay"]
            rows.update(_updated, partial(_numbers, group), *flags)
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


_MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")


def _start(state: dict, parameter: Tensor, group: dict[str, Any], counts: Counts) -> None:
    if parameter.dtype.is_complex:
        raise NotImplementedError("Adam of complex parameters is not built")
    state["step"] = counts.start()
    state["exp_avg"] = zeros_like(parameter)
    state["exp_avg_sq"] = zeros_like(parameter)
    if group["amsgrad"]:
        state["max_exp_avg_sq"] = zeros_like(parameter)


def _numbers(group: dict[str, Any], count: int) -> dict[str, float]:
    lr, (beta1, beta2) = float(group["lr"]), map(float, group["betas"])
    numbers = {
        "new mean": 1 - beta1,
        "old square": beta2,
        "new square": 1 - beta2,
        "eps": group["eps"],
        "root": math.sqrt(1 - beta2**count),
        "step": -lr / (1 - beta1**count),
    }
    decay = float(group["weight_decay"])
    if decay:
        numbers["decay"] = 1 - lr * decay if group["decoupled_weight_decay"] else decay
    return numbers


def _updated(
    row: list[Node], numbers: dict[str, Node], maximize: bool, decoupled: bool
) -> list[Node]:
    """The new parameter and moments."""
    value, grad, mean, square, *largest = row
    if maximize:
        grad = p.neg(grad)
    if "decay" in numbers and decoupled:
        value = p.mul(value, numbers["decay"])
    elif "decay" in numbers:
        grad = multiply_add(grad, numbers["decay"], value)
    mean = multiply_add(mean, numbers["new mean"], p.sub(grad, mean))
    square = p.mul(square, numbers["old square"])
    square = p.add(square, p.mul(numbers["new square"], p.mul(grad, grad)))
    largest = [p.binary(p.MAXIMUM, each, square) for each in largest]
    root = p.unary(p.SQRT, largest[0] if largest else square)
    scale = p.add(p.div(root, numbers["root"]), numbers["eps"])
    moved = p.add(value, p.div(p.mul(numbers["step"], mean), scale))
    return [moved, mean, square, *largest]
