"""Making tensors."""

import copy

import numpy as np
import pytest

import rushlight as rl

DATA = [
    (3, rl.int64, ()),
    (3.5, rl.float32, ()),
    (True, rl.bool, ()),
    (1 + 2j, rl.complex64, ()),
    ([1, 2], rl.int64, (2,)),
    ([1, 2.5], rl.float32, (2,)),
    ([True, 2], rl.int64, (2,)),
    ([], rl.float32, (0,)),
    ([[], []], rl.float32, (2, 0)),
    (((1, 2), (3, 4)), rl.int64, (2, 2)),
    (range(3), rl.int64, (3,)),
    (np.float64(1), rl.float64, ()),
    (np.int8([1, 2]), rl.int8, (2,)),
    ([np.float64(1), 2], rl.float64, (2,)),
    ([np.array([1, 2]), [3, 4.0]], rl.float32, (2, 2)),
]


@pytest.mark.parametrize(("data", "dtype", "shape"), DATA)
def test_tensor_infers_dtype_and_shape(data, dtype, shape):
    made = rl.tensor(data)
    assert made.dtype is dtype
    assert made.shape == shape
    np.testing.assert_array_equal(made.numpy(), np.array(data, made.numpy().dtype).reshape(shape))


def test_tensor_of_tensors():
    made = rl.tensor([rl.tensor(1), rl.tensor(2.5)])
    assert made.tolist() == [1, 2.5]


def test_tensor_copies():
    array = np.zeros(2)
    made = rl.tensor(array)
    array[0] = 1
    assert made.tolist() == [0, 0]
    with pytest.warns(UserWarning, match="To copy construct"):
        copied = rl.tensor(made)
    made.fill_(3)
    assert copied.tolist() == [0, 0]


def test_requested_dtypes():
    assert rl.tensor([1.7, -1.7], dtype=rl.int64).tolist() == [1, -1]
    assert rl.tensor([0.0, 0.5], dtype=rl.bool).tolist() == [False, True]
    assert rl.tensor([1, 2], dtype=float).dtype is rl.float64
    assert rl.tensor(-1, dtype=rl.uint8).item() == 255
    assert rl.tensor([0.1], dtype=rl.bfloat16).float().item() == 0.10009765625
    assert rl.tensor(2.0, requires_grad=True).requires_grad


BAD_DATA = [
    ([[1, 2], [3]], ValueError, "expected sequence of length 2 at dim 1"),
    ([[1, 2], 3], TypeError, "not a sequence"),
    ([1, [2]], TypeError, "cannot be interpreted"),
    ("a", TypeError, "invalid data type 'str'"),
    (["a"], ValueError, "too many dimensions 'str'"),
    (None, RuntimeError, "Could not infer dtype of NoneType"),
    ([None], RuntimeError, "Could not infer dtype of NoneType"),
    ({}, RuntimeError, "Could not infer dtype of dict"),
    (2**63, ValueError, "Overflow"),
    ([2**63], ValueError, "Overflow"),
    (np.array(["a"]), TypeError, "can't convert np.ndarray"),
]


@pytest.mark.parametrize(("data", "kind", "words"), BAD_DATA)
def test_bad_data(data, kind, words):
    with pytest.raises(kind, match=words):
        rl.tensor(data)


def test_numbers_that_do_not_fit():
    with pytest.raises(RuntimeError, match="without overflow"):
        rl.tensor([300], dtype=rl.uint8)


def test_arrays_share_memory_until_an_operation_reads_them():
    array = np.arange(3.0)
    shared, also = rl.from_numpy(array), rl.as_tensor(array)
    array[0] = 5
    assert shared.tolist() == [5, 1, 2]
    assert (also + 1).tolist() == [6, 2, 3]
    array[0] = 7
    assert also.tolist() == [5, 1, 2]
    x = rl.ones(2)
    assert rl.as_tensor(x) is x
    assert rl.as_tensor(x, dtype=rl.int64).dtype is rl.int64
    with pytest.raises(TypeError, match=r"expected np\.ndarray"):
        rl.from_numpy([1])


def test_asarray():
    x = rl.ones(2)
    assert rl.asarray(x, copy=True).tolist() == [1, 1]
    with pytest.raises(ValueError, match="alias"):
        rl.asarray([1], copy=False)


FILLED = [
    (lambda: rl.zeros(2, 3), np.zeros((2, 3), "f4")),
    (lambda: rl.ones((2,), dtype=rl.int32), np.ones(2, "i4")),
    (lambda: rl.ones(size=(2,)), np.ones(2, "f4")),
    (lambda: rl.zeros(()), np.zeros((), "f4")),
    (lambda: rl.full((2,), 7), np.full(2, 7)),
    (lambda: rl.full((2,), 0.5), np.full(2, 0.5, "f4")),
    (lambda: rl.full([1], True), np.full(1, True)),
    (lambda: rl.full((2,), rl.tensor(3)), np.full(2, 3)),
    (lambda: rl.zeros_like(rl.tensor([1, 2])), np.zeros(2, "i8")),
    (lambda: rl.ones_like(rl.tensor([1, 2]), dtype=rl.float64), np.ones(2)),
    (lambda: rl.full_like(rl.zeros(2), 3), np.full(2, 3, "f4")),
    (lambda: rl.tensor([1.0]).new_tensor([1, 2]), np.array([1, 2], "f4")),
    (lambda: rl.tensor([1]).new_zeros(2), np.zeros(2, "i8")),
    (lambda: rl.tensor([1]).new_ones((1, 2)), np.ones((1, 2), "i8")),
    (lambda: rl.tensor([1]).new_full((2,), 5), np.full(2, 5)),
    (lambda: rl.scalar_tensor(2), np.array(2, "f4")),
    (lambda: rl.arange(4), np.arange(4)),
    (lambda: rl.arange(1, 7, 2), np.arange(1, 7, 2)),
    (lambda: rl.arange(5, 0, -2), np.arange(5, 0, -2)),
    (lambda: rl.arange(0, 1, 0.25), np.arange(0, 1, 0.25, "f4")),
    (lambda: rl.arange(3, dtype=rl.float64), np.arange(3.0)),
    (lambda: rl.arange(rl.tensor(3)), np.arange(3)),
    (lambda: rl.linspace(0, 1, 5), np.linspace(0, 1, 5, dtype="f4")),
    (lambda: rl.linspace(3, 3, 1), np.array([3], "f4")),
    (lambda: rl.linspace(0, 1, 0), np.zeros(0, "f4")),
    (lambda: rl.logspace(0, 2, 3), np.array([1, 10, 100], "f4")),
    (lambda: rl.eye(2, 3), np.eye(2, 3, dtype="f4")),
    (lambda: rl.eye(2, dtype=rl.bool), np.eye(2, dtype=bool)),
    (lambda: rl.tril_indices(2, 3), np.stack(np.tril_indices(2, 0, 3))),
    (lambda: rl.triu_indices(3, 3, 1), np.stack(np.triu_indices(3, 1, 3))),
    (lambda: rl.Tensor(2, 0), np.zeros((2, 0), "f4")),
    (lambda: rl.Tensor(), np.zeros(0, "f4")),
    (lambda: rl.Tensor([1, 2]), np.array([1, 2], "f4")),
    (lambda: rl.LongTensor([1, 2]), np.array([1, 2])),
    (lambda: rl.tensor([1]).new(2), np.zeros(2, "i8")),
    (lambda: rl.tensor([np.zeros(2), np.ones(2)]), np.array([[0.0, 0.0], [1.0, 1.0]])),
    (lambda: rl.arange(0.5, 2.9, dtype=rl.int64), np.array([0, 1])),
]


@pytest.mark.parametrize(("make", "want"), FILLED)
def test_values_and_dtypes(make, want):
    made = make()
    assert made.numpy().dtype == want.dtype
    np.testing.assert_array_equal(made.numpy(), want)


def test_options():
    made = rl.zeros(2, dtype=rl.float64, device="cpu", layout=rl.strided, requires_grad=True)
    assert made.requires_grad
    assert made.is_leaf
    rl.zeros_like(made, memory_format=rl.preserve_format)
    assert rl.empty(3, 2, pin_memory=False).shape == (3, 2)


def test_the_default_dtype_decides():
    rl.set_default_dtype(rl.float64)
    try:
        for made in (rl.zeros(1), rl.tensor(0.5), rl.arange(0.5), rl.rand(1), rl.eye(1)):
            assert made.dtype is rl.float64
    finally:
        rl.set_default_dtype(rl.float32)


def test_meshgrid():
    a, b = rl.arange(2), rl.arange(3)
    for indexing in ("ij", "xy"):
        got = rl.meshgrid(a, b, indexing=indexing)
        want = np.meshgrid(np.arange(2), np.arange(3), indexing=indexing)
        assert [x.tolist() for x in got] == [x.tolist() for x in want]


ERRORS = [
    (lambda: rl.zeros(2, -1), RuntimeError, "non-negative"),
    (lambda: rl.zeros(2, 1.5), TypeError, "must be tuple of ints"),
    (lambda: rl.zeros(2, device="cuda"), RuntimeError, "cpu"),
    (lambda: rl.zeros(2, dtype="int"), TypeError, "argument 'dtype'"),
    (lambda: rl.zeros(2, what=1), TypeError, "unexpected keyword"),
    (lambda: rl.full(2, 1), TypeError, "must be tuple of ints"),
    (lambda: rl.arange(5, 1), RuntimeError, "inconsistent with step sign"),
    (lambda: rl.arange(0, 1, 0), RuntimeError, "step must be nonzero"),
    (lambda: rl.arange(float("inf")), RuntimeError, "unsupported range"),
    (lambda: rl.linspace(0, 1, -1), RuntimeError, "number of steps must be non-negative"),
    (lambda: rl.eye(-1), RuntimeError, "n must be greater or equal to 0"),
    (lambda: rl.tensor(1, requires_grad=True), RuntimeError, "floating point"),
    (lambda: rl.Tensor(2.5), TypeError, "data must be a sequence"),
    (lambda: rl.Tensor(rl.tensor([1])), TypeError, "expected float32"),
    (lambda: rl.meshgrid(rl.zeros(2, 2), indexing="ij"), RuntimeError, "0D or 1D"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_subclasses_keep_their_class():
    class Special(rl.Tensor):
        pass

    made = Special([1, 2])
    assert type(made) is Special
    assert type(copy.deepcopy(made)) is Special


def test_a_tensor_among_integers_is_read_as_a_number():
    weight = rl.tensor(2.5, requires_grad=True)
    made = rl.tensor([1, weight])
    assert (made.tolist(), made.dtype, made.requires_grad) == ([1.0, 2.5], rl.float32, False)
    assert rl.tensor([1, rl.tensor([2])]).tolist() == [1, 2]
