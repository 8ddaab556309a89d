"""Schedules: the rates they set, by hand-derived values and closed forms."""

import math
import warnings

import pytest

import rushlight as rl
from rushlight import optim
from rushlight.optim import lr_scheduler as schedules


def make(lr=1.0, kind=optim.SGD, **options):
    a, b = (rl.ones(1, requires_grad=True) for _ in range(2))
    return kind([{"params": [a]}, {"params": [b], "lr": 10 * lr}], lr=lr, **options)


def rates(scheduler, steps, metrics=None):
    """The first group's learning rate at each step; the second's is ten times it."""
    found = []
    for number in range(steps):
        first, second = scheduler.get_last_lr()
        assert second == pytest.approx(10 * first)
        assert scheduler.optimizer.param_groups[0]["lr"] == first
        found.append(first)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler.optimizer.step()
        scheduler.step(*([] if metrics is None else [metrics[number]]))
    return found


def cosine(step, total):
    return (1 + math.cos(math.pi * step / total)) / 2


TABLE = [
    (lambda o: schedules.StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
    (lambda o: schedules.MultiStepLR(o, [1, 3, 3], 0.5), [1, 0.5, 0.5, 0.125, 0.125]),
    (lambda o: schedules.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125]),
    (lambda o: schedules.ConstantLR(o, 0.5, 2), [0.5, 0.5, 1, 1]),
    (lambda o: schedules.LinearLR(o, 0.2, 1.0, 4), [0.2, 0.4, 0.6, 0.8, 1, 1]),
    (lambda o: schedules.PolynomialLR(o, 4, 2), [1, 9 / 16, 1 / 4, 1 / 16, 0, 0]),
    (lambda o: schedules.LambdaLR(o, lambda n: 1 / (1 + n)), [1, 1 / 2, 1 / 3, 1 / 4]),
    (lambda o: schedules.MultiplicativeLR(o, lambda n: 1 / n), [1, 1, 1 / 2, 1 / 6]),
    (
        lambda o: schedules.CosineAnnealingLR(o, 4),
        [cosine(n, 4) for n in (*range(9), 9)],
    ),
    (
        lambda o: schedules.CosineAnnealingWarmRestarts(o, 2, 2),
        [cosine(n, m) for n, m in ((0, 2), (1, 2), (0, 4), (1, 4), (2, 4), (3, 4), (0, 8))],
    ),
    (
        lambda o: schedules.OneCycleLR(
            o, [1, 10], total_steps=5, pct_start=0.6, div_factor=4, final_div_factor=10
        ),
        [0.25, 0.625, 1, 0.5 * (1 + 0.025), 0.025],
    ),
    (
        lambda o: schedules.CyclicLR(o, [1, 10], [3, 30], 2, cycle_momentum=False),
        [1, 2, 3, 2, 1, 2],
    ),
    (
        lambda o: schedules.CyclicLR(
            o, [1, 10], [3, 30], 1, mode="triangular2", cycle_momentum=False
        ),
        [1, 3, 1, 2, 1, 1.5],
    ),
    (
        lambda o: schedules.SequentialLR(
            o, [schedules.LinearLR(o, 0.5, 1.0, 2), schedules.ExponentialLR(o, 0.5)], [3]
        ),
        [0.5, 0.75, 1, 1, 0.5, 0.25],
    ),
    (
        lambda o: schedules.ChainedScheduler(
            [schedules.ConstantLR(o, 0.5, 2), schedules.ExponentialLR(o, 0.5)]
        ),
        [0.5, 0.25, 0.25, 0.125],
    ),
    (
        lambda o: schedules.SequentialLR(
            o, [schedules.StepLR(o, 1), schedules.ExponentialLR(o, 0.5)], [0]
        ),
        [1, 0.5, 0.25],
    ),
    (
        lambda o: schedules.SequentialLR(
            o,
            [
                schedules.ChainedScheduler(
                    [schedules.ConstantLR(o, 0.5, 2), schedules.ExponentialLR(o, 0.5)]
                ),
                schedules.StepLR(o, 2, 0.5),
            ],
            [3],
        ),
        [0.5, 0.25, 0.25, 1, 1, 0.5],
    ),
    (
        lambda o: schedules.SequentialLR(
            o,
            [
                schedules.SequentialLR(
                    o, [schedules.ConstantLR(o, 0.5, 3), schedules.ExponentialLR(o, 0.5)], [1]
                ),
                schedules.StepLR(o, 2, 0.5),
            ],
            [3],
        ),
        [0.5, 1, 0.5, 1, 1, 0.5],
    ),
]


@pytest.mark.parametrize(("build", "expected"), TABLE)
def test_rates(build, expected):
    optimizer = make(momentum=0.9)
    assert rates(build(optimizer), len(expected)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("build", "expected"), TABLE)
def test_going_on_from_a_state_dict(build, expected):
    optimizer = make(momentum=0.9)
    scheduler = build(optimizer)
    rates(scheduler, 2)
    other_optimizer = make(momentum=0.9)
    other = build(other_optimizer)
    other.load_state_dict(scheduler.state_dict())
    other_optimizer.load_state_dict(optimizer.state_dict())
    assert rates(other, len(expected) - 2) == pytest.approx(expected[2:], abs=1e-12)


def test_plateau():
    scheduler = schedules.ReduceLROnPlateau(make(), factor=0.5, patience=1, cooldown=1)
    metrics = [3, 2, 2, 2, 2, 2, 2, 1, 1]
    assert rates(scheduler, 9, metrics) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    highest = schedules.ReduceLROnPlateau(make(), "max", patience=0, min_lr=[0.05, 0.5])
    assert rates(highest, 4, rl.tensor([1.0, 1.0, 1.0, 1.0])) == [1, 1, 0.1, 0.05]


def test_momentum_goes_the_other_way():
    for kind, name in ((optim.SGD, "momentum"), (optim.Adam, "betas")):
        options = {"momentum": 0.9} if kind is optim.SGD else {}
        optimizer = make(kind=kind, **options)
        scheduler = schedules.OneCycleLR(optimizer, 1.0, total_steps=4, pct_start=0.5)

        def momentum(name=name, optimizer=optimizer):
            found = optimizer.param_groups[0][name]
            return found if name == "momentum" else found[0]

        assert momentum() == pytest.approx(0.95)
        optimizer.param_groups[0]["params"][0].grad = rl.ones(1)
        optimizer.step()
        scheduler.step()
        assert momentum() == pytest.approx(0.85)


def test_a_tensor_keeps_being_the_rate():
    w = rl.ones(1, requires_grad=True)
    lr = rl.tensor(1.0)
    optimizer = optim.SGD([w], lr=lr)
    scheduler = schedules.ExponentialLR(optimizer, 0.5)
    w.grad = rl.ones(1)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5


def test_order_of_calls_is_said():
    optimizer = make()
    scheduler = schedules.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


def test_the_old_form_of_a_step_is_said():
    optimizer = make(momentum=0.9)
    optimizer.param_groups[0]["params"][0].grad = rl.ones(1)
    for scheduler, given in (
        (schedules.StepLR(optimizer, 2, 0.5), (5,)),
        (schedules.ReduceLROnPlateau(optimizer), (1.0, 5)),
    ):
        optimizer.step()
        with pytest.warns(UserWarning, match="epoch parameter"):
            scheduler.step(*given)
        assert scheduler.last_epoch == 5
    assert optimizer.param_groups[0]["lr"] == 0.25
    restarts = schedules.CosineAnnealingWarmRestarts(make(), 4)
    restarts.optimizer._steps_taken = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restarts.step(2.0)  # its own way: fractions of an epoch
    assert restarts.get_last_lr()[0] == pytest.approx(0.5)


def test_a_group_that_comes_later_has_a_lowest_rate_too():
    optimizer = make()
    one = schedules.ReduceLROnPlateau(optimizer, patience=0, min_lr=0.5)
    each = schedules.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.5, 0.5])
    optimizer.add_param_group({"params": [rl.ones(1, requires_grad=True)]})
    one.step(1), one.step(1)
    assert optimizer.param_groups[2]["lr"] == 0.5
    each.step(1)
    with pytest.raises(RuntimeError, match="modify the `min_lrs` field"):
        each.step(1)


def test_resuming_by_last_epoch():
    optimizer = make()
    with pytest.raises(KeyError, match="initial_lr"):
        schedules.StepLR(optimizer, 2, last_epoch=3)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    scheduler = schedules.CosineAnnealingLR(optimizer, 8, last_epoch=3)
    assert scheduler.last_epoch == 4
    assert scheduler.get_last_lr()[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (lambda o: schedules.StepLR(3, 2), TypeError, "is not an Optimizer"),
        (lambda o: schedules.LambdaLR(o, [abs]), ValueError, "Expected 2 lr_lambdas"),
        (lambda o: schedules.ConstantLR(o, 2), ValueError, "between 0 and 1"),
        (lambda o: schedules.LinearLR(o, 0), ValueError, "greater than 0"),
        (lambda o: schedules.LinearLR(o, 1, 2), ValueError, "between 0 and 1"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 0), ValueError, "positive integer"),
        (lambda o: schedules.OneCycleLR(o, 1), ValueError, "total_steps OR"),
        (lambda o: schedules.OneCycleLR(o, 1, 0), ValueError, "positive integer total_steps"),
        (lambda o: schedules.OneCycleLR(o, [1], 5), ValueError, "same length"),
        (lambda o: schedules.CyclicLR(o, 1, 2, mode="x"), ValueError, "mode is invalid"),
        (lambda o: schedules.ReduceLROnPlateau(o, "up"), ValueError, "is unknown"),
        (lambda o: schedules.ReduceLROnPlateau(o, factor=1), ValueError, "Factor"),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [1]),
            *(ValueError, "one more than"),
        ),
        (
            lambda o: schedules.SequentialLR(make(), [schedules.StepLR(o, 1)], []),
            *(ValueError, "same optimizer"),
        ),
        (lambda o: schedules.ChainedScheduler([]), ValueError, "at least one"),
        (
            lambda o: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(o)]),
            *(ValueError, "does not support `ReduceLROnPlateau`"),
        ),
    ],
)
def test_what_is_refused(build, kind, words):
    with pytest.raises(kind, match=words):
        build(make())
