"""Rprop: step sizes that grow while the gradient keeps its sign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.creation import literal
from rushlight.graph.node import Node
from rushlight.optim.elementwise import ElementwiseOptimizer, given
from rushlight.optim.update import check_number, check_rate, filled
from rushlight.tensor import Tensor


class Rprop(ElementwiseOptimizer):
    """Rprop (Riedmiller and Braun, 1993, "A direct adaptive method", equations 4 to 7).

    Each element has its own step size η, which begins as `lr`.  With g the gradient and g' the one
    before: η ← min(η η⁺, most) where g g' > 0; η ← max(η η⁻, least) and g ← 0 where g g' < 0;
    θ ← θ - η sign(g).  `etas` are (η⁻, η⁺), `step_sizes` (least, most).  It wants gradients of the
    whole data, not of batches.  ValueError unless 0 < η⁻ < 1 < η⁺.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([1.0, 1.0]))
    >>> optimizer = optim.Rprop([w], lr=0.25)
    >>> w.grad = rl.tensor([3.0, -100.0])
    >>> optimizer.step()
    >>> w.data
    tensor([0.7500, 1.2500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_rate(lr)
        check_number("eta values", f"{etas[0]}, {etas[1]}", 0.0 < etas[0] < 1.0 < etas[1])
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "prev", "step_size"

    def _first(self, name: str, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        first = float(group["lr"]) if name == "step_size" else 0
        return filled(parameter._spec.shape, first, parameter.dtype)

    def _numbers(self, group: dict[str, Any], count: int) -> dict[str, float]:
        (shrink, grow), (least, most) = group["etas"], group["step_sizes"]
        return {"shrink": shrink, "grow": grow, "least": least, "most": most}

    @staticmethod
    def _rule(row: list[Node], numbers: dict[str, Node], maximize: bool) -> list[Node]:
        """The new parameter, gradient to remember and step sizes."""
        value, grad, before, size = row
        grad = given(grad, value, numbers, maximize)
        zero, one = literal(0, grad.spec.dtype), literal(1, grad.spec.dtype)
        agreement = p.mul(grad, before)
        turned = p.compare(p.LT, agreement, zero)
        kept = p.compare(p.GT, agreement, zero)
        factor = p.where(kept, numbers["grow"], p.where(turned, numbers["shrink"], one))
        size = p.binary(p.MAXIMUM, p.mul(size, factor), numbers["least"])
        size = p.binary(p.MINIMUM, size, numbers["most"])
        grad = p.where(turned, zero, grad)
        return [p.sub(value, p.mul(p.unary(p.SIGN, grad), size)), grad, size]
