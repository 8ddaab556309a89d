"""nll_loss, cross_entropy and ctc_loss against NumPy."""

import itertools

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, positive, table, values

LOGITS, CLASSES = values(5, 4, low=-3, high=3), np.array([1, 0, 3, -100, 1])
IMAGES, PIXELS = values(2, 3, 2, 4), np.arange(16).reshape(2, 2, 4) % 3
WEIGHT = positive(4)


def log_softmax(x):
    shifted = x - x.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def likelihood(logp, target, weight=None, ignored=-100, reduction="mean"):
    weight = np.ones(logp.shape[1]) if weight is None else weight
    counted = target != ignored
    places = np.where(counted, target, 0)
    share = np.where(counted, weight[places], 0)
    loss = -np.take_along_axis(logp, places[:, None], 1)[:, 0] * share
    if reduction == "mean":
        return loss.sum() / share.sum()
    return loss if reduction == "none" else loss.sum()


def smoothed(x, target, amount, weight=None, reduction="mean"):
    """Cross entropy against targets of which a part is spread over all classes."""
    weight = np.ones(x.shape[1]) if weight is None else weight
    logp, counted = log_softmax(x), target != -100
    even = np.where(counted, -(logp * weight).sum(1) / x.shape[1], 0)
    plain = likelihood(logp, target, weight, reduction=reduction)
    if reduction == "mean":
        even = even.sum() / weight[target[counted]].sum()
    return (1 - amount) * plain + amount * (even.sum() if reduction == "sum" else even)


CASES = [
    *[
        OpCase(
            f"{name}_{reduction}",
            lambda x, t, f=function, r=reduction: f(x, t, reduction=r),
            (LOGITS, CLASSES),
            lambda x, t, s=start, r=reduction: likelihood(s(x), t, reduction=r),
        )
        for name, function, start in (
            ("nll", F.nll_loss, lambda x: x),
            ("cross_entropy", F.cross_entropy, log_softmax),
        )
        for reduction in ("none", "mean", "sum")
    ],
    OpCase(
        "cross_entropy_weighted",
        lambda x, t, w: F.cross_entropy(x, t, w.detach(), ignore_index=1),
        (LOGITS, np.array([1, 0, 3, 2, 1]), WEIGHT),
        lambda x, t, w: likelihood(log_softmax(x), t, w, 1),
        grad=False,
    ),
    OpCase(
        "cross_entropy_images",
        F.cross_entropy,
        (IMAGES, PIXELS),
        lambda x, t: likelihood(log_softmax(x), t),
        dtypes=("float32", "bfloat16"),
    ),
    OpCase(
        "nll_images",
        lambda x, t: F.nll_loss(x, t, rl.tensor(WEIGHT[:3]), reduction="none"),
        (IMAGES, PIXELS),
        lambda x, t: likelihood(x, t, WEIGHT[:3], reduction="none"),
        dtypes=(),
    ),
    OpCase(
        "cross_entropy_one_sample",
        lambda x, t: F.cross_entropy(x[0], t[0]),
        (LOGITS, CLASSES),
        lambda x, t: likelihood(log_softmax(x[:1]), t[:1]),
    ),
    *[
        OpCase(
            f"smoothing_{reduction}",
            lambda x, t, r=reduction: F.cross_entropy(x, t, label_smoothing=0.2, reduction=r),
            (LOGITS, CLASSES),
            lambda x, t, r=reduction: smoothed(x, t, 0.2, reduction=r),
        )
        for reduction in ("none", "mean", "sum")
    ],
    OpCase(
        "smoothing_weighted",
        lambda x, t: F.cross_entropy(x, t, rl.tensor(WEIGHT), label_smoothing=0.1),
        (LOGITS, CLASSES),
        lambda x, t: smoothed(x, t, 0.1, WEIGHT),
        dtypes=(),
    ),
    OpCase(
        "probabilities",
        F.cross_entropy,
        (LOGITS, positive(5, 4)),
        lambda x, t: -(log_softmax(x) * t).sum() / 5,
    ),
    OpCase(
        "probabilities_smoothed",
        lambda x, t: F.cross_entropy(x, t, label_smoothing=0.4, reduction="sum"),
        (LOGITS, positive(5, 4)),
        lambda x, t: -(log_softmax(x) * (0.6 * t + 0.1)).sum(),
    ),
]


@table(CASES)
def test_classes(case, check):
    check(case)


def test_large_logits():
    x = rl.tensor([[1e4, 0.0], [0.0, -1e4]], requires_grad=True)
    loss = F.cross_entropy(x, rl.tensor([1, 0]), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [1e4, 0]
    assert x.grad.tolist() == [[1, -1], [0, 0]]


def test_name_in_the_graph():
    x = rl.ones(2, 3, requires_grad=True)
    assert F.cross_entropy(x, rl.tensor([0, 1])).grad_fn.name() == "NllLossBackward0"


ERRORS = [
    (lambda x: F.cross_entropy(x, rl.tensor([0, 1, 2, 3, 4])), IndexError, "Target 4 is out of"),
    (lambda x: F.nll_loss(x, rl.tensor([0, -1, 2, 3, 0])), IndexError, "Target -1 is out of"),
    (lambda x: F.cross_entropy(x, rl.tensor([0])), ValueError, r"batch_size \(5\) to match"),
    (
        lambda x: F.cross_entropy(x, rl.zeros(5, 2).long()),
        RuntimeError,
        r"Expected target size \[5\]",
    ),
    (lambda x: F.cross_entropy(x, rl.zeros(5)), RuntimeError, "expected scalar type Long"),
    (
        lambda x: F.cross_entropy(x, rl.zeros(5).long(), rl.ones(3)),
        RuntimeError,
        "all 4 classes or no classes",
    ),
    (lambda x: F.cross_entropy(x, x, label_smoothing=2), RuntimeError, "between 0.0 and 1.0"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.tensor(LOGITS))


def test_a_class_not_known_yet_fails_when_it_is():
    loss = F.cross_entropy(rl.tensor(LOGITS), rl.tensor(CLASSES) * 2 + 201)
    with pytest.raises(IndexError, match=r"out of bounds(.|\n)*In cross_entropy, recorded at"):
        loss.item()


# --------------------------------------------------------------------------------------------- ctc
def collapsed(path, blank):
    merged = [label for label, _ in itertools.groupby(path)]
    return tuple(label for label in merged if label != blank)


def by_all_paths(logp, labels, blank=0):
    """Minus the log of the summed probability of every path that collapses to the labels."""
    total = 0.0
    for path in itertools.product(range(logp.shape[1]), repeat=len(logp)):
        if collapsed(path, blank) == tuple(labels):
            total += np.exp(sum(logp[t, label] for t, label in enumerate(path)))
    return -np.log(total) if total else np.inf


def test_ctc_sums_over_all_paths():
    logp = log_softmax(values(4 * 3, 3)).reshape(4, 3, 3)
    targets, lengths = np.array([[1, 2], [1, 1], [2, 0]]), [2, 2, 1]
    want = [by_all_paths(logp[:, n], targets[n, : lengths[n]]) for n in range(3)]
    found = F.ctc_loss(
        *(rl.tensor(logp), rl.tensor(targets), (4, 4, 4), tuple(lengths)), reduction="none"
    )
    np.testing.assert_allclose(found.numpy(), want)
    row = rl.tensor(np.array([1, 2, 1, 1, 2]))
    mean = F.ctc_loss(rl.tensor(logp), row, rl.tensor([4, 4, 4]), rl.tensor(lengths))
    np.testing.assert_allclose(mean.item(), np.mean(np.array(want) / lengths))


def test_ctc_gradient_of_logits():
    x = rl.tensor(values(4, 2, 3), requires_grad=True)

    def loss(x):
        arguments = rl.tensor([[1, 2], [2, 1]]), (4, 3), (2, 1)
        return F.ctc_loss(x.log_softmax(2), *arguments, reduction="sum")

    assert rl.autograd.gradcheck(loss, (x,))


def test_ctc_that_cannot_be_reached():
    x = rl.zeros(2, 1, 3, requires_grad=True)
    arguments = rl.tensor([[1, 1]]), (2,), (2,)
    assert F.ctc_loss(x.log_softmax(2), *arguments).item() == np.inf
    loss = F.ctc_loss(x.log_softmax(2), *arguments, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0
    assert not np.isnan(x.grad.numpy()).any()
