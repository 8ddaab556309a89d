"""Normalisation against NumPy; running statistics as PyTorch moves them."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, positive, table, values

SIXTEEN = ("float16", "bfloat16", "float32")
X, W, B = values(4, 3, 5), positive(3), values(3, seed=1)
LAST_W, LAST_B = positive(5), values(5, seed=1)


def standard(x, axes, eps=1e-5):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


def by_channel(x, y, w=None, b=None):
    shape = (-1, *(1,) * (x.ndim - 2))
    y = y if w is None else y * w.reshape(shape)
    return y if b is None else y + b.reshape(shape)


def batch(x, w=None, b=None):
    return by_channel(x, standard(x, (0, *range(2, x.ndim))), w, b)


def groups(x, count, w=None, b=None):
    split = x.reshape(x.shape[0], count, -1)
    return by_channel(x, standard(split, (2,)).reshape(x.shape), w, b)


def in_training(x, w=None, b=None):
    return F.batch_norm(x, None, None, w, b, training=True)


def root_mean_square(x, w=1.0, eps=1e-5):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


CASES = [
    OpCase("batch_norm", in_training, (X, W, B), batch, dtypes=SIXTEEN),
    OpCase("batch_norm_plain", in_training, (values(4, 3, 2, 2),), batch),
    OpCase("batch_norm_2d", in_training, (values(6, 3), W, B), batch),
    OpCase("batch_norm_no_bias", in_training, (X, W), batch),
    OpCase(
        "batch_norm_eval",
        lambda x, m, v, w, b: F.batch_norm(x, m, v, w, b),
        (X, values(3), positive(3), W, B),
        lambda x, m, v, w, b: by_channel(x, (x - m[:, None]) / np.sqrt(v[:, None] + 1e-5), w, b),
    ),
    OpCase(
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, (5,), w, b),
        (X, LAST_W, LAST_B),
        lambda x, w, b: standard(x, 2) * w + b,
        dtypes=SIXTEEN,
    ),
    OpCase(
        "layer_norm_two",
        lambda x, w: rl.layer_norm(x, [3, 5], w, eps=0.1),
        (X, positive(3, 5)),
        lambda x, w: standard(x, (1, 2), 0.1) * w,
    ),
    OpCase("layer_norm_plain", lambda x: F.layer_norm(x, 5), (X,), lambda x: standard(x, 2)),
    OpCase(
        "layer_norm_bias",
        lambda x, b: F.layer_norm(x, (5,), None, b),
        (X, LAST_B),
        lambda x, b: standard(x, 2) + b,
    ),
    OpCase(
        "rms_norm",
        lambda x, w: F.rms_norm(x, (5,), w, 1e-5),
        (X, LAST_W),
        root_mean_square,
        dtypes=SIXTEEN,
    ),
    OpCase("rms_norm_plain", lambda x: rl.rms_norm(x, (5,), eps=1e-5), (X,), root_mean_square),
    OpCase(
        "group_norm",
        lambda x, w, b: F.group_norm(x, 2, w, b),
        (values(2, 4, 3), positive(4), values(4)),
        lambda x, w, b: groups(x, 2, w, b),
    ),
    OpCase(
        "instance_norm",
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        (X, W, B),
        lambda x, w, b: groups(x, 3, w, b),
    ),
    OpCase(
        "normalize",
        lambda x: F.normalize(x, dim=1),
        (X,),
        lambda x: x / np.sqrt((x * x).sum(1, keepdims=True)),
    ),
    OpCase(
        "normalize_p1",
        lambda x: F.normalize(x, 1.0, dim=-1),
        (X,),
        lambda x: x / np.abs(x).sum(-1, keepdims=True),
    ),
]


@table(CASES)
def test_norms(case, check):
    check(case)


def test_running_statistics_move_in_place():
    x = rl.tensor(X, requires_grad=True)
    mean, variance = rl.zeros(3).double(), rl.ones(3).double()
    alias = mean.detach()
    F.batch_norm(x, mean, variance, training=True, momentum=0.25).sum().backward()
    np.testing.assert_allclose(mean.numpy(), 0.25 * X.mean((0, 2)))
    np.testing.assert_allclose(variance.numpy(), 0.75 + 0.25 * X.var((0, 2), ddof=1))
    assert alias.tolist() == mean.tolist()
    assert not mean.requires_grad
    before = mean.tolist()
    F.batch_norm(x, mean, variance, training=False)
    assert mean.tolist() == before


def test_running_statistics_of_instances():
    mean, variance = rl.zeros(3).double(), rl.ones(3).double()
    F.instance_norm(rl.tensor(X), mean, variance, momentum=1.0)
    np.testing.assert_allclose(mean.numpy(), X.mean((0, 2)))
    np.testing.assert_allclose(variance.numpy(), X.var(2, ddof=1).mean(0))
    found = F.instance_norm(rl.tensor(X), mean, variance, use_input_stats=False)
    scale = np.sqrt(variance.numpy() + 1e-5)[:, None]
    np.testing.assert_allclose(found.numpy(), (X - mean.numpy()[:, None]) / scale)


def test_local_response_norm():
    x = positive(2, 5, 3)
    around = np.pad(x**2, ((0, 0), (1, 1), (0, 0)))
    mean = sum(around[:, i : i + 5] for i in range(3)) / 3
    want = x / (2 + 0.5 * mean) ** 0.75
    found = F.local_response_norm(rl.tensor(x), 3, alpha=0.5, k=2)
    np.testing.assert_allclose(found.numpy(), want)


def test_names_in_the_graph():
    x = rl.ones(4, 3, requires_grad=True)
    assert in_training(x).grad_fn.name() == "NativeBatchNormBackward0"
    assert F.layer_norm(x, (3,)).grad_fn.name() == "NativeLayerNormBackward0"


ERRORS = [
    (lambda x: in_training(x[:1, :, 0]), ValueError, "more than 1 value per channel"),
    (lambda x: in_training(x[0, 0]), ValueError, "expected at least 2D input .got 1D"),
    (lambda x: in_training(x, rl.ones(4)), RuntimeError, "weight should contain 3 elements not 4"),
    (
        lambda x: F.batch_norm(x, rl.ones(2), rl.ones(3)),
        RuntimeError,
        "running_mean should contain",
    ),
    (lambda x: F.batch_norm(x, None, None), ValueError, "to be defined in evaluation"),
    (lambda x: F.layer_norm(x, (4,)), RuntimeError, r"normalized_shape=\[4\], expected input with"),
    (lambda x: F.layer_norm(x, (5,), rl.ones(3)), RuntimeError, "weight to be of same shape"),
    (lambda x: F.layer_norm(x, ()), RuntimeError, "at least 1-dimensional"),
    (lambda x: F.group_norm(x, 2), RuntimeError, "divisible by num_groups"),
    (lambda x: F.instance_norm(x[..., :1]), ValueError, "more than 1 spatial element"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.tensor(X))
