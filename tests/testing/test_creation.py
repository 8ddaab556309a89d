"""make_tensor: bounds, dtypes, layout."""

import pytest

import rushlight as rl
from rushlight.testing import make_tensor

BOUNDS = {
    rl.float32: (-9, 9),
    rl.float64: (-9, 9),
    rl.bfloat16: (-9, 9),
    rl.int64: (-9, 9),
    rl.int8: (-9, 9),
    rl.uint8: (0, 9),
    rl.bool: (0, 1),
}


@pytest.mark.parametrize("dtype", BOUNDS, ids=repr)
def test_numbers_are_within_the_bounds_of_the_dtype(dtype):
    low, high = BOUNDS[dtype]
    made = make_tensor(20, 30, dtype=dtype)
    values = made.to(rl.float64)
    assert (made.shape, made.dtype) == ((20, 30), dtype)
    assert low <= values.min().item() < values.max().item() <= high


def test_the_default_generator_decides():
    rl.manual_seed(2)
    first = make_tensor(5, dtype=rl.float32)
    rl.manual_seed(2)
    assert make_tensor((5,), dtype=rl.float32).tolist() == first.tolist()


def test_bounds_of_ones_own():
    made = make_tensor(1000, dtype=rl.int32, low=2, high=4)
    assert set(made.tolist()) == {2, 3}
    with pytest.raises(ValueError, match="less than"):
        make_tensor(1, dtype=rl.float32, low=2, high=2)


def test_layout_and_gradient():
    made = make_tensor(3, 4, dtype=rl.float32, noncontiguous=True, requires_grad=True)
    assert not made.is_contiguous()
    assert made.is_leaf
    assert made.requires_grad
    with pytest.raises(ValueError, match="requires_grad"):
        make_tensor(1, dtype=rl.int64, requires_grad=True)


def test_zeros_can_be_left_out():
    assert 0 not in make_tensor(500, dtype=rl.int64, low=0, high=3, exclude_zero=True).tolist()


def test_complex_numbers_and_scalars():
    assert make_tensor(2, dtype=rl.complex64).dtype is rl.complex64
    assert make_tensor((), dtype=rl.float32).shape == ()
    assert make_tensor(0, 3, dtype=rl.float32).shape == (0, 3)
