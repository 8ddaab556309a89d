"""Adamax: Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.elementwise import ElementwiseOptimizer, add_quotient, given, running
from rushlight.optim.update import check_betas, check_number, check_rate
from rushlight.tensor import Tensor


class Adamax(ElementwiseOptimizer):
    """Adamax (Kingma and Ba, 2015, "Adam", algorithm 2).

    With g the gradient, plus λ θ for a weight decay λ: m ← m + (1 - β1)(g - m);
    u ← max(β2 u, |g| + eps); θ ← θ - lr / (1 - β1ᵗ) · m / u.  ValueError for numbers out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.Adamax([w], lr=0.25)
    >>> w.grad = rl.tensor([3.0])
    >>> optimizer.step()
    >>> w.data
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_inf"

    def _numbers(self, group: dict[str, Any], count: int) -> dict[str, float]:
        beta1, beta2 = group["betas"]
        numbers = {
            "new mean": 1 - beta1,
            "old largest": beta2,
            "eps": group["eps"],
            "step": -float(group["lr"]) / (1 - beta1**count),
        }
        if group["weight_decay"] != 0:
            numbers["decay"] = group["weight_decay"]
        return numbers

    @staticmethod
    def _rule(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
        """The new parameter, mean and largest gradient."""
        value, grad, mean, largest = row
        grad = given(grad, value, numbers, maximize)
        mean = running(mean, grad, numbers["new mean"])
        size = p.add(p.unary(p.ABS, grad), numbers["eps"])
        largest = p.binary(p.MAXIMUM, p.mul(largest, numbers["old largest"]), size)
        return [add_quotient(value, numbers["step"], mean, largest), mean, largest]
