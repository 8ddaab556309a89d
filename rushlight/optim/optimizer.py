"""Optimizer: parameter groups, state by parameter, hooks, and what a step is made of."""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from rushlight.autograd.grads import clear_grad
from rushlight.autograd.handle import RemovableHandle
from rushlight.autograd.modes import enable_grad
from rushlight.graph.recorder import recorder
from rushlight.optim.groups import complete_group, first_groups
from rushlight.optim.state import OptimizerState
from rushlight.tensor import Tensor, modes


class _Required:
    """Stands for a default that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer(OptimizerState):
    """Base class of all optimisers.

    `params` are tensors, (name, tensor) pairs, or dicts with "params" and their own values of the
    `defaults`.  Subclasses define `step`.  ValueError for no parameters, non-leaves and parameters
    given twice; TypeError for what is no tensor.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]):
        self.defaults = defaults
        self._make_hooks()
        self.state: defaultdict[Tensor, dict] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._steps_taken = 0
        self._stepping = False
        self._has_warned = False
        for group in first_groups(params):
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        self._step_pre_hooks: dict[int, Callable] = {}
        self._step_post_hooks: dict[int, Callable] = {}
        self._make_state_hooks()

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _whole_step(cls.__dict__["step"])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with their own values of the defaults, for example for fine-tuning."""
        complete_group(param_group, self.param_groups, self.defaults, required)
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradient of every parameter."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter._grad = None
                else:
                    clear_grad(parameter, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what the closure returns."""
        raise NotImplementedError(f"{type(self).__name__} does not define step")

    # -------------------------------------------------------------------------------------- hooks
    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before every step; it may return (args, kwargs)."""
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after every step."""
        return RemovableHandle(self._step_post_hooks, hook)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for place, group in enumerate(self.param_groups):
            if place:
                lines.append("")
            lines.append(f"Parameter Group {place}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
            "_steps_taken": self._steps_taken,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
            self._stepping = self._has_warned = False
        self.__dict__.update(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)


def _whole_step(step: Callable) -> Callable:
    """A step with everything around it: hooks, no gradients, a warning, the soft cut."""

    @functools.wraps(step)
    def whole(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._stepping:  # a subclass's step called its parent's
            return step(self, *args, **kwargs)
        self._stepping = True
        before, modes.grad = modes.grad, False
        try:
            args, kwargs = _run_pre_hooks(self, args, kwargs)
            args, kwargs = _with_grad_in_closure(args, kwargs)
            result = step(self, *args, **kwargs)
            for hook in list(self._step_post_hooks.values()):
                hook(self, args, kwargs)
        finally:
            modes.grad = before
            self._stepping = False
        self._steps_taken += 1
        _warn_without_gradients(self)
        recorder().soft_cut()
        return result

    return whole


def _run_pre_hooks(optimizer: Optimizer, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    for hook in list(optimizer._step_pre_hooks.values()):
        replaced = hook(optimizer, args, kwargs)
        if replaced is None:
            continue
        if not isinstance(replaced, tuple) or len(replaced) != 2:
            raise RuntimeError(
                f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
            )
        args, kwargs = replaced
    return args, kwargs


def _with_grad_in_closure(args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """The closure computes a loss and its gradients, so it runs with gradients on."""
    if args and callable(args[0]):
        return (enable_grad(args[0]), *args[1:]), kwargs
    if callable(kwargs.get("closure")):
        return args, {**kwargs, "closure": enable_grad(kwargs["closure"])}
    return args, kwargs


def _warn_without_gradients(optimizer: Optimizer) -> None:
    if optimizer._has_warned:
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter._grad is not None:
                return
    optimizer._has_warned = True
    warnings.warn(
        f"{type(optimizer).__name__}.step() changed nothing: no parameter has a gradient.\n"
        "Expected: loss.backward() between zero_grad() and step(), and a loss computed from these "
        "very parameters, outside no_grad.",
        stacklevel=3,
    )
