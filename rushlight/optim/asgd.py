"""ASGD: gradient descent that also averages its parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.elementwise import ElementwiseOptimizer, given, running
from rushlight.optim.update import check_number, check_rate, multiply_add
from rushlight.tensor import Tensor


class ASGD(ElementwiseOptimizer):
    """Averaged stochastic gradient descent.

    Polyak and Juditsky, 1992, "Acceleration of stochastic approximation by averaging", with the
    rates of Bottou, 2010, "Large-scale machine learning", section 5.1.  With g the gradient, plus
    λ θ for a weight decay λ: θ ← (1 - lambd η) θ - η g; the mean ax of the parameters moves by
    μ (θ - ax).  Then η ← lr / (1 + lambd lr t)^alpha, at first lr, and μ ← 1 / max(1, t - t0), at
    first 1: averaging begins after t0 steps.  The average is `optimizer.state[parameter]["ax"]`.
    ValueError for numbers out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.ASGD([w], lr=0.25, lambd=0.0, t0=0)
    >>> for _ in range(3):
    ...     w.grad = rl.tensor([1.0])
    ...     optimizer.step()
    >>> w.data, optimizer.state[w]["ax"]
    (tensor([0.2500]), tensor([0.3750]))
    """

    _scalars = {"eta": "lr", "mu": 1.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_rate(lr)
        check_number("weight_decay value", weight_decay, weight_decay >= 0.0)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    def _replaced(
        self, group: dict[str, Any], count: int, eta: float, mu: float
    ) -> tuple[float, ...]:
        lr = float(group["lr"])
        eta = lr / (1 + group["lambd"] * lr * count) ** group["alpha"]
        return eta, 1 / max(1, count - group["t0"])

    def _numbers(
        self, group: dict[str, Any], count: int, eta: float, mu: float
    ) -> dict[str, float]:
        numbers = {"shrink": 1 - group["lambd"] * eta, "step": -eta}
        if mu != 1:
            numbers["new mean"] = mu
        if group["weight_decay"] != 0:
            numbers["decay"] = group["weight_decay"]
        return numbers

    @staticmethod
    def _rule(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
        """The new parameter and average."""
        value, grad, mean = row
        grad = given(grad, value, numbers, maximize)
        value = multiply_add(p.mul(value, numbers["shrink"]), numbers["step"], grad)
        mean = running(mean, value, numbers["new mean"]) if "new mean" in numbers else value
        return [value, mean]
