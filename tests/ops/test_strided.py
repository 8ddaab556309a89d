"""Tensors by strides, resizing, and views taken in place."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, table, values


def strided(x, size, stride, offset=0):
    steps = tuple([8 * step for step in stride])
    return np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], size, steps).copy()


CASES = [
    OpCase(
        "as_strided",
        lambda x: rl.as_strided(x, (2, 2), (1, 2), 1),
        (values(3, 3),),
        lambda x: strided(x, (2, 2), (1, 2), 1),
        strided=False,
    ),
    OpCase(
        "as_strided that overlaps",
        lambda x: x.as_strided((3, 2), (1, 1)),
        (values(5),),
        lambda x: strided(x, (3, 2), (1, 1)),
        strided=False,
    ),
    OpCase(
        "as_strided of a view",
        lambda x: x.t()[1].as_strided((2, 2), (1, 3)),
        (values(3, 3),),
        lambda x: strided(x, (2, 2), (1, 3), 1),
        strided=False,
    ),
    OpCase(
        "as_strided_scatter",
        lambda x, part: rl.as_strided_scatter(x, part, (2,), (2,), 1),
        (values(4), values(2)),
        lambda x, part: np.array([x[0], part[0], x[2], part[1]]),
        strided=False,
    ),
]


@table(CASES)
def test_strided(case, check):
    check(case)


def test_as_strided_is_a_view():
    x = rl.arange(6).reshape(2, 3) * 1
    part = x.as_strided((2,), (4,), 1)
    part.fill_(9)
    assert x.tolist() == [[0, 9, 2], [3, 4, 9]]
    x.zero_()
    assert part.tolist() == [0, 0]
    assert part.stride() == (4,)
    assert part.storage_offset() == 1


def test_writes_through_strides_carry_gradients():
    leaf = rl.arange(4.0, requires_grad=True)
    x = leaf * 1
    x.as_strided((2,), (2,)).mul_(3)
    (x * x).sum().backward()
    assert leaf.grad.tolist() == [0, 2, 36, 6]


def test_a_transposed_clone_lies_as_its_source():
    x = rl.arange(6).reshape(2, 3).t().clone()
    assert x.as_strided((6,), (1,)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("size", "stride", "offset", "words"),
    [
        ((3,), (2,), 0, "requiring a storage of 5 elements"),
        ((2, 2), (1,), 0, "mismatch in length"),
        ((2,), (-1,), 3, "Negative strides"),
    ],
)
def test_places_outside_are_refused(size, stride, offset, words):
    with pytest.raises(RuntimeError, match=words):
        rl.arange(4).as_strided(size, stride, offset)


def test_made_by_strides():
    assert rl.empty_strided((2, 3), (1, 2)).stride() == (1, 2)
    assert rl.empty_permuted((2, 3, 4), (0, 2, 1)).stride() == (12, 1, 3)
    made = rl.ones(1, dtype=rl.int32).new_empty_strided((2,), (1,))
    assert made.dtype is rl.int32
    with pytest.raises(RuntimeError, match="dimensionality of sizes"):
        rl.empty_strided((2,), (1, 1))


def test_resizing():
    x = rl.arange(6)
    view = x[:2]
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    x.resize_(5)[:4].zero_()
    assert x.tolist() == [0] * 5
    assert view.tolist() == [0, 1]
    assert x.resize_as_(rl.ones(1, 3)).shape == (1, 3)
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        rl.ones(2, requires_grad=True).resize_(3)


INPLACE = {
    "t_": (lambda x: x.t_(), lambda x: x.t()),
    "transpose_": (lambda x: x.transpose_(0, 1), lambda x: x.transpose(0, 1)),
    "unsqueeze_": (lambda x: x.unsqueeze_(1), lambda x: x.unsqueeze(1)),
    "squeeze_": (lambda x: x.unsqueeze_(0).squeeze_(), lambda x: x),
    "swapaxes_": (lambda x: x.swapaxes_(0, 1), lambda x: x.swapaxes(0, 1)),
    "as_strided_": (lambda x: x.as_strided_((2,), (1,)), lambda x: x.as_strided((2,), (1,))),
}


@pytest.mark.parametrize("name", INPLACE)
def test_views_in_place(name):
    change, view = INPLACE[name]
    leaf = rl.arange(6.0).reshape(2, 3).detach().requires_grad_()
    x, y = leaf * 2, leaf * 2
    row = x[1]
    assert change(x) is x
    y = view(y)
    assert x.shape == y.shape
    assert x.stride() == y.stride()
    x.mul_(3)
    weights = rl.arange(x.numel() * 1.0).reshape(x.shape)
    (x * weights).sum().backward()
    got, leaf.grad = leaf.grad, None
    (y * 3 * weights).sum().backward()
    assert got.tolist() == leaf.grad.tolist()
    if name != "as_strided_":
        assert row.tolist() == [18, 24, 30]


def test_views_in_place_of_leaves():
    x = rl.zeros(2, 3)
    column = x[:, 0]
    x.t_()[0].add_(1)
    assert column.tolist() == [1, 1]
    parameter = rl.zeros(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        parameter.unsqueeze_(0)
    with rl.no_grad():
        parameter.unsqueeze_(0)
    assert parameter.is_leaf
    (parameter * 2).sum().backward()
    assert parameter.grad.shape == (1, 2, 3)
    with rl.no_grad():
        parameter.sub_(parameter.grad)
    assert parameter.tolist() == [[[-2.0] * 3] * 2]
