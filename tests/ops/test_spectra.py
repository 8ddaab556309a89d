"""Short-time Fourier transforms: against a plain loop, and there and back."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import gradcheck

SIGNAL = np.random.default_rng(0).uniform(-1, 1, (2, 30))
HANN = np.hanning(9)[:-1]


def plain(signal, n_fft, hop, window):
    starts = range(0, signal.shape[-1] - n_fft + 1, hop)
    frames = [signal[..., start : start + n_fft] * window for start in starts]
    return np.fft.rfft(np.stack(frames, -2)).swapaxes(-1, -2)


@pytest.mark.parametrize("hop", [2, 3, 8])
def test_stft(hop):
    window, x = rl.tensor(HANN), rl.tensor(SIGNAL)
    options = {"hop_length": hop, "window": window, "return_complex": True}
    got = rl.stft(x, 8, center=False, **options)
    np.testing.assert_allclose(got.numpy(), plain(SIGNAL, 8, hop, HANN), 1e-10, 1e-10)
    padded = np.pad(SIGNAL, ((0, 0), (4, 4)), "reflect")
    centred = rl.stft(x, 8, **options)
    np.testing.assert_allclose(centred.numpy(), plain(padded, 8, hop, HANN), 1e-10, 1e-10)
    normal = x[0].stft(8, normalized=True, **options)
    np.testing.assert_allclose(normal.numpy(), centred[0].numpy() / np.sqrt(8), 1e-10, 1e-10)
    whole = rl.stft(x, 8, onesided=False, **options)
    np.testing.assert_allclose(whole[:, :5].numpy(), centred.numpy(), 1e-10, 1e-10)
    options["return_complex"] = False
    np.testing.assert_array_equal(rl.stft(x, 8, **options)[..., 1].numpy(), centred.imag.numpy())


def test_short_windows_lie_in_the_middle():
    x, window = rl.tensor(SIGNAL), rl.tensor(HANN[:4])
    got = rl.stft(x, 8, win_length=4, window=window, center=False, return_complex=True)
    filled = np.pad(HANN[:4], (2, 2))
    np.testing.assert_allclose(got.numpy(), plain(SIGNAL, 8, 2, filled), 1e-10, 1e-10)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("onesided", [False, True])
def test_there_and_back(normalized, onesided):
    x, window = rl.tensor(SIGNAL), rl.tensor(HANN)
    options = {"window": window, "normalized": normalized, "onesided": onesided}
    spectra = rl.stft(x, 8, return_complex=True, **options)
    back = rl.istft(spectra, 8, length=30, **options)
    np.testing.assert_allclose(back.numpy(), SIGNAL, 1e-10, 1e-10)
    assert rl.istft(spectra, 8, **options).shape == (2, 30)


def test_complex_signals():
    x = rl.tensor(SIGNAL + 1j * SIGNAL[::-1])
    spectra = rl.stft(x, 8)
    assert spectra.shape == (2, 8, 16)
    back = spectra.istft(8, onesided=False, return_complex=True)
    np.testing.assert_allclose(back.numpy(), x.numpy()[:, : back.shape[1]], 1e-10)


def test_gradients():
    x = rl.tensor(SIGNAL[:1, :12], requires_grad=True)
    window = rl.tensor(HANN[1:5], requires_grad=True)
    assert gradcheck(lambda x, w: rl.stft(x, 4, window=w, return_complex=True), (x, window))
    spectra = rl.stft(x, 4, window=window, return_complex=True).detach().requires_grad_()
    assert gradcheck(lambda z, w: rl.istft(z, 4, window=w), (spectra, window))


ERRORS = [
    (lambda: rl.stft(rl.ones(9), 4), RuntimeError, "requires the return_complex"),
    (lambda: rl.stft(rl.ones(9), 40, center=False, return_complex=True), RuntimeError, "n_fft <="),
    (lambda: rl.stft(rl.ones(9), 4, 0, return_complex=True), RuntimeError, "hop_length > 0"),
    (lambda: rl.stft(rl.ones(9), 4, None, 6, return_complex=True), RuntimeError, "win_length <="),
    (lambda: rl.stft(rl.ones(9), 4, 1, 4, rl.ones(3), return_complex=True), RuntimeError, "1D win"),
    (lambda: rl.stft(rl.ones(1, 1, 9), 4, return_complex=True), RuntimeError, "1D or 2D"),
    (lambda: rl.istft(rl.ones(3, 4), 4), RuntimeError, "complex-valued"),
    (lambda: rl.istft(rl.ones(2, 4) + 0j, 4), RuntimeError, "frequency dimension"),
    (lambda: rl.istft(rl.ones(3, 4) + 0j, 4, window=rl.zeros(4)), RuntimeError, "overlap add"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
