"""Diagonals put in and taken out, and copies with a part replaced."""

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, table, values


def embedded(x, offset=0):
    size = x.shape[-1] + abs(offset)
    whole = np.zeros((*x.shape[:-1], size, size))
    for place in range(x.shape[-1]):
        whole[..., place + max(-offset, 0), place + max(offset, 0)] = x[..., place]
    return whole


def replaced(x, part, key):
    x = x.copy()
    x[key] = part
    return x


def with_diagonal(x, part):
    x = x.copy()
    places = np.arange(len(part))
    x[places, places + 1] = part
    return x


CASES = [
    OpCase("diag of a vector", rl.diag, (values(3),), np.diag, also=((values(0),),)),
    OpCase("diag of a matrix", lambda x: x.diag(1), (values(3, 4),), lambda x: np.diag(x, 1)),
    OpCase("diag below", lambda x: rl.diag(x, -2), (values(3),), lambda x: np.diag(x, -2)),
    OpCase("diag_embed", rl.diag_embed, (values(2, 3),), embedded),
    OpCase(
        "diag_embed elsewhere",
        lambda x: rl.diag_embed(x, 1, 0, 2),
        (values(2, 3),),
        lambda x: np.moveaxis(embedded(x, 1), (1, 2), (0, 2)),
    ),
    OpCase("diagflat", lambda x: rl.diagflat(x, -1), (values(2, 2),), lambda x: np.diagflat(x, -1)),
    OpCase("trace", rl.trace, (values(3, 4),), np.trace, also=((np.arange(4).reshape(2, 2),),)),
    OpCase(
        "diagonal_scatter",
        lambda x, part: rl.diagonal_scatter(x, part, 1),
        (values(3, 4), values(3)),
        with_diagonal,
    ),
    OpCase(
        "select_scatter",
        lambda x, part: x.select_scatter(part, 1, -2),
        (values(3, 4), values(3)),
        lambda x, part: replaced(x, part, (slice(None), 2)),
    ),
    OpCase(
        "slice_scatter",
        lambda x, part: rl.slice_scatter(x, part, 1, 1, None, 2),
        (values(3, 6), values(3, 3)),
        lambda x, part: replaced(x, part, (slice(None), slice(1, None, 2))),
    ),
    OpCase(
        "slice_scatter of a view",
        lambda x, part: rl.slice_scatter(x.t()[1:], part, 0, 0, 2),
        (values(3, 4), values(2, 3)),
        lambda x, part: replaced(x.T[1:], part, slice(0, 2)),
    ),
]


@table(CASES)
def test_diagonals(case, check):
    check(case)


def test_the_input_stays_as_it_was():
    x = rl.zeros(2, 2)
    rl.diagonal_scatter(x, rl.ones(2))
    rl.diag(x).add_(1)
    assert x.sum().item() == 0
    assert rl.select_scatter(x.int(), rl.tensor([1.5, 2.5]), 0, 0).tolist() == [[1, 2], [0, 0]]


WRONG = {
    "a diagonal of a cube": (lambda: rl.diag(rl.ones(1, 1, 1)), "1D or 2D tensors. Got 3D"),
    "a trace of a vector": (lambda: rl.trace(rl.ones(2)), "expected a matrix"),
    "a part that does not fit": (
        lambda: rl.diagonal_scatter(rl.ones(2, 2), rl.ones(3)),
        r"src size = \[3\], slice size = \[2\]",
    ),
    "one dimension twice": (lambda: rl.diag_embed(rl.ones(2), 0, 1, 1), "cannot be identical"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    call, words = WRONG[name]
    with pytest.raises(RuntimeError, match=words):
        call()
