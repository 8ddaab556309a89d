"""Layers and normalisations fused, and modules without first values."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn import utils


def settled(norm):
    with rl.no_grad():
        for tensor in (*norm.parameters(), norm.running_mean):
            tensor.normal_()
        norm.running_var.uniform_(0.5, 2)
    return norm.eval()


CASES = [
    (nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4), (2, 3, 4, 4), False),
    (nn.Conv1d(4, 4, 2, groups=2, bias=False), nn.BatchNorm1d(4, affine=False), (2, 4, 5), False),
    (nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4), (2, 3, 4, 4), True),
    (nn.Linear(3, 4), nn.BatchNorm1d(4), (5, 3), None),
]


@pytest.mark.parametrize(("layer", "norm", "shape", "transpose"), CASES)
def test_a_fused_layer_computes_both(layer, norm, shape, transpose):
    layer, norm = layer.eval(), settled(norm)
    if transpose is None:
        fused = utils.fuse_linear_bn_eval(layer, norm)
    else:
        fused = utils.fuse_conv_bn_eval(layer, norm, transpose)
    x = rl.randn(*shape)
    np.testing.assert_allclose(
        fused(x).detach().numpy(), norm(layer(x)).detach().numpy(), rtol=1e-3, atol=1e-4
    )
    assert type(fused) is type(layer)
    assert fused is not layer
    assert isinstance(fused.bias, nn.Parameter)
    assert fused.weight.requires_grad


def test_only_in_evaluation():
    with pytest.raises(AssertionError, match="only for eval"):
        utils.fuse_conv_bn_eval(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1).eval())
    bare = nn.BatchNorm2d(1, track_running_stats=False).eval()
    with pytest.raises(AssertionError, match="must not be None"):
        utils.fuse_conv_bn_eval(nn.Conv2d(1, 1, 1).eval(), bare)


def test_skip_init():
    state = rl.get_rng_state()
    layer = utils.skip_init(nn.Linear, 3, 2, dtype=rl.float64)
    assert (rl.get_rng_state() == state).all()
    assert layer.weight.dtype is rl.float64
    assert (layer.weight == 0).all()
    assert (nn.Linear(3, 2).weight != 0).any()
    with pytest.raises(RuntimeError, match="Expected a Module"):
        utils.skip_init(int)
    with pytest.raises(RuntimeError, match="'device' arg"):
        utils.skip_init(nn.ReLU)


def test_functional_call_at_its_older_place():
    layer = nn.Linear(2, 1)
    values = {"weight": rl.ones(1, 2), "bias": rl.zeros(1)}
    assert utils.stateless.functional_call(layer, values, rl.tensor([3.0, 4.0])).tolist() == [7]
