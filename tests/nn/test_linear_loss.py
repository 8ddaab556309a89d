"""Losses that own a layer, and layers around tables and poolings, by the functions they call."""

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.autograd import gradcheck


def close(found, expected, **options):
    pairs = [each.detach().numpy() for each in (found, expected)]
    np.testing.assert_allclose(*pairs, rtol=1e-5, atol=1e-6, **options)


def log_softmax(x):
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


# -------------------------------------------------------------------------------- adaptive softmax
def adaptive(bias=False):
    return nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, bias, dtype=rl.float64)


def all_log_probabilities(layer, x):
    state = {name: tensor.numpy() for name, tensor in layer.state_dict().items()}
    head = log_softmax(x @ state["head.weight"].T + state.get("head.bias", 0))
    parts = [head[:, :3]]
    for i in range(2):
        inner = x @ state[f"tail.{i}.0.weight"].T @ state[f"tail.{i}.1.weight"].T
        parts.append(log_softmax(inner) + head[:, 3 + i : 4 + i])
    return np.concatenate(parts, 1)


@pytest.mark.parametrize("bias", [True, False])
def test_adaptive_softmax(bias):
    layer = adaptive(bias)
    assert [tail[0].out_features for tail in layer.tail] == [4, 2]
    x = rl.randn(5, 8, dtype=rl.float64)
    expected = all_log_probabilities(layer, x.numpy())
    np.testing.assert_allclose(layer.log_prob(x).detach().numpy(), expected, rtol=1e-9)
    target = np.array([0, 11, 5, 2, 7])
    output, loss = layer(x, rl.tensor(target))
    np.testing.assert_allclose(output.detach().numpy(), expected[range(5), target], rtol=1e-9)
    assert loss.item() == pytest.approx(-output.mean().item())
    likeliest = layer.predict(x).numpy()
    head = x.numpy() @ layer.head.weight.detach().numpy().T
    head = head + (layer.head.bias.detach().numpy() if bias else 0)
    short = head.argmax(1) < 3
    np.testing.assert_array_equal(likeliest[short], head.argmax(1)[short])
    np.testing.assert_array_equal(likeliest[~short], expected.argmax(1)[~short])
    alone = layer(x[1], rl.tensor(11))
    assert alone.output.shape == ()
    assert alone.loss.item() == pytest.approx(-expected[1, 11])


def test_gradients_of_adaptive_softmax():
    layer = adaptive()
    x = rl.randn(4, 8, dtype=rl.float64, requires_grad=True)
    target = rl.tensor([0, 5, 6, 11])
    weights = [layer.head.weight, layer.tail[0][1].weight]
    assert gradcheck(lambda x, *_: layer(x, target).loss, (x, *weights))


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 5, []), ValueError, "length larger than 0"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 5, [3, 2]), ValueError, "unique, positive"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 5, [5]), ValueError, "unique, positive"),
        (lambda: adaptive()(rl.ones(2, 8), rl.tensor([0, 12])), RuntimeError, r"in \[0, 11\]"),
        (lambda: adaptive()(rl.ones(2, 8), rl.tensor([0])), RuntimeError, "same size"),
        (lambda: adaptive()(rl.ones(8), rl.tensor([0])), RuntimeError, "expects 2D input"),
        (lambda: adaptive()(rl.ones(2, 8), rl.tensor([[0]])), RuntimeError, "multi-target"),
    ],
)
def test_what_adaptive_softmax_refuses(run, kind, words):
    with pytest.raises(kind, match=words):
        run()


# ------------------------------------------------------------------------- cross entropy of a layer
@pytest.mark.parametrize("places", [(), (3, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_cross_entropy(places, bias):
    loss = nn.LinearCrossEntropyLoss(4, 5, out_features=places, bias=bias, reduction="none")
    x, target = rl.randn(6, 4), rl.randint(0, 5, (6, *places))
    scores = loss.linear(x).reshape(6, 5, *places)
    close(loss(x, target), F.cross_entropy(scores, target, reduction="none"))
    shares = rl.rand(6, 5, *places)
    close(loss(x, shares), F.cross_entropy(scores, shares, reduction="none"))
    assert list(loss.state_dict()) == ["linear.weight", *(["linear.bias"] if bias else [])]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: nn.LinearCrossEntropyLoss(3, 2, weight=rl.ones(3)), "expected weight shape"),
        (lambda: nn.LinearCrossEntropyLoss(3, 2, label_smoothing=2), "range .0, 1."),
        (
            lambda: nn.LinearCrossEntropyLoss(3, 2)(rl.ones(2, 4), rl.tensor([0, 1])),
            "last dimensions",
        ),
        (
            lambda: nn.LinearCrossEntropyLoss(3, 2, ignore_index=1)(rl.ones(2, 3), rl.ones(2, 2)),
            "ignore_index cannot be specified",
        ),
        (
            lambda: nn.LinearCrossEntropyLoss(3, 2, out_features=(2,))(rl.ones(3), rl.ones(2)),
            "requires batched input",
        ),
    ],
)
def test_what_linear_cross_entropy_refuses(run, words):
    with pytest.raises(RuntimeError, match=words):
        run()


# ------------------------------------------------------------------------------------- other layers
def test_embedding_bags():
    layer = nn.EmbeddingBag(6, 3, mode="sum", padding_idx=-1)
    assert repr(layer) == "EmbeddingBag(6, 3, mode='sum', padding_idx=5)"
    assert (layer.weight[5] == 0).all()
    index, offsets = rl.tensor([0, 1, 5, 2]), rl.tensor([0, 3])
    shares = rl.rand(4)
    expected = F.embedding_bag(
        index, layer.weight, offsets, mode="sum", per_sample_weights=shares, padding_idx=5
    )
    close(layer(index, offsets, shares), expected)
    fixed = nn.EmbeddingBag.from_pretrained(rl.ones(2, 3), include_last_offset=True)
    assert not fixed.weight.requires_grad
    assert fixed(rl.tensor([0, 1]), rl.tensor([0, 1, 2])).shape == (2, 3)
    with pytest.raises(NotImplementedError, match="dense"):
        nn.EmbeddingBag(3, 2, sparse=True)


def test_embedding_limits_norms():
    layer = nn.Embedding(3, 4, max_norm=0.5)
    assert repr(layer) == "Embedding(3, 4, max_norm=0.5)"
    found = layer(rl.tensor([0, 1]))
    assert (found.norm(2, 1) <= 0.5 + 1e-5).all()
    assert layer.weight[2].norm().item() > 0.5 or layer.weight[2].norm().item() > 0
    found.sum().backward()
    assert layer.weight.grad[2].tolist() == [0, 0, 0, 0]


def test_unpooling_and_pooling_layers():
    x = rl.randn(1, 2, 4, 4)
    pooled, places = nn.MaxPool2d(2, return_indices=True)(x)
    close(nn.MaxUnpool2d(2)(pooled, places), F.max_unpool2d(pooled, places, 2))
    wider = nn.MaxUnpool2d(2)(pooled, places, output_size=(1, 2, 5, 5))
    assert wider.shape == (1, 2, 5, 5)
    assert repr(nn.MaxUnpool3d(2)) == (
        "MaxUnpool3d(kernel_size=(2, 2, 2), stride=(2, 2, 2), padding=(0, 0, 0))"
    )
    close(nn.LPPool2d(2, 2)(x), F.lp_pool2d(x, 2.0, 2))
    samples = rl.rand(1, 2, 2)
    layer = nn.FractionalMaxPool2d(2, output_ratio=0.6, _random_samples=samples)
    close(layer(x), F.fractional_max_pool2d(x, 2, (2, 2), _random_samples=samples))
    for options in ({}, {"output_size": 2, "output_ratio": 0.5}, {"output_ratio": 1.5}):
        with pytest.raises(ValueError, match="output"):
            nn.FractionalMaxPool2d(2, **options)


def test_sync_batch_norm_is_batch_norm_in_one_process():
    plain = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.BatchNorm1d(4)))
    synced = nn.SyncBatchNorm.convert_sync_batchnorm(plain)
    assert [type(module).__name__ for module in synced.modules()][2:] == [
        *("SyncBatchNorm", "Sequential", "SyncBatchNorm"),
    ]
    assert list(synced.state_dict()) == [
        *("0.weight", "0.bias"),
        *[
            f"{path}.{name}"
            for path in ("1", "2.0")
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        ],
    ]
    layer, x = nn.SyncBatchNorm(3), rl.randn(4, 3)
    close(layer(x), nn.BatchNorm1d(3)(x))
    with pytest.raises(ValueError, match="at least 2D"):
        layer(rl.ones(3))


def test_triplets_with_a_distance():
    def distance(a, b):
        return (a - b).abs().sum(1)

    given = [rl.randn(3, 4) for _ in range(3)]
    loss = nn.TripletMarginWithDistanceLoss(distance_function=distance, margin=0.5, swap=True)
    near, far = distance(given[0], given[1]), distance(given[0], given[2])
    expected = (near - far.minimum(distance(given[1], given[2])) + 0.5).clamp_min(0).mean()
    close(loss(*given), expected)
    default = nn.TripletMarginWithDistanceLoss()
    close(default(*given), nn.TripletMarginLoss()(*given))
    assert repr(default) == (
        "TripletMarginWithDistanceLoss(\n  (distance_function): PairwiseDistance()\n)"
    )
    with pytest.raises(ValueError, match="greater than 0"):
        nn.TripletMarginWithDistanceLoss(margin=0)


def test_older_names():
    x = rl.randn(2, 4, 5, 5)
    close(nn.CrossMapLRN2d(3)(x), nn.LocalResponseNorm(3)(x))
    assert (nn.ChannelShuffle(2)(x)[:, 1] == x[:, 2]).all()
    with pytest.warns(FutureWarning, match="NLLLoss"):
        loss = nn.NLLLoss2d(reduction="sum")
    target = rl.randint(0, 4, (2, 5, 5))
    close(loss(x, target), F.nll_loss(x, target, reduction="sum"))
    values, places = F.max_pool2d_with_indices(x, 2)
    close(values, F.max_pool2d(x, 2))
    assert places.shape == values.shape


def test_data_parallel_calls_its_module():
    layer = nn.Linear(4, 3)
    net, x = nn.DataParallel(layer, device_ids=[0]), rl.randn(2, 4)
    close(net(x), layer(x))
    assert list(net.state_dict()) == ["module.weight", "module.bias"]
    assert net.module is layer
    close(nn.parallel.data_parallel(layer, x), layer(x))
