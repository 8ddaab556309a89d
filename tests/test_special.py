"""Special functions: known values, identities between them, and derivatives."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import special
from rushlight.autograd import gradcheck, gradgradcheck

# Places from tiny to large, through every border between two methods.
PLACES = np.array([1e-8, 0.1, 0.99, 1.01, 1.99, 2.01, 3.9, 4.1, 7.5, 12.0, 19.9, 20.1, 24.9, 25.1])
PLACES = np.concatenate([PLACES, [60.0, 345.6]])


def at(name, *operands):
    return getattr(special, name)(*[rl.tensor(x, dtype=rl.float64) for x in operands]).numpy()


def integral(function, low, high, count=20001):
    """Simpson's rule."""
    x = np.linspace(low, high, count)
    weights = np.ones(count)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return np.sum(function(x) * weights) * (high - low) / (count - 1) / 3


@pytest.mark.parametrize("order", [0, 1])
def test_bessel_functions_of_the_first_kind(order):
    for x in PLACES:
        want = integral(lambda t, x=x: np.cos(order * t - x * np.sin(t)) / np.pi, 0, np.pi)
        assert at(f"bessel_j{order}", x) == pytest.approx(want, rel=1e-12, abs=2e-15)
        assert at(f"bessel_j{order}", -x) == pytest.approx((-1) ** order * want, abs=1e-14)


def test_bessel_functions_of_the_second_kind():
    """Cross products (DLMF 10.5.2, 10.28.2) tie Y to J and K to I."""
    x = PLACES
    cross = at("bessel_j1", x) * at("bessel_y0", x) - at("bessel_j0", x) * at("bessel_y1", x)
    np.testing.assert_allclose(cross, 2 / (np.pi * x), 1e-12)
    cross = at("i0e", x) * at("scaled_modified_bessel_k1", x)
    cross += at("i1e", x) * at("scaled_modified_bessel_k0", x)
    np.testing.assert_allclose(cross, 1 / x, 1e-13)


KNOWN = {
    "bessel_j0": (1.0, 0.7651976865579666),
    "bessel_y0": (1.0, 0.08825696421567698),
    "bessel_y1": (10.0, 0.24901542420695388),
    "i0": (1.0, 1.2660658777520084),
    "i1": (1.0, 0.5651591039924851),
    "modified_bessel_k0": (1.0, 0.42102443824070834),
    "modified_bessel_k1": (2.0, 0.13986588181652243),
    "airy_ai": (1.0, 0.13529241631288141),
    "erfcx": (1.0, 0.427583576155807),
    "ndtri": (0.975, 1.959963984540054),
    "log_ndtr": (-10.0, -53.23128515051247),
    "spherical_bessel_j0": (2.0, 0.45464871341284085),
    "entr": (0.5, 0.34657359027997264),
    "ndtr": (1.0, 0.8413447460685429),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_values(name):
    place, value = KNOWN[name]
    assert at(name, place) == pytest.approx(value, rel=1e-14)
    single = getattr(special, name)(rl.tensor(place))
    assert single.dtype is rl.float32
    assert single.item() == pytest.approx(value, rel=1e-6)
    assert getattr(special, name)(rl.tensor(1)).dtype is rl.float32


EDGES = [
    ("bessel_j0", [0, np.inf, -np.inf, np.nan], [1, 0, 0, np.nan]),
    ("bessel_j1", [0, np.inf], [0, 0]),
    ("bessel_y0", [0, -1, np.inf], [-np.inf, np.nan, 0]),
    ("bessel_y1", [0, -1, np.inf], [-np.inf, np.nan, 0]),
    ("i0", [0, np.inf, -np.inf], [1, np.inf, np.inf]),
    ("i1", [0, np.inf, -np.inf], [0, np.inf, -np.inf]),
    ("i0e", [0, np.inf], [1, 0]),
    ("modified_bessel_k0", [0, -1, np.inf], [np.inf, np.nan, 0]),
    ("scaled_modified_bessel_k1", [0, -1, np.inf], [np.inf, np.nan, 0]),
    ("airy_ai", [np.inf, -np.inf, np.nan], [0, 0, np.nan]),
    ("spherical_bessel_j0", [0, np.inf], [1, 0]),
    ("erfcx", [np.inf, -np.inf, np.nan], [0, np.inf, np.nan]),
    ("ndtri", [0, 0.5, 1, -0.1, 1.1, np.nan], [-np.inf, 0, np.inf, np.nan, np.nan, np.nan]),
    ("log_ndtr", [np.inf, -np.inf, np.nan], [0, -np.inf, np.nan]),
    ("entr", [0, -1, np.inf, np.nan], [0, -np.inf, -np.inf, np.nan]),
]


@pytest.mark.parametrize(("name", "places", "values"), EDGES, ids=[row[0] for row in EDGES])
def test_edges(name, places, values):
    np.testing.assert_array_equal(at(name, np.array(places, float)), values)


def test_airy_satisfies_its_equation():
    """y'' = x y, by differences, from the oscillating side to the falling one."""
    x = np.array([-30.0, -12.0, -9.2, -8.9, -5.3, -2.0, -0.4, 0.0, 0.9, 1.1, 4.0, 8.0])
    step = 1e-3
    up, here, down = (at("airy_ai", x + shift) for shift in (step, 0.0, -step))
    curve = (up - 2 * here + down) / step**2
    size = np.maximum(np.abs(x * here), 1e-3)
    np.testing.assert_allclose((curve - x * here) / size, 0, atol=3e-4)
    assert at("airy_ai", 0.0) == pytest.approx(3 ** (-2 / 3) / math.gamma(2 / 3), rel=1e-15)


def test_error_functions_fit_together():
    x = np.array([-5.0, -1.0, -0.1, 0.0, 0.5, 2.9, 3.1, 10.0])
    erfc = np.array([math.erfc(place) for place in x])
    np.testing.assert_allclose(at("erfcx", x) * np.exp(-x * x), erfc, 1e-13)
    places = np.geomspace(1e-3, 26, 400)
    both = np.concatenate([-places, places])
    want = np.array([math.erfc(place) for place in both])
    np.testing.assert_allclose(at("erfcx", both) * np.exp(-both * both), want, 2e-13)
    assert at("erfcx", 1e12) == pytest.approx(1e-12 / math.sqrt(math.pi), rel=1e-15)
    np.testing.assert_allclose(np.exp(at("log_ndtr", x)), at("ndtr", x), 1e-12)
    assert at("log_ndtr", -40.0) == pytest.approx(-804.6084420137538, rel=1e-13)
    p = np.array([1e-300, 1e-10, 0.02, 0.3, 0.5, 0.7, 1 - 1e-10])
    np.testing.assert_allclose(at("ndtr", at("ndtri", p)), p, 1e-11)


NUMPY_BASES = {
    "chebyshev_polynomial_t": np.polynomial.chebyshev.Chebyshev,
    "hermite_polynomial_h": np.polynomial.hermite.Hermite,
    "hermite_polynomial_he": np.polynomial.hermite_e.HermiteE,
    "laguerre_polynomial_l": np.polynomial.laguerre.Laguerre,
    "legendre_polynomial_p": np.polynomial.legendre.Legendre,
}
X = np.linspace(-1.5, 1.5, 9)


@pytest.mark.parametrize("name", NUMPY_BASES)
def test_orthogonal_polynomials(name):
    degrees = np.arange(8)
    got = at(name, X[:, None], degrees)
    for degree in degrees:
        want = NUMPY_BASES[name].basis(degree)(X)
        np.testing.assert_allclose(got[:, degree], want, 1e-12, 1e-12)
    assert getattr(special, name)(rl.tensor(0.5), -1).item() == 0
    by_number = getattr(special, name)(rl.tensor(X), 3)
    np.testing.assert_allclose(by_number.numpy(), got[:, 3])


def test_kinds_of_chebyshev_polynomials():
    angle = np.linspace(0.1, 3, 7)
    x, n = np.cos(angle)[:, None], np.arange(6)
    angle = angle[:, None]
    u = np.sin((n + 1) * angle) / np.sin(angle)
    v = np.cos((n + 0.5) * angle) / np.cos(angle / 2)
    w = np.sin((n + 0.5) * angle) / np.sin(angle / 2)
    for kind, want in (("t", np.cos(n * angle)), ("u", u), ("v", v), ("w", w)):
        np.testing.assert_allclose(at(f"chebyshev_polynomial_{kind}", x, n), want, 1e-10, 1e-12)
        shifted = at(f"shifted_chebyshev_polynomial_{kind}", (x + 1) / 2, n)
        np.testing.assert_allclose(shifted, want, 1e-10, 1e-12)


SMOOTH = ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "i0", "i0e", "i1", "i1e", "erfcx")
SMOOTH += ("modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "ndtr")
SMOOTH += ("scaled_modified_bessel_k1", "log_ndtr", "entr")


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    function = getattr(special, name)
    x = rl.tensor([0.3, 0.8, 1.7, 4.6], dtype=rl.float64, requires_grad=True)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


def test_more_gradients():
    p = rl.tensor([0.02, 0.3, 0.9], dtype=rl.float64, requires_grad=True)
    assert gradcheck(special.ndtri, p)
    assert gradgradcheck(special.ndtri, p)
    x = rl.tensor([-2.0, 0.0, 1.5], dtype=rl.float64, requires_grad=True)
    for name in ("bessel_j1", "i1", "i0e", "erfcx", "log_ndtr"):
        place = x if name != "i0e" else x + 0.1
        assert gradcheck(getattr(special, name), place)
    assert gradcheck(special.xlog1py, (x, p))
    assert gradgradcheck(special.xlog1py, (x, p))


def test_xlog1py_at_its_edges():
    got = special.xlog1py(rl.tensor([0.0, 0.0, 1.0]), rl.tensor([-1.0, float("nan"), -1.0]))
    np.testing.assert_array_equal(got.numpy(), [0, np.nan, -np.inf])
    assert special.xlog1py(2, rl.tensor([1.0])).item() == pytest.approx(2 * math.log(2))


def test_names_from_elsewhere():
    x = rl.tensor([0.5, 1.5])
    assert special.expit is rl.sigmoid
    assert special.i0 is rl.i0
    assert x.i0().tolist() == special.modified_bessel_i0(x).tolist()
    assert special.psi is rl.digamma
    np.testing.assert_array_equal(special.gammaln(x).numpy(), rl.lgamma(x).numpy())
    with pytest.raises(AttributeError, match=r"docs/differences.md"):
        special.nothing


def test_without_a_derivative_backward_says_so():
    x = rl.ones(2, requires_grad=True)
    for result in (special.airy_ai(x), special.legendre_polynomial_p(x, 2)):
        with pytest.raises(NotImplementedError, match=r"derivative for 'input' of 'special_"):
            result.sum().backward()
    with pytest.raises(NotImplementedError, match="not implemented for 'complex64'"):
        special.i0(rl.tensor([1j]))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_numbers_are_rounded_once(dtype):
    x = rl.tensor([0.25, 1.5, 3.0]).to(getattr(rl, dtype)).requires_grad_()
    got = special.i0(x)
    assert got.dtype is x.dtype
    exact = special.i0(x.detach().double()).to(x.dtype)
    assert got.tolist() == exact.tolist()
    got.sum().backward()
    np.testing.assert_allclose(
        x.grad.double().numpy(), special.i1(x.detach().double()).numpy(), 1e-2
    )
