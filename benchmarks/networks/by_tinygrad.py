"""The steps in tinygrad, each one captured by TinyJit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tinygrad import Context, Tensor, TinyJit, nn

from networks import inputs
from networks.rows import Row
from networks.tinygrad_networks import NETWORKS


def make_step(row: Row) -> Callable[[], float]:
    """A function that makes one step of this row and returns its loss (inference: a length)."""
    model = NETWORKS[row.network](**row.sizes)
    for name, parameter in nn.state.get_state_dict(model).items():
        parameter.assign(Tensor(inputs.initial_weight(name, parameter.shape))).realize()
    batches = [tuple(map(_tensor, batch)) for batch in inputs.batches(row.kind, row.inputs)]
    following = inputs.rotating(batches)
    if row.trains:
        return _training(row, model, following)
    run = TinyJit(lambda x: model(x).realize())
    return lambda: inputs.length_of_last(run(next(following)[0]).numpy())


def _training(row: Row, model: Callable, following) -> Callable[[], float]:
    settings = dict(row.options)
    if row.optimizer == "SGD":
        settings.setdefault("momentum", 0.0)
    optimizer = getattr(nn.optim, row.optimizer)(nn.state.get_parameters(model), **settings)

    @TinyJit
    @Context(TRAINING=1)
    def whole_step(x: Tensor, wanted: Tensor) -> Tensor:
        optimizer.zero_grad()
        outputs = model(x)
        if outputs.shape[-1] == 1:
            loss = ((outputs - wanted) ** 2).mean()
        else:
            scores = outputs.reshape(-1, outputs.shape[-1])
            loss = scores.sparse_categorical_crossentropy(wanted.reshape(-1))
        loss.backward()
        return loss.realize(*optimizer.schedule_step())

    return lambda: float(whole_step(*next(following)).item())


def _tensor(array: np.ndarray) -> Tensor:
    narrow = array.astype(np.int32) if array.dtype == np.int64 else array
    return Tensor(narrow).realize()
