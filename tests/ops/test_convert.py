"""Dtypes, copies, overwriting, and what Python asks of a tensor."""

import copy
import pickle

import numpy as np
import pytest

import rushlight as rl
from tests.ops.harness import OpCase, table, values

CASES = [
    OpCase("to", lambda x: x.to(rl.float64), (values(3, 2),), lambda x: x, dtypes=()),
    OpCase("clone", rl.clone, (values(3, 2),), lambda x: x),
    OpCase("contiguous", lambda x: x.t().contiguous(), (values(3, 2),), lambda x: x.T),
    OpCase(
        "copy_", lambda a, b: (a * 1).copy_(b), (values(3, 2), values(2)), lambda a, b: a * 0 + b
    ),
    OpCase("fill", lambda x, v: rl.fill(x, v), (values(3), values()), lambda x, v: x * 0 + v),
    OpCase("zero_", lambda x: (x * 2).zero_() + x, (values(3),), lambda x: x),
    OpCase(
        "copy_to_view",
        lambda a, b: _written(a * 1, b),
        (values(3, 2), values(3)),
        lambda a, b: np.stack([b, a[:, 1]], 1),
    ),
]


def _written(whole, part):
    whole[:, 0].copy_(part)
    return whole


@table(CASES)
def test_against_numpy(case, check):
    check(case)


CASTS = [
    ([1.9, -1.9, 300.0], "int64", [1, -1, 300]),
    ([0.0, 0.5, np.nan], "bool", [False, True, True]),
    ([257, -1], "uint8", [1, 255]),
    ([True, False], "float32", [1.0, 0.0]),
    ([1e10, 0.1], "float16", [np.inf, 0.0999755859375]),
]


@pytest.mark.parametrize(("data", "name", "want"), CASTS)
def test_casts(data, name, want):
    dtype = getattr(rl, name)
    for cast in (rl.tensor(data).to(dtype), rl.tensor(data).type(dtype)):
        assert cast.dtype is dtype
        assert cast.tolist() == want


METHODS = [
    ("float", "float32"),
    ("double", "float64"),
    ("half", "float16"),
    ("bfloat16", "bfloat16"),
    ("long", "int64"),
    ("int", "int32"),
    ("short", "int16"),
    ("char", "int8"),
    ("byte", "uint8"),
    ("bool", "bool"),
]


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_cast_methods(method, name):
    dtype = getattr(rl, name)
    x = rl.tensor([0, 1], dtype=dtype)
    assert getattr(x, method)() is x
    assert getattr(rl.tensor([1.0]), method)().dtype is dtype


FORMS = [
    (lambda x: x.to("cpu"), "float32"),
    (lambda x: x.to(rl.device("cpu"), rl.float64), "float64"),
    (lambda x: x.to("cpu", rl.int64, True), "int64"),
    (lambda x: x.to(dtype=rl.float64, device="cpu"), "float64"),
    (lambda x: x.to(rl.tensor(1)), "int64"),
    (lambda x: x.to(rl.float16, copy=True), "float16"),
    (lambda x: x.to(int), "int64"),
    (lambda x: x.to(None, rl.float64), "float64"),
    (lambda x: x.to(memory_format=rl.preserve_format), "float32"),
    (lambda x: x.type_as(rl.tensor(1)), "int64"),
    (lambda x: x.type("torch.LongTensor"), "int64"),
    (lambda x: x.type(rl.DoubleTensor), "float64"),
    (lambda x: x.cpu(), "float32"),
]


@pytest.mark.parametrize(("call", "name"), FORMS)
def test_forms_of_to(call, name):
    assert call(rl.zeros(2)).dtype is getattr(rl, name)


def test_to_gives_the_tensor_itself_unless_a_copy_is_asked_for():
    x = rl.zeros(2)
    assert x.to(rl.float32) is x
    assert x.to("cpu") is x
    copied = x.to(rl.float32, copy=True)
    x.fill_(1)
    assert copied.tolist() == [0, 0]


def test_gradients_come_back_in_the_dtype_of_the_tensor():
    x = rl.ones(2, requires_grad=True)
    (x.double() * 2).sum().backward()
    assert x.grad.dtype is rl.float32
    assert x.grad.tolist() == [2, 2]


def test_clones_are_independent_and_keep_dense_strides():
    x = rl.arange(6).reshape(2, 3)
    y = x.t().clone()
    assert y.stride() == (1, 3)
    assert y.contiguous().stride() == (2, 1)
    assert y[1].stride() == (3,)
    assert y.t().view(6).tolist() == [0, 1, 2, 3, 4, 5]
    y.t()[0] = 9
    assert y.tolist() == [[9, 3], [9, 4], [9, 5]]
    y.zero_()
    assert x.sum().item() == 15
    assert x.t()[::2].clone().is_contiguous()
    assert x.contiguous() is x


def test_fill_and_zero_write_to_the_storage():
    x = rl.zeros(2, 2)
    x[0].fill_(rl.tensor(3))
    assert x.tolist() == [[3, 3], [0, 0]]
    assert rl.zero_(x) is x
    assert x.sum().item() == 0
    assert rl.fill(x, 2).tolist() == [[2, 2], [2, 2]]


def test_overwritten_values_get_no_gradient():
    x = rl.ones(2, requires_grad=True)
    y = x * 2
    y.fill_(5)
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]


ERRORS = [
    (lambda x: x.to("cuda"), RuntimeError, "cpu"),
    (lambda x: x.cuda(), RuntimeError, "cuda"),
    (lambda x: x.to(3.4), TypeError, "invalid combination"),
    (lambda x: x.copy_(rl.zeros(3)), RuntimeError, "must match the size"),
    (lambda x: x.copy_(rl.zeros(4, 2)), RuntimeError, "doesn't match the broadcast shape"),
    (lambda x: x.fill_(rl.zeros(2)), RuntimeError, "0-dimension value tensor"),
    (lambda x: x.fill_("a"), TypeError, "must be Number"),
    (lambda x: x.requires_grad_().zero_(), RuntimeError, "a leaf Variable that requires grad"),
    (lambda x: x.expand(3, 2).zero_(), RuntimeError, "more than one element"),
    (bool, RuntimeError, "more than one value is ambiguous"),
    (lambda x: bool(rl.zeros(0)), RuntimeError, "no values is ambiguous"),
    (int, ValueError, "only one element tensors"),
    (lambda x: range(3)[rl.tensor(1.0)], TypeError, "only integer tensors"),
    (lambda x: iter(rl.tensor(1)), TypeError, "iteration over a 0-d tensor"),
    (lambda x: "a" in x, RuntimeError, "only supports Tensor or scalar"),
    (lambda x: copy.deepcopy(x.requires_grad_() * 2), RuntimeError, "graph leaves"),
    (lambda x: rl.allclose(x, x.double()), RuntimeError, "did not match"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.zeros(2))


def test_python_numbers():
    assert (int(rl.tensor([2.7])), float(rl.tensor(2)), complex(rl.tensor(1.0))) == (2, 2.0, 1)
    assert bool(rl.tensor([0.0])) is False
    assert [10, 20][rl.tensor(1)] == 20
    assert rl.is_nonzero(rl.tensor([3]))


def test_iteration_and_membership():
    x = rl.tensor([[1, 2], [3, 4]])
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert list(map(int, x[0])) == [1, 2]
    assert 3 in x
    assert 7 not in x
    assert [row.tolist() for row in reversed(x)] == [[3, 4], [1, 2]]


def test_numpy_scalars_and_arrays_defer():
    x = rl.tensor([1.0, 2.0])
    for left in (np.float32(2), np.float64(2), np.int64(2)):
        assert (left * x).tolist() == [2, 4]
    product = np.array([3.0, 4.0], np.float32) * x
    assert isinstance(product, rl.Tensor)
    assert product.tolist() == [3, 8]
    assert np.square(x).tolist() == [1, 4]
    assert isinstance(np.square(x), rl.Tensor)


def test_comparing_whole_tensors():
    a, b = rl.tensor([1.0, 2.0]), rl.tensor([1.0, 2.0 + 1e-7])
    assert rl.equal(a, a.clone())
    assert not rl.equal(a, rl.tensor([1.0]))
    assert rl.allclose(a, b)
    assert not a.allclose(b + 1)
    nan = rl.tensor([np.nan, np.inf])
    assert rl.isclose(nan, nan).tolist() == [False, True]
    assert rl.isclose(nan, nan, equal_nan=True).tolist() == [True, True]


def test_deepcopy_keeps_grad_and_sharing():
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    x.note = ["mine"]
    made = copy.deepcopy({"a": x, "b": x})
    assert made["a"] is made["b"]
    assert made["a"].requires_grad
    assert made["a"].grad.tolist() == [2, 4]
    assert made["a"].note == ["mine"]
    assert made["a"].note is not x.note
    with rl.no_grad():
        made["a"].zero_()
    assert x.tolist() == [1, 2]


def test_deepcopy_keeps_views_of_one_storage_together():
    whole = rl.zeros(2, 2)
    parts = [whole, whole[0]]
    copied = copy.deepcopy(parts)
    copied[1].fill_(1)
    assert copied[0].tolist() == [[1, 1], [0, 0]]
    assert whole.sum().item() == 0


def test_shallow_copies_share_the_storage():
    x = rl.zeros(2)
    copy.copy(x).fill_(1)
    assert x.tolist() == [1, 1]


@pytest.mark.parametrize("name", ["float32", "bfloat16", "int64", "bool"])
def test_pickling(name):
    x = rl.tensor([[0, 1], [2, 3]]).to(getattr(rl, name)).t()
    back = pickle.loads(pickle.dumps(x))  # noqa: S301 - our own bytes
    assert back.dtype is x.dtype
    assert back.tolist() == x.tolist()


def test_pickling_keeps_requires_grad():
    x = rl.ones(2, requires_grad=True)
    assert pickle.loads(pickle.dumps(x)).requires_grad  # noqa: S301 - our own bytes


def test_what_tensors_say_of_themselves():
    x = rl.zeros(2, 3)
    assert rl.is_tensor(x)
    assert not rl.is_tensor([1])
    assert rl.numel(x) == 6
    assert (x.is_floating_point(), x.is_complex(), x.is_signed()) == (True, False, True)
    assert (x.is_cuda, x.layout, x.type()) == (False, rl.strided, "rushlight.FloatTensor")
    assert isinstance(x, rl.FloatTensor)
    assert not isinstance(x, rl.LongTensor)
