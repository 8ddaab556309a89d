"""First values: their spread, their structure, and what layers start with."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn import init


@pytest.fixture(autouse=True)
def seeded():
    rl.manual_seed(0)


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1),
        ("conv2d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("selu", None, 0.75),
        ("leaky_relu", None, math.sqrt(2 / (1 + 0.01**2))),
        ("leaky_relu", 0.5, math.sqrt(2 / 1.25)),
    ],
)
def test_gains(name, param, gain):
    assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-15)


def uniform(bound):
    return -bound, bound, bound / math.sqrt(3)


def normal(std):
    return None, None, std


SHAPE = (60, 40, 3)  # fan in 120, fan out 180
SPREADS = [
    (lambda t: init.uniform_(t, -2, 3), (-2, 3, 5 / math.sqrt(12))),
    (lambda t: init.normal_(t, 0, 0.5), normal(0.5)),
    (lambda t: init.xavier_uniform_(t, 2), uniform(2 * math.sqrt(6 / 300))),
    (lambda t: init.xavier_normal_(t), normal(math.sqrt(2 / 300))),
    (lambda t: init.kaiming_uniform_(t), uniform(math.sqrt(6 / 120))),
    (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), uniform(1 / math.sqrt(120))),
    (lambda t: init.kaiming_normal_(t, mode="fan_out"), normal(math.sqrt(2 / 180))),
    (
        lambda t: init.kaiming_normal_(t, nonlinearity="linear"),
        normal(1 / math.sqrt(120)),
    ),
    (lambda t: init.trunc_normal_(t, std=0.02, a=-0.04, b=0.04), (-0.04, 0.04, 0.0176)),
]


@pytest.mark.parametrize(("fill", "spread"), SPREADS)
def test_spreads(fill, spread):
    low, high, std = spread
    tensor = nn.Parameter(rl.zeros(SHAPE))
    assert fill(tensor) is tensor
    assert tensor.requires_grad
    assert tensor.is_leaf
    values = tensor.detach().numpy()
    if low is not None:
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
    assert values.std() == pytest.approx(std, rel=0.05)
    assert abs(values.mean() - ((low or 0) + (high or 0)) / 2) < 0.05 * std


def test_numbers():
    assert init.constant_(rl.empty(2), 3).tolist() == [3, 3]
    assert init.ones_(rl.empty(2)).tolist() == [1, 1]
    assert init.zeros_(rl.ones(2)).tolist() == [0, 0]
    assert init.eye_(rl.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_dirac_keeps_its_input():
    conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
    init.dirac_(conv.weight)
    x = rl.randn(1, 3, 4, 4)
    np.testing.assert_array_equal(conv(x).detach().numpy(), x.numpy())
    assert init.dirac_(rl.empty(4, 2, 3), groups=2)[2:].tolist() == [
        [[0, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 1, 0]],
    ]


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 2, 3)])
def test_orthogonal(shape):
    values = init.orthogonal_(rl.empty(shape), gain=2).numpy().reshape(shape[0], -1)
    square = values @ values.T if shape[0] <= values.shape[1] else values.T @ values
    np.testing.assert_allclose(square, 4 * np.eye(len(square)), atol=1e-5)


def test_sparse():
    values = init.sparse_(rl.empty(10, 4), sparsity=0.25, std=1).numpy()
    assert ((values == 0).sum(axis=0) == 3).all()


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: init.xavier_uniform_(rl.empty(3)), "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(rl.empty(3, 3), mode="both"), "not supported"),
        (lambda: init.calculate_gain("wave"), "Unsupported nonlinearity"),
        (lambda: init.calculate_gain("leaky_relu", "steep"), "not a valid number"),
        (lambda: init.eye_(rl.empty(3)), "2 dimensions"),
        (lambda: init.dirac_(rl.empty(3, 3)), "3, 4, or 5"),
        (lambda: init.orthogonal_(rl.empty(3)), "2 or more"),
        (lambda: init.sparse_(rl.empty(3), 0.1), "2 dimensions"),
    ],
)
def test_what_is_refused(run, words):
    with pytest.raises(ValueError, match=words):
        run()


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="nn.init.uniform_"):
        init.uniform(rl.empty(2))


def test_generators():
    first = init.normal_(rl.empty(5), generator=rl.Generator().manual_seed(3))
    again = init.normal_(rl.empty(5), generator=rl.Generator().manual_seed(3))
    assert first.tolist() == again.tolist()


@pytest.mark.parametrize(
    ("layer", "bound"),
    [
        (nn.Linear(100, 50), 0.1),
        (nn.Conv1d(20, 30, 5), 0.1),
        (nn.Conv2d(8, 40, 5, groups=2), 0.1),
    ],
)
def test_layers_start_evenly(layer, bound):
    for parameter in (layer.weight, layer.bias):
        values = abs(parameter.detach().numpy())
        assert 0.8 * bound < values.max() <= bound


def test_other_layers_start():
    assert nn.Embedding(50, 40).weight.detach().numpy().std() == pytest.approx(1, rel=0.1)
    padded = nn.Embedding(5, 2, padding_idx=1)
    assert padded.weight[1].tolist() == [0, 0]
    assert 0 not in padded.weight[0].tolist()
    norm = nn.BatchNorm2d(2)
    assert [norm.weight.tolist(), norm.bias.tolist()] == [[1, 1], [0, 0]]
    assert [norm.running_mean.tolist(), norm.running_var.tolist()] == [[0, 0], [1, 1]]
    assert nn.PReLU(2).weight.tolist() == [0.25, 0.25]


def test_values_are_there_before_training():
    for parameter in nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).parameters():
        assert parameter._cell.node.buffer is not None
    assert nn.Parameter(rl.ones(3) * 2)._cell.node.buffer is not None
