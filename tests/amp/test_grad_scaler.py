"""GradScaler: scaled losses, unscaled gradients, steps left out, the scale's growth."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight.amp import GradScaler
from rushlight.optim import SGD


def make(value=1.0, **options):
    weight = rl.full((2,), value, requires_grad=True)
    return weight, SGD([weight], lr=0.5), GradScaler("cpu", init_scale=8.0, **options)


def test_a_step_is_the_one_without_scaling():
    weight, optimizer, scaler = make()
    scaled = scaler.scale((weight * 3).sum())
    assert scaled.item() == 48.0
    scaled.backward()
    assert weight.grad.tolist() == [24, 24]
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(weight.detach().numpy(), [-0.5, -0.5])
    assert scaler.get_scale() == 8.0


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_infinite_gradients_leave_the_step_out(bad):
    weight, optimizer, scaler = make()
    (weight * rl.tensor([1.0, bad])).sum().backward()
    assert scaler.step(optimizer) is None
    scaler.update()
    assert weight.tolist() == [1, 1]
    assert scaler.get_scale() == 4.0


def test_the_scale_grows():
    weight, optimizer, scaler = make(growth_interval=2)
    scales = []
    for _ in range(4):
        optimizer.zero_grad()
        scaler.scale(weight.sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [8, 16, 16, 32]


def test_gradients_can_be_clipped_in_between():
    weight, optimizer, scaler = make()
    scaler.scale((weight * 3).sum()).backward()
    scaler.unscale_(optimizer)
    assert weight.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match=r"unscale_\(\) has already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="after step"):
        scaler.unscale_(optimizer)
    scaler.update()


def test_misuse():
    _weight, optimizer, scaler = make()
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)
    with pytest.raises(AssertionError, match="No inf checks"):
        GradScaler().update()
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: None)
    with pytest.raises(ValueError, match="Tensor or an iterable"):
        scaler.scale(3)
    with pytest.raises(AssertionError, match="growth factor"):
        GradScaler(growth_factor=1.0)
    half = rl.ones(2, dtype=rl.float16, requires_grad=True)
    half.sum().backward()
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(SGD([half], lr=1.0))


def test_several_outputs_and_optimizers():
    weight, optimizer, scaler = make()
    other = rl.ones(1, requires_grad=True)
    second = SGD([other], lr=1.0)
    first_loss, second_loss = scaler.scale([weight.sum(), (other * math.inf).sum()])
    (first_loss + second_loss).backward()
    scaler.step(optimizer)
    scaler.step(second)
    scaler.update()
    assert weight.tolist() == [0.5, 0.5]
    assert other.tolist() == [1]
    assert scaler.get_scale() == 4.0


def test_switched_off():
    weight, optimizer, scaler = make(enabled=False)
    scaler.scale((weight * 3).sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [-0.5, -0.5]
    assert scaler.get_scale() == 1.0
    assert scaler.state_dict() == {}
    assert not scaler.is_enabled()


def test_state():
    _, _, scaler = make(growth_interval=7)
    other = GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})
    scaler.update(3.0)
    assert scaler.get_scale() == 3.0
