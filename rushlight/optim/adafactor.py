"""Adafactor: the mean squares of a matrix from those of its rows and columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from rushlight.dtypes import finfo
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import Counts, check_one_rate, check_options, filled
from rushlight.tensor import Tensor


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, 2018, "Adafactor", algorithms 4 and 5), as PyTorch has it.

    A matrix G of n x m needs n + m numbers of state instead of n m.  With b = t^`beta2_decay`:
    R ← (1 - b) R + b · mean of G² over columns; C likewise over rows; V = R C / mean of R; a
    vector's V ← (1 - b) V + b G².  U = G / √V, and U ← U / max(1, RMS(U) / d);
    θ ← (1 - lr λ) θ - max(eps₂, RMS(θ)) · min(lr, 1 / √t) · U.  Where PyTorch's form differs from
    the paper: `lr` takes the place of 0.01, and eps₁ (None: the dtype's epsilon) bounds the mean of
    R and √V from below.  More than two dimensions are many matrices.  ValueError for numbers out of
    range.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.ones(2, 2))
    >>> optimizer = optim.Adafactor([w], lr=0.25)
    >>> w.grad = rl.ones(2, 2)
    >>> optimizer.step()
    >>> w.data
    tensor([[0.7500, 0.7500],
            [0.7500, 0.7500]])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        check_one_rate(lr)
        _check("Learning rate", lr, lr >= 0.0, ">= 0")
        _check("beta2_decay", beta2_decay, beta2_decay <= 0.0, "<= 0")
        _check("epsilon1", eps[0], eps[0] is None or eps[0] >= 0.0, ">= 0")
        _check("epsilon2", eps[1], eps[1] >= 0.0, ">= 0")
        _check("Clipping threshold d", d, d >= 1.0, ">= 1")
        _check("weight_decay", weight_decay, weight_decay >= 0.0, ">= 0")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        check_options("Adafactor", defaults)
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what the closure returns."""
        loss = None if closure is None else closure()
        counts = Counts()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter._grad is not None:
                    state = self.state[parameter]
                    if not state:
                        _start(state, parameter, counts)
                    _update(parameter, state, group, counts.advance(state["step"]))
        return loss


def _check(name: str, value: Any, valid: bool, wanted: str) -> None:
    if not valid:
        raise ValueError(f"{name} should be {wanted} but is: {value}")


def _start(state: dict, parameter: Tensor, counts: Counts) -> None:
    if parameter.dtype.is_complex:
        raise RuntimeError("Adafactor does not support complex parameters")
    shape, dtype = parameter._spec.shape, parameter.dtype
    state["step"] = counts.start()
    if len(shape) > 1:
        state["row_var"] = filled((*shape[:-1], 1), 0, dtype)
        state["col_var"] = filled((*shape[:-2], 1, shape[-1]), 0, dtype)
    else:
        state["variance"] = filled(shape, 0, dtype)


def _update(parameter: Tensor, state: dict, group: dict[str, Any], count: int) -> None:
    lr, (eps1, eps2) = float(group["lr"]), group["eps"]
    eps1 = finfo(parameter.dtype).eps if eps1 is None else eps1
    grad = -parameter._grad if group["maximize"] else parameter._grad
    rate = _root_mean_square(parameter).clamp(min=eps2) * min(lr, 1 / math.sqrt(count))
    square = _mean_square(state, grad * grad, count ** group["beta2_decay"], eps1)
    change = square.clamp(min=eps1 * eps1).rsqrt() * grad
    rate = rate / (_root_mean_square(change) / group["d"]).clamp(min=1)
    if group["weight_decay"] != 0:
        parameter.mul_(1 - lr * group["weight_decay"])
    parameter.sub_(rate * change)


def _root_mean_square(x: Tensor) -> Tensor:
    return x.norm() / math.sqrt(x.numel())


def _mean_square(state: dict, square: Tensor, part: float, eps: float) -> Tensor:
    """The running mean of squares, from those of rows and columns if there are any."""
    if "variance" in state:
        return state["variance"].lerp_(square, part)
    rows = state["row_var"].lerp_(square.mean(dim=-1, keepdim=True), part)
    columns = state["col_var"].lerp_(square.mean(dim=-2, keepdim=True), part)
    return rows @ columns / rows.mean(dim=-2, keepdim=True).clamp(min=eps)
