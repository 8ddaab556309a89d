"""Averaged models: equal and exponential averages, buffers, batch statistics, the rates."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.optim import swa_utils


def values(step):
    return np.random.default_rng(step).normal(size=(2, 3)).astype(np.float32)


def averaged(steps=4, **options):
    """The average after some updates, with each model's weight."""
    model = nn.Linear(3, 2, bias=False)
    average = swa_utils.AveragedModel(model, **options)
    for step in range(steps):
        model.weight.data = rl.tensor(values(step))
        average.update_parameters(model)
    return average, [values(step) for step in range(steps)]


def exponential(seen, decay=0.75):
    mean = seen[0]
    for value in seen[1:]:
        mean = decay * mean + (1 - decay) * value
    return mean


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, lambda seen: np.mean(seen, axis=0)),
        ({"avg_fn": swa_utils.get_swa_avg_fn()}, lambda seen: np.mean(seen, axis=0)),
        ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, lambda seen: np.mean(seen, axis=0)),
        ({"avg_fn": swa_utils.get_ema_avg_fn(0.75)}, exponential),
        ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.75)}, exponential),
        ({"avg_fn": lambda average, value, number: value * number}, lambda seen: seen[-1] * 3),
        ({"device": "cpu", "use_buffers": True}, lambda seen: np.mean(seen, axis=0)),
    ],
)
def test_averages(options, expected):
    average, seen = averaged(**options)
    found = average.module.weight.detach().numpy()
    np.testing.assert_allclose(found, expected(seen), rtol=1e-5, atol=1e-6)
    assert (average.n_averaged.dtype, average.n_averaged.item()) == (rl.int64, 4)


def test_it_is_a_module_of_its_own():
    average, _ = averaged(1)
    assert list(average.state_dict()) == ["n_averaged", "module.weight"]
    x = rl.ones(1, 3)
    assert average(x).tolist() == (x @ average.module.weight.T).tolist()
    assert average.module.weight.requires_grad
    other = swa_utils.AveragedModel(nn.Linear(3, 2, bias=False))
    other.load_state_dict(average.state_dict())
    assert other.n_averaged.item() == 1
    assert other.module.weight.tolist() == average.module.weight.tolist()


@pytest.mark.parametrize("use_buffers", [False, True])
def test_buffers(use_buffers):
    model = nn.BatchNorm1d(1)
    average = swa_utils.AveragedModel(model, use_buffers=use_buffers)
    for mean in (1.0, 2.0):
        model.running_mean.fill_(mean)
        model.num_batches_tracked.fill_(int(4 * mean))
        average.update_parameters(model)
    assert average.module.running_mean.item() == (1.5 if use_buffers else 2.0)
    assert average.module.num_batches_tracked.item() == (6 if use_buffers else 8)


def test_statistics_are_computed_anew():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, momentum=0.3)).eval()
    batches = [rl.randn(5, 2) for _ in range(3)]
    swa_utils.update_bn([batches[0], (batches[1], 1), [batches[2]]], model, device="cpu")
    inner = rl.stack([model[0](batch).mean(dim=0) for batch in batches])
    assert rl.allclose(model[1].running_mean, inner.mean(dim=0), atol=1e-6)
    assert model[1].num_batches_tracked == 3
    assert (model[1].momentum, model.training) == (0.3, False)
    swa_utils.update_bn(batches, nn.Linear(3, 3))  # nothing to do: the data is not looked at


def rates(steps, **options):
    w = rl.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": [w]}], lr=1.0)
    scheduler = swa_utils.SWALR(optimizer, **options)
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        w.grad = rl.ones(1)
        optimizer.step()
        scheduler.step()
    return found, scheduler


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"anneal_epochs": 4, "anneal_strategy": "linear"}, [1, 0.875, 0.75, 0.625, 0.5, 0.5]),
        ({"anneal_epochs": 2}, [1, 0.75, 0.5, 0.5]),
        ({"anneal_epochs": 0}, [0.5, 0.5]),
    ],
)
def test_rates(options, expected):
    assert rates(len(expected), swa_lr=0.5, **options)[0] == pytest.approx(expected)


def test_rates_go_on_from_a_state_dict():
    options = {"swa_lr": [0.5], "anneal_epochs": 3}
    found, _ = rates(5, **options)
    _, half = rates(2, **options)
    _, other = rates(0, **options)
    other.load_state_dict(half.state_dict())
    other.optimizer.param_groups[0]["lr"] = found[2]
    other.step()
    assert other.get_last_lr()[0] == pytest.approx(found[3])


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda: swa_utils.get_ema_avg_fn(1.5), ValueError, "Invalid decay value 1.5"),
        (lambda: swa_utils.get_ema_multi_avg_fn(-1), ValueError, "Invalid decay value"),
        (lambda: averaged(avg_fn=max, multi_avg_fn=max), AssertionError, "Only one of"),
        (lambda: rates(1, swa_lr=[1, 2]), ValueError, "same length"),
        (lambda: rates(1, swa_lr=1, anneal_strategy="up"), ValueError, "'cos' or 'linear'"),
        (lambda: rates(1, swa_lr=1, anneal_epochs=-1), ValueError, "equal or greater than 0"),
    ],
)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run()
