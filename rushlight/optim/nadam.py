"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

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
from rushlight.optim.update import check_betas, check_number, check_rate
from rushlight.tensor import Tensor


class NAdam(ElementwiseOptimizer):
    """NAdam (Dozat, 2016, "Incorporating Nesterov momentum into Adam", algorithm 2).

    Momentum is scheduled by ψ = `momentum_decay`: μ(t) = β1 (1 - 0.96^(t ψ) / 2), and M is the
    product of μ(1) ... μ(t).  With g the gradient, plus λ θ for a weight decay λ:
    m ← m + (1 - β1)(g - m); v ← β2 v + (1 - β2) g²; s = √(v / (1 - β2ᵗ)) + eps;
    θ ← θ - lr (1 - μ(t)) / (1 - M) · g / s - lr μ(t + 1) / (1 - M μ(t + 1)) · m / s.  A decoupled
    weight decay is θ ← (1 - lr λ) θ first.  ValueError for numbers out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.NAdam([w], lr=0.25, betas=(0.0, 0.5))
    >>> w.grad = rl.tensor([3.0])
    >>> optimizer.step()
    >>> w.data
    tensor([0.7500])
    """

    _scalars = {"mu_product": 1.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_number("momentum_decay value", momentum_decay, momentum_decay >= 0.0)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def _replaced(self, group: dict[str, Any], count: int, product: float) -> tuple[float, ...]:
        return (product * _momentum(group, count),)

    def _numbers(self, group: dict[str, Any], count: int, product: float) -> dict[str, float]:
        lr, (beta1, beta2) = float(group["lr"]), group["betas"]
        now, then = _momentum(group, count), _momentum(group, count + 1)
        product *= now
        numbers = {
            "new mean": 1 - beta1,
            "old square": beta2,
            "new square": 1 - beta2,
            "square so far": 1 - beta2**count,
            "eps": group["eps"],
            "gradient's step": -lr * (1 - now) / (1 - product),
            "mean's step": -lr * then / (1 - product * then),
        }
        return numbers | decay_numbers(group, lr)

    @staticmethod
    def _rule(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
        """The new parameter and moments."""
        value, grad, mean, square = row
        grad = given(grad, value, numbers, maximize)
        value = decayed(value, numbers)
        mean = running(mean, grad, numbers["new mean"])
        square = running_square(square, numbers["old square"], numbers["new square"], grad)
        root = p.unary(p.SQRT, p.div(square, numbers["square so far"]))
        scale = p.add(root, numbers["eps"])
        value = add_quotient(value, numbers["gradient's step"], grad, scale)
        value = add_quotient(value, numbers["mean's step"], mean, scale)
        return [value, mean, square]


def _momentum(group: dict[str, Any], count: int) -> float:
    return group["betas"][0] * (1 - 0.5 * 0.96 ** (count * group["momentum_decay"]))
