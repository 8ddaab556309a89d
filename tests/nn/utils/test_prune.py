"""Pruning: which elements a mask leaves, masks on masks, and going back to a parameter."""

import copy

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.utils import prune

WEIGHT = np.array([[1.0, -5, 3], [-2, 4, 6]], np.float32)


def layer():
    made = nn.Linear(3, 2)
    made.weight.data = rl.tensor(WEIGHT)
    return made


def test_a_pruned_parameter():
    pruned = layer()
    assert prune.l1_unstructured(pruned, "weight", 2) is pruned
    assert list(pruned.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    mask = np.array([[0, 1, 1], [0, 1, 1]])
    np.testing.assert_array_equal(pruned.weight_mask.numpy(), mask)
    np.testing.assert_array_equal(pruned.weight.detach().numpy(), WEIGHT * mask)
    assert prune.is_pruned(nn.Sequential(pruned))
    pruned(rl.ones(1, 3)).sum().backward()
    np.testing.assert_array_equal(pruned.weight_orig.grad.numpy(), mask)
    with rl.no_grad():
        pruned.weight_orig.mul_(2)
    pruned(rl.ones(1, 3))
    np.testing.assert_array_equal(pruned.weight.detach().numpy(), 2 * WEIGHT * mask)
    original = pruned.weight_orig
    assert prune.remove(pruned, "weight") is pruned
    assert pruned.weight is original
    assert sorted(pruned.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(pruned.weight.detach().numpy(), 2 * WEIGHT * mask)
    assert not prune.is_pruned(pruned)


CASES = [
    ("identity", {}, WEIGHT != 0),
    ("l1_unstructured", {"amount": 0.5}, abs(WEIGHT) > 3),
    ("l1_unstructured", {"amount": 0}, WEIGHT != 0),
    (
        "l1_unstructured",
        {"amount": 1, "importance_scores": rl.tensor(-abs(WEIGHT))},
        abs(WEIGHT) > 1,
    ),
    ("ln_structured", {"amount": 1, "n": 1, "dim": 0}, WEIGHT[:, :1] < 0),
    ("ln_structured", {"amount": 0.34, "n": 2, "dim": -1}, np.array([[0, 1, 1]])),
    ("ln_structured", {"amount": 2, "n": float("inf"), "dim": 1}, np.array([[0, 0, 1]])),
    ("custom_from_mask", {"mask": rl.tensor(WEIGHT > 0)}, WEIGHT > 0),
]


@pytest.mark.parametrize(("name", "options", "mask"), CASES)
def test_what_stays(name, options, mask):
    pruned = getattr(prune, name)(layer(), "weight", **options)
    expected = np.broadcast_to(mask, WEIGHT.shape)
    np.testing.assert_array_equal(pruned.weight_mask.numpy(), expected)
    assert pruned.weight_mask.dtype is rl.float32


def test_at_random():
    pruned = prune.random_unstructured(nn.Linear(20, 10), "weight", 0.3)
    assert int((pruned.weight_mask == 0).sum()) == 60
    pruned = prune.random_structured(nn.Linear(20, 10), "weight", 5, 1)
    columns = pruned.weight_mask.sum(0)
    assert sorted({*columns.tolist()}) == [0, 10]
    assert int((columns == 0).sum()) == 5


def test_masks_on_masks():
    pruned = layer()
    prune.l1_unstructured(pruned, "weight", 2)
    prune.l1_unstructured(pruned, "weight", 0.5)
    np.testing.assert_array_equal(pruned.weight_mask.numpy(), abs(WEIGHT) > 4)
    prune.ln_structured(pruned, "weight", 1, 1, 0)
    np.testing.assert_array_equal(pruned.weight_mask.numpy(), [[0, 0, 0], [0, 0, 1]])
    (hook,) = [hook.call for hook in pruned._forward_pre_hooks.values()]
    kinds = [type(method).__name__ for method in hook]
    assert kinds == ["L1Unstructured", "L1Unstructured", "LnStructured"]
    assert len(hook) == 3
    assert hook[2].n == 1
    prune.remove(pruned, "weight")
    assert pruned.weight.tolist() == [[0, 0, 0], [0, 0, 6]]


def test_of_several_together():
    net = nn.Sequential(layer(), layer())
    with rl.no_grad():
        net[1].weight.mul_(10)
    pairs = [(net[0], "weight"), (net[1], "weight")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=7)
    assert (net[0].weight_mask == 0).all()
    np.testing.assert_array_equal(net[1].weight_mask.numpy(), abs(WEIGHT) > 1)
    scores = {(net[1], "weight"): -abs(net[1].weight_orig)}
    prune.global_unstructured(pairs, prune.L1Unstructured, scores, amount=1)
    assert int(net[1].weight_mask.sum()) == 4
    with pytest.raises(TypeError, match="unstructured"):
        prune.global_unstructured(pairs, prune.LnStructured, amount=1, n=2)


def test_copies_and_tensors_alone():
    pruned = prune.l1_unstructured(layer(), "bias", 1).double()
    assert pruned.bias_mask.dtype is rl.float64
    found = prune.L1Unstructured(amount=1).prune(rl.tensor([3.0, 1.0]), rl.tensor([0.0, 1.0]))
    assert found.tolist() == [0, 0]
    other = copy.deepcopy(prune.Identity())
    assert isinstance(other, prune.BasePruningMethod)


def test_a_failure_changes_nothing():
    pruned = layer()
    with pytest.raises(ValueError, match="smaller than the number of parameters"):
        prune.l1_unstructured(pruned, "weight", 7)
    assert list(pruned.state_dict()) == ["weight", "bias"]
    prune.l1_unstructured(pruned, "weight", 2)
    with pytest.raises(ValueError, match="smaller than the number of parameters"):
        prune.l1_unstructured(pruned, "weight", 5)
    prune.l1_unstructured(pruned, "weight", 1)
    assert int(pruned.weight_mask.sum()) == 3


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda m: prune.l1_unstructured(m, "weight", -1), ValueError, "non-negative"),
        (lambda m: prune.l1_unstructured(m, "weight", 1.5), ValueError, "range .0, 1."),
        (lambda m: prune.l1_unstructured(m, "weight", "x"), TypeError, "int or float"),
        (lambda m: prune.ln_structured(m, "bias", 1, 2, 0), ValueError, "multidimensional"),
        (lambda m: prune.ln_structured(m, "weight", 1, 2, 2), IndexError, "Invalid index 2"),
        (lambda m: prune.remove(m, "weight"), ValueError, "has to be pruned"),
        (lambda m: prune.custom_from_mask(m, "bias", rl.ones(3)), AssertionError, "must match"),
        (lambda m: prune.PruningContainer(3), TypeError, "not a BasePruningMethod"),
        (
            lambda m: prune.l1_unstructured(m, "bias", 1, rl.ones(5)),
            AssertionError,
            "importance_scores should have the same shape",
        ),
    ],
)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run(layer())
