"""Every optimiser but SGD and Adam against its paper's formula in NumPy."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim

START = {"a": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([0.1, -0.7, 2.0])}
STEPS = 8


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


def by(update, names):
    """A reference made of one element's update: update(θ, g, t, state by name, options)."""

    def reference(weight_decay=0, maximize=False, **options):
        values = {}
        for name, value in START.items():
            state = {each: np.zeros_like(value) for each in names}
            for step in range(STEPS):
                g = gradients(step)[name] * (-1 if maximize else 1)
                if not options.get("decoupled_weight_decay"):
                    g = g + weight_decay * value
                value = update(value, g, step + 1, state, weight_decay, **options)
            values[name] = value
        return values

    return reference


def adadelta(x, g, t, s, _, lr=1.0, rho=0.9, eps=1e-6):
    s["v"] = rho * s["v"] + (1 - rho) * g**2
    change = np.sqrt(s["u"] + eps) / np.sqrt(s["v"] + eps) * g
    s["u"] = rho * s["u"] + (1 - rho) * change**2
    return x - lr * change


def adagrad(x, g, t, s, _, lr=1e-2, lr_decay=0, initial_accumulator_value=0, eps=1e-10):
    if t == 1:
        s["v"] = s["v"] + initial_accumulator_value
    s["v"] = s["v"] + g**2
    return x - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["v"]) + eps)


def adamax(x, g, t, s, _, lr=2e-3, betas=(0.9, 0.999), eps=1e-8):
    s["m"] = betas[0] * s["m"] + (1 - betas[0]) * g
    s["u"] = np.maximum(betas[1] * s["u"], np.abs(g) + eps)
    return x - lr / (1 - betas[0] ** t) * s["m"] / s["u"]


def nadam(
    x,
    g,
    t,
    s,
    weight_decay,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    momentum_decay=4e-3,
    decoupled_weight_decay=False,
):
    if decoupled_weight_decay:
        x = x * (1 - lr * weight_decay)
    mu = [betas[0] * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in range(1, t + 2)]
    s["m"] = betas[0] * s["m"] + (1 - betas[0]) * g
    s["v"] = betas[1] * s["v"] + (1 - betas[1]) * g**2
    ahead = mu[t] * s["m"] / (1 - math.prod(mu)) + (1 - mu[t - 1]) * g / (1 - math.prod(mu[:-1]))
    return x - lr * ahead / (np.sqrt(s["v"] / (1 - betas[1] ** t)) + eps)


def radam(
    x,
    g,
    t,
    s,
    weight_decay,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    decoupled_weight_decay=False,
):
    if decoupled_weight_decay:
        x = x * (1 - lr * weight_decay)
    s["m"] = betas[0] * s["m"] + (1 - betas[0]) * g
    s["v"] = betas[1] * s["v"] + (1 - betas[1]) * g**2
    mean = s["m"] / (1 - betas[0] ** t)
    most = 2 / (1 - betas[1]) - 1
    rho = most - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
    if rho <= 5:
        return x - lr * mean
    r = math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    return x - lr * mean * r * math.sqrt(1 - betas[1] ** t) / (np.sqrt(s["v"]) + eps)


def rmsprop(x, g, t, s, _, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0, centered=False):
    s["v"] = alpha * s["v"] + (1 - alpha) * g**2
    s["m"] = alpha * s["m"] + (1 - alpha) * g
    spread = s["v"] - s["m"] ** 2 if centered else s["v"]
    s["b"] = momentum * s["b"] + g / (np.sqrt(spread) + eps)
    return x - lr * s["b"]


def rprop(x, g, t, s, _, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), **ignored):
    if t == 1:
        s["size"] = s["size"] + lr
    agreement = np.sign(g * s["g"])
    s["size"] = s["size"] * np.choose((agreement + 1).astype(int), [etas[0], 1, etas[1]])
    s["size"] = np.clip(s["size"], *step_sizes)
    s["g"] = np.where(agreement < 0, 0, g)
    return x - np.sign(s["g"]) * s["size"]


def asgd(x, g, t, s, _, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, **ignored):
    # eta is kept in float32, as in PyTorch
    eta = lr / (1 + lambd * lr * (t - 1)) ** alpha if t > 1 else lr
    return x * (1 - lambd * np.float32(eta)) - np.float32(eta) * g


def adafactor(
    x, g, t, s, weight_decay, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, **ignored
):
    g = g - weight_decay * x  # decay is decoupled
    eps1 = np.finfo(float).eps if eps[0] is None else eps[0]
    part = t**beta2_decay
    rate = max(eps[1], np.sqrt(np.mean(x**2))) * min(lr, 1 / math.sqrt(t))
    if x.ndim == 2:
        rows = s["rows"] = (1 - part) * s["rows"][:, :1] + part * np.mean(g**2, 1, keepdims=True)
        columns = (1 - part) * s["columns"][:1] + part * np.mean(g**2, 0, keepdims=True)
        s["columns"] = columns
        square = rows * columns / max(np.mean(rows), eps1)
    else:
        square = s["v"] = (1 - part) * s["v"] + part * g**2
    change = g / np.maximum(np.sqrt(square), eps1)
    change = change / max(1, np.sqrt(np.mean(change**2)) / d)
    return x * (1 - lr * weight_decay) - rate * change


DECAY = {"lr": 0.1, "weight_decay": 0.1}
UP = {"lr": 0.1, "maximize": True, "foreach": True}
CASES = [
    (optim.Adadelta, adadelta, [{}, {**DECAY, "rho": 0.5, "eps": 1e-3}, UP]),
    (
        optim.Adagrad,
        adagrad,
        [{}, {**DECAY, "lr_decay": 0.5}, {**UP, "initial_accumulator_value": 0.3, "eps": 0.1}],
    ),
    (optim.Adamax, adamax, [{}, {**DECAY, "betas": (0.5, 0.7), "eps": 1e-3}, UP]),
    (
        optim.NAdam,
        nadam,
        [{}, {**DECAY, "momentum_decay": 0.2}, UP, {**DECAY, "decoupled_weight_decay": True}],
    ),
    (
        optim.RAdam,
        radam,
        [{}, {**DECAY, "betas": (0.5, 0.9)}, UP, {**DECAY, "decoupled_weight_decay": True}],
    ),
    (
        optim.RMSprop,
        rmsprop,
        [{}, {**DECAY, "alpha": 0.5}, {**UP, "centered": True}, {"momentum": 0.9}]
        + [{"momentum": 0.9, "centered": True, "weight_decay": 0.1, "eps": 1e-3}],
    ),
    (
        optim.Rprop,
        rprop,
        [{}, {"lr": 0.1, "etas": (0.3, 2.0), "step_sizes": (0.05, 0.3)}, UP],
    ),
    (optim.ASGD, asgd, [{}, {**DECAY, "lambd": 0.1, "alpha": 0.5}, UP]),
    (
        optim.Adafactor,
        adafactor,
        [{}, DECAY, UP, {"lr": 0.5, "d": 2.0, "beta2_decay": -0.5, "eps": (1e-3, 0.1)}],
    ),
]
ROWS = [(kind, update, options) for kind, update, table in CASES for options in table]
NAMES = ("v", "u", "m", "b", "g", "size", "rows", "columns")


@pytest.mark.parametrize(("kind", "update", "options"), ROWS)
def test_formula(kind, update, options):
    wanted = {key: value for key, value in options.items() if key != "foreach"}
    found, expected = run(kind, **options), by(update, NAMES)(**wanted)
    for name in START:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)


FIRST = [  # θ = 1, gradient 2: the first step by hand
    (lambda p: optim.Adadelta(p, rho=0.75, eps=1.0), 1 - 2 / math.sqrt(2)),
    (lambda p: optim.Adagrad(p, lr=0.5, initial_accumulator_value=5.0), 1 - 0.5 * 2 / 3),
    (lambda p: optim.Adamax(p, lr=0.5), 0.5),
    (lambda p: optim.NAdam(p, lr=0.5, betas=(0.0, 0.5)), 0.5),
    (lambda p: optim.RAdam(p, lr=0.5), 0.0),
    (lambda p: optim.RMSprop(p, lr=0.5, alpha=0.75), 0.0),
    (lambda p: optim.RMSprop(p, lr=0.5, alpha=0.75, centered=True), 1 - 1 / math.sqrt(0.75)),
    (lambda p: optim.Rprop(p, lr=0.5), 0.5),
    (lambda p: optim.ASGD(p, lr=0.5, lambd=0.1), 0.95 - 1),
    (lambda p: optim.Adafactor(p, lr=0.5), 0.5),
    (lambda p: optim.LBFGS(p, max_iter=1), 1 - 0.5 * 2),
]


@pytest.mark.parametrize(("make", "expected"), FIRST)
def test_the_first_step_by_hand(make, expected):
    w = rl.ones(1, requires_grad=True)
    optimizer = make([w])

    def closure():
        optimizer.zero_grad()
        loss = (2 * w).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert w.item() == pytest.approx(expected, abs=1e-6)


def test_asgd_averages_after_t0():
    w = rl.zeros(1, dtype=rl.float64, requires_grad=True)
    optimizer = optim.ASGD([w], lr=1.0, lambd=0.0, t0=2)
    seen, averages = [], []
    for step in range(6):
        w.grad = rl.full((1,), float(step), dtype=rl.float64)
        optimizer.step()
        seen.append(w.item())
        averages.append(optimizer.state[w]["ax"].item())
    # The parameter itself until the fourth step; then the mean of the fourth and all later ones.
    means = [np.mean(seen[3 : stop + 1]) for stop in (4, 5)]
    assert averages == pytest.approx([*seen[:4], *means])


def test_nadam_keeps_the_product_of_momenta():
    w = rl.ones(1, requires_grad=True)
    optimizer = optim.NAdam([w], betas=(0.5, 0.5), momentum_decay=0.5)
    for _ in range(2):
        w.grad = rl.ones(1)
        optimizer.step()
    momenta = [0.5 * (1 - 0.5 * 0.96 ** (t * 0.5)) for t in (1, 2)]
    product = optimizer.state[w]["mu_product"]
    assert (product.dtype, product.shape) == (rl.float32, ())
    assert product.item() == pytest.approx(math.prod(momenta))


def test_scheduled_numbers_of_adagrad_begin_at_once():
    w = rl.ones(2, requires_grad=True)
    optimizer = optim.Adagrad([w], initial_accumulator_value=0.5)
    assert optimizer.state[w]["sum"].tolist() == [0.5, 0.5]
    assert optimizer.state[w]["step"].item() == 0


@pytest.mark.parametrize(
    "make",
    [
        optim.NAdam,
        lambda p: optim.RAdam(p, betas=(0.9, 0.9)),
        lambda p: optim.RMSprop(p, momentum=0.9),
        lambda p: optim.ASGD(p, t0=1),
        optim.Adafactor,
        optim.Muon,
        lambda p: optim.LBFGS(p, lr=0.1, max_iter=2),
    ],
)
def test_later_steps_make_no_new_programs(make):
    from rushlight.graph.recorder import PROGRAMS

    w = rl.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    optimizer = make([w])

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    def steps(count):
        for _ in range(count):
            optimizer.step(closure)
            rl.sync()

    steps(8)  # RAdam changes its ways at the sixth
    before = len(PROGRAMS)
    steps(4)
    assert len(PROGRAMS) == before
