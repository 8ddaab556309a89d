"""Adadelta: steps in the parameter's own units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.elementwise import ElementwiseOptimizer, given, running_square
from rushlight.optim.update import check_number, check_rate, multiply_add
from rushlight.tensor import Tensor


class Adadelta(ElementwiseOptimizer):
    """Adadelta (Zeiler, 2012, "ADADELTA: an adaptive learning rate method", algorithm 1).

    With g the gradient, plus λ θ for a weight decay λ: v ← ρ v + (1 - ρ) g²;
    Δ = √(u + eps) / √(v + eps) · g; u ← ρ u + (1 - ρ) Δ²; θ ← θ - lr · Δ.  ValueError for numbers
    out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.Adadelta([w], rho=0.75, eps=1.0)
    >>> w.grad = rl.tensor([2.0])
    >>> optimizer.step()
    >>> w.data
    tensor([-0.4142])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_rate(lr)
        check_number("rho value", rho, 0.0 <= rho <= 1.0)
        check_number("epsilon value", eps, eps >= 0.0)
        check_number("weight_decay value", weight_decay, weight_decay >= 0.0)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "square_avg", "acc_delta"

    def _numbers(self, group: dict[str, Any], count: int) -> dict[str, float]:
        numbers = {
            "step": -float(group["lr"]),
            "old": group["rho"],
            "new": 1 - group["rho"],
            "eps": group["eps"],
        }
        if group["weight_decay"] != 0:
            numbers["decay"] = group["weight_decay"]
        return numbers

    @staticmethod
    def _rule(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
        """The new parameter and running means."""
        value, grad, square, moved = row
        old, new, eps = numbers["old"], numbers["new"], numbers["eps"]
        grad = given(grad, value, numbers, maximize)
        square = running_square(square, old, new, grad)
        length = p.unary(p.SQRT, p.add(moved, eps))
        change = p.mul(p.div(length, p.unary(p.SQRT, p.add(square, eps))), grad)
        moved = running_square(moved, old, new, change)
        return [multiply_add(value, numbers["step"], change), square, moved]
