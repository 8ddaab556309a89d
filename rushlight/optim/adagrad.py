"""Adagrad: each element's steps shrink with the gradients that it has seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.node import Node
from rushlight.optim.elementwise import ElementwiseOptimizer, add_quotient, given
from rushlight.optim.update import Counts, check_number, check_rate, filled
from rushlight.tensor import Tensor


class Adagrad(ElementwiseOptimizer):
    """Adagrad (Duchi et al., 2011, "Adaptive subgradient methods", equation 1, diagonal).

    With g the gradient, plus λ θ for a weight decay λ: s ← s + g²;
    θ ← θ - lr / (1 + (t - 1) lr_decay) · g / (√s + eps).  State is there from the start, as in
    PyTorch.  ValueError for numbers out of range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = optim.Adagrad([w], lr=0.25)
    >>> w.grad = rl.tensor([3.0])
    >>> optimizer.step()
    >>> w.data
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        first = initial_accumulator_value
        check_rate(lr)
        check_number("lr_decay value", lr_decay, lr_decay >= 0.0)
        check_number("weight_decay value", weight_decay, weight_decay >= 0.0)
        check_number("initial_accumulator_value value", first, first >= 0.0)
        check_number("epsilon value", eps, eps >= 0.0)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": first,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        counts = Counts()
        for group in self.param_groups:
            for parameter in group["params"]:
                self._row(parameter, group, counts)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _first(self, name: str, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        first = group["initial_accumulator_value"]
        return filled(parameter._spec.shape, first, parameter.dtype)

    def _numbers(self, group: dict[str, Any], count: int) -> dict[str, float]:
        slower = 1 + (count - 1) * group["lr_decay"]
        numbers = {"step": -float(group["lr"]) / slower, "eps": group["eps"]}
        if group["weight_decay"] != 0:
            numbers["decay"] = group["weight_decay"]
        return numbers

    @staticmethod
    def _rule(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
        """The new parameter and sum of squares."""
        value, grad, total = row
        grad = given(grad, value, numbers, maximize)
        total = p.add(total, p.mul(grad, grad))
        scale = p.add(p.unary(p.SQRT, total), numbers["eps"])
        return [add_quotient(value, numbers["step"], grad, scale), total]
