"""Elements written one by one, along diagonals, by functions that end in `_`; random counts."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.ops.elements import INPLACE_FUNCTIONS


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 2), (5, 2), (3, 2), (2, 2, 2)])
def test_fill_diagonal(shape, wrap):
    want = np.zeros(shape)
    np.fill_diagonal(want, 3, wrap)
    assert rl.zeros(shape).fill_diagonal_(3, wrap=wrap).tolist() == want.tolist()


def test_fill_diagonal_of_a_view():
    x = rl.zeros(3, 3)
    x.t()[1:].fill_diagonal_(1)
    assert x.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_functions_that_end_in_an_underscore():
    for name in INPLACE_FUNCTIONS:
        assert callable(getattr(rl, name)), name
    x = rl.tensor([-1.0, 4.0])
    assert rl.relu_(x) is x
    assert rl.sqrt_(x).tolist() == [0, 2]
    with pytest.raises(TypeError, match=r"neg_\(\): argument 'input' must be Tensor, not list"):
        rl.neg_([1.0])


def test_by_python():
    x = rl.tensor([1.0, 2.0])
    assert x.apply_(lambda value: value + 1) is x
    assert x.map_(rl.tensor([10.0, 20.0]), lambda a, b: a * b).tolist() == [20, 60]
    with pytest.raises(TypeError, match="requires grad"):
        x.requires_grad_().apply_(abs)
    assert rl.is_same_size(x, rl.ones(2))
    assert x.greater_equal_ is not None


def test_random_counts():
    rates = rl.full((4000,), 3.5, requires_grad=True)
    drawn = rl.poisson(rates, rl.Generator().manual_seed(1))
    assert abs(drawn.mean().item() - 3.5) < 0.15
    assert abs(drawn.var().item() - 3.5) < 0.4
    drawn.sum().backward()
    assert rates.grad.abs().sum().item() == 0
    again = rl.poisson(rates, rl.Generator().manual_seed(1))
    assert bool((drawn == again).all())
    trials = rl.binomial(rl.full((4000,), 10.0), rl.full((4000,), 0.3))
    assert abs(trials.mean().item() - 3) < 0.15
    assert trials.max().item() <= 10


WRONG = {
    "a diagonal of a vector": (RuntimeError, lambda: rl.ones(2).fill_diagonal_(1), "larger than 1"),
    "a diagonal of unequal sizes": (
        RuntimeError,
        lambda: rl.ones(2, 3, 2).fill_diagonal_(1),
        "equal length",
    ),
    "a tensor for a number": (
        TypeError,
        lambda: rl.ones(2, 2).fill_diagonal_(rl.ones(2)),
        "must be Number, not Tensor",
    ),
    "a negative rate": (RuntimeError, lambda: rl.poisson(rl.tensor([-1.0])), "non-negative"),
    "whole rates": (NotImplementedError, lambda: rl.poisson(rl.tensor([1])), "poisson_cpu"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    kind, call, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call()
