"""Helpers of training loops."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn import utils


def with_grads(*grads):
    parameters = []
    for values in grads:
        parameter = nn.Parameter(rl.zeros(len(values)))
        parameter.grad = rl.tensor(values)
        parameters.append(parameter)
    return parameters


@pytest.mark.parametrize("order", [1, 2, 3.5, float("inf")])
def test_clip_grad_norm(order):
    parameters = with_grads([3.0, -4.0], [12.0])
    grads = [p.grad for p in parameters]
    whole = np.array([3.0, -4, 12])
    norm = np.linalg.norm(whole, order)
    found = utils.clip_grad_norm_(parameters, 2.0, order)
    assert found.item() == pytest.approx(norm, rel=1e-6)
    clipped = np.concatenate([p.grad.numpy() for p in parameters])
    np.testing.assert_allclose(clipped, whole * 2 / norm, rtol=1e-5)
    assert parameters[0].grad is grads[0]


def test_small_gradients_stay():
    parameters = with_grads([0.3, 0.4])
    utils.clip_grad_norm_(parameters, 1.0)
    np.testing.assert_allclose(parameters[0].grad.numpy(), [0.3, 0.4], rtol=1e-6)
    assert utils.clip_grad_norm_([nn.Parameter(rl.ones(1))], 1.0).item() == 0


def test_infinite_norms():
    parameters = with_grads([float("inf")])
    with pytest.raises(RuntimeError, match="non-finite"):
        utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    parameters = with_grads([3.0, -4.0, 0.5])
    utils.clip_grad_value_(parameters, 1.0)
    assert parameters[0].grad.tolist() == [1, -1, 0.5]


def test_vectors():
    layer = nn.Linear(2, 2)
    vector = utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (6,)
    utils.vector_to_parameters(rl.arange(6.0), layer.parameters())
    assert layer.weight.tolist() == [[0, 1], [2, 3]]
    assert layer.bias.tolist() == [4, 5]
    with pytest.raises(TypeError, match="expected rushlight"):
        utils.vector_to_parameters([1.0], layer.parameters())
