"""RAdam: Adam that waits until its mean square can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.elementwise import (
    ElementwiseOptimizer,
    add_quotient,
    decay_numbers,
    decayed,
    given,
    running,
    running_square,
)
from rushlight.optim.update import check_betas, check_number, check_rate, multiply_add
from rushlight.tensor import Tensor


class RAdam(ElementwiseOptimizer):
    """RAdam (Liu et al., 2020, "On the variance of the adaptive learning rate", algorithm 2).

    With g the gradient, plus λ θ for a weight decay λ: m ← m + (1 - β1)(g - m);
    v ← β2 v + (1 - β2) g².  The mean square is worth ρ(t) = ρ∞ - 2 t β2ᵗ / (1 - β2ᵗ) samples,
    where ρ∞ = 2 / (1 - β2) - 1.  If that is more than 5,
    θ ← θ - lr / (1 - β1ᵗ) · r · √(1 - β2ᵗ) · m / (√v + eps) with
    r² = (ρ(t) - 4)(ρ(t) - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ(t)); else θ ← θ - lr / (1 - β1ᵗ) · m.  A
    decoupled weight decay is θ ← (1 - lr λ) θ first.  ValueError for numbers out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.RAdam([w], lr=0.25)
    >>> w.grad = rl.tensor([3.0])
    >>> optimizer.step()
    >>> w.data
    tensor([0.2500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def _numbers(self, group: dict[str, Any], count: int) -> dict[str, float]:
        lr, (beta1, beta2) = float(group["lr"]), group["betas"]
        numbers = {
            "new mean": 1 - beta1,
            "old square": beta2,
            "new square": 1 - beta2,
            "step": -lr / (1 - beta1**count),
        }
        part = _trusted_part(beta2, count)
        if part is not None:
            numbers["step"] *= part * math.sqrt(1 - beta2**count)
            numbers["eps"] = group["eps"]
        return numbers | decay_numbers(group, lr)

    @staticmethod
    def _rule(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
        """The new parameter and moments."""
        value, grad, mean, square = row
        grad = given(grad, value, numbers, maximize)
        value = decayed(value, numbers)
        mean = running(mean, grad, numbers["new mean"])
        square = running_square(square, numbers["old square"], numbers["new square"], grad)
        if "eps" in numbers:
            scale = p.add(p.unary(p.SQRT, square), numbers["eps"])
            value = add_quotient(value, numbers["step"], mean, scale)
        else:
            value = multiply_add(value, numbers["step"], mean)
        return [value, mean, square]


def _trusted_part(beta2: float, count: int) -> float | None:
    """How much of a step the mean square of `count` gradients is trusted with; None for nothing."""
    most = 2 / (1 - beta2) - 1
    now = most - 2 * count * beta2**count / (1 - beta2**count)
    if now <= 5:
        return None
    return math.sqrt((now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now))
