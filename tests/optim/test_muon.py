"""Muon: what its steps do to singular values, momentum, and the scale of steps."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim
from rushlight.optim.muon import orthogonal

COEFFICIENTS = 3.4445, -4.7750, 2.0315


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (1, 5)])
def test_singular_values_come_near_one(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = orthogonal(rl.tensor(matrix), COEFFICIENTS, 5, 1e-7)
    assert found.dtype is rl.bfloat16
    values = np.linalg.svd(found.float().numpy(), compute_uv=False)
    assert (values > 0.5).all()
    assert (values < 1.3).all()


def test_a_singular_value_follows_the_polynomial():
    a, b, c = COEFFICIENTS
    start = np.array([0.6, 0.8])
    wanted = a * start + b * start**3 + c * start**5
    found = orthogonal(rl.tensor([[3.0, 0.0], [0.0, 4.0]]), COEFFICIENTS, 1, 1e-7)
    np.testing.assert_allclose(found.float().diagonal().numpy(), wanted, rtol=0.02)


def moved(shape, grads, **options):
    """How far zeros are moved by some steps."""
    w = rl.zeros(*shape, requires_grad=True)
    optimizer = optim.Muon([w], **{"lr": 1.0, "weight_decay": 0.0, **options})
    for grad in grads:
        w.grad = rl.full(shape, grad)
        optimizer.step()
    return w.detach().numpy(), optimizer.state[w]


@pytest.mark.parametrize(
    ("shape", "how", "scale"),
    [
        ((8, 2), None, 2),
        ((2, 8), "original", 1),
        ((2, 8), "match_rms_adamw", 0.2 * math.sqrt(8)),
    ],
)
def test_the_scale_of_a_step(shape, how, scale):
    found, _ = moved(shape, [1.0], adjust_lr_fn=how)
    unit = orthogonal(rl.ones(*shape), COEFFICIENTS, 5, 1e-7).float().numpy()
    np.testing.assert_allclose(found, -scale * unit, rtol=1e-3)


def test_momentum():
    _, state = moved((2, 2), [1.0, 2.0], momentum=0.75)
    assert list(state) == ["momentum_buffer"]
    np.testing.assert_allclose(state["momentum_buffer"].numpy(), 0.75 * 0.25 + 0.25 * 2)
    with_sign, _ = moved((2, 2), [4.0, -1.0], momentum=0.5, nesterov=False)
    without, _ = moved((2, 2), [4.0], momentum=0.5)
    assert abs(with_sign.sum()) > abs(without.sum())  # b stays positive
    ahead, _ = moved((2, 2), [4.0, -3.0], momentum=0.5)
    assert abs(ahead.sum()) < abs(without.sum())  # g + μ (b - g) turns round


def test_weights_decay():
    w = rl.ones(2, 2, requires_grad=True)
    w.grad = rl.zeros(2, 2)
    optim.Muon([w], lr=0.5, weight_decay=0.5).step()
    np.testing.assert_allclose(w.detach().numpy(), 0.75)


def test_it_refuses_odd_iterations():
    with pytest.raises(ValueError, match="less than 100"):
        moved((2, 2), [1.0], ns_steps=100)
    with pytest.raises(ValueError, match="exactly 3 values"):
        moved((2, 2), [1.0], ns_coefficients=(1.0,))
