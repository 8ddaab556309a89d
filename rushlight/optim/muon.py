"""Muon: momentum made orthogonal, for the matrices of hidden layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import check_one_rate, zeros_like
from rushlight.tensor import Tensor


class Muon(Optimizer):
    """Muon (Jordan, 2024, "Muon: an optimizer for hidden layers in neural networks").

    With g the gradient: b ← b + (1 - μ)(g - b); u = g + μ (b - g) with Nesterov, else b;
    θ ← (1 - lr λ) θ - s lr · NS(u), where NS brings all singular values of u near 1 by `ns_steps`
    steps of Newton and Schulz in bfloat16.  For an A x B matrix s is √max(1, A / B); with
    `adjust_lr_fn="match_rms_adamw"` it is 0.2 √max(A, B), which fits learning rates of AdamW (Liu
    et al., 2025, "Muon is scalable for LLM training").  Biases and embeddings are for another
    optimiser.  ValueError for numbers out of range and parameters that are no matrices.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.zeros(2, 2))
    >>> optimizer = optim.Muon([w], lr=1.0, nesterov=False)
    >>> w.grad = rl.tensor([[0.0, 5.0], [0.0, 0.0]])
    >>> optimizer.step()
    >>> 0.6 < -w.data[0, 1].item() < 1.3
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        check_one_rate(lr)
        _check("Learning rate", lr)
        _check("momentum", momentum)
        _check("weight decay", weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                _check_parameter(parameter)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what the closure returns."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter._grad is not None:
                    state = self.state[parameter]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = zeros_like(parameter)
                    _update(parameter, state["momentum_buffer"], group)
        return loss


def _check(name: str, value: float | Tensor) -> None:
    if not value >= 0.0:
        raise ValueError(f"{name} should be >= 0 but is: {value}")


def _check_parameter(parameter: Tensor) -> None:
    if parameter.ndim != 2:
        raise ValueError(
            "Muon only supports 2D parameters whereas we found a parameter with size: "
            f"{parameter.shape}"
        )
    if parameter.dtype.is_complex:
        raise RuntimeError("Muon does not support complex parameters")


def _update(parameter: Tensor, buffer: Tensor, group: dict[str, Any]) -> None:
    lr, momentum = float(group["lr"]), group["momentum"]
    buffer.lerp_(parameter._grad, 1 - momentum)
    change = parameter._grad.lerp(buffer, momentum) if group["nesterov"] else buffer
    change = orthogonal(change, group["ns_coefficients"], group["ns_steps"], group["eps"])
    rows, columns = parameter.shape
    if group["adjust_lr_fn"] == "match_rms_adamw":
        scale = 0.2 * math.sqrt(max(rows, columns))
    else:
        scale = math.sqrt(max(1, rows / columns))
    parameter.mul_(1 - lr * group["weight_decay"])
    parameter.sub_(change.to(parameter.dtype) * (lr * scale))


def orthogonal(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """The matrix with all its singular values brought to between about 0.7 and 1.2, in bfloat16.

    Each step is X ← a X + (b X Xᵀ + c (X Xᵀ)²) X, from X with norm 1.  Products and sums are
    computed in float32; X Xᵀ, the bracket and X are rounded to bfloat16.  The sum that makes X is
    rounded to float32 once, as processors' fused multiply-add does: where results lie between two
    numbers of bfloat16, the last bit decides.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.bfloat16().T if is_tall else matrix.bfloat16()
    x = (x / x.norm().clamp(min=eps)).float()
    for _ in range(steps):
        gram = _rounded(x @ x.T)
        polynomial = _rounded(gram * b + (gram @ gram) * c)
        whole = x.double() * np.float32(a).item() + (polynomial @ x).double()
        x = _rounded(whole.float())
    return (x.T if is_tall else x).bfloat16()


def _rounded(x: Tensor) -> Tensor:
    return x.bfloat16().float()
