"""Movements of the reference engine against values derived by hand or NumPy's own indexing."""

import numpy as np
import pytest

from rushlight.graph import movement as m
from tests.engines.harness import assert_same, given, value

pytestmark = pytest.mark.usefixtures("reference_engine")

SIX = np.arange(6.0).reshape(2, 3)


def test_reshape_and_permute():
    assert_same(value(m.reshape(given(SIX), (3, 1, 2))), SIX.reshape(3, 1, 2))
    assert_same(value(m.permute(given(SIX), (1, 0))), SIX.T)
    assert_same(value(m.reshape(m.permute(given(SIX), (1, 0)), (6,))), [0, 3, 1, 4, 2, 5])
    assert value(m.reshape(given(np.zeros((0, 3))), (5, 0))).shape == (5, 0)


EXPANSIONS = [
    ((3,), (2, 3), None),
    ((3,), (3, 2), (0,)),
    ((1, 3), (4, 3, 5), (0, 1)),
    ((), (2, 2), None),
    ((2, 3), (3, 4, 2), (2, 0)),
    ((1,), (0,), None),
]


@pytest.mark.parametrize(("old", "new", "axes"), EXPANSIONS)
def test_expand(old, new, axes):
    x = np.arange(float(np.prod(old))).reshape(old)
    places = axes or tuple(range(len(new) - len(old), len(new)))
    expected = np.empty(new)
    for index in np.ndindex(new):
        source = [index[a] if n > 1 else 0 for a, n in zip(places, old, strict=True)]
        expected[index] = x[tuple(source)]
    assert_same(value(m.expand(given(x), new, axes)), expected)


PADS = [
    ([1, 2], 1, 2, 0, [9, 1, 2, 9, 9]),
    ([1, 2, 3], 0, 0, 2, [1, 9, 9, 2, 9, 9, 3]),
    ([1, 2, 3], 1, 1, 1, [9, 1, 9, 2, 9, 3, 9]),
    ([1, 2, 3], -1, 0, 0, [2, 3]),
    ([1, 2, 3], 0, -2, 0, [1]),
    ([1, 2, 3], -1, 1, 1, [9, 2, 9, 3, 9]),
    ([1, 2, 3], -2, -1, 1, [2, 9]),
    ([1, 2], -2, 3, 0, [9, 9, 9]),
    ([], 1, 1, 3, [9, 9]),
]


@pytest.mark.parametrize(("x", "low", "high", "interior", "expected"), PADS)
def test_pad(x, low, high, interior, expected):
    node = m.pad(given(np.array(x, float)), given(9.0), (low,), (high,), (interior,))
    assert_same(value(node), expected)


def test_pad_of_two_dimensions():
    node = m.pad(given(SIX), given(-1.0), (1, 0), (0, 2))
    assert_same(value(node), np.pad(SIX, ((1, 0), (0, 2)), constant_values=-1))


SLICES = [
    ((0, 0), (2, 3), (1, 1), np.s_[:, :]),
    ((1, 2), (1, 2), (1, -1), np.s_[1:, 2:0:-1]),
    ((1, 2), (2, 3), (-1, -1), np.s_[::-1, ::-1]),
    ((0, 2), (2, 2), (1, -2), np.s_[:, ::-2]),
    ((0, 0), (2, 2), (1, 2), np.s_[:, ::2]),
    ((2, 0), (0, 3), (1, 1), np.s_[2:, :]),
]


@pytest.mark.parametrize(("starts", "sizes", "steps", "index"), SLICES)
def test_slice_and_update(starts, sizes, steps, index):
    assert_same(value(m.slice_(given(SIX), starts, sizes, steps)), SIX[index])
    part = -1 - np.arange(float(np.prod(sizes))).reshape(sizes)
    expected = SIX.copy()
    expected[index] = part
    x = given(SIX)
    assert_same(value(m.update(x, given(part), starts, steps)), expected)
    assert_same(value(x), SIX)


def test_slice_and_update_of_rank_0():
    assert_same(value(m.slice_(given(3.0), (), ())), 3)
    assert_same(value(m.update(given(3.0), given(4.0), ())), 4)


WINDOWS = [(3, 1, 1), (2, 2, 1), (2, 1, 3), (3, 2, 2), (1, 3, 1)]


@pytest.mark.parametrize(("size", "stride", "dilation"), WINDOWS)
@pytest.mark.parametrize("axis", [0, 1])
def test_window_and_fold(size, stride, dilation, axis):
    x = np.arange(56.0).reshape(7, 8)
    windows = value(m.window(given(x), axis, size, stride, dilation))
    count = (x.shape[axis] - dilation * (size - 1) - 1) // stride + 1
    assert windows.shape == ((count, 8, size) if axis == 0 else (7, count, size))
    sums = np.zeros_like(x)
    for *index, place in np.ndindex(windows.shape):
        source = list(index)
        source[axis] = index[axis] * stride + place * dilation
        assert windows[(*index, place)] == x[tuple(source)]
        sums[tuple(source)] += x[tuple(source)]
    folded = m.fold(given(windows), axis, x.shape[axis], stride, dilation)
    assert_same(value(folded), sums)


def test_concat():
    parts = (given(SIX), given(SIX[:, :0]), given(-SIX))
    assert_same(value(m.concat(parts, 1)), np.hstack([SIX, -SIX]))
    assert_same(value(m.concat((given([1.0]), given([2.0, 3.0])), 0)), [1, 2, 3])


@pytest.mark.parametrize("dtype", ["bool", "int8", "bfloat16", "float16", "complex64"])
def test_movements_of_every_storage(dtype):
    x = given(SIX, dtype)
    assert_same(value(m.permute(x, (1, 0))), value(x).T)
