"""Window functions against NumPy's and against their formulas."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.signal import windows

SYMMETRIC = {
    "hann": (windows.hann, np.hanning),
    "hamming": (windows.hamming, np.hamming),
    "blackman": (windows.blackman, np.blackman),
    "bartlett": (windows.bartlett, np.bartlett),
    "kaiser": (
        lambda m, **options: windows.kaiser(m, beta=6.0, **options),
        lambda m: np.kaiser(m, 6),
    ),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_values(name):
    function, reference = SYMMETRIC[name]
    for size in (0, 1, 2, 5, 8):
        got = function(size, dtype=rl.float64)
        np.testing.assert_allclose(got.numpy(), reference(size), 1e-12, 1e-12)
        periodic = function(size, sym=False, dtype=rl.float64)
        want = reference(size + 1)[:-1] if size > 1 else np.ones(size)
        np.testing.assert_allclose(periodic.numpy(), want, 1e-12, 1e-12)


FORMULAS = {
    "cosine": (windows.cosine, {}, lambda k, n: np.sin(np.pi * (k + 0.5) / (n + 1))),
    "exponential": (windows.exponential, {"tau": 2.0}, lambda k, n: np.exp(-abs(k - n / 2) / 2)),
    "gaussian": (windows.gaussian, {"std": 2.0}, lambda k, n: np.exp(-((k - n / 2) ** 2) / 8)),
    "general_hamming": (
        windows.general_hamming,
        {"alpha": 0.6},
        lambda k, n: 0.6 - 0.4 * np.cos(2 * np.pi * k / n),
    ),
    "general_cosine": (
        windows.general_cosine,
        {"a": [0.4, 0.3, 0.2]},
        lambda k, n: 0.4 - 0.3 * np.cos(2 * np.pi * k / n) + 0.2 * np.cos(4 * np.pi * k / n),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name):
    function, options, formula = FORMULAS[name]
    k = np.arange(7)
    for sym, period in ((True, 6), (False, 7)):
        got = function(7, sym=sym, dtype=rl.float64, **options)
        np.testing.assert_allclose(got.numpy(), formula(k, period), 1e-12)


def test_nuttall_adds_to_one_in_the_middle():
    window = windows.nuttall(9, dtype=rl.float64)
    assert window[4].item() == pytest.approx(1)
    assert window[0].item() == pytest.approx(0.0003628, rel=1e-3)


def test_names_of_the_first_level():
    for name in ("hann", "hamming", "blackman", "bartlett", "kaiser"):
        got = getattr(rl, f"{name}_window")(6)
        want = getattr(windows, name)(6, sym=False)
        np.testing.assert_array_equal(got.numpy(), want.numpy())
        whole = getattr(rl, f"{name}_window")(6, False, dtype=rl.float64, requires_grad=True)
        assert whole.requires_grad
        assert whole.dtype is rl.float64
        assert whole[0].item() == pytest.approx(whole[-1].item())


ERRORS = [
    (lambda: windows.hann(-1), ValueError, "non-negative window length"),
    (lambda: windows.hann(3, dtype=rl.int64), ValueError, "float32 or float64"),
    (lambda: windows.exponential(3, tau=-1), ValueError, "Tau must be positive"),
    (lambda: windows.exponential(3, center=1), ValueError, "Center must be None"),
    (lambda: windows.gaussian(3, std=0), ValueError, "must be positive"),
    (lambda: windows.kaiser(3, beta=-1), ValueError, "non-negative"),
    (lambda: windows.general_cosine(3, a=()), ValueError, "cannot be empty"),
    (lambda: windows.general_cosine(3, a=0.5), TypeError, "must be a list"),
    (lambda: rl.hann_window(-1), RuntimeError, "non-negative"),
    (lambda: rl.hann_window(3, dtype=rl.int64), RuntimeError, "floating point dtypes"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
