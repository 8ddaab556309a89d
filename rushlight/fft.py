"""Discrete Fourier transforms, as `torch.fft` has them.

`norm` says where the factor goes: "backward" (the default) divides the inverse transforms by the
number of elements, "forward" the others, "ortho" both by its square root.  Float16 and bfloat16
are a RuntimeError; integers are taken in the default dtype.

>>> import rushlight as rl
>>> rl.fft.fft(rl.tensor([1.0, 2.0, 3.0, 4.0]))
tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.dtypes import as_dtype
from rushlight.graph.complex import COMPLEX_OF
from rushlight.graph.dtype import DType
from rushlight.ops.arrange import roll
from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.ops.fourier import FftC2C, FftC2R, FftR2C, fit_size
from rushlight.ops.options import check_options, finish
from rushlight.ops.promotion import get_default_dtype
from rushlight.ops.ranges import arange
from rushlight.tensor import Tensor

Sizes = Sequence[int] | None
Dims = Sequence[int] | None
_OTHER_WAY = {None: "forward", "backward": "forward", "forward": "backward"}
_LAST_TWO = (-2, -1)


# ------------------------------------------------------------------------- arguments and factor
def _input(name: str, input: Tensor, real: bool = False) -> Tensor:
    dtype = check_tensor(name, "input", input)._spec.dtype
    if dtype.is_floating_point and dtype not in COMPLEX_OF:
        words = f"Unsupported dtype {dtype.name}"
        fail(RuntimeError, name, words, "float32 or float64", describe(input))
    if real and dtype.is_complex:
        words = f"{name} expects a real input tensor, but got {dtype.name}"
        fail(RuntimeError, name, words, "real numbers", describe(input))
    return input if dtype.is_differentiable else input.to(get_default_dtype())


def _as_complex(input: Tensor) -> Tensor:
    dtype = input._spec.dtype
    return input if dtype.is_complex else input.to(COMPLEX_OF[dtype])


def _axis(name: str, dim: int, tensor: Tensor) -> int:
    if not tensor._spec.rank:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions\nIn {name}.")
    return check_axis(name, dim, tensor._spec.rank)


def _size(name: str, size: int) -> int:
    if size < 1:
        words = f"Invalid number of data points ({size}) specified"
        fail(RuntimeError, name, words, "at least one", str(size))
    return size


def _places(name: str, input: Tensor, s: Sizes, dim: Dims) -> tuple[list[int], list[int]]:
    """The axes of a transform in several dimensions, and the sizes asked for."""
    rank, shape = input._spec.rank, input._spec.shape
    s = [s] if isinstance(s, int) else s
    if dim is None:
        count = rank if s is None else len(s)
        if count > rank:
            words = f"Got shape with {count} values but input tensor only has {rank} dimensions."
            fail(RuntimeError, name, words, "a size for each dimension at most", str(s))
        axes = list(range(rank - count, rank))
    else:
        given = [dim] if isinstance(dim, int) else dim
        axes = [check_axis(name, axis, rank) for axis in given]
    if len(set(axes)) != len(axes):
        fail(RuntimeError, name, "FFT dims must be unique", "each dimension once", str(dim))
    if s is None:
        return axes, [shape[axis] for axis in axes]
    if len(s) != len(axes):
        words = "When given, dim and shape arguments must have the same length"
        fail(RuntimeError, name, words, f"{len(axes)} sizes", str(s))
    return axes, [shape[axis] if n == -1 else n for axis, n in zip(axes, s, strict=True)]


def _scaled(name: str, tensor: Tensor, count: int, norm: str | None, inverse: bool) -> Tensor:
    if norm not in (None, "backward", "forward", "ortho"):
        words = f'Invalid normalization mode: "{norm}"'
        fail(RuntimeError, name, words, "backward, forward or ortho", repr(norm))
    if norm == "ortho":
        return tensor * (1 / math.sqrt(count))
    divided = norm == "forward" if not inverse else norm in (None, "backward")
    return tensor * (1 / count) if divided and count != 1 else tensor


def _turned(norm: str | None) -> str | None:
    return _OTHER_WAY.get(norm, norm)


# ------------------------------------------------------------------------------- the transforms
def _complex_transform(
    name: str, input: Tensor, axes: list[int], sizes: list[int], norm: str | None, inverse: bool
) -> Tensor:
    tensor = _as_complex(input)
    for axis, size in zip(axes, sizes, strict=True):
        tensor = fit_size(tensor, axis, _size(name, size))
    tensor = FftC2C.apply((tensor,), tuple(axes), inverse)
    return _scaled(name, tensor, math.prod(sizes), norm, inverse)


def _from_real(
    name: str, input: Tensor, axes: list[int], sizes: list[int], norm: str | None
) -> Tensor:
    if not axes:
        fail(RuntimeError, name, f"{name} must transform at least one axis", "a dimension", "none")
    tensor = input
    for axis, size in zip(axes, sizes, strict=True):
        tensor = fit_size(tensor, axis, _size(name, size))
    tensor = FftC2C.apply((FftR2C.apply((tensor,), axes[-1]),), tuple(axes[:-1]), False)
    return _scaled(name, tensor, math.prod(sizes), norm, False)


def _to_real(
    name: str, input: Tensor, axes: list[int], sizes: list[int], norm: str | None
) -> Tensor:
    if not axes:
        fail(RuntimeError, name, f"{name} must transform at least one axis", "a dimension", "none")
    tensor = _as_complex(input)
    for axis, size in zip(axes[:-1], sizes[:-1], strict=True):
        tensor = fit_size(tensor, axis, _size(name, size))
    last = _size(name, sizes[-1])
    tensor = fit_size(tensor, axes[-1], last // 2 + 1)
    tensor = FftC2C.apply((tensor,), tuple(axes[:-1]), True)
    tensor = FftC2R.apply((tensor,), axes[-1], last)
    return _scaled(name, tensor, math.prod(sizes), norm, True)


def _real_sizes(s: Sizes, input: Tensor, axes: list[int], sizes: list[int]) -> list[int]:
    """With no size given for the last axis, the even one that its half tells of."""
    given = [s] if isinstance(s, int) else s
    if axes and (given is None or given[-1] == -1):
        return [*sizes[:-1], 2 * (input._spec.shape[axes[-1]] - 1)]
    return sizes


# -------------------------------------------------------------------------------- one dimension
def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The transform along one dimension, first cut or filled with zeros to `n` elements.

    >>> import rushlight as rl
    >>> rl.fft.fft(rl.tensor([1.0, -1.0]))
    tensor([0.+0.j, 2.+0.j])
    """
    check_options("fft", out=out)
    return _one("fft", input, n, dim, norm, inverse=False)


def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The inverse of `fft`.

    >>> import rushlight as rl
    >>> rl.fft.ifft(rl.tensor([0j, 2 + 0j]))
    tensor([ 1.+0.j, -1.+0.j])
    """
    check_options("ifft", out=out)
    return _one("ifft", input, n, dim, norm, inverse=True)


def _one(
    name: str, input: Tensor, n: int | None, dim: int, norm: str | None, inverse: bool
) -> Tensor:
    input = _input(name, input)
    axis = _axis(name, dim, input)
    size = input._spec.shape[axis] if n is None else n
    return _complex_transform(name, input, [axis], [size], norm, inverse)


def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The transform of real numbers: n // 2 + 1 elements, the rest are conjugates of these.

    >>> import rushlight as rl
    >>> rl.fft.rfft(rl.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    check_options("rfft", out=out)
    return _rfft("rfft", input, n, dim, norm)


def _rfft(name: str, input: Tensor, n: int | None, dim: int, norm: str | None) -> Tensor:
    input = _input(name, input, real=True)
    axis = _axis(name, dim, input)
    return _from_real(name, input, [axis], [input._spec.shape[axis] if n is None else n], norm)


def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The inverse of `rfft`: `n` real numbers, by default 2 * (size - 1).

    >>> import rushlight as rl
    >>> rl.fft.irfft(rl.tensor([10 + 0j, -2 + 2j, -2 + 0j]))
    tensor([1., 2., 3., 4.])
    """
    check_options("irfft", out=out)
    return _irfft("irfft", _input("irfft", input), n, dim, norm)


def _irfft(name: str, input: Tensor, n: int | None, dim: int, norm: str | None) -> Tensor:
    axis = _axis(name, dim, input)
    size = 2 * (input._spec.shape[axis] - 1) if n is None else n
    return _to_real(name, input, [axis], [size], norm)


def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The transform of a signal whose second half mirrors the first, conjugated: real numbers.

    >>> import rushlight as rl
    >>> rl.fft.hfft(rl.tensor([1.0, 2.0, 3.0]))
    tensor([ 8., -2.,  0., -2.])
    """
    check_options("hfft", out=out)
    return _irfft("hfft", _input("hfft", input).conj(), n, dim, _turned(norm))


def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The inverse of `hfft`, of real numbers.

    >>> import rushlight as rl
    >>> rl.fft.ihfft(rl.tensor([8.0, -2.0, 0.0, -2.0]))
    tensor([1.-0.j, 2.-0.j, 3.-0.j])
    """
    check_options("ihfft", out=out)
    return _rfft("ihfft", input, n, dim, _turned(norm)).conj()


# ---------------------------------------------------------------------------- several dimensions
def fftn(
    input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The transform along several dimensions, all by default, cut or filled to the sizes `s`."""
    check_options("fftn", out=out)
    return _many("fftn", input, s, dim, norm, inverse=False)


def ifftn(
    input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The inverse of `fftn`."""
    check_options("ifftn", out=out)
    return _many("ifftn", input, s, dim, norm, inverse=True)


def _many(name: str, input: Tensor, s: Sizes, dim: Dims, norm: str | None, inverse: bool) -> Tensor:
    input = _input(name, input)
    axes, sizes = _places(name, input, s, dim)
    return _complex_transform(name, input, axes, sizes, norm, inverse)


def rfftn(
    input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The transform of real numbers along several dimensions; the last one keeps its half."""
    check_options("rfftn", out=out)
    return _rfftn("rfftn", input, s, dim, norm)


def _rfftn(name: str, input: Tensor, s: Sizes, dim: Dims, norm: str | None) -> Tensor:
    input = _input(name, input, real=True)
    return _from_real(name, input, *_places(name, input, s, dim), norm)


def irfftn(
    input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The inverse of `rfftn`; without `s` the last dimension gets 2 * (size - 1) elements."""
    check_options("irfftn", out=out)
    return _irfftn("irfftn", _input("irfftn", input), s, dim, norm)


def _irfftn(name: str, input: Tensor, s: Sizes, dim: Dims, norm: str | None) -> Tensor:
    axes, sizes = _places(name, input, s, dim)
    return _to_real(name, input, axes, _real_sizes(s, input, axes, sizes), norm)


def hfftn(
    input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """`hfft` along the last of several dimensions, `fft` along the others."""
    check_options("hfftn", out=out)
    return _irfftn("hfftn", _input("hfftn", input).conj(), s, dim, _turned(norm))


def ihfftn(
    input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None, *, out: Any = None
) -> Tensor:
    """The inverse of `hfftn`, of real numbers."""
    check_options("ihfftn", out=out)
    return _rfftn("ihfftn", input, s, dim, _turned(norm)).conj()


def _in_two(name: str, many: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def transform(
        input: Tensor,
        s: Sizes = None,
        dim: Sequence[int] = _LAST_TWO,
        norm: str | None = None,
        *,
        out: Any = None,
    ) -> Tensor:
        return many(input, s, dim, norm, out=out)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`{many.__name__}` along two dimensions, the last ones by default."
    return transform


fft2, ifft2 = _in_two("fft2", fftn), _in_two("ifft2", ifftn)
rfft2, irfft2 = _in_two("rfft2", rfftn), _in_two("irfft2", irfftn)
hfft2, ihfft2 = _in_two("hfft2", hfftn), _in_two("ihfft2", ihfftn)


# ------------------------------------------------------------------------------------ frequencies
def fftshift(input: Tensor, dim: int | Dims = None) -> Tensor:
    """The frequencies moved so that 0 stands in the middle, along all or some dimensions.

    >>> import rushlight as rl
    >>> rl.fft.fftshift(rl.tensor([0, 1, -2, -1]))
    tensor([-2, -1,  0,  1])
    """
    return _shift("fftshift", input, dim, lambda size: size // 2)


def ifftshift(input: Tensor, dim: int | Dims = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shift("ifftshift", input, dim, lambda size: (size + 1) // 2)


def _shift(name: str, input: Tensor, dim: Any, places: Callable[[int], int]) -> Tensor:
    check_tensor(name, "input", input)
    axes, sizes = _places(name, input, None, dim)
    return roll(input, [places(size) for size in sizes], axes) if axes else input.clone()


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of `fft`'s elements: 0, 1, ... and the negative ones, over n * d.

    >>> import rushlight as rl
    >>> rl.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    check_options("fftfreq", out=out, layout=layout, device=device)
    places = arange(n)
    places = (places + n // 2) % n - n // 2 if n else places
    found = places.to(as_dtype("fftfreq", dtype) or get_default_dtype()) * (1 / (n * d or 1))
    return finish(found, requires_grad)


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of `rfft`'s elements: 0, 1, ... n // 2, over n * d.

    >>> import rushlight as rl
    >>> rl.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    check_options("rfftfreq", out=out, layout=layout, device=device)
    places = arange(n // 2 + 1).to(as_dtype("rfftfreq", dtype) or get_default_dtype())
    return finish(places * (1 / (n * d or 1)), requires_grad)
