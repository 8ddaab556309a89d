"""Losses against NumPy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, positive, table, values

A, B = values(4, 3), values(4, 3, seed=1)
PROBABILITY, TARGET = values(4, 3, low=0.1, high=0.9), values(4, 3, low=0.0, high=1.0, seed=2)
COUNTS = np.round(positive(4, 3, seed=3) * 3)
SIGNS = np.where(values(4, seed=5) > 0, 1, -1)


def reductions(name, function, inputs, reference, **options):
    """A row for each reduction."""
    finish = {"none": lambda x: x, "mean": np.mean, "sum": np.sum}
    return [
        OpCase(
            f"{name}_{reduction}",
            lambda *x, r=reduction: function(*x, reduction=r, **options),
            inputs,
            lambda *x, r=reduction: finish[r](reference(*x)),
        )
        for reduction in finish
    ]


def huber(d, delta=1.0):
    return np.where(np.abs(d) < delta, d * d / 2, delta * (np.abs(d) - delta / 2))


def entropy(x, t):
    return -(t * np.log(x) + (1 - t) * np.log(1 - x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def distance(a, b):
    return np.sqrt(((a - b + 1e-6) ** 2).sum(-1))


CASES = [
    *reductions("mse", F.mse_loss, (A, B), lambda a, b: (a - b) ** 2),
    *reductions("l1", F.l1_loss, (A, B), lambda a, b: np.abs(a - b)),
    *reductions("huber", F.huber_loss, (A, B), lambda a, b: huber(a - b, 0.5), delta=0.5),
    *reductions("smooth_l1", F.smooth_l1_loss, (A, B), lambda a, b: huber(a - b)),
    OpCase(
        "smooth_l1_beta",
        lambda a, b: F.smooth_l1_loss(a, b, beta=0.3),
        (A, B),
        lambda a, b: (huber(a - b, 0.3) / 0.3).mean(),
    ),
    OpCase(
        "mse_weighted",
        lambda a, b, w: F.mse_loss(a, b, weight=w),
        (A, B, positive(4, 3)),
        lambda a, b, w: ((a - b) ** 2 * w).sum() / w.sum(),
    ),
    *reductions("bce", F.binary_cross_entropy, (PROBABILITY, TARGET), entropy),
    OpCase(
        "bce_weighted",
        lambda x, t, w: F.binary_cross_entropy(x, t, w),
        (PROBABILITY, TARGET, positive(3)),
        lambda x, t, w: (entropy(x, t) * w).mean(),
    ),
    *reductions(
        "bce_logits",
        F.binary_cross_entropy_with_logits,
        (A, TARGET),
        lambda x, t: entropy(sigmoid(x), t),
    ),
    OpCase(
        "bce_pos_weight",
        lambda x, t, w: F.binary_cross_entropy_with_logits(x, t, pos_weight=w),
        (A, TARGET, positive(3)),
        lambda x, t, w: -(w * t * np.log(sigmoid(x)) + (1 - t) * np.log(sigmoid(-x))).mean(),
    ),
    *reductions("kl_div", F.kl_div, (A, PROBABILITY), lambda a, t: t * (np.log(t) - a)),
    OpCase(
        "kl_div_batchmean",
        lambda a, t: F.kl_div(a, t, reduction="batchmean", log_target=True),
        (A, B),
        lambda a, t: (np.exp(t) * (t - a)).sum() / 4,
    ),
    *reductions("poisson", F.poisson_nll_loss, (A, COUNTS), lambda a, t: np.exp(a) - t * a),
    OpCase(
        "poisson_plain",
        lambda a, t: F.poisson_nll_loss(a, t, log_input=False),
        (PROBABILITY, COUNTS),
        lambda a, t: (a - t * np.log(a + 1e-8)).mean(),
    ),
    *reductions(
        "gaussian",
        F.gaussian_nll_loss,
        (A, B, positive(4, 3)),
        lambda a, b, v: (np.log(v) + (a - b) ** 2 / v) / 2,
    ),
    *reductions(
        "soft_margin",
        lambda a, reduction: F.soft_margin_loss(a[:, 0], rl.tensor(SIGNS), reduction=reduction),
        (A,),
        lambda a: np.log1p(np.exp(-SIGNS * a[:, 0])),
    ),
    *reductions(
        "margin_ranking",
        lambda a, b, reduction: F.margin_ranking_loss(
            a[:, 0], b[:, 0], rl.tensor(SIGNS), 0.5, reduction=reduction
        ),
        (A, B),
        lambda a, b: np.maximum(0, 0.5 - SIGNS * (a - b)[:, 0]),
    ),
    *reductions(
        "hinge_embedding",
        lambda a, reduction: F.hinge_embedding_loss(
            a[:, 0], rl.tensor(SIGNS), 0.8, reduction=reduction
        ),
        (A,),
        lambda a: np.where(SIGNS == 1, a[:, 0], np.maximum(0, 0.8 - a[:, 0])),
    ),
    *reductions(
        "cosine_embedding",
        lambda a, b, reduction: F.cosine_embedding_loss(
            a, b, rl.tensor(SIGNS), -0.5, reduction=reduction
        ),
        (A, B),
        lambda a, b: np.where(SIGNS == 1, 1 - cosine(a, b), np.maximum(0, cosine(a, b) + 0.5)),
    ),
    *reductions(
        "triplet",
        F.triplet_margin_loss,
        (A, B, values(4, 3, seed=2)),
        lambda a, b, c: np.maximum(0, distance(a, b) - distance(a, c) + 1),
    ),
    OpCase(
        "triplet_swap",
        lambda a, b, c: F.triplet_margin_loss(a, b, c, swap=True),
        (A, B, values(4, 3, seed=2)),
        lambda a, b, c: np.maximum(
            0, distance(a, b) - np.minimum(distance(a, c), distance(b, c)) + 1
        ).mean(),
    ),
    OpCase(
        "multilabel_soft_margin",
        lambda a, t: F.multilabel_soft_margin_loss(a, (t > 0.5).to(t.dtype)),
        (A, TARGET),
        lambda a, t: entropy(sigmoid(a), t > 0.5).mean(),
    ),
    OpCase("cosine_similarity", lambda a, b: F.cosine_similarity(a, b), (A, B), cosine),
    OpCase("pairwise_distance", lambda a, b: F.pairwise_distance(a, b), (A, B), distance),
]


@table(CASES)
def test_losses(case, check):
    check(case)


def test_multi_margin():
    x, target = values(3, 4), np.array([1, 0, 3])
    want = []
    for row, label in zip(x, target, strict=True):
        others = np.delete(row, label)
        want.append((np.maximum(0, 1 - row[label] + others) ** 2).sum() / 4)
    found = F.multi_margin_loss(rl.tensor(x), rl.tensor(target), p=2, reduction="none")
    np.testing.assert_allclose(found.numpy(), want)


def test_multilabel_margin():
    x, target = values(2, 4), np.array([[3, 0, -1, 1], [2, -1, 0, 0]])
    want = []
    for row, labels in zip(x, ([3, 0], [2]), strict=True):
        others = [k for k in range(4) if k not in labels]
        want.append(sum(max(0, 1 - row[i] + row[k]) for i in labels for k in others) / 4)
    found = F.multilabel_margin_loss(rl.tensor(x), rl.tensor(target), reduction="none")
    np.testing.assert_allclose(found.numpy(), want)


def test_extreme_logits_stay_finite():
    x = rl.tensor([1000.0, -1000.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, rl.tensor([1.0, 1.0]), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [0, 1000]
    assert x.grad.tolist() == [0, -1]
    zeros = F.binary_cross_entropy(rl.tensor([0.0, 1.0]), rl.tensor([1.0, 1.0]), reduction="none")
    assert zeros.tolist() == [100, 0]


def test_no_target_probability_no_loss():
    target = rl.tensor([0.0, 1.0], requires_grad=True)
    loss = F.kl_div(rl.tensor([-1.0, -2.0]), target, reduction="sum")
    assert loss.item() == 2


def test_sizes_that_differ_are_warned_of():
    with pytest.warns(UserWarning, match="different to the input size"):
        assert F.mse_loss(rl.ones(3), rl.zeros(2, 1)).item() == 1


ERRORS = [
    (lambda: F.mse_loss(rl.ones(2), rl.ones(2), reduction="max"), ValueError, "max is not a valid"),
    (lambda: F.mse_loss(rl.ones(2), 1), TypeError, "must be Tensor, not int"),
    (lambda: F.binary_cross_entropy(rl.ones(2), rl.ones(3)), ValueError, "target size .*different"),
    (
        lambda: F.binary_cross_entropy_with_logits(rl.ones(2), rl.ones(2, 1)),
        ValueError,
        "must be the same as input size",
    ),
    (lambda: F.huber_loss(rl.ones(2), rl.ones(2), delta=0), RuntimeError, "non-positive"),
    (lambda: F.smooth_l1_loss(rl.ones(2), rl.ones(2), beta=-1), RuntimeError, "negative values"),
    (
        lambda: F.triplet_margin_loss(*[rl.ones(2)] * 3, margin=0),
        ValueError,
        "margin must be greater than 0",
    ),
    (lambda: F.gaussian_nll_loss(*[rl.ones(2)] * 2, -rl.ones(2)), ValueError, "negative entry"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
