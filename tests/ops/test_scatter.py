"""gather, scatter and their kin against loops in NumPy."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, distinct, integers, table, values

SHAPE = (3, 4)
INDEX = integers(2, 4, low=0, high=3)
START, PART = distinct(*SHAPE), distinct(2, 4, seed=3) + 0.01


def scattered(x, index, part, combine, include=True):
    """scatter_reduce along dimension 0, one element at a time."""
    result, seen = x.copy(), np.zeros(x.shape, int)
    for (row, column), place in np.ndenumerate(index):
        old, new = result[place, column], part[row, column]
        first = not include and not seen[place, column]
        result[place, column] = new if first else combine(old, new)
        seen[place, column] += 1
    return result, seen


def mean(x, index, part, include):
    total, seen = scattered(x, index, part, np.add, include)
    return total / np.maximum(seen + include, 1)


def reduction(name, combine):
    def case(include):
        return OpCase(
            f"{name}_{'with' if include else 'without'}_self",
            lambda x, i, s: x.scatter_reduce(0, i, s, name, include_self=include),
            (START, INDEX, PART),
            lambda x, i, s: scattered(x, i, s, combine, include)[0],
            dtypes=(),
        )

    return [case(True), case(False)]


CASES = [
    OpCase(
        "gather",
        lambda x, i: rl.gather(x, 0, i),
        (START, INDEX),
        lambda x, i: np.take_along_axis(x, i, 0),
    ),
    OpCase(
        "gather_smaller",
        lambda x, i: x.gather(1, i),
        (START, np.array([[3, 0, 0, 1, 2]])),
        lambda x, i: np.take_along_axis(x[:1], i, 1),
        also=((values(2, 3), np.zeros((2, 0), int)),),
    ),
    OpCase("gather_0d", lambda x, i: x.gather(0, i), (values(), np.array(0)), lambda x, i: x),
    OpCase(
        "scatter",
        lambda x, i, s: x.scatter(0, i, s),
        (START, np.array([[0, 1, 2, 0], [1, 2, 0, 1]]), PART),
        lambda x, i, s: scattered(x, i, s, lambda old, new: new)[0],
    ),
    OpCase(
        "scatter_number",
        lambda x, i: x.scatter(0, i, 2.5),
        (START, INDEX),
        lambda x, i: scattered(x, i, np.full(SHAPE, 2.5), lambda old, new: new)[0],
    ),
    OpCase(
        "scatter_part",
        lambda x, i, s: x.scatter_add(0, i, s),
        (START, INDEX[:1, :2], PART),
        lambda x, i, s: scattered(x, i, s, np.add)[0],
    ),
    OpCase(
        "scatter_add",
        lambda x, i, s: rl.scatter_add(x, 0, i, s),
        (START, INDEX, PART),
        lambda x, i, s: scattered(x, i, s, np.add)[0],
    ),
    OpCase(
        "scatter_multiply",
        lambda x, i, s: x.scatter(0, i, s, reduce="multiply"),
        (START, INDEX, PART),
        lambda x, i, s: scattered(x, i, s, np.multiply)[0],
    ),
    *reduction("sum", np.add),
    *reduction("prod", np.multiply),
    *reduction("amax", np.maximum),
    *reduction("amin", np.minimum),
    OpCase(
        "mean",
        lambda x, i, s: x.scatter_reduce(0, i, s, "mean"),
        (START, INDEX, PART),
        lambda x, i, s: mean(x, i, s, True),
    ),
    OpCase(
        "mean_without_self",
        lambda x, i, s: x.scatter_reduce(0, i, s, "mean", include_self=False),
        (START, INDEX, PART),
        lambda x, i, s: mean(x, i, s, False),
    ),
    OpCase(
        "take_along_dim",
        lambda x, i: rl.take_along_dim(x, i, 1),
        (START, np.array([[0, -1]])),
        lambda x, i: np.take_along_axis(x, np.broadcast_to(i, (3, 2)), 1),
    ),
    OpCase(
        "take_along_flat",
        lambda x, i: x.take_along_dim(i),
        (START, np.array([5, 0])),
        lambda x, i: np.take_along_axis(x, i, None),
    ),
]


@table(CASES)
def test_scattering(case, check):
    check(case)


def test_a_product_with_zeros_has_its_gradient():
    x = rl.tensor([2.0, 3.0], dtype=rl.float64, requires_grad=True)
    part = rl.tensor([0.0, 5.0, 0.0, 0.0], dtype=rl.float64, requires_grad=True)
    x.scatter_reduce(0, rl.tensor([0, 0, 1, 1]), part, "prod").sum().backward()
    assert part.grad.tolist() == [10, 0, 0, 0]
    assert x.grad.tolist() == [0, 0]


def test_ties_share_the_gradient():
    x = rl.tensor([1.0], requires_grad=True)
    part = rl.tensor([1.0, 1.0, 0.0], requires_grad=True)
    x.scatter_reduce(0, rl.zeros(3).long(), part, "amax").backward()
    np.testing.assert_allclose(part.grad.numpy(), [1 / 3, 1 / 3, 0])


ERRORS = [
    (lambda x, i: x.gather(0, i + 3), IndexError, "is out of bounds for dimension 0 with size 3"),
    (lambda x, i: x.gather(0, i - 3), IndexError, "is out of bounds for dimension 0 with size 3"),
    (lambda x, i: x.gather(0, i[0]), RuntimeError, "same number of dimensions as input"),
    (lambda x, i: x.gather(1, rl.zeros(9, 1).long()), RuntimeError, "Size does not match"),
    (lambda x, i: x.gather(0, i.double()), RuntimeError, "Expected dtype int32 or int64"),
    (lambda x, i: x.scatter(0, i, rl.ones(1, 1).double()), RuntimeError, "no larger than src"),
    (lambda x, i: x.scatter(0, i, rl.ones(2, 4)), RuntimeError, "dtype to be equal to src"),
    (lambda x, i: x.scatter_reduce(0, i, x, "max"), RuntimeError, "reduce argument must be"),
    (lambda x, i: x.scatter(0, i, x, reduce="sum"), RuntimeError, "either add or multiply"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    index = rl.tensor(INDEX)
    rl.sync()
    with pytest.raises(kind, match=words):
        call(rl.tensor(START), index).tolist()


def test_in_place_on_integers():
    x = rl.zeros(3, dtype=rl.int64)
    assert x.scatter_(0, rl.tensor([1]), 4) is x
    x.scatter_add_(0, rl.tensor([1, 2]), rl.tensor([1, 1]))
    assert x.tolist() == [0, 5, 1]
