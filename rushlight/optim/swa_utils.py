"""Averages of a model over training: stochastic weight averaging and exponential moving averages.

Izmailov et al., 2018, "Averaging weights leads to wider optima and better generalization"; Polyak
and Juditsky, 1992, "Acceleration of stochastic approximation by averaging".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from rushlight.autograd.modes import no_grad
from rushlight.dtypes import int64
from rushlight.graph.node import Node
from rushlight.nn.module import Module
from rushlight.nn.normalization import _BatchNorm
from rushlight.optim.elementwise import running
from rushlight.optim.lr_scheduler.base import LRScheduler, one_for_each
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import Rows, Scalars, filled
from rushlight.tensor import Tensor

Average = Callable[[Tensor, Tensor, Any], Tensor]
Averages = Callable[[list[Tensor], list[Tensor], Any], None]


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """What moves averages to decay · average + (1 - decay) · current; ValueError outside [0, 1]."""
    _check_decay(decay)

    def ema_update(averaged: list[Tensor], current: list[Tensor], number: Any) -> None:
        _move(averaged, current, 1 - decay)

    return ema_update


def get_swa_multi_avg_fn() -> Averages:
    """What moves averages of n models to those of n + 1."""

    def swa_update(averaged: list[Tensor], current: list[Tensor], number: Any) -> None:
        _move(averaged, current, 1 / (int(number) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """What gives decay · average + (1 - decay) · current; ValueError outside [0, 1]."""
    _check_decay(decay)

    @no_grad()
    def ema_update(averaged: Tensor, current: Tensor, number: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> Average:
    """What gives the average of n + 1 models from that of n."""

    @no_grad()
    def swa_update(averaged: Tensor, current: Tensor, number: Any) -> Tensor:
        return averaged + (current - averaged) / (number + 1)

    return swa_update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


@no_grad()
def _move(averaged: list[Tensor], current: list[Tensor], part: float) -> None:
    """Move averages by a part of the way to the current values, all in one program."""
    rows = Rows()
    for average, value in zip(averaged, current, strict=True):
        if average.dtype.is_floating_point or average.dtype.is_complex:
            rows.add((average, value.to(average.dtype)))
        else:
            average.copy_(average * (1 - part) + value * part)
    rows.update(_moved, lambda: {"part": part})


def _moved(row: list[Node], numbers: dict[str, Node]) -> list[Node]:
    average, value = row
    return [running(average, value, numbers["part"])]


class AveragedModel(Module):
    """A copy of a model, made of the averages of its parameters.

    Call `update_parameters(model)` after steps; the first call copies.  By default every call
    counts equally; `multi_avg_fn(averages, values, number)` writes other averages, and
    `avg_fn(average, value, number)` returns one.  Buffers are copied, or with `use_buffers`
    averaged too; `update_bn` computes them for batch normalisation.  AssertionError if both
    functions are given.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> model = nn.Linear(1, 1, bias=False)
    >>> averaged = optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = model.weight.data.fill_(value)
    ...     averaged.update_parameters(model)
    >>> averaged(rl.ones(1)).item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", filled((), 0, int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model returns."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's present values into the averages."""
        averaged, current = self._values_of(self.module), self._values_of(model)
        scalars = Scalars()
        number = scalars.read(self.n_averaged)
        if number == 0:
            _copy(averaged, current)
        elif self.avg_fn is not None:
            for average, value in zip(averaged, current, strict=True):
                average.copy_(self.avg_fn(average, value, self.n_averaged))
        else:
            move = self.multi_avg_fn or get_swa_multi_avg_fn()
            for averages, values in _by_dtype(averaged, current):
                move(averages, values, self.n_averaged)
        if not self.use_buffers:
            _copy(self.module.buffers(), model.buffers())
        scalars.replace(self.n_averaged, int(number) + 1)

    def _values_of(self, module: Module) -> list[Tensor]:
        buffers = module.buffers() if self.use_buffers else ()
        return [tensor.detach() for tensor in chain(module.parameters(), buffers)]


def _copy(own: Iterable[Tensor], current: Iterable[Tensor]) -> None:
    for tensor, value in zip(own, current, strict=True):
        tensor.detach().copy_(value.detach())


def _by_dtype(averaged: list[Tensor], current: list[Tensor]) -> Iterable[tuple[list, list]]:
    groups: dict[Any, tuple[list, list]] = {}
    for average, value in zip(averaged, current, strict=True):
        averages, values = groups.setdefault(average.dtype, ([], []))
        averages.append(average)
        values.append(value)
    return groups.values()


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of batch normalisation anew, in one pass over the data.

    Every batch counts equally.  A batch is a tensor, or a list or tuple with one in front.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    if not layers:
        return
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    was_training = model.training
    model.train()
    for batch in loader:
        first = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(first if device is None else first.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present learning rate to `swa_lr` in `anneal_epochs` steps, then constant.

    Along half a cosine, or straight with `anneal_strategy="linear"`.  ValueError for other
    strategies and negative numbers of steps.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.ones(1))
    >>> optimizer = optim.SGD([w], lr=1.0)
    >>> scheduler = optim.swa_utils.SWALR(optimizer, 0.5, 2, "linear")
    >>> for _ in range(3):
    ...     w.sum().backward()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):
        rates = one_for_each("swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The learning rates for this step, from those before: other schedules may act too."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._part(step - 1), self._part(step)
        rates = []
        for group, rate in zip(self.optimizer.param_groups, self._present(), strict=True):
            last = group["swa_lr"]
            first = last if before == 1 else (rate - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates

    def _part(self, step: int) -> float:
        """How much of the way is behind after some steps."""
        part = max(0, min(1, step / max(1, self.anneal_epochs)))
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2
