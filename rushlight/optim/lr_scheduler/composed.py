"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from rushlight.optim.lr_scheduler.base import LRScheduler, set_in_group
from rushlight.optim.lr_scheduler.plateau import ReduceLROnPlateau
from rushlight.optim.optimizer import Optimizer


def _check(name: str, schedulers: Sequence[LRScheduler], optimizer: Optimizer) -> None:
    if not schedulers:
        raise ValueError(f"{name} expects at least one scheduler to be chained, but got none.")
    for place, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{name} at index {place} should have `optimizer` as its attribute.")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional "
                f"kwargs to be specified when calling `step`, but got one at index {place} in the "
                "given schedulers sequence."
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer, but got "
                f"scheduler {type(scheduler).__name__} at index {place} that has another one."
            )


class _Composed(LRScheduler):
    """What both share: their state holds the states of the others."""

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the states of all schedules."""
        state = super().state_dict()
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a `state_dict` was taken."""
        values = dict(state_dict)
        for scheduler, saved in zip(self._schedulers, values.pop("_schedulers"), strict=True):
            scheduler.load_state_dict(saved)
        self.__dict__.update(values)


class SequentialLR(_Composed):
    """One schedule after the other, each from its milestone on.

    ValueError unless there is one milestone less than schedules.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ):
        _check("Sequential Schedulers", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}"
            )
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            set_in_group(group, "lr", group["initial_lr"])
        for scheduler in schedulers:
            _undo_step(scheduler)
        self._begin()

    def _begin(self) -> None:
        """Let the schedule that is there at step 0 set its first rates."""
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _initial_step(self) -> None:
        """Begin within another schedule."""
        self.last_epoch += 1
        self._begin()

    def step(self) -> None:
        """Set the learning rates of the next step."""
        self.last_epoch += 1
        place = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[place]
        if place > 0 and self._milestones[place - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo_step(scheduler: LRScheduler) -> None:
    if hasattr(scheduler, "last_epoch"):  # a ChainedScheduler counts nothing
        scheduler.last_epoch -= 1
    for inner in getattr(scheduler, "_schedulers", ()):
        _undo_step(inner)


class ChainedScheduler(_Composed):
    """Several schedules at once, each changing what the one before left."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        optimizer = optimizer or (schedulers[0].optimizer if schedulers else None)
        _check("ChainedScheduler", schedulers, optimizer)
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._last_lr = schedulers[-1]._present()

    def _initial_step(self) -> None:
        """Begin within another schedule."""
        for scheduler in self._schedulers:
            scheduler._initial_step()
        self._last_lr = self._schedulers[-1]._present()

    def step(self) -> None:
        """Set the learning rates of the next step."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._schedulers[-1]._present()
