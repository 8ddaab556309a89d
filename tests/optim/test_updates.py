"""Updates against the formulas in NumPy, for every option."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim

START = {"a": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([0.1, -0.7, 2.0])}
STEPS = 5


def gradients(step):
    random = np.random.default_rng(step)
    return {name: random.normal(size=value.shape) for name, value in START.items()}


def run(kind, **options):
    """The parameters after some steps, in float64."""
    parameters = {name: rl.tensor(value, requires_grad=True) for name, value in START.items()}
    optimizer = kind(list(parameters.values()), **options)
    for step in range(STEPS):
        for name, grad in gradients(step).items():
            parameters[name].grad = rl.tensor(grad)
        optimizer.step()
    return {name: parameter.detach().numpy() for name, parameter in parameters.items()}


def sgd(lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False, **_):
    values, buffers = {k: v.copy() for k, v in START.items()}, {}
    for step in range(STEPS):
        for name, g in gradients(step).items():
            g = -g if maximize else g
            g = g + weight_decay * values[name]
            if momentum:
                if name in buffers:
                    buffers[name] = momentum * buffers[name] + (1 - dampening) * g
                else:
                    buffers[name] = g
                g = g + momentum * buffers[name] if nesterov else buffers[name]
            values[name] = values[name] - lr * g
    return values


def adam(
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0,
    amsgrad=False,
    maximize=False,
    decoupled=False,
    **_,
):
    values = {k: v.copy() for k, v in START.items()}
    mean = {k: np.zeros_like(v) for k, v in START.items()}
    square = {k: np.zeros_like(v) for k, v in START.items()}
    largest = {k: np.zeros_like(v) for k, v in START.items()}
    for step in range(STEPS):
        for name, g in gradients(step).items():
            g = -g if maximize else g
            if decoupled:
                values[name] = values[name] * (1 - lr * weight_decay)
            else:
                g = g + weight_decay * values[name]
            mean[name] = betas[0] * mean[name] + (1 - betas[0]) * g
            square[name] = betas[1] * square[name] + (1 - betas[1]) * g * g
            largest[name] = np.maximum(largest[name], square[name])
            second = largest[name] if amsgrad else square[name]
            first = mean[name] / (1 - betas[0] ** (step + 1))
            root = np.sqrt(second / (1 - betas[1] ** (step + 1))) + eps
            values[name] = values[name] - lr * first / root
    return values


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "maximize": True, "foreach": True}),
    (optim.Adam, adam, {}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.1, "amsgrad": True, "maximize": True, "fused": True}),
    (optim.AdamW, lambda **o: adam(**{"weight_decay": 0.01, **o}, decoupled=True), {"lr": 0.1}),
    (
        optim.AdamW,
        lambda **o: adam(**o, decoupled=True),
        {"lr": 0.1, "weight_decay": 0.2, "amsgrad": True},
    ),
]


@pytest.mark.parametrize(("kind", "reference", "options"), CASES)
def test_updates(kind, reference, options):
    found, expected = run(kind, **options), reference(**options)
    for name in START:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
@pytest.mark.parametrize("lr", [rl.tensor(0.1), rl.tensor([0.1])])
def test_a_learning_rate_may_be_a_tensor(kind, lr):
    found, expected = run(kind, lr=lr), run(kind, lr=float(np.float32(0.1)))
    for name in START:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)


@pytest.mark.parametrize("dtype", [rl.float16, rl.bfloat16])
def test_small_floats_stay_what_they_are(dtype):
    w = rl.ones(3, dtype=dtype, requires_grad=True)
    optimizer = optim.AdamW([w], lr=0.1, eps=1e-4)
    (w * w).sum().backward()
    optimizer.step()
    assert w.dtype is dtype
    assert optimizer.state[w]["exp_avg"].dtype is dtype
    np.testing.assert_allclose(w.detach().float().numpy(), 0.9, atol=0.01)


def test_steps_compile_nothing_new_for_a_new_rate():
    from rushlight.graph.recorder import PROGRAMS

    w = rl.ones(3, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)

    def step(lr):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        rl.sync()

    step(0.1), step(0.2)
    before = len(PROGRAMS)
    for lr in (0.3, 0.0, 0.1, 1):
        step(lr)
    assert len(PROGRAMS) == before


def test_a_step_records_few_primitives():
    from rushlight.graph.recorder import recorder

    parameters = [rl.ones(3, requires_grad=True) for _ in range(10)]
    optimizer = optim.AdamW(parameters, lr=0.1)
    for _ in range(2):
        for parameter in parameters:
            parameter.grad = rl.ones(3)
        rl.sync()
        before = len(recorder().pending)
        optimizer.step()
        assert len(recorder().pending) - before <= 14 * len(parameters) + 8


def test_values_of_aliases_follow():
    w = rl.ones(2, requires_grad=True)
    shared, kept = w.detach(), w.detach().clone()
    w.grad = rl.ones(2)
    optim.SGD([w], lr=1.0).step()
    assert shared.tolist() == [0, 0]
    assert kept.tolist() == [1, 1]


def test_a_parameter_that_is_a_view():
    whole = rl.ones(4)
    part = whole[:2].requires_grad_()
    part.grad = rl.ones(2)
    optim.SGD([part], lr=1.0).step()
    assert whole.tolist() == [0, 0, 1, 1]
