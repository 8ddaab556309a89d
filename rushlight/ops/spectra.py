"""Short-time Fourier transforms: the spectra of overlapping windows of a signal, and back."""

from __future__ import annotations

import warnings

from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.complex import view_as_real
from rushlight.ops.creation import ones
from rushlight.ops.fourier import fit_size
from rushlight.ops.padding import pad
from rushlight.ops.views import FoldWindows
from rushlight.tensor import Tensor


def _centred(name: str, window: Tensor | None, length: int, size: int, like: Tensor) -> Tensor:
    """The window of `length` samples in the middle of `size`."""
    if window is None:
        window = ones(length, dtype=like.real._spec.dtype)
    if window._spec.shape != (length,):
        words = f"expected a 1D window tensor of size equal to win_length={length}, but got window "
        words += f"with size {list(window.shape)}"
        fail(RuntimeError, name, words, f"{length} samples", describe(window))
    left = (size - length) // 2
    return window if length == size else pad(window, (left, size - length - left))


def _sizes(name: str, n_fft: int, hop: int | None, length: int | None) -> tuple[int, int]:
    """How far windows lie apart, and how long they are."""
    hop = n_fft // 4 if hop is None else hop
    length = n_fft if length is None else length
    if hop <= 0:
        fail(RuntimeError, name, f"expected hop_length > 0, but got {hop}", "above 0", str(hop))
    if not 0 < length <= n_fft:
        words = f"expected 0 < win_length <= n_fft, but got win_length={length}"
        fail(RuntimeError, name, words, f"at most {n_fft}", str(length))
    return hop, length


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The spectra of windows of a signal (time) or (batch, time): (batch, frequency, window).

    Windows lie `hop_length` apart (n_fft // 4) and are weighed by `window`; with `center` the
    signal is padded so that window i has sample i * hop_length in its middle.  `onesided` keeps
    n_fft // 2 + 1 frequencies, by default where signal and window are real.  RuntimeError without
    `return_complex` for real signals, as in PyTorch.

    >>> import rushlight as rl
    >>> rl.stft(rl.ones(8), 4, window=rl.hann_window(4), return_complex=True).shape
    rushlight.Size([3, 9])
    """
    check_tensor("stft", "input", input)
    hop, length = _sizes("stft", n_fft, hop_length, win_length)
    is_complex = input.is_complex() or (window is not None and window.is_complex())
    if align_to_window is not None:
        raise NotImplementedError("stft: align_to_window is not built")
    if return_complex is None and not is_complex:
        words = "stft requires the return_complex parameter be given for real inputs, and will "
        words += "further require that return_complex=True in a future PyTorch release."
        fail(RuntimeError, "stft", words, "return_complex=True", "None")
    if input.dim() not in (1, 2):
        words = f"expected a 1D or 2D tensor, but got {input.dim()}D"
        fail(RuntimeError, "stft", words, "(time) or (batch, time)", describe(input))
    signal = input if input.dim() == 2 else input.unsqueeze(0)
    if center:
        signal = pad(signal.unsqueeze(1), (n_fft // 2, n_fft // 2), mode=pad_mode).squeeze(1)
    if not 0 < n_fft <= signal.shape[-1]:
        words = f"expected 0 < n_fft <= {signal.shape[-1]}, but got n_fft={n_fft}"
        fail(RuntimeError, "stft", words, "at most the length of the signal", str(n_fft))
    weighed = signal.unfold(-1, n_fft, hop) * _centred("stft", window, length, n_fft, input)
    found = _spectra(weighed, not is_complex if onesided is None else onesided, normalized)
    found = found.transpose(1, 2)
    found = found if input.dim() == 2 else found.squeeze(0)
    return found if return_complex or return_complex is None else view_as_real(found)


def _spectra(weighed: Tensor, onesided: bool, normalized: bool) -> Tensor:
    from rushlight.fft import fft, rfft

    norm = "ortho" if normalized else "backward"
    if onesided and weighed.is_complex():
        words = "Cannot have onesided output if window or input is complex"
        fail(RuntimeError, "stft", words, "onesided=False", describe(weighed))
    return rfft(weighed, norm=norm) if onesided else fft(weighed, norm=norm)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal with these spectra, of shape (batch, frequency, window): the inverse of `stft`.

    Overlapping windows are added, weighed by the window, and divided by the sum of its squares
    (Griffin and Lim, 1984); RuntimeError where that is 0.

    >>> import rushlight as rl
    >>> x, window = rl.arange(8.0), rl.hann_window(4)
    >>> spectra = rl.stft(x, 4, window=window, return_complex=True)
    >>> rl.istft(spectra, 4, window=window).round(decimals=3)
    tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    if not check_tensor("istft", "input", input).is_complex():
        words = "istft requires a complex-valued input tensor matching the output from stft with "
        words += "return_complex=True."
        fail(RuntimeError, "istft", words, "complex numbers", describe(input))
    hop, size = _sizes("istft", n_fft, hop_length, win_length)
    spectra = input if input.dim() == 3 else input.unsqueeze(0)
    onesided = _is_half("istft", input, n_fft, onesided, return_complex)
    weights = _centred("istft", window, size, n_fft, input)
    frames = _frames(spectra.transpose(1, 2), n_fft, onesided, normalized, return_complex)
    count = frames.shape[1]
    total = n_fft + hop * (count - 1)
    added = FoldWindows.apply((frames * weights,), 1, total, hop)
    squares = (weights * weights).expand(1, count, n_fft)
    envelope = FoldWindows.apply((squares,), 1, total, hop)
    start = n_fft // 2 if center else 0
    stop = total - (n_fft // 2 if center else 0)
    stop = stop if length is None else min(start + length, total)
    added, envelope = added[:, start:stop], envelope[:, start:stop]
    if envelope.numel() and envelope.detach().abs().min().item() < 1e-11:
        words = "window overlap add min: 1"
        fail(
            RuntimeError, "istft", words, "windows that cover every sample", "a sample of weight 0"
        )
    signal = added / envelope
    if length is not None and stop - start < length:
        warnings.warn("The length of signal is shorter than the length parameter.", stacklevel=2)
        signal = fit_size(signal, 1, length)
    return signal if input.dim() == 3 else signal.squeeze(0)


def _is_half(name: str, input: Tensor, n_fft: int, onesided: bool | None, is_complex: bool) -> bool:
    """Whether the spectra are halves; RuntimeError if their number says otherwise."""
    have = input.shape[-2] if input.dim() in (2, 3) else -1
    onesided = not is_complex and have != n_fft if onesided is None else onesided
    want = n_fft // 2 + 1 if onesided else n_fft
    if have != want:
        words = "expected the frequency dimension (3rd to the last) of the input tensor to match "
        words += f"{'n_fft / 2 + 1' if onesided else 'n_fft'}, but got {have}"
        fail(RuntimeError, name, words, f"(batch, {want}, windows)", describe(input))
    return onesided


def _frames(
    spectra: Tensor, n_fft: int, onesided: bool, normalized: bool, is_complex: bool
) -> Tensor:
    from rushlight.fft import ifft, irfft

    norm = "ortho" if normalized else "backward"
    if onesided:
        return irfft(spectra, n_fft, norm=norm)
    if is_complex:
        return ifft(spectra, norm=norm)
    return irfft(spectra[..., : n_fft // 2 + 1], n_fft, norm=norm)


FUNCTIONS = {"stft": stft, "istft": istft}
METHODS = dict(FUNCTIONS)
