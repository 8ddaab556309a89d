"""Splitting by other names, and tensors put together by rule."""

import itertools

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, table, values


def block_diag(*blocks):
    blocks = [np.atleast_2d(block) for block in blocks]
    whole = np.zeros([sum(block.shape[axis] for block in blocks) for axis in (0, 1)])
    row = column = 0
    for block in blocks:
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole


def shuffled(x, groups):
    order = np.arange(x.shape[1]).reshape(groups, -1).T.reshape(-1)
    return x[:, order]


CASES = [
    OpCase("hsplit", lambda x: rl.hsplit(x, 2), (values(3, 4),), lambda x: np.hsplit(x, 2)),
    OpCase(
        "hsplit places", lambda x: x.hsplit([1, 3]), (values(5),), lambda x: np.hsplit(x, [1, 3])
    ),
    OpCase("vsplit", lambda x: rl.vsplit(x, 2), (values(4, 3),), lambda x: np.vsplit(x, 2)),
    OpCase("dsplit", lambda x: x.dsplit([1]), (values(2, 3, 4),), lambda x: np.dsplit(x, [1])),
    OpCase(
        "split_with_sizes",
        lambda x: x.split_with_sizes([1, 3], 1),
        (values(3, 4),),
        lambda x: np.split(x, [1], 1),
    ),
    OpCase("unsafe_chunk", lambda x: x.unsafe_chunk(2), (values(4, 3),), lambda x: np.split(x, 2)),
    OpCase("unsafe_split", lambda x: x.unsafe_split(2), (values(4, 3),), lambda x: np.split(x, 2)),
    OpCase("narrow_copy", lambda x: x.narrow_copy(1, 1, 2), (values(3, 4),), lambda x: x[:, 1:3]),
    OpCase("block_diag", rl.block_diag, (values(2, 3), values(2), values(1, 2)), block_diag),
    OpCase(
        "cartesian_prod",
        rl.cartesian_prod,
        (values(2), values(3), values(2, seed=1)),
        lambda *x: np.array(list(itertools.product(*x))),
    ),
    OpCase(
        "combinations",
        lambda x: rl.combinations(x, 3),
        (values(5),),
        lambda x: np.array(list(itertools.combinations(x, 3))),
    ),
    OpCase(
        "combinations again",
        lambda x: rl.combinations(x, with_replacement=True),
        (values(3),),
        lambda x: np.array(list(itertools.combinations_with_replacement(x, 2))),
    ),
    OpCase("vander", rl.vander, (values(3),), np.vander),
    OpCase(
        "vander upwards",
        lambda x: rl.vander(x, 2, increasing=True),
        (values(3),),
        lambda x: np.vander(x, 2, increasing=True),
    ),
    OpCase(
        "channel_shuffle",
        lambda x: rl.nn.functional.channel_shuffle(x, 3),
        (values(2, 6, 2, 2),),
        lambda x: shuffled(x, 3),
    ),
]


@table(CASES)
def test_pieces(case, check):
    check(case)


def test_what_is_put_together_of_nothing():
    assert rl.block_diag().shape == (1, 0)
    assert rl.combinations(rl.arange(3), 0).shape == (0,)
    assert rl.combinations(rl.arange(1), 2).shape == (0, 2)
    x = rl.arange(3)
    assert rl.cartesian_prod(x) is x
    assert rl.block_diag(rl.tensor([1]), rl.tensor(0.5)).dtype is rl.float32


WRONG = {
    "hsplit of a number": (lambda: rl.hsplit(rl.tensor(1), 1), "at least 1 dimension"),
    "vsplit of a vector": (lambda: rl.vsplit(rl.ones(2), 1), "at least 2 dimension"),
    "unequal parts": (lambda: rl.hsplit(rl.ones(5), 2), "5 is not divisible by the split_size 2"),
    "blocks of three dimensions": (lambda: rl.block_diag(rl.ones(1, 1, 1)), "Input 0 has 3"),
    "combinations of a matrix": (lambda: rl.combinations(rl.ones(2, 2)), r"\[2, 2\]"),
    "channels that do not divide": (
        lambda: rl.nn.functional.channel_shuffle(rl.ones(1, 3, 2), 2),
        "3 channels and 2 groups",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    call, words = WRONG[name]
    with pytest.raises(RuntimeError, match=words):
        call()
