"""grad, vjp, jvp, linearize, jacrev, jacfwd, hessian: values, nesting, nests, errors."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import functional
from rushlight.func import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
    vmap,
)
from tests.ops.harness import array_of, values

X, Y = rl.tensor(values(4)), rl.tensor(values(3, seed=1))


def close(got, want, tolerance=1e-10):
    want = np.asarray(array_of(want) if isinstance(want, rl.Tensor) else want)
    assert tuple(got.shape) == want.shape
    np.testing.assert_allclose(array_of(got), want, rtol=tolerance, atol=tolerance)


def mixed(x, y):
    """A function of two vectors whose derivatives all differ."""
    return rl.outer(x.sin(), y).sum(0) * (x * x).sum() + y.exp()


def scalar(x):
    return (x.sin() * x.roll(1)).sum() * x.exp().sum()


# ------------------------------------------------------------------------------------------- grad
def test_gradients_and_values():
    close(grad(lambda x: (x**3).sum())(X), 3 * array_of(X) ** 2)
    gradient, value = grad_and_value(lambda x: (x**3).sum())(X)
    close(gradient, 3 * array_of(X) ** 2)
    close(value, (array_of(X) ** 3).sum())
    assert not gradient.requires_grad
    assert not value.requires_grad


def test_argnums_and_aux():
    both, aux = grad(lambda x, y: (mixed(x, y).sum(), x), argnums=(0, -1), has_aux=True)(X, Y)
    close(both[0], grad(lambda x: mixed(x, Y).sum())(X))
    close(both[1], grad(lambda y: mixed(X, y).sum())(Y))
    close(aux, X)
    gradient, (value, aux) = grad_and_value(lambda x: (x.sum(), {"x": x}), has_aux=True)(X)
    close(gradient, np.ones(4))
    close(value, array_of(X).sum())
    close(aux["x"], X)


def test_arguments_may_be_nests():
    nest = {"a": X, "b": [Y, (X, Y)]}
    found = grad(lambda n: (n["a"] * n["b"][1][0]).sum() + n["b"][0].sum())(nest)
    close(found["a"], X)
    close(found["b"][0], np.ones(3))
    close(found["b"][1][1], np.zeros(3))
    assert isinstance(found["b"][1], tuple)


def test_higher_derivatives():
    third = grad(grad(grad(lambda x: x**5)))
    close(third(rl.tensor(2.0, dtype=rl.float64)), 60 * 4.0)


def test_levels_do_not_mix():
    """d/dx (x * d/dy (x + y)) at y = x is 1, not 2."""
    x = rl.tensor(3.0)
    assert grad(lambda x: x * grad(lambda y: x + y)(x))(x).item() == 1
    assert grad(lambda x: x * grad(lambda y: x * y)(rl.tensor(1.0)))(x).item() == 6


def test_no_field_is_touched():
    x = X.clone().requires_grad_()
    w = Y.clone().requires_grad_()
    grad(lambda x: (x.sum() * w).sum())(x)
    jacrev(lambda x: x * x)(x)
    assert x.grad is None
    assert w.grad is None


def test_results_can_be_differentiated_from_outside():
    x = X.clone().requires_grad_()
    w = rl.tensor(2.0, dtype=rl.float64, requires_grad=True)
    found = grad(lambda x: w * (x**3).sum())(x)
    assert found.requires_grad
    found.sum().backward()
    close(x.grad, 12 * array_of(X))
    close(w.grad, (3 * array_of(X) ** 2).sum())


def test_no_grad_outside_and_inside():
    x = X.clone().requires_grad_()
    with rl.no_grad():
        found = grad(lambda x: (x * x).sum())(x)
    close(found, 2 * array_of(X))
    assert not found.requires_grad

    def inside(x):
        with rl.no_grad():
            y = x * x
        return (y * x).sum()

    close(grad(inside)(X), array_of(X) ** 2)


def test_what_does_not_depend_has_zero_gradient():
    close(grad(lambda x: Y.sum())(X), np.zeros(4))
    close(jacrev(lambda x: Y * 2)(X), np.zeros((3, 4)))
    close(jacfwd(lambda x: Y * 2)(X), np.zeros((3, 4)))


def test_writes_in_place():
    def function(x):
        y = x.clone()
        y[1:].mul_(x[:-1])
        y.sin_()
        return y.sum()

    close(grad(function)(X), functional.jacobian(function, X))
    close(vmap(grad(function))(rl.stack([X, 2 * X]))[0], grad(function)(X))


# ------------------------------------------------------------------------------- vjp, jvp and kin
def test_vjp():
    output, pull, aux = vjp(lambda x, y: ({"out": mixed(x, y)}, 7), X, Y, has_aux=True)
    assert aux == 7
    close(output["out"], mixed(X, Y))
    v = rl.tensor(values(3, seed=2))
    for _ in range(2):
        of_x, of_y = pull({"out": v})
        _, want = functional.vjp(mixed, (X, Y), v)
        close(of_x, want[0])
        close(of_y, want[1])


def test_vjp_of_several_outputs():
    _, pull = vjp(lambda x: (x.sin(), x.sum()), X)
    (found,) = pull((rl.ones(4, dtype=rl.float64), rl.tensor(2.0, dtype=rl.float64)))
    close(found, np.cos(array_of(X)) + 2)


def test_jvp_and_linearize():
    v, w = rl.tensor(values(4, seed=5)), rl.tensor(values(3, seed=6))
    _, want = functional.jvp(mixed, (X, Y), (v, w))
    output, found = jvp(mixed, (X, Y), (v, w))
    close(output, mixed(X, Y))
    close(found, want)
    output, push = linearize(mixed, X, Y)
    close(output, mixed(X, Y))
    close(push(v, w), want)
    close(push(2 * v, 2 * w), 2 * array_of(want))
    *_, aux = jvp(lambda x: (x, "aux"), (X,), (v,), has_aux=True)
    assert aux == "aux"
    assert not found.requires_grad


def test_jvp_of_whole_numbers_is_zero():
    (_, place), (_, of_place) = jvp(lambda x: (x, x.argmax()), (X,), (X,))
    assert place.dtype is rl.int64
    assert of_place.item() == 0


def test_jvp_nests():
    one = rl.tensor(1.0, dtype=rl.float64)

    def slope(f):
        return lambda x: jvp(f, (x,), (one,))[1]

    x = rl.tensor(0.7, dtype=rl.float64)
    close(slope(slope(slope(rl.sin)))(x), -np.cos(0.7))
    close(grad(slope(rl.sin))(x), -np.sin(0.7))
    close(slope(grad(rl.sin))(x), -np.sin(0.7))
    close(vmap(slope(rl.sin))(X), np.cos(array_of(X)))
    close(slope(lambda x: vmap(lambda y: x * y)(X).sum())(x), array_of(X).sum())


# -------------------------------------------------------------------------- Jacobians and Hessians
@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians(jacobian):
    close(jacobian(lambda x: mixed(x, Y))(X), functional.jacobian(lambda x: mixed(x, Y), X))
    of_x, of_y = jacobian(mixed, argnums=(0, 1))(X, Y)
    want = functional.jacobian(mixed, (X, Y))
    close(of_x, want[0])
    close(of_y, want[1])
    nested, aux = jacobian(lambda n: ({"y": n["x"] ** 2}, n["x"]), has_aux=True)({"x": X})
    close(nested["y"]["x"], np.diag(2 * array_of(X)))
    close(aux, X)
    matrix = rl.tensor(values(2, 3))
    assert tuple(jacobian(lambda m: m.T @ m)(matrix).shape) == (3, 3, 2, 3)


@pytest.mark.parametrize("chunk_size", [1, 2, 5])
def test_chunks_of_rows(chunk_size):
    close(jacrev(lambda x: mixed(x, Y), chunk_size=chunk_size)(X), jacrev(lambda x: mixed(x, Y))(X))


def test_hessians():
    found = hessian(scalar)(X)
    close(found, found.T)
    close(found, functional.hessian(scalar, X))
    for outer in (jacrev, jacfwd):
        for inner in (jacrev, jacfwd):
            close(outer(inner(scalar))(X), found)
    blocks = hessian(lambda x, y: (mixed(x, y)).sum(), argnums=(0, 1))(X, Y)
    want = functional.hessian(lambda x, y: mixed(x, y).sum(), (X, Y))
    for i in range(2):
        for j in range(2):
            close(blocks[i][j], want[i][j])


def test_third_derivatives_by_jacrev():
    found = jacrev(jacrev(jacrev(scalar)))(X)
    close(found, jacfwd(hessian(scalar))(X))


def test_everything_nests_under_vmap():
    batch = rl.stack([X, 2 * X, X.flip(0)])
    for transform in (grad, hessian, lambda f: jacrev(jacfwd(f))):
        close(vmap(transform(scalar))(batch), rl.stack([transform(scalar)(x) for x in batch]))
    total = lambda w: vmap(lambda x: (x * w).sin().sum())(batch).sum()  # noqa: E731
    plain = lambda w: (batch * w).sin().sum()  # noqa: E731
    close(grad(total)(X), grad(plain)(X))
    close(hessian(total)(X), hessian(plain)(X))
    close(jacfwd(vmap(rl.sin))(X), np.diag(np.cos(array_of(X))))


class Cube(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gradient


def test_functions_of_users():
    close(grad(lambda x: Cube.apply(x).sum())(X), 3 * array_of(X) ** 2)
    close(vmap(grad(Cube.apply))(X), 3 * array_of(X) ** 2)
    close(hessian(lambda x: Cube.apply(x).sum())(X), np.diag(6 * array_of(X)))


def test_checkpoints():
    from rushlight.utils.checkpoint import checkpoint

    def function(x):
        return checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False).sum()

    close(grad(function)(X), grad(lambda x: x.sin().exp().sum())(X))
    close(vmap(grad(function))(rl.stack([X, X]))[1], grad(function)(X))


def test_a_step_of_learning_within_learning():
    """Gradients through a step of gradient descent for each task, and through a penalty on it."""
    w, xs, ys = rl.tensor(values(4)), rl.tensor(values(3, 5, 4)), rl.tensor(values(3, 5))

    def loss(w, x, y):
        return ((x @ w).tanh() - y).square().mean()

    def adapted(w, x, y):
        return loss(w - 0.1 * grad(loss)(w, x, y), x, y) + grad(loss)(w, x, y).square().sum()

    mapped = lambda w: vmap(adapted, in_dims=(None, 0, 0))(w, xs, ys).sum()  # noqa: E731
    looped = lambda w: sum(adapted(w, x, y) for x, y in zip(xs, ys, strict=True))  # noqa: E731
    close(grad(mapped)(w), grad(looped)(w))
    close(hessian(mapped)(w), hessian(looped)(w))
    leaf = w.clone().requires_grad_()
    mapped(leaf).backward()
    close(leaf.grad, grad(looped)(w))


def test_maps_and_derivatives_within_each_other():
    points, a = rl.tensor(values(3, 4)), rl.tensor(0.9, dtype=rl.float64)

    def mapped(a):
        def each(x):
            return grad(lambda b: vmap(lambda z: (z * b * a * x).sin())(points[:, 0]).prod())(x)

        return vmap(each)(points[0]).sum()

    def looped(a):
        def each(x):
            rows = points[:, 0]
            return grad(lambda b: rl.stack([(z * b * a * x).sin() for z in rows]).prod())(x)

        return sum(each(x) for x in points[0])

    for depth in range(3):
        close(mapped(a), looped(a), 1e-8)
        if depth < 2:
            mapped, looped = grad(mapped), grad(looped)
    close(jvp(mapped, (a,), (a,))[1], grad(looped)(a) * a, 1e-8)


def test_laplacians_at_points_and_their_gradients():
    points = rl.tensor(values(5, 3))
    parameters = [rl.tensor(values(3, seed=4)), rl.tensor(0.7, dtype=rl.float64)]

    def field(p, x):
        return (p[0] * x).sin().sum() * p[1]

    def laplacian(p, x):
        def along(v):
            return jvp(lambda z: grad(field, 1)(p, z), (x,), (v,))[1] @ v

        return vmap(along)(rl.eye(3).double()).sum()

    mapped = lambda p: vmap(laplacian, in_dims=(None, 0))(p, points).square().sum()  # noqa: E731
    looped = lambda p: sum(  # noqa: E731
        hessian(field, 1)(p, x).diagonal().sum() ** 2 for x in points
    )
    for got, want in zip(grad(mapped)(parameters), grad(looped)(parameters), strict=True):
        close(got, want)


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_anomaly_mode_looks_at_all_samples():
    with rl.autograd.detect_anomaly():
        close(jacrev(rl.sin)(X), np.diag(np.cos(array_of(X))))
        with pytest.raises(RuntimeError, match="returned nan values"):
            vmap(grad(lambda x: (x * 0).sqrt() * 0))(X)


# ----------------------------------------------------------------------------------------- errors
WRONG = {
    "vector": (lambda: grad(lambda x: x)(X), "scalar tensor, got tensor with 1 dims"),
    "no tensor": (lambda: grad(lambda x: 3.0)(X), "return a scalar Tensor, got <class 'float'>"),
    "aux": (lambda: grad(lambda x: x.sum(), has_aux=True)(X), r"\(output, aux\)"),
    "argnum": (lambda: grad(rl.sum, argnums=1)(X), "Got argnum=1, but only 1 positional inputs"),
    "kind of argnums": (lambda: grad(rl.sum, argnums="0")(X), "must be int or Tuple"),
    "no argnums": (lambda: grad(rl.sum, argnums=())(X), "argnums must be non-empty"),
    "argnums twice": (lambda: grad(mixed, argnums=(0, -2))(X, Y), "must be unique"),
    "whole numbers": (lambda: grad(rl.sum)(rl.arange(3)), "floating point"),
    "cotangents": (lambda: vjp(rl.sin, X)[1]((X, X)), "structure of cotangents"),
    "shape": (lambda: vjp(rl.sin, X)[1](Y), r"(?s)Expected: shape \[4\].*Actual: shape \[3\]"),
    "output": (lambda: vjp(lambda x: None, X), "non-empty output"),
    "whole output": (lambda: vjp(lambda x: x.argmax(), X), "must be floating-point"),
    "primals": (lambda: jvp(rl.sin, X, X), "Expected primals to be a tuple"),
    "tangents": (lambda: jvp(rl.sin, (X,), (X, X)), "same python structure"),
    "strict": (lambda: jvp(lambda x: Y, (X,), (X,), strict=True), "independent of the inputs"),
    "whole jacobian": (lambda: jacrev(lambda x: x.argmax())(X), "Expected all outputs to be real"),
    "backward": (lambda: grad(lambda x: x.sum().backward() or x.sum())(X), "functorch transform"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls(name):
    call, words = WRONG[name]
    with pytest.raises(RuntimeError, match=words):
        call()


def test_other_wrong_calls():
    with pytest.raises(ValueError, match="must be Tensor, got <class 'float'>"):
        grad(lambda x: x)(3.0)
    with pytest.raises(ValueError, match="greater than 0"):
        jacrev(rl.sin, chunk_size=0)


def test_an_error_inside_leaves_nothing_behind():
    def fails(x):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        vmap(grad(fails))(X)
    x = X.clone().requires_grad_()
    x.sum().backward()
    close(x.grad, np.ones(4))
