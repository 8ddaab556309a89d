"""The loop that is timed: plain, in five steps, the same lines for Rushlight and for PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from networks import inputs
from networks.framework import framework, nn, optim
from networks.rows import Row


def make_step(row: Row, transform: Callable = lambda function: function) -> Callable[..., float]:
    """A function that makes one step of this row and returns its loss (inference: a length).

    `transform` is applied to what runs forward (`torch.compile`).
    """
    program = import_module(f"networks.{row.network}")
    model = program.network(**row.sizes)
    set_weights(model)
    made = [tensors(batch) for batch in inputs.batches(row.kind, row.inputs)]
    if not row.trains:
        return inference(model.eval(), made, transform)
    optimizer = getattr(optim, row.optimizer)(model.parameters(), **dict(row.options))
    return training(model, transform(program.loss), optimizer, made, row.clip)


def training(model: nn.Module, loss_of: Callable, optimizer, made: list, clip: float | None):
    following = inputs.rotating(made)

    def step(batch: tuple | None = None) -> float:
        batch = batch or next(following)
        optimizer.zero_grad()
        loss = loss_of(model, *batch)
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return loss.item()

    return step


def inference(model: nn.Module, made: list, transform: Callable) -> Callable[..., float]:
    following = inputs.rotating(made)
    run = transform(model)

    def step(batch: tuple | None = None) -> float:
        batch = batch or next(following)
        with framework.no_grad():
            outputs = run(batch[0])
        return inputs.length_of_last(outputs.numpy())

    return step


def set_weights(model: nn.Module) -> None:
    """Give every parameter its value of `initial_weight`: the same in every framework."""
    with framework.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            parameter.copy_(framework.tensor(inputs.initial_weight(name, shape)))


def tensors(batch: inputs.Batch) -> tuple:
    return tuple(framework.tensor(array) for array in batch)
