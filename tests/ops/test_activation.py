"""Activation functions against NumPy."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, distinct, positive, table, values

SIXTEEN = ("float16", "bfloat16", "float32")
X = distinct(3, 4) * 4
ERF = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def hard(x):
    return np.clip(x + 3, 0, 6) / 6


ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
ROWS = {
    "relu": (F.relu, lambda x: np.maximum(x, 0)),
    "relu6": (F.relu6, lambda x: np.clip(x, 0, 6)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 2), lambda x: np.clip(x, -0.5, 2)),
    "hardswish": (F.hardswish, lambda x: x * hard(x)),
    "hardsigmoid": (F.hardsigmoid, hard),
    "threshold": (lambda x: F.threshold(x, 0.2, 7), lambda x: np.where(x > 0.2, x, 7)),
    "hardshrink": (F.hardshrink, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "softshrink": (F.softshrink, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "elu": (lambda x: F.elu(x, 0.7), lambda x: elu(x, 0.7)),
    "selu": (F.selu, lambda x: SCALE * elu(x, ALPHA)),
    "celu": (
        lambda x: F.celu(x, 2.0),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0) / 2)),
    ),
    "gelu": (F.gelu, lambda x: x * (1 + ERF(x / np.sqrt(2))) / 2),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), gelu_tanh),
    "silu": (F.silu, lambda x: x * sigmoid(x)),
    "mish": (F.mish, lambda x: x * np.tanh(softplus(x))),
    "logsigmoid": (F.logsigmoid, lambda x: -softplus(-x)),
    "softplus": (F.softplus, softplus),
    "softplus_beta": (
        lambda x: F.softplus(x, 2.0, 3.0),
        lambda x: np.where(2 * x > 3, x, softplus(2 * x) / 2),
    ),
    "softsign": (F.softsign, lambda x: x / (1 + np.abs(x))),
    "tanhshrink": (F.tanhshrink, lambda x: x - np.tanh(x)),
    "sigmoid": (F.sigmoid, sigmoid),
    "glu": (lambda x: F.glu(x, 1), lambda x: x[:, :2] * sigmoid(x[:, 2:])),
    "rrelu": (F.rrelu, lambda x: np.where(x > 0, x, x * (1 / 8 + 1 / 3) / 2)),
    "softmin": (
        lambda x: F.softmin(x, 1),
        lambda x: np.exp(-x) / np.exp(-x).sum(1, keepdims=True),
    ),
}
WIDE = ("gelu", "silu", "mish", "softplus", "elu", "relu", "hardswish", "logsigmoid", "gelu_tanh")
CASES = [
    OpCase(name, function, (X,), reference, dtypes=SIXTEEN if name in WIDE else ("float32",))
    for name, (function, reference) in ROWS.items()
]
CASES += [
    OpCase(
        "prelu",
        F.prelu,
        (distinct(2, 3, 2), positive(3)),
        lambda x, w: np.where(x > 0, x, (w[:, None] if x.ndim > 1 else w) * x),
        also=((X, positive(1)), (values(4), positive(1))),
    )
]


@table(CASES)
def test_activations(case, check):
    check(case)


INPLACE = ("relu", "relu6", "leaky_relu", "hardtanh", "elu", "selu", "celu", "silu", "mish")
INPLACE += ("hardswish", "hardsigmoid", "rrelu")


@pytest.mark.parametrize("name", INPLACE)
def test_in_place(name):
    function = getattr(F, name)
    leaf = rl.tensor(X, requires_grad=True)
    x = leaf * 1
    want = function(x).detach()
    assert function(x, inplace=True) is x
    np.testing.assert_array_equal(x.detach().numpy(), want.numpy())
    x.sum().backward()
    again = rl.tensor(X, requires_grad=True)
    function(again).sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), again.grad.numpy())


def test_names_with_an_underscore():
    x = rl.tensor([-1.0, 2.0])
    for name in ("relu_", "elu_", "leaky_relu_", "hardtanh_", "selu_", "celu_"):
        y = x.clone()
        assert getattr(F, name)(y) is y
    assert F.threshold_(x.clone(), 0, 5).tolist() == [5, 2]
    assert x.relu_() is x
    assert rl.relu(x).tolist() == [0, 2]


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "elu", "softplus", "logsigmoid", "selu"])
def test_far_from_zero_nothing_is_nan(name):
    x = rl.tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    y = getattr(F, name)(x)
    (gradient,) = rl.autograd.grad(y.sum(), x, create_graph=True)
    gradient.sum().backward()
    for tensor in (y, gradient, x.grad):
        assert np.isfinite(tensor.detach().numpy()).all()


def test_rrelu_draws_slopes():
    x = -rl.ones(1000)
    slopes = -F.rrelu(x, 0.2, 0.4, training=True)
    assert 0.2 <= slopes.min().item() < 0.22
    assert 0.38 < slopes.max().item() <= 0.4


def test_gumbel_softmax():
    hard = F.gumbel_softmax(rl.zeros(50, 3), hard=True)
    assert hard.sum(1).tolist() == [1] * 50
    soft = F.gumbel_softmax(rl.tensor([[100.0, 0.0]], requires_grad=True), tau=0.5)
    assert soft[0, 0].item() > 0.99


ERRORS = [
    (lambda: F.relu(rl.ones(2).bool()), RuntimeError, "Boolean inputs not supported for relu"),
    (lambda: F.relu([1.0]), TypeError, "must be Tensor, not list"),
    (lambda: F.gelu(rl.ones(2).long()), RuntimeError, "not implemented for 'int64'"),
    (lambda: F.gelu(rl.ones(2), approximate="fast"), RuntimeError, "either none or tanh"),
    (lambda: F.hardtanh(rl.ones(2), 1, 0), ValueError, "min_val cannot be greater"),
    (lambda: F.glu(rl.ones(3)), RuntimeError, "Halving dimension must be even"),
    (lambda: F.celu(rl.ones(3), 0), RuntimeError, "alpha cannot be 0"),
    (lambda: F.softshrink(rl.ones(3), -1), RuntimeError, "lambda must be greater"),
    (lambda: F.prelu(rl.ones(2, 3), rl.ones(2)), RuntimeError, "channel size = 3"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
