"""RMSprop: steps scaled by the root of the mean square of gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.elementwise import (
    ElementwiseOptimizer,
    add_quotient,
    given,
    running,
    running_square,
)
from rushlight.optim.update import check_number, check_rate, multiply_add
from rushlight.tensor import Tensor


class RMSprop(ElementwiseOptimizer):
    """RMSprop (Hinton, 2012, "Neural networks for machine learning", lecture 6e).

    With g the gradient, plus λ θ for a weight decay λ: v ← α v + (1 - α) g²; s = √v + eps;
    θ ← θ - lr · g / s.  With a momentum μ: b ← μ b + g / s; θ ← θ - lr · b.  `centered` takes the
    square of the running mean of g from v first (Graves, 2013, "Generating sequences with
    recurrent neural networks", equations 38 to 45).  ValueError for numbers out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.RMSprop([w], lr=0.25, alpha=0.75)
    >>> w.grad = rl.tensor([3.0])
    >>> optimizer.step()
    >>> w.data
    tensor([0.5000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_rate(lr)
        check_number("epsilon value", eps, eps >= 0.0)
        check_number("momentum value", momentum, momentum >= 0.0)
        check_number("weight_decay value", weight_decay, weight_decay >= 0.0)
        check_number("alpha value", alpha, alpha >= 0.0)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        centre = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *momentum, *centre)

    def _flags(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return group["maximize"], group["centered"]

    def _numbers(self, group: dict[str, Any], count: int) -> dict[str, float]:
        numbers = {
            "step": -float(group["lr"]),
            "old": group["alpha"],
            "new": 1 - group["alpha"],
            "eps": group["eps"],
        }
        if group["momentum"] > 0:
            numbers["momentum"] = group["momentum"]
        if group["weight_decay"] != 0:
            numbers["decay"] = group["weight_decay"]
        return numbers

    @staticmethod
    def _rule(
        row: list[Node], numbers: dict[str, Node], maximize: bool, centered: bool
    ) -> list[Node]:
        """The new parameter and state."""
        value, grad, square, *more = row
        grad = given(grad, value, numbers, maximize)
        square = running_square(square, numbers["old"], numbers["new"], grad)
        spread = square
        if centered:
            mean = more[-1] = running(more[-1], grad, numbers["new"])
            spread = p.sub(square, p.mul(mean, mean))
        scale = p.add(p.unary(p.SQRT, spread), numbers["eps"])
        if "momentum" in numbers:
            more[0] = p.add(p.mul(numbers["momentum"], more[0]), p.div(grad, scale))
            value = multiply_add(value, numbers["step"], more[0])
        else:
            value = add_quotient(value, numbers["step"], grad, scale)
        return [value, square, *more]
