"""Dropout: what is kept, what is scaled, what whole channels do."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F

ALL = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)


def shape_for(function):
    return {"dropout1d": (8, 20, 4), "dropout3d": (8, 20, 2, 2, 1)}.get(
        function.__name__, (8, 20, 2, 2)
    )


def test_elements_are_zero_or_scaled():
    x = rl.ones(10_000, requires_grad=True)
    y = F.dropout(x, 0.25)
    y.sum().backward()
    kept = y.detach().numpy() != 0
    assert 0.72 < kept.mean() < 0.78
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.75)
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


@pytest.mark.parametrize("function", [F.dropout1d, F.dropout2d, F.dropout3d])
def test_channels_vanish_together(function):
    y = function(rl.ones(*shape_for(function)), 0.5).numpy().reshape(160, -1)
    assert (y == y[:, :1]).all()
    assert 0.3 < (y[:, 0] == 0).mean() < 0.7


@pytest.mark.parametrize("function", ALL)
def test_outside_training_nothing_happens(function):
    x = rl.ones(*shape_for(function))
    assert function(x, 0.5, training=False).tolist() == x.tolist()
    assert function(x, 0.0, training=True).tolist() == x.tolist()
    assert not function(x, 1.0, training=True).numpy().any()


@pytest.mark.parametrize("function", ALL)
def test_in_place(function):
    x = rl.ones(*shape_for(function))
    assert function(x, 0.5, True, True) is x
    assert x.numpy().std() > 0


@pytest.mark.parametrize("function", ALL)
def test_a_probability_lies_between_0_and_1(function):
    with pytest.raises(ValueError, match=r"has to be between 0 and 1, but got 1\.5"):
        function(rl.ones(*shape_for(function)), 1.5)


def test_alpha_dropout_keeps_mean_and_variance():
    y = F.alpha_dropout(rl.randn(100_000), 0.3, training=True)
    assert abs(y.mean().item()) < 0.02
    assert abs(y.std().item() - 1) < 0.02


def test_the_seed_decides():
    x = rl.ones(100)
    rl.manual_seed(3)
    first = F.dropout(x).tolist()
    assert F.dropout(x).tolist() != first
    rl.manual_seed(3)
    assert F.dropout(x).tolist() == first


def test_a_vector_has_no_channels():
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        F.dropout2d(rl.ones(3))
