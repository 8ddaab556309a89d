"""The steps in JAX, jitted by hand: one compiled function a step, whose state is donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from networks import inputs
from networks.jax_layers import Net, cross_entropy
from networks.jax_networks import NETWORKS
from networks.rows import Row

State = dict[str, Any]


def make_step(row: Row) -> Callable[[], float]:
    """A function that makes one step of this row and returns its loss (inference: a length)."""
    batches = [tuple(map(jnp.asarray, batch)) for batch in inputs.batches(row.kind, row.inputs)]
    following = inputs.rotating(batches)
    state = first_state(row, batches[0])
    if row.trains:
        return _training(row, state, following)
    run = jax.jit(lambda parameters, statistics, x: _outputs(row, parameters, statistics, x)[0])

    def step() -> float:
        outputs = run(state["parameters"], state["statistics"], next(following)[0])
        return inputs.length_of_last(np.asarray(outputs))

    return step


def _training(row: Row, state: State, following: Any) -> Callable[[], float]:
    update = OPTIMIZERS[row.optimizer]

    def whole_step(state: State, batch: tuple) -> tuple[State, Any]:
        differentiate = jax.value_and_grad(_loss, argnums=1, has_aux=True)
        (loss, statistics), grads = differentiate(
            row, state["parameters"], state["statistics"], batch
        )
        if row.clip is not None:
            norm = jnp.sqrt(sum(jnp.sum(grad * grad) for grad in grads.values()))
            scale = jnp.minimum(1.0, row.clip / (norm + 1e-6))
            grads = {name: grad * scale for name, grad in grads.items()}
        state = update(state, grads, **dict(row.options))
        return state | {"statistics": statistics}, loss

    run = jax.jit(whole_step, donate_argnums=0)

    def step() -> float:
        nonlocal state
        state, loss = run(state, next(following))
        result = float(loss)
        jax.block_until_ready(state)
        return result

    return step


def _outputs(row: Row, parameters: dict, statistics: dict, *batch: Any) -> tuple[Any, Net]:
    net = Net(parameters, statistics, row.trains)
    sizes = {("layers_" if name == "layers" else name): size for name, size in row.sizes.items()}
    return NETWORKS[row.network](net, *batch, **sizes), net


def _loss(row: Row, parameters: dict, statistics: dict, batch: tuple) -> tuple[Any, dict]:
    *given, wanted = batch
    outputs, net = _outputs(row, parameters, statistics, *given)
    if outputs.shape[-1] == 1:
        return jnp.mean((outputs - wanted) ** 2), net.updated
    scores = outputs.reshape(-1, outputs.shape[-1])
    return cross_entropy(scores, wanted.reshape(-1)), net.updated


def first_state(row: Row, batch: tuple) -> State:
    """Weights as every side has them, and an optimiser that has not begun."""
    nets = []

    def shaped(*given: Any) -> Any:
        outputs, net = _outputs(row, {}, {}, *given)
        nets.append(net)
        return outputs

    jax.eval_shape(shaped, *(batch[:-1] if row.kind != "vectors" else batch[:1]))
    net = nets[0]
    parameters = {
        name: jnp.asarray(inputs.initial_weight(name, shape)) for name, shape in net.shapes.items()
    }
    statistics = {
        name: jnp.zeros(value.shape) if name.endswith("mean") else jnp.ones(value.shape)
        for name, value in net.updated.items()
    }
    zeros = {name: jnp.zeros(value.shape) for name, value in parameters.items()}
    return {
        "parameters": parameters,
        "statistics": statistics,
        "first": zeros,
        "second": {name: jnp.zeros(value.shape) for name, value in parameters.items()},
        "steps": jnp.zeros(()),
    }


def _sgd(state: State, grads: dict, lr: float, momentum: float = 0.0) -> State:
    if momentum:
        first = state["first"]
        grads = {name: momentum * first[name] + grad for name, grad in grads.items()}
        state = state | {"first": grads}
    old = state["parameters"]
    return state | {"parameters": {name: old[name] - lr * grads[name] for name in old}}


def _adam(state: State, grads: dict, lr: float, decay: float = 0.0) -> State:
    """Adam (Kingma and Ba, 2015), or with decay AdamW, by PyTorch's defaults."""
    steps = state["steps"] + 1
    rate, scale = lr / (1 - 0.9**steps), jnp.sqrt(1 - 0.999**steps)
    first = {name: 0.9 * state["first"][name] + 0.1 * grad for name, grad in grads.items()}
    second = {
        name: 0.999 * state["second"][name] + 0.001 * grad * grad for name, grad in grads.items()
    }
    parameters = {
        name: old * (1 - lr * decay) - rate * first[name] / (jnp.sqrt(second[name]) / scale + 1e-8)
        for name, old in state["parameters"].items()
    }
    changed = {"parameters": parameters, "first": first, "second": second, "steps": steps}
    return state | changed


def _adamw(state: State, grads: dict, lr: float) -> State:
    return _adam(state, grads, lr, decay=0.01)


OPTIMIZERS: dict[str, Callable[..., State]] = {"SGD": _sgd, "Adam": _adam, "AdamW": _adamw}
