"""Complex numbers: their parts, arithmetic on them, and gradients in PyTorch's convention."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import gradcheck, gradgradcheck
from rushlight.nn import functional as F

Z = np.array([[1 + 2j, -0.5 + 0.3j, -1j], [0.2 - 1.5j, -2 - 1j, 0.7 + 0j]])
W = np.array([[0.5 - 1j, 2 + 0.1j, -1 + 1j], [1j, 0.3 + 0.3j, -1.2 - 0.4j]])


def leaf(array, dtype=rl.complex128):
    return rl.tensor(array, dtype=dtype, requires_grad=True)


UNARY = {
    "real": (lambda z: z.real, np.real),
    "imag": (lambda z: z.imag, np.imag),
    "conj": (rl.conj, np.conj),
    "abs": (rl.abs, np.abs),
    "angle": (rl.angle, np.angle),
    "sgn": (rl.sgn, lambda z: z / np.abs(z)),
    "exp": (rl.exp, np.exp),
    "log": (rl.log, np.log),
    "sqrt": (rl.sqrt, np.sqrt),
    "sin": (rl.sin, np.sin),
    "tanh": (rl.tanh, np.tanh),
    "sigmoid": (rl.sigmoid, lambda z: 1 / (1 + np.exp(-z))),
    "reciprocal": (rl.reciprocal, lambda z: 1 / z),
    "rsqrt": (rl.rsqrt, lambda z: 1 / np.sqrt(z)),
    "square": (lambda z: z * z, lambda z: z * z),
    "power": (lambda z: z**3, lambda z: z**3),
    "complex power": (lambda z: z ** (0.5 + 1j), lambda z: z ** (0.5 + 1j)),
    "sum": (lambda z: z.sum(0), lambda z: z.sum(0)),
    "mean": (lambda z: z.mean(), lambda z: z.mean()),
    "prod": (lambda z: z.prod(1), lambda z: z.prod(1)),
    "cumprod": (lambda z: z.cumprod(1), lambda z: z.cumprod(1)),
    "norm": (lambda z: rl.norm(z, dim=1), lambda z: np.linalg.norm(z, axis=1)),
    "var": (lambda z: z.var(1), lambda z: z.var(1, ddof=1)),
    "std": (lambda z: z.std(0), lambda z: z.std(0, ddof=1)),
    "logsumexp": (lambda z: z.logsumexp(1), lambda z: np.log(np.exp(z).sum(1))),
    "logcumsumexp": (
        lambda z: z.logcumsumexp(1),
        lambda z: np.log(np.exp(z).cumsum(1)),
    ),
    "cov": (rl.cov, np.cov),
    "trapezoid": (rl.trapezoid, lambda z: (z[:, 1:] + z[:, :-1]).sum(1) / 2),
    "nuclear": (lambda z: rl.norm(z, "nuc"), lambda z: np.linalg.norm(z, "nuc")),
    "adjoint": (lambda z: z.mH, lambda z: z.conj().T),
    "pairs": (rl.view_as_real, lambda z: np.stack((z.real, z.imag), -1)),
    "slice": (lambda z: z[:, 1:], lambda z: z[:, 1:]),
    "real slice": (lambda z: z.real[0] * z.imag[1], lambda z: z.real[0] * z.imag[1]),
}


@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name):
    function, reference = UNARY[name]
    z = leaf(Z)
    np.testing.assert_allclose(function(z).detach().numpy(), reference(Z), 1e-12, 1e-12)
    narrow = function(leaf(Z, rl.complex64)).detach()
    assert narrow.itemsize * 2 == function(z).itemsize
    np.testing.assert_allclose(narrow.numpy(), reference(Z), 2e-6, 2e-6)
    assert gradcheck(function, z)
    assert gradgradcheck(function, z)


BINARY = {
    "add": (rl.add, np.add),
    "sub": (rl.sub, np.subtract),
    "mul": (rl.mul, np.multiply),
    "div": (rl.div, np.divide),
    "pow": (rl.pow, np.power),
    "logaddexp": (rl.logaddexp, lambda z, w: np.log(np.exp(z) + np.exp(w))),
    "lerp": (lambda z, w: rl.lerp(z, w, 0.3j), lambda z, w: z + 0.3j * (w - z)),
    "linear": (F.linear, lambda z, w: z @ w.T),
    "conv1d": (
        lambda z, w: F.conv1d(z[None], w[None, :, :2])[0, 0],
        lambda z, w: sum(
            np.correlate(a, b.conj(), "valid") for a, b in zip(z, w[:, :2], strict=True)
        ),
    ),
    "rms_norm": (
        lambda z, w: F.rms_norm(z, (3,), w[0], eps=0.1),
        lambda z, w: z / np.sqrt((z * z).mean(1, keepdims=True) + 0.1) * w[0],
    ),
    "matmul": (lambda z, w: z @ w.T, lambda z, w: z @ w.T),
    "vdot": (lambda z, w: rl.vdot(z[0], w[0]), lambda z, w: np.vdot(z[0], w[0])),
    "where": (lambda z, w: rl.where(z.real > 0.1, z, w), lambda z, w: np.where(z.real > 0.1, z, w)),
}


@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name):
    function, reference = BINARY[name]
    z, w = leaf(Z), leaf(W)
    np.testing.assert_allclose(function(z, w).detach().numpy(), reference(Z, W), 1e-12)
    assert gradcheck(function, (z, w))
    assert gradgradcheck(function, (z, w))


@pytest.mark.parametrize("name", ["add", "mul", "div", "pow"])
def test_real_with_complex(name):
    function, reference = BINARY[name]
    x, w = leaf(np.array([0.5, 1.5, 2.0]), rl.float64), leaf(W)
    result = function(x, w)
    np.testing.assert_allclose(result.detach().numpy(), reference(x.detach().numpy(), W), 1e-12)
    assert gradcheck(function, (x, w))
    result.abs().sum().backward()
    assert x.grad.dtype is rl.float64
    assert w.grad.dtype is rl.complex128


def test_gradient_points_downhill():
    z = leaf([3 + 4j])
    (z.abs() ** 2).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [6 + 8j])
    again = leaf([3 + 4j])
    (again * 1j).real.sum().backward()
    assert again.grad.tolist() == [-1j]


def test_size_and_angle_at_zero_have_no_gradient():
    z = leaf([0j])
    (z.abs() + z.angle() + z.sgn().real).sum().backward()
    assert z.grad.tolist() == [0j]


def test_complex_and_polar():
    a, b = leaf([1.0, 2.0], rl.float64), leaf([[0.5], [-1.0]], rl.float64)
    made = rl.complex(a, b)
    assert made.tolist() == [[1 + 0.5j, 2 + 0.5j], [1 - 1j, 2 - 1j]]
    assert gradcheck(rl.complex, (a, b))
    assert gradcheck(rl.polar, (a, b))
    np.testing.assert_allclose(rl.polar(a, a).detach().numpy(), [1, 2] * np.exp([1j, 2j]))
    assert rl.complex(rl.tensor(1.0), rl.tensor(2.0)).item() == 1 + 2j


def test_pairs_there_and_back():
    x = leaf(np.arange(6.0).reshape(3, 2), rl.float64)
    assert rl.view_as_complex(x).tolist() == [1j, 2 + 3j, 4 + 5j]
    assert gradcheck(rl.view_as_complex, x)
    assert gradcheck(lambda x: rl.view_as_real(rl.view_as_complex(x)[1:]), x)


def test_parts_are_views():
    z = rl.tensor(Z)
    z.real[0] = 7
    z.imag = rl.zeros(2, 3, dtype=rl.float64)
    assert z[0].tolist() == [7, 7, 7]
    rl.view_as_real(z)[1, :, 1] = 5.0
    assert z[1].imag.tolist() == [5, 5, 5]
    assert z.imag.stride() == (6, 2)
    assert z.imag.storage_offset() == 1
    np.testing.assert_array_equal(z.imag.numpy(), z.numpy().imag)
    pairs = rl.zeros(2, 2)
    rl.view_as_complex(pairs)[1] = 1 + 2j
    assert pairs.tolist() == [[0, 0], [1, 2]]


def test_a_write_through_a_part_is_differentiated():
    def function(z, x):
        z = z * 1
        z.real.mul_(x)
        return z * z

    assert gradcheck(function, (leaf(Z), leaf(W.real, rl.float64)))


def test_real_numbers_have_parts_too():
    x = rl.tensor([1.0, -2.0, 0.0])
    assert x.real is x
    assert x.conj() is x
    np.testing.assert_allclose(x.angle().numpy(), [0, np.pi, 0], 1e-6)
    assert rl.isreal(rl.tensor([1 + 0j, 1j])).tolist() == [True, False]
    assert rl.isfinite(rl.tensor([1j, complex("inf+1j")])).tolist() == [True, False]


def test_random_numbers():
    rl.manual_seed(0)
    z = rl.randn(20000, dtype=rl.complex128)
    assert z.var().item() == pytest.approx(1, rel=0.03)
    assert z.real.var().item() == pytest.approx(0.5, rel=0.05)
    u = rl.rand_like(z)
    assert u.imag.mean().item() == pytest.approx(0.5, abs=0.02)


def test_training_a_complex_parameter():
    z = leaf([1 + 1j], rl.complex64)
    for _ in range(60):
        loss = (z * z + 1).abs().square().sum()
        (slope,) = rl.autograd.grad(loss, z)
        z = (z.detach() - 0.05 * slope).requires_grad_()
    np.testing.assert_allclose(z.detach().numpy(), [1j], atol=1e-3)


ERRORS = [
    (lambda: rl.ones(2).imag, RuntimeError, "non-complex"),
    (lambda: rl.view_as_real(rl.ones(2)), RuntimeError, "only supported for complex"),
    (lambda: rl.view_as_complex(rl.ones(2, 3)), RuntimeError, "last dimension of size 2"),
    (lambda: rl.view_as_complex(rl.ones(2, 2).T), RuntimeError, "stride 1"),
    (lambda: rl.view_as_complex(rl.ones(2).long()), RuntimeError, "int64"),
    (lambda: rl.complex(rl.ones(2), rl.ones(2).double()), RuntimeError, "second argument"),
    (lambda: rl.complex(rl.ones(2).long(), rl.ones(2)), RuntimeError, "Half, Float or Double"),
    (lambda: rl.tensor([1j]).sign(), NotImplementedError, "does not allow complex"),
    (lambda: rl.erf(rl.tensor([1j])), NotImplementedError, "not implemented for 'complex64'"),
    (lambda: leaf([1j]).sum().backward(), RuntimeError, "only for real scalar outputs"),
    (lambda: rl.ones(2).long().requires_grad_(), RuntimeError, "floating point"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
