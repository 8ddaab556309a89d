"""LRScheduler: what changes the learning rates of an optimiser, step by step."""

from __future__ import annotations

import warnings
from typing import Any

from rushlight.optim.optimizer import Optimizer
from rushlight.tensor import Tensor


class LRScheduler:
    """Base class of schedules: define `get_lr`, which gives one learning rate for each group.

    `get_lr` may read `last_epoch` (how many steps were made), `base_lrs` (the rates at the start)
    and the groups' present rates, so that several schedules can act on one optimiser.  TypeError
    for what is no Optimizer; KeyError if `last_epoch` says to go on but no group has "initial_lr".
    """

    _get_lr_called_within_step = False
    _takes_epochs = False
    """Whether `step(epoch)` is a way to use it."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for place, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{place}] when resuming "
                    "an optimizer"
                )
        self.base_lrs = [_copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._steps_before = optimizer._steps_taken
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first step."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rates for `last_epoch`; to be defined by subclasses."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr")

    def get_last_lr(self) -> list[float]:
        """The learning rates that were set last, one for each group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next step; call it after `optimizer.step()`."""
        if self._step_count == 1 and not self._is_initial:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None and not self._takes_epochs:
            warn_of_epoch()
        self._update_lr(epoch)

    def _warn_of_order(self) -> None:
        if self.optimizer._steps_taken == self._steps_before:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. The first value "
                "of the learning rate schedule is skipped: call `optimizer.step()` first.",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                closed_form = getattr(self, "_get_closed_form_lr", self.get_lr)
                rates = closed_form()
        finally:
            self._get_lr_called_within_step = False
        self._set_lr(rates)

    def _set_lr(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_in_group(group, "lr", rate)
        self._last_lr = self._present()

    def _present(self) -> list[float]:
        return [_copied(group["lr"]) for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    # -------------------------------------------------------------------------------------- state
    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        left_out = ("optimizer", "_steps_before")
        return {key: value for key, value in self.__dict__.items() if key not in left_out}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a `state_dict` was taken."""
        self.__dict__.update(state_dict)


def warn_of_epoch() -> None:
    """Say that `step(epoch)` is PyTorch's old form."""
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
        "possible. Please use `scheduler.step()` to step the scheduler. If it is given, the closed "
        "form is used instead of the chainable form, where there is one.",
        UserWarning,
        stacklevel=4,
    )


def set_in_group(group: dict[str, Any], name: str, value: float) -> None:
    """Give a group a new number; a tensor keeps being one."""
    if isinstance(group[name], Tensor):
        group[name].fill_(float(value))
    else:
        group[name] = value


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def one_for_each(name: str, optimizer: Optimizer, value: Any) -> list:
    """A value for each group; ValueError for a list of another length."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {count}."
        )
    return list(value)
