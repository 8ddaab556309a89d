"""Jacobians, Hessians and their products, against derivatives by hand."""

import pytest

import rushlight as rl
from rushlight.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp
from rushlight.testing import assert_close


def numbers(*values):
    return rl.tensor([*values], dtype=rl.float64)


X, Y = numbers(1.0, 2.0), numbers(3.0, 5.0)


def test_jacobian_of_one_function():
    assert jacobian(lambda x: x**2, X).tolist() == [[2, 0], [0, 4]]
    assert jacobian(lambda x: x.sum(), X).tolist() == [1, 1]
    assert jacobian(lambda x: x.outer(x), X).shape == (2, 2, 2)


def test_jacobian_of_several_inputs_and_outputs():
    found = jacobian(lambda x, y: (x * y, x.sum()), (X, Y))
    assert [[block.tolist() for block in row] for row in found] == [
        [[[3, 0], [0, 5]], [[1, 0], [0, 2]]],
        [[1, 1], [0, 0]],
    ]
    (only,) = jacobian(lambda x: x * 2, (X,))
    assert only.tolist() == [[2, 0], [0, 2]]


def test_jacobian_of_an_empty_output():
    assert jacobian(lambda x: x[:0], X).shape == (0, 2)


def test_jacobian_with_a_history():
    x = X.clone().requires_grad_()
    jacobian(lambda x: x**3, x, create_graph=True).sum().backward()
    assert x.grad.tolist() == [6, 12]
    assert not jacobian(lambda x: x**3, x).requires_grad


def test_hessian():
    assert hessian(lambda x: (x**3).sum(), X).tolist() == [[6, 0], [0, 12]]
    found = hessian(lambda x, y: (x * x * y).sum(), (X, Y))
    assert [[block.tolist() for block in row] for row in found] == [
        [[[6, 0], [0, 10]], [[2, 0], [0, 4]]],
        [[[2, 0], [0, 4]], [[0, 0], [0, 0]]],
    ]


def test_hessian_of_a_linear_function_is_zero():
    assert hessian(lambda x: x.sum(), X).tolist() == [[0, 0], [0, 0]]


def softly(x):
    return x.exp() / x.exp().sum()


def test_products_agree_with_the_matrices():
    v = numbers(0.3, -0.7)
    whole = jacobian(softly, X)
    assert_close(vjp(softly, X, v), (softly(X), v @ whole))
    assert_close(jvp(softly, X, v), (softly(X), whole @ v))

    def scalar(x):
        return (softly(x) ** 2).sum()

    curvature = hessian(scalar, X)
    assert_close(vhp(scalar, X, v), (scalar(X), v @ curvature))
    assert_close(hvp(scalar, X, v), (scalar(X), curvature @ v))


def test_products_with_several_inputs():
    value, (by_x, by_y) = hvp(lambda x, y: (x * x * y).sum(), (X, Y), (X, Y))
    assert (value.item(), by_x.tolist(), by_y.tolist()) == (23, [12, 40], [2, 8])
    outputs, products = jvp(lambda x, y: (x * y, y * 2), (X, Y), (X, Y))
    assert [t.tolist() for t in (*outputs, *products)] == [[3, 10], [6, 10], [6, 20], [6, 10]]


def test_vectors_may_be_left_out_for_one_number():
    one = numbers(2.0)
    assert vjp(lambda x: (x**2).sum(), X)[1].tolist() == [2, 4]
    assert jvp(lambda x: x**2, one)[1].tolist() == [4]
    assert hvp(lambda x: (x**3).sum(), one)[1].tolist() == [12]


def test_products_with_a_history():
    x = X.clone().requires_grad_()
    vjp(lambda x: x**3, x, numbers(1, 1), create_graph=True)[1].sum().backward()
    assert x.grad.tolist() == [6, 12]


REFUSED = {
    "no vector": (lambda: vjp(lambda x: x, X), RuntimeError, "v can only be None"),
    "no vector for jvp": (lambda: jvp(lambda x: x, X), RuntimeError, "v can only be None"),
    "wrong size": (lambda: vjp(lambda x: x, X, numbers(1)), RuntimeError, "invalid size"),
    "wrong length": (lambda: vjp(lambda x: x, X, (X, X)), RuntimeError, "invalid length"),
    "no tensor": (lambda: jacobian(lambda x: 3, X), TypeError, "outputs"),
    "no tensor given": (lambda: jacobian(lambda x: x, 3), TypeError, "inputs"),
    "vector for hessian": (lambda: hessian(lambda x: x, X), RuntimeError, "single element"),
    "tuple for hessian": (lambda: hessian(lambda x: (x,), X), RuntimeError, "single Tensor"),
    "strict output": (
        lambda: jacobian(lambda x: numbers(1), X, strict=True),
        RuntimeError,
        "does not require gradients",
    ),
    "strict input": (
        lambda: jacobian(lambda x, y: x, (X, Y), strict=True),
        RuntimeError,
        "independent of input 1",
    ),
    "strict hessian": (lambda: hessian(lambda x: x.sum(), X, strict=True), RuntimeError, "strict"),
    "strategy": (lambda: jacobian(lambda x: x, X, strategy="up"), ValueError, "strategy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    action, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        action()


def test_rows_all_at_once_are_the_same():
    x = rl.tensor([[0.3, -0.7], [1.1, 0.2]], dtype=rl.float64)
    y = rl.tensor([0.5, 2.0, -1.0], dtype=rl.float64)

    def several(x, y):
        return rl.outer(x.sin().sum(1), y), (x * x).sum()

    plain = rl.autograd.functional.jacobian(several, (x, y))
    found = rl.autograd.functional.jacobian(several, (x, y), vectorize=True)
    for row, want in zip(found, plain, strict=True):
        for block, right in zip(row, want, strict=True):
            assert rl.allclose(block, right, rtol=1e-12)
            assert not block.requires_grad
    cubes = lambda x: (x**3).prod() + x.sum()  # noqa: E731
    second = rl.autograd.functional.hessian(cubes, x)
    assert rl.allclose(rl.autograd.functional.hessian(cubes, x, vectorize=True), second)
    with pytest.raises(RuntimeError, match="not supported together"):
        rl.autograd.functional.jacobian(cubes, x, strict=True, vectorize=True)
