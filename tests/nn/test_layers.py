"""Layers: that each hands its numbers to the right function, with values by NumPy."""

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn

X = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = [
    (nn.ReLU(), np.maximum(X, 0)),
    (nn.LeakyReLU(0.2), np.where(X > 0, X, 0.2 * X)),
    (nn.ELU(0.5), np.where(X > 0, X, 0.5 * np.expm1(X))),
    (nn.CELU(0.5), np.where(X > 0, X, 0.5 * np.expm1(X / 0.5))),
    (nn.SELU(), 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(X))),
    (nn.SiLU(), X * sigmoid(X)),
    (nn.Mish(), X * np.tanh(np.log1p(np.exp(X)))),
    (nn.GELU("tanh"), X / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)))),
    (nn.Sigmoid(), sigmoid(X)),
    (nn.Tanh(), np.tanh(X)),
    (nn.LogSigmoid(), np.log(sigmoid(X))),
    (nn.Softsign(), X / (1 + abs(X))),
    (nn.Tanhshrink(), X - np.tanh(X)),
    (nn.Softplus(2, 1), np.where(2 * X > 1, X, np.log1p(np.exp(2 * X)) / 2)),
    (nn.Hardshrink(0.3), np.where(abs(X) > 0.3, X, 0)),
    (nn.Softshrink(0.3), np.sign(X) * np.maximum(abs(X) - 0.3, 0)),
    (nn.Hardtanh(-0.5, 0.7), X.clip(-0.5, 0.7)),
    (nn.ReLU6(), X.clip(0, 6)),
    (nn.Hardswish(), X * (X + 3).clip(0, 6) / 6),
    (nn.Hardsigmoid(), (X + 3).clip(0, 6) / 6),
    (nn.Threshold(0.1, 5), np.where(X > 0.1, X, 5)),
    (nn.PReLU(), np.where(X > 0, X, 0.25 * X)),
    (nn.GLU(), X[:, :3] * sigmoid(X[:, 3:])),
    (nn.Softmax(1), softmax(X, 1)),
    (nn.Softmin(0), softmax(-X, 0)),
    (nn.LogSoftmax(1), np.log(softmax(X, 1))),
    (nn.RReLU(0.1, 0.3).eval(), np.where(X > 0, X, 0.2 * X)),
    (nn.Identity(3, a=4), X),
    (nn.Flatten(0), X.reshape(-1)),
    (nn.Unflatten(1, (2, 3)), X.reshape(4, 2, 3)),
    (nn.ZeroPad1d((1, 2)), np.pad(X, ((0, 0), (1, 2)))),
    (nn.Dropout(0.5).eval(), X),
]


@pytest.mark.parametrize(("layer", "expected"), ACTIVATIONS, ids=lambda v: type(v).__name__)
def test_elementwise_layers(layer, expected):
    found = layer(rl.tensor(X)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Hardtanh, nn.ReLU6])
def test_in_place_activations(kind):
    x = rl.tensor(X)
    assert kind(inplace=True)(x) is x
    np.testing.assert_array_equal(x.numpy(), kind()(rl.tensor(X)).numpy())


def test_linear():
    layer = nn.Linear(6, 2)
    expected = X @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(rl.tensor(X)).detach().numpy(), expected, rtol=1e-5)
    layer = nn.Linear(6, 2, bias=False, dtype=rl.float64)
    assert layer.weight.dtype is rl.float64
    assert layer.bias is None


def test_dropout_only_while_training():
    layer = nn.Dropout(0.25)
    found = layer(rl.ones(10_000)).numpy()
    assert set(np.unique(found)) == {0, np.float32(1 / 0.75)}
    assert 0.2 < (found == 0).mean() < 0.3
    assert layer.eval()(rl.ones(4)).tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(1.5)


def test_batch_norm_moves_its_statistics():
    layer = nn.BatchNorm1d(6, momentum=0.3)
    out = layer(rl.tensor(X)).detach().numpy()
    expected = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.3 * X.mean(0), rtol=1e-4, atol=1e-6)
    variance = 0.7 + 0.3 * X.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_var.numpy(), variance, rtol=1e-4)
    assert layer.num_batches_tracked.item() == 1
    mean, var = layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()
    out = layer.eval()(rl.tensor(X)).detach().numpy()
    np.testing.assert_allclose(out, (X - mean) / np.sqrt(var + 1e-5), rtol=1e-4, atol=1e-5)
    assert layer.num_batches_tracked.item() == 1


def test_batch_norm_without_momentum_takes_the_mean_of_all():
    layer = nn.BatchNorm1d(6, momentum=None)
    for shift in (0, 2, 4):
        layer(rl.tensor(X + shift))
    np.testing.assert_allclose(layer.running_mean.numpy(), X.mean(0) + 2, rtol=1e-4)
    layer.reset_running_stats()
    assert layer.num_batches_tracked.item() == 0


def test_batch_norm_without_statistics():
    layer = nn.BatchNorm1d(6, affine=False, track_running_stats=False).eval()
    assert list(layer.state_dict()) == []
    expected = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5)
    np.testing.assert_allclose(layer(rl.tensor(X)).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.BatchNorm1d(3), (3,), "expected 2D or 3D input"),
        (nn.BatchNorm2d(3), (2, 3), "expected 4D input"),
        (nn.CircularPad2d(1), (3, 3), "expected 3D or 4D input"),
        (nn.Softmax2d(), (2, 2), "3D or 4D"),
    ],
)
def test_wrong_ranks(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        layer(rl.ones(shape))


def test_layer_group_and_rms_norm():
    layer = nn.LayerNorm(6, bias=False)
    expected = (X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(rl.tensor(X)).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    grouped = X.reshape(4, 2, 3)
    mean, var = grouped.mean(2, keepdims=True), grouped.var(2, keepdims=True)
    expected = ((grouped - mean) / np.sqrt(var + 1e-5)).reshape(4, 6)
    found = nn.GroupNorm(2, 6)(rl.tensor(X)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    expected = X / np.sqrt((X * X).mean(1, keepdims=True) + 1e-6)
    found = nn.RMSNorm(6, eps=1e-6)(rl.tensor(X)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_embedding():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4
    index = rl.tensor([[0, 4], [2, 0]])
    out = layer(index)
    table = layer.weight.detach().numpy()
    np.testing.assert_array_equal(out.detach().numpy(), table[[[0, 4], [2, 0]]])
    out.sum().backward()
    assert layer.weight.grad.sum(1).tolist() == [6, 0, 3, 0, 0]
    fixed = nn.Embedding.from_pretrained(rl.ones(2, 3))
    assert not fixed.weight.requires_grad
    assert nn.Embedding.from_pretrained(rl.ones(2, 3), freeze=False).weight.requires_grad


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda: nn.Embedding(3, 2, sparse=True), NotImplementedError, "dense"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), AssertionError, "within num_embeddings"),
        (lambda: nn.Embedding.from_pretrained(rl.ones(2)), AssertionError, "2-dimensional"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "divisible by groups"),
        (lambda: nn.Conv2d(4, 4, 3, padding="some"), ValueError, "Invalid padding"),
        (lambda: nn.Conv2d(4, 4, 3, 2, padding="same"), ValueError, "strided"),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="x"), ValueError, "padding_mode"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "divisible"),
        (lambda: nn.Hardtanh(3, 2), AssertionError, "greater than"),
        (lambda: nn.Unflatten(1, 3), TypeError, "tuple of ints"),
        (lambda: nn.TripletMarginLoss(-1), ValueError, "greater than 0"),
        (lambda: nn.MultiMarginLoss(p=3), ValueError, "p == 1"),
    ],
)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run()


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, "same", (2, 1)])
def test_padding_of_convolutions(mode, padding):
    layer = nn.Conv2d(1, 2, 3, padding=padding, padding_mode=mode, bias=False)
    x = rl.randn(2, 1, 5, 6)
    rows, columns = (1, 1) if padding in (1, "same") else padding
    padded = np.pad(
        x.numpy(),
        ((0, 0), (0, 0), (rows, rows), (columns, columns)),
        mode={"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(mode, mode),
    )
    expected = F.conv2d(rl.tensor(padded), layer.weight)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected.detach().numpy(), atol=1e-6)


def test_transposed_convolution_of_a_given_size():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    x = rl.randn(1, 2, 4, 4)
    assert layer(x).shape == (1, 3, 7, 7)
    assert layer(x, output_size=(8, 7)).shape == (1, 3, 8, 7)
    with pytest.raises(ValueError, match="valid sizes range"):
        layer(x, output_size=(9, 7))


def test_pooling():
    x = rl.arange(16.0).reshape(1, 1, 4, 4)
    assert nn.MaxPool2d(2)(x).flatten().tolist() == [5, 7, 13, 15]
    assert nn.MaxPool2d(2, return_indices=True)(x)[1].flatten().tolist() == [5, 7, 13, 15]
    assert nn.AvgPool2d(2)(x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert nn.AdaptiveAvgPool2d(1)(x).flatten().tolist() == [7.5]
    assert nn.AdaptiveMaxPool2d((1, 2))(x).flatten().tolist() == [13, 15]


P = sigmoid(X)
T = (X > 0).astype(np.float32)
LOSSES = [
    (nn.MSELoss(), (X, T), ((X - T) ** 2).mean()),
    (nn.MSELoss(reduction="sum"), (X, T), ((X - T) ** 2).sum()),
    (nn.L1Loss(reduction="none"), (X, T), abs(X - T)),
    (nn.BCELoss(), (P, T), -(T * np.log(P) + (1 - T) * np.log(1 - P)).mean()),
    (nn.BCEWithLogitsLoss(), (X, T), -(T * np.log(P) + (1 - T) * np.log(1 - P)).mean()),
    (
        nn.HuberLoss(delta=0.5),
        (X, T),
        np.where(abs(X - T) < 0.5, (X - T) ** 2 / 2, 0.5 * (abs(X - T) - 0.25)).mean(),
    ),
    (
        nn.SmoothL1Loss(beta=0.5),
        (X, T),
        np.where(abs(X - T) < 0.5, (X - T) ** 2, abs(X - T) - 0.25).mean(),
    ),
    (nn.SoftMarginLoss(), (X, 2 * T - 1), np.log1p(np.exp(-(2 * T - 1) * X)).mean()),
]


@pytest.mark.parametrize(("loss", "inputs", "expected"), LOSSES, ids=lambda v: type(v).__name__)
def test_losses(loss, inputs, expected):
    found = loss(*map(rl.tensor, inputs)).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_class_losses():
    target = np.array([0, 5, 2, 1])
    logs = np.log(softmax(X, 1))
    picked = -logs[range(4), target]
    scores, classes = rl.tensor(X), rl.tensor(target)
    assert nn.CrossEntropyLoss()(scores, classes).item() == pytest.approx(picked.mean(), rel=1e-5)
    found = nn.NLLLoss(reduction="sum")(rl.tensor(logs), classes).item()
    assert found == pytest.approx(picked.sum(), rel=1e-5)
    found = nn.CrossEntropyLoss(ignore_index=5)(scores, classes).item()
    assert found == pytest.approx(picked[[0, 2, 3]].mean(), rel=1e-5)
    weight = np.arange(1, 7, dtype=np.float32)
    loss = nn.CrossEntropyLoss(weight=rl.tensor(weight))
    shares = weight[target]
    expected = (picked * shares).sum() / shares.sum()
    assert loss(scores, classes).item() == pytest.approx(expected, rel=1e-5)
    assert list(loss.state_dict()) == ["weight"]


def test_old_reduction_arguments_warn():
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
