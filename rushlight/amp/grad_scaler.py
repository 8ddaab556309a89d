"""`GradScaler`: losses are scaled up, so that gradients in float16 do not vanish."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rushlight.autograd.modes import no_grad
from rushlight.graph.dtype import float16
from rushlight.optim.optimizer import Optimizer
from rushlight.tensor import Tensor

_NOTHING_CHECKED = "No inf checks were recorded prior to update."


class GradScaler:
    """Scales losses, takes the scale out of gradients, and leaves out steps that overflowed.

    `scale(loss).backward()`, then `step(optimizer)` instead of `optimizer.step()`, then `update()`.
    The scale begins at `init_scale`, is multiplied by `backoff_factor` after a step whose gradients
    held infinity or NaN, and by `growth_factor` after `growth_interval` steps without.

    >>> import rushlight as rl
    >>> weight = rl.ones(1, requires_grad=True)
    >>> optimizer, scaler = rl.optim.SGD([weight], lr=0.5), rl.amp.GradScaler("cpu")
    >>> scaler.scale((weight * 3).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> weight
    tensor([-0.5000], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cpu",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if enabled and growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if enabled and backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._device = device
        self._enabled = enabled
        self._scale = float(init_scale)
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._optimizers: dict[int, dict[str, Any]] = {}

    def scale(self, outputs: Any) -> Any:
        """A tensor, or tensors in lists and tuples, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _state_of(self, optimizer: Optimizer) -> dict[str, Any]:
        fresh = {"stage": "ready", "is_finite": None}
        return self._optimizers.setdefault(id(optimizer), fresh)

    def unscale_(self, optimizer: Optimizer) -> None:
        """Take the scale out of an optimiser's gradients, so that they can be clipped.

        RuntimeError if it has been done since the last `update`; ValueError for float16 gradients.
        """
        if not self._enabled:
            return
        state = self._state_of(optimizer)
        if state["stage"] == "unscaled":
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state["stage"] == "stepped":
            raise RuntimeError("unscale_() is being called after step().")
        state["is_finite"] = self._unscale(optimizer)
        state["stage"] = "unscaled"

    @no_grad()
    def _unscale(self, optimizer: Optimizer) -> Tensor | None:
        """Whether all gradients are finite; None if there are none."""
        finite = None
        inverse = 1.0 / self._scale
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is None:
                    continue
                if grad.dtype is float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                found = grad.isfinite().all()
                finite = found if finite is None else finite & found
                grad.mul_(inverse)
        return finite

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(*args, **kwargs)`, unless a gradient is infinite or NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            words = "Closure use is not currently supported if GradScaler is enabled."
            raise RuntimeError(words)
        state = self._state_of(optimizer)
        if state["stage"] == "stepped":
            raise RuntimeError("step() has already been called since the last update().")
        if state["stage"] == "ready":
            self.unscale_(optimizer)
        if state["is_finite"] is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        state["stage"] = "stepped"
        return optimizer.step(*args, **kwargs) if bool(state["is_finite"]) else None

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Change the scale by what the steps since the last update met, or to `new_scale`."""
        if not self._enabled:
            return
        found = [state["is_finite"] for state in self._optimizers.values()]
        self._optimizers = {}
        if new_scale is not None:
            self._scale = float(new_scale)
            return
        checks = [bool(finite) for finite in found if finite is not None]
        if not checks:
            raise AssertionError(_NOTHING_CHECKED)
        if not all(checks):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker >= self._growth_interval:
            grown = self._scale * self._growth_factor
            self._scale = grown if math.isfinite(grown) else self._scale
            self._growth_tracker = 0

    def get_scale(self) -> float:
        """The scale; 1.0 if this is not enabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by to grow."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by to grow."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by after an overflow."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps without overflow the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps without overflow the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether this scales at all."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and the factors; empty if this is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; RuntimeError for an empty one, unless this is not enabled."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
