"""What loading code computes at once is what the recorded operations give."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.feed import Immediate
from rushlight.ops import at_once

DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool", "complex64"]
SHAPES = [(), (1,), (5,), (3, 2), (2, 0, 3)]
NUMBERS = np.random.default_rng(0)


def tensors(count, shape, dtype):
    values = [rl.tensor(NUMBERS.integers(0, 5, shape)).to(getattr(rl, dtype)) for _ in range(count)]
    for value in values:
        value._values()
    return values


def assert_same(found, expected):
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found.float().numpy(), expected.float().numpy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [0, -1])
def test_stack(dtype, shape, axis):
    parts = tensors(4, shape, dtype)
    expected = rl.stack(parts, axis)
    with Immediate():
        found = rl.stack(parts, axis)
    if dtype == "complex64":
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    else:
        assert_same(found, expected)


@pytest.mark.parametrize("dtype", DTYPES[:-1])
@pytest.mark.parametrize("tail", [(), (3,), (2, 2)])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("fill", [0, 1, 0.5, -1])
def test_pad_sequence(dtype, tail, batch_first, side, fill):
    parts = [tensors(1, (length, *tail), dtype)[0] for length in (3, 1, 4)]
    options = {"batch_first": batch_first, "padding_side": side, "padding_value": fill}
    pad_sequence = rl.nn.utils.rnn.pad_sequence
    expected = pad_sequence(parts, **options)
    with Immediate():
        assert_same(pad_sequence(parts, **options), expected)


def test_views_and_shared_memory_are_read_as_they_are():
    array = np.arange(6.0)
    shared = rl.from_numpy(array)
    array[0] = 9.0
    with Immediate():
        found = rl.stack([shared[:2], shared[4:], shared.view(2, 3)[:, 0]])
    assert found.tolist() == [[9.0, 1.0], [4.0, 5.0], [9.0, 3.0]]
    array[1] = 8.0
    assert found[0].tolist() == [9.0, 1.0]


def test_what_is_differentiated_is_recorded():
    weight = rl.ones(2, requires_grad=True)
    with Immediate():
        loss = rl.stack([weight, weight]).sum()
    loss.backward()
    assert weight.grad.tolist() == [2.0, 2.0]
    with Immediate(), rl.no_grad():
        assert not rl.stack([weight, weight]).requires_grad


def test_different_dtypes_are_promoted():
    with Immediate():
        assert rl.stack([rl.tensor(1), rl.tensor(0.5)]).dtype == rl.float32


def test_different_shapes_are_still_refused():
    with Immediate(), pytest.raises(RuntimeError, match="stack expects each tensor to be equal"):
        rl.stack([rl.zeros(2), rl.zeros(3)])
    with Immediate(), pytest.raises(RuntimeError):
        rl.nn.utils.rnn.pad_sequence([rl.zeros(2, 3), rl.zeros(2, 4)])
    with Immediate(), pytest.raises(IndexError):
        rl.nn.utils.rnn.pad_sequence([rl.zeros(2), rl.tensor(1.0)])


def test_nothing_is_computed_at_once_outside_of_loading_code():
    assert at_once.values_at_once([rl.zeros(2)]) is None


def test_batched_values_are_recorded():
    def pair(x):
        with Immediate():
            return rl.stack([x, x])

    assert rl.func.vmap(pair)(rl.arange(3)).tolist() == [[0, 0], [1, 1], [2, 2]]
