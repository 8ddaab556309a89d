"""Fourier transforms against NumPy's, with sizes, norms and gradients."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import gradcheck, gradgradcheck

X = np.random.default_rng(0).uniform(-1, 1, (3, 4, 5))
Z = X + 1j * np.random.default_rng(1).uniform(-1, 1, (3, 4, 5))
NORMS = (None, "backward", "forward", "ortho")
REAL = ("rfft", "ihfft", "rfft2", "rfftn")
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
ARGUMENTS_OF_ONE = ({}, {"dim": 0}, {"n": 3}, {"n": 8, "dim": 1})
ARGUMENTS_OF_MANY = ({}, {"s": (3, 6)}, {"dim": (0, 2)}, {"s": (2, 9), "dim": (2, 0)})


def reference(name, array, arguments):
    """NumPy's, whose arguments are called otherwise."""
    arguments = dict(arguments)
    if "dim" in arguments:
        arguments["axis" if name in ONE else "axes"] = arguments.pop("dim")
    if "s" in arguments and "axes" not in arguments:
        arguments["axes"] = tuple(range(-len(arguments["s"]), 0))
    return getattr(np.fft, name)(array, **arguments)


CASES = [(name, arguments) for name in ONE for arguments in ARGUMENTS_OF_ONE]
CASES += [(name, arguments) for name in MANY for arguments in ARGUMENTS_OF_MANY]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_values(name, arguments):
    array = X if name in REAL else Z
    function = getattr(rl.fft, name)
    for norm in NORMS:
        want = reference(name, array, {**arguments, "norm": norm})
        got = function(rl.tensor(array), **arguments, norm=norm)
        np.testing.assert_allclose(got.numpy(), want, 1e-12, 1e-12)
        assert got.dtype in (rl.float64, rl.complex128)
    single = function(rl.tensor(array).to(rl.float32 if name in REAL else rl.complex64))
    np.testing.assert_allclose(single.numpy(), reference(name, array, {}), 1e-5, 1e-5)
    assert single.dtype in (rl.float32, rl.complex64)


@pytest.mark.parametrize("name", [*ONE, *MANY, "hfft2", "ihfft2", "hfftn", "ihfftn"])
def test_gradients(name):
    real = name in (*REAL, "ihfft2", "ihfftn")
    x = rl.tensor((X if real else Z)[0, :2, :4], requires_grad=True)
    function = getattr(rl.fft, name)
    arguments = {"n": 3} if name in ONE else {"s": (3, 5)}
    for options in ({}, {"norm": "ortho"}, arguments):
        assert gradcheck(lambda x, options=options: function(x, **options), x)
    assert gradgradcheck(function, x)
    if not real:
        assert gradcheck(function, rl.tensor(X[0, :2, :4], requires_grad=True))


def test_hermitian_forms_of_several_dimensions():
    z = rl.tensor(Z)
    half = rl.fft.fftn(z, dim=(0, 1))
    want = np.fft.hfft(half.numpy(), axis=2)
    np.testing.assert_allclose(rl.fft.hfftn(z).numpy(), want, 1e-12)
    back = rl.fft.ihfftn(rl.fft.hfftn(z[..., :3], s=(3, 4, 5)))
    mirrored = rl.fft.hfftn(back, s=(3, 4, 5))
    np.testing.assert_allclose(mirrored.numpy(), rl.fft.hfftn(z[..., :3], s=(3, 4, 5)).numpy())
    for norm in NORMS:
        there = rl.fft.hfft2(z, norm=norm)
        again = rl.fft.hfft2(rl.fft.ihfft2(there, norm=norm), norm=norm)
        np.testing.assert_allclose(again.numpy(), there.numpy(), 1e-10)


def test_frequencies_and_shifts():
    for n in (1, 4, 5):
        np.testing.assert_allclose(rl.fft.fftfreq(n, 0.5).numpy(), np.fft.fftfreq(n, 0.5))
        np.testing.assert_allclose(rl.fft.rfftfreq(n, 0.5).numpy(), np.fft.rfftfreq(n, 0.5))
    assert rl.fft.fftfreq(3, dtype=rl.float64, requires_grad=True).requires_grad
    x = rl.tensor(X)
    for dim in (None, 1, (0, 2)):
        shifted = rl.fft.fftshift(x, dim)
        np.testing.assert_array_equal(shifted.numpy(), np.fft.fftshift(X, dim))
        np.testing.assert_array_equal(rl.fft.ifftshift(shifted, dim).numpy(), X)


def test_integers_and_empty_batches():
    assert rl.fft.fft(rl.tensor([1, 2])).dtype is rl.complex64
    assert rl.fft.rfft(rl.zeros(0, 4)).shape == (0, 3)
    assert rl.fft.irfft(rl.zeros(0, 4)).shape == (0, 6)
    assert rl.fft.fftn(rl.zeros(0, 2, 3), dim=(1, 2)).shape == (0, 2, 3)


ERRORS = [
    (lambda: rl.fft.rfft(rl.tensor([1j])), RuntimeError, "expects a real input tensor"),
    (lambda: rl.fft.fft(rl.ones(3), n=0), RuntimeError, "Invalid number of data points"),
    (lambda: rl.fft.irfft(rl.ones(1)), RuntimeError, "Invalid number of data points"),
    (lambda: rl.fft.fft(rl.ones(3), norm="up"), RuntimeError, "Invalid normalization mode"),
    (lambda: rl.fft.fft(rl.ones(3), dim=1), IndexError, "out of range"),
    (lambda: rl.fft.fft(rl.tensor(1.0)), IndexError, "no dimensions"),
    (lambda: rl.fft.fft(rl.ones(3).half()), RuntimeError, "Unsupported dtype float16"),
    (lambda: rl.fft.fftn(rl.ones(3, 3), dim=(0, 0)), RuntimeError, "dims must be unique"),
    (lambda: rl.fft.fftn(rl.ones(3, 3), s=(2,), dim=(0, 1)), RuntimeError, "same length"),
    (lambda: rl.fft.fftn(rl.ones(3), s=(2, 2)), RuntimeError, "only has 1 dimensions"),
    (lambda: rl.fft.fft("x"), TypeError, "must be Tensor"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
