"""Matrix products in all ranks against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, integers, table, values

SIXTEEN = ("float16", "bfloat16", "float32")
RANKS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (2, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((1, 1, 2, 3), (1, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 4)),
    ((1, 1), (1, 1)),
]


def named(shapes):
    return "_".join("x".join(map(str, shape)) for shape in shapes)


PRODUCTS = [
    OpCase(
        named(shapes),
        lambda a, b: a @ b,
        (values(*shapes[0]), values(*shapes[1], seed=1)),
        lambda a, b: a @ b,
        dtypes=SIXTEEN,
    )
    for shapes in RANKS
]

A, B, V = values(2, 3), values(3, 4, seed=1), values(3, seed=2)
X, Y = values(5, 2, 3), values(5, 3, 4, seed=1)
CASES = [
    OpCase("mm", rl.mm, (A, B), np.matmul),
    OpCase("bmm", rl.bmm, (X, Y), np.matmul),
    OpCase("mv", rl.mv, (A, V), np.matmul),
    OpCase("dot", rl.dot, (V, V[::-1].copy()), np.dot),
    OpCase("inner", rl.inner, (X, A), np.inner, also=((values(), X), (V, V))),
    OpCase("outer", rl.outer, (V, values(2)), np.outer),
    OpCase("rmatmul", lambda a, b: b.__rmatmul__(a), (A, B), np.matmul),
    OpCase(
        "addmm",
        lambda c, a, b: rl.addmm(c, a, b, beta=0.5, alpha=2),
        (values(4), A, B),
        lambda c, a, b: 0.5 * c + 2 * (a @ b),
    ),
    OpCase("addmv", rl.addmv, (values(2), A, V), lambda c, a, v: c + a @ v),
    OpCase("addr", rl.addr, (values(3, 2), V, values(2)), lambda c, a, b: c + np.outer(a, b)),
    OpCase("baddbmm", rl.baddbmm, (values(2, 1), X, Y), lambda c, x, y: c + x @ y),
    OpCase("addbmm", rl.addbmm, (values(2, 4), X, Y), lambda c, x, y: c + (x @ y).sum(0)),
    OpCase("chain_matmul", rl.chain_matmul, (A, B, values(4, 2)), lambda *m: m[0] @ m[1] @ m[2]),
    OpCase("kron", rl.kron, (A, values(2, 2)), np.kron, also=((V, A), (values(), A))),
    OpCase("linear", F.linear, (A, values(4, 3), values(4)), lambda x, w, b: x @ w.T + b),
    OpCase("linear_batch", F.linear, (X, values(4, 3), values(4)), lambda x, w, b: x @ w.T + b),
    OpCase("linear_vector", F.linear, (V, values(4, 3), values(4)), lambda x, w, b: x @ w.T + b),
    OpCase("linear_no_bias", F.linear, (X, values(4, 3)), lambda x, w: x @ w.T),
    OpCase("linear_one_output", F.linear, (X, V, values()), lambda x, w, b: x @ w + b),
    OpCase(
        "bilinear",
        F.bilinear,
        (values(5, 2), values(5, 3), values(4, 2, 3), values(4)),
        lambda a, b, w, c: np.einsum("na,kab,nb->nk", a, w, b) + c,
    ),
    OpCase("tensordot", rl.tensordot, (X, values(2, 3, 4)), np.tensordot),
    OpCase(
        "tensordot_dims",
        lambda a, b: rl.tensordot(a, b, ([0, 2], [0, 1])),
        (X, Y),
        lambda a, b: np.tensordot(a, b, ([0, 2], [0, 1])),
    ),
    OpCase(
        "tensordot_0",
        lambda a, b: rl.tensordot(a, b, 0),
        (A, V),
        lambda a, b: np.tensordot(a, b, 0),
    ),
    OpCase("integers", rl.matmul, (integers(2, 3), integers(3, 4)), np.matmul, grad=False),
]


@table(PRODUCTS)
def test_ranks(case, check):
    check(case)


@table(CASES)
def test_products(case, check):
    check(case)


def z(*shape):
    return rl.zeros(*shape)


MM = "mat1 and mat2 shapes cannot be multiplied"
ERRORS = [
    (lambda: z(2, 3) @ z(4, 5), RuntimeError, rf"^{MM} \(2x3 and 4x5\)"),
    (lambda: z(2, 2, 3) @ z(4, 5), RuntimeError, rf"^{MM} \(4x3 and 4x5\)(.|\n)*\[2, 2, 3\]"),
    (lambda: z(3) @ z(4, 3), RuntimeError, rf"^{MM} \(1x3 and 4x3\)"),
    (lambda: z(3, 2, 3) @ z(2, 3, 5), RuntimeError, "size of tensor a .3. must match"),
    (lambda: z(3) @ z(4), RuntimeError, "inconsistent tensor size"),
    (lambda: z(2, 3) @ z(4), RuntimeError, "size mismatch"),
    (lambda: z() @ z(4), RuntimeError, "both arguments to matmul need to be at least 1D"),
    (lambda: rl.mm(z(3), z(3, 2)), RuntimeError, "self must be a matrix"),
    (lambda: z(2, 3).double() @ z(3, 2), RuntimeError, "expected m1 and m2 to have the same dtype"),
    (lambda: z(2, 3).bool() @ z(3, 2).bool(), NotImplementedError, "'Bool'"),
    (
        lambda: rl.bmm(z(2, 3, 4), z(3, 4, 5)),
        RuntimeError,
        "Expected size for first two dimensions",
    ),
    (lambda: F.linear(z(2, 3), z(4, 5)), RuntimeError, rf"^{MM} \(2x3 and 5x4\)"),
    (lambda: F.linear(z(2, 3), z(4, 3), z(3)), RuntimeError, "expanded size of the tensor .4."),
    (lambda: rl.addmm(z(7), z(2, 3), z(3, 4)), RuntimeError, "size of tensor a .7."),
    (lambda: rl.dot(z(2, 2), z(2)), RuntimeError, "1D tensors expected"),
    (lambda: z(2, 2) @ 3, TypeError, "must be Tensor, not int"),
    (lambda: rl.tensordot(z(2, 3), z(4, 5), 1), RuntimeError, "contracted dimensions"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_an_input_times_zero_is_left_out():
    c = rl.full((2, 2), float("nan"))
    assert rl.addmm(c, z(2, 2), z(2, 2), beta=0).tolist() == [[0, 0], [0, 0]]


def test_names_in_the_graph():
    x = rl.ones(2, 3, requires_grad=True)
    assert (x @ rl.ones(3, 4)).grad_fn.name() == "MmBackward0"
    assert F.linear(x, rl.ones(4, 3), rl.ones(4)).grad_fn.name() == "AddmmBackward0"
    assert (x @ rl.ones(3)).grad_fn.name() == "MvBackward0"


@st.composite
def operands(draw):
    batch = draw(st.lists(st.integers(1, 3), max_size=3))
    shapes = []
    for _ in range(2):
        kept = batch[draw(st.integers(0, len(batch))) :]
        shapes.append([draw(st.sampled_from([1, size])) for size in kept])
    rows, inner, columns = [draw(st.integers(0, 4)) for _ in range(3)]
    return (*shapes[0], rows, inner), (*shapes[1], inner, columns)


@settings(max_examples=80, deadline=None)
@given(operands())
def test_any_batch(shapes):
    a, b = values(*shapes[0]), values(*shapes[1], seed=1)
    x, y = rl.tensor(a, requires_grad=True), rl.tensor(b, requires_grad=True)
    product = x @ y
    np.testing.assert_allclose(product.detach().numpy(), a @ b, atol=1e-12)
    product.sum().backward()
    ones = np.ones(product.shape)
    for tensor, wide in ((x, ones @ np.swapaxes(b, -1, -2)), (y, np.swapaxes(a, -1, -2) @ ones)):
        np.testing.assert_allclose(tensor.grad.numpy(), summed(wide, tensor.shape), atol=1e-12)


def summed(array, shape):
    """The sums over what broadcasting repeated."""
    array = array.sum(tuple(range(array.ndim - len(shape))))
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 != array.shape[axis])
    return array.sum(axes, keepdims=True)
