"""Lazy modules: nothing before the first input, the usual layer after it."""

import copy

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

LAYERS = [
    (nn.LazyLinear(4), (2, 3), nn.Linear(3, 4)),
    (nn.LazyLinear(4, bias=False), (2, 3), nn.Linear(3, 4, bias=False)),
    (nn.LazyConv1d(4, 2), (2, 3, 5), nn.Conv1d(3, 4, 2)),
    (nn.LazyConv2d(4, 2, 1, 1, 1, 1, False), (3, 5, 5), nn.Conv2d(3, 4, 2, 1, 1, bias=False)),
    (nn.LazyConv3d(4, 1), (1, 3, 2, 2, 2), nn.Conv3d(3, 4, 1)),
    (nn.LazyConvTranspose1d(4, 2), (2, 3, 5), nn.ConvTranspose1d(3, 4, 2)),
    (nn.LazyConvTranspose2d(4, 2, groups=2), (1, 2, 3, 3), nn.ConvTranspose2d(2, 4, 2, groups=2)),
    (nn.LazyConvTranspose3d(4, 1), (1, 3, 2, 2, 2), nn.ConvTranspose3d(3, 4, 1)),
    (nn.LazyBatchNorm1d(), (4, 3), nn.BatchNorm1d(3)),
    (nn.LazyBatchNorm2d(affine=False), (4, 3, 2, 2), nn.BatchNorm2d(3, affine=False)),
    (nn.LazyBatchNorm3d(), (4, 3, 2, 2, 2), nn.BatchNorm3d(3)),
    (nn.LazyInstanceNorm1d(), (4, 3, 2), nn.InstanceNorm1d(3, 1e-5, 0.1, True, True)),
    (nn.LazyInstanceNorm2d(), (4, 3, 2, 2), nn.InstanceNorm2d(3, 1e-5, 0.1, True, True)),
    (nn.LazyInstanceNorm3d(), (4, 3, 2, 2, 2), nn.InstanceNorm3d(3, 1e-5, 0.1, True, True)),
]
NAMED = pytest.mark.parametrize(
    ("lazy", "shape", "usual"), LAYERS, ids=lambda v: type(v).__name__ if callable(v) else ""
)


@NAMED
def test_the_first_input_makes_a_usual_layer(lazy, shape, usual):
    lazy = copy.deepcopy(lazy)
    x = rl.randn(*shape)
    assert lazy.has_uninitialized_params() == bool(list(usual.state_dict()))
    found = lazy(x)
    assert type(lazy) is type(usual)
    assert repr(lazy) == repr(usual)
    shapes = [{k: v.shape for k, v in net.state_dict().items()} for net in (lazy, usual)]
    assert shapes[0] == shapes[1]
    assert list(shapes[0]) == list(shapes[1])
    assert all(type(parameter) is nn.Parameter for parameter in lazy.parameters())
    usual = copy.deepcopy(usual)
    lazy_state = copy.deepcopy(lazy).state_dict()
    usual.load_state_dict(lazy_state)
    np.testing.assert_allclose(lazy(x).detach().numpy(), usual(x).detach().numpy(), atol=1e-5)
    if list(usual.parameters()):
        found.sum().backward()
        assert all(parameter.grad is not None for parameter in lazy.parameters())


@NAMED
def test_loading_tells_the_shapes(lazy, shape, usual):
    lazy = copy.deepcopy(lazy)
    lazy.load_state_dict(usual.state_dict())
    assert not lazy.has_uninitialized_params()
    x = rl.randn(*shape)
    expected = copy.deepcopy(usual)(x)
    np.testing.assert_allclose(lazy(x).detach().numpy(), expected.detach().numpy(), atol=1e-6)


def test_nothing_can_be_done_before():
    layer = nn.LazyLinear(3)
    weight = layer.weight
    assert is_lazy(weight)
    assert repr(weight) == "<UninitializedParameter>"
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    for run in (lambda: weight + 1, lambda: weight.sum(), lambda: weight.numel()):
        with pytest.raises(ValueError, match="uninitialized parameter"):
            run()
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        weight.shape
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        nn.Linear(2, 3).load_state_dict(layer.state_dict())
    layer.load_state_dict(nn.LazyLinear(3).state_dict())
    assert layer.has_uninitialized_params()


def test_dtype_and_requires_grad_are_kept():
    layer = nn.LazyLinear(3).double().requires_grad_(False)
    assert layer.weight.dtype is rl.float64
    layer(rl.ones(1, 2, dtype=rl.float64))
    assert layer.weight.dtype is rl.float64
    assert not layer.weight.requires_grad
    buffer = UninitializedBuffer(dtype=rl.float16)
    buffer.materialize((2, 3))
    assert (buffer.shape, buffer.dtype, type(buffer)) == ((2, 3), rl.float16, rl.Tensor)


def test_layers_of_ones_own():
    class Scale(nn.modules.lazy.LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = UninitializedParameter()

        def initialize_parameters(self, x):
            self.factor.materialize(x.shape[1:])
            nn.init.ones_(self.factor)

        def forward(self, x):
            return x * self.factor

    layer = Scale()
    assert layer(rl.ones(2, 3)).shape == (2, 3)
    assert layer.factor.shape == (3,)
    with pytest.raises(NotImplementedError, match="initialize_parameters"):
        type("Bare", (nn.modules.lazy.LazyModuleMixin, nn.Module), {})()(1)


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda: nn.LazyConv2d(4, 2)(rl.ones(3, 3)), RuntimeError, "Expected 3D"),
        (lambda: nn.LazyConv2d(4, 2, groups=2)(rl.ones(1, 3, 3, 3)), ValueError, "divisible"),
    ],
)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run()
