"""Images: resizing, patches as columns, and channels as pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.autograd.operation import Operation
from rushlight.graph import movement as m
from rushlight.graph.creation import literal
from rushlight.graph.node import Node
from rushlight.ops.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.indexed import Index
from rushlight.ops.places import origin
from rushlight.ops.windows import Sizes, Sliding, folded, pad_spatial, per_dimension, windows
from rushlight.tensor import Tensor, from_array


# ------------------------------------------------------------------------------- patches as columns
class Im2Col(Operation):
    """Windows of an image as columns: (samples, channels * window places, windows)."""

    def forward(ctx, x: Node, slides: Sliding, lengths: Sizes) -> Node:
        ctx.arguments = slides, lengths
        found = windows(pad_spatial(x, literal(0, x.spec.dtype), slides.low, slides.high), slides)
        samples, channels, rows, columns, *size = found.spec.shape
        moved = m.permute(found, (0, 1, 4, 5, 2, 3))
        return m.reshape(moved, (samples, channels * math.prod(size), rows * columns))

    def backward(ctx, grad: Tensor) -> Tensor:
        return Col2Im.apply((grad,), *ctx.arguments)


class Col2Im(Operation):
    """Columns added up where their windows overlap: the adjoint of Im2Col."""

    def forward(ctx, x: Node, slides: Sliding, lengths: Sizes) -> Node:
        ctx.arguments = slides, lengths
        samples, rows, _ = x.spec.shape
        channels = rows // math.prod(slides.size)
        shape = (samples, channels, *slides.size, *slides.counts(lengths))
        moved = m.permute(m.reshape(x, shape), (0, 1, 4, 5, 2, 3))
        return folded(moved, literal(0, x.spec.dtype), lengths, slides)

    def backward(ctx, grad: Tensor) -> Tensor:
        return Im2Col.apply((grad,), *ctx.arguments)


def _slides(name: str, lengths: Sizes, settings: tuple) -> Sliding:
    names = ("kernel_size", "dilation", "padding", "stride")
    pairs = zip(names, settings, strict=True)
    size, dilation, padding, stride = [per_dimension(name, what, n, 2) for what, n in pairs]
    slides = Sliding(size, stride, padding, padding, dilation)
    counts = slides.counts(lengths)
    if min(counts) < 1:
        words = f"Given input with spatial size {list(lengths)}, kernel_size={list(size)}, "
        words += f"dilation={list(dilation)}, padding={list(padding)}, calculated shape of the "
        words += f"array of sliding blocks as {list(counts)}, but its components must be at least "
        raise RuntimeError(f"{words}one.\nIn {name}.")
    return slides.closed(lengths, counts)


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Windows of (samples, channels, rows, columns) as columns, one for each window."""
    check_tensor("unfold", "input", input)
    if input.dim() not in (3, 4):
        words = "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other "
        words += f"non-zero dimensions for input, but got: {list(input.shape)}"
        fail(RuntimeError, "unfold", words, "an image or images", describe(input))
    x = input if input.dim() == 4 else input.unsqueeze(0)
    lengths = tuple(x.shape[2:])
    slides = _slides("unfold", lengths, (kernel_size, dilation, padding, stride))
    result = Im2Col.apply((x,), slides, lengths)
    return result if x is input else result.squeeze(0)


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns, as unfold makes them, added up to images of `output_size`."""
    check_tensor("fold", "input", input)
    if input.dim() not in (2, 3):
        words = f"Expected 2D or 3D (batch mode) tensor for input but got: {list(input.shape)}"
        fail(RuntimeError, "fold", words, "columns", describe(input))
    x = input if input.dim() == 3 else input.unsqueeze(0)
    lengths = per_dimension("fold", "output_size", output_size, 2)
    slides = _slides("fold", lengths, (kernel_size, dilation, padding, stride))
    places, count = math.prod(slides.size), math.prod(slides.counts(lengths))
    if x.shape[1] % places or x.shape[2] != count:
        words = f"Expected size of input's dimension 1 to be divisible by {places} and dimension 2 "
        words += f"to match the calculated number of sliding blocks {count}"
        fail(RuntimeError, "fold", words, f"(samples, n * {places}, {count})", describe(input))
    result = Col2Im.apply((x,), slides, lengths)
    return result if x is input else result.squeeze(0)


# ------------------------------------------------------------------------------- channels as pixels
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., c r², h, w) as (..., c, h r, w r)."""
    r = int(upscale_factor)
    if input.dim() < 3:
        words = "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
        raise RuntimeError(f"{words}{input.dim()} dimension(s)")
    *lead, channels, rows, columns = input.shape
    if r < 1 or channels % (r * r):
        words = "pixel_shuffle expects its input's 'channel' dimension to be divisible by the "
        words += f"square of upscale_factor, but input.size(-3)={channels} is not divisible by "
        fail(RuntimeError, "pixel_shuffle", f"{words}{r * r}", "such channels", describe(input))
    n = len(lead)
    x = input.reshape((*lead, channels // (r * r), r, r, rows, columns))
    x = x.permute((*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return x.reshape((*lead, channels // (r * r), rows * r, columns * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., c, h r, w r) as (..., c r², h, w)."""
    r = int(downscale_factor)
    if input.dim() < 3:
        words = "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
        raise RuntimeError(f"{words}{input.dim()} dimension(s)")
    *lead, channels, rows, columns = input.shape
    if r < 1 or rows % r or columns % r:
        words = "pixel_unshuffle expects height and width to be divisible by downscale_factor, but "
        words += f"input has sizes {rows} and {columns}, not divisible by {r}"
        fail(RuntimeError, "pixel_unshuffle", words, "such sizes", describe(input))
    n = len(lead)
    x = input.reshape((*lead, channels, rows // r, r, columns // r, r))
    x = x.permute((*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return x.reshape((*lead, channels * r * r, rows // r, columns // r))


# ----------------------------------------------------------------------------------------- resizing
_MODES: dict[str, int | None] = {"nearest": None, "nearest-exact": None, "area": None}
_MODES |= {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_AVERAGES = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
_CUBIC = -0.75


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input at another size, over the dimensions behind samples and channels.

    `mode` is "nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear" or "bicubic";
    the size is given, or the input's times `scale_factor`, rounded down.  `align_corners` lets the
    corner elements keep their places.  `antialias`, for "bilinear" and "bicubic", weighs all the
    elements that a smaller result stands for.
    """
    check_tensor("interpolate", "input", input)
    rank = input.dim() - 2
    if mode not in _MODES or (_MODES[mode] is not None and _MODES[mode] != rank) or rank < 1:
        words = f"Got {input.dim()}D input, but {mode} mode needs another"
        expected = f"one of {', '.join(_MODES)}, and an input of its rank"
        fail(NotImplementedError, "interpolate", words, expected, describe(input))
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            f"tensor as input\nActual: {mode}. In interpolate."
        )
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    lengths = tuple(input.shape[2:])
    sizes, scales = _target(lengths, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return _AVERAGES[rank - 1](input, sizes)
    result = input
    for i, (length, count) in enumerate(zip(lengths, sizes, strict=True)):
        if antialias:
            weights = _shares(mode, length, count, _scale(length, count, scales[i], align_corners))
            shares = from_array(weights.astype(input.dtype.compute), input.dtype)
            result = shares @ result if i == 0 else result @ shares.transpose(0, 1)
            continue
        at = _source(mode, length, count, scales[i], bool(align_corners))
        result = _resize(result, 2 + i, mode, length, at)
    return result.clone() if result is input else result


def _scale(length: int, count: int, given: float | None, align: bool | None) -> float:
    """How many old elements one new element stands for."""
    if align:
        return (length - 1) / (count - 1) if count > 1 else 0.0
    return length / count if given is None else given


def _shares(mode: str, length: int, count: int, scale: float) -> np.ndarray:
    """How much each old element counts for each new one: a kernel as wide as the new elements."""
    radius = (1 if mode == "bilinear" else 2) * max(scale, 1.0)
    center = scale * (np.arange(count) + 0.5)
    first = np.maximum((center - radius + 0.5).astype(np.int64), 0)
    last = np.minimum((center + radius + 0.5).astype(np.int64), length)
    places = np.arange(length)
    distance = abs(places - center[:, None] + 0.5) / max(scale, 1.0)
    if mode == "bilinear":
        weights = np.maximum(1 - distance, 0)
    else:
        weights = np.where(distance < 2, _cubic(distance, -0.5), 0)
    inside = (places >= first[:, None]) & (places < last[:, None])
    weights = np.where(inside, weights, 0)
    return weights / weights.sum(1, keepdims=True)


def _target(lengths: Sizes, size: Any, factor: Any, recompute: bool | None) -> tuple:
    """The new sizes, and the scale of each dimension where it is given."""
    rank = len(lengths)
    if (size is None) == (factor is None):
        raise ValueError(
            "only one of size or scale_factor should be defined"
            if size is not None
            else "either size or scale_factor should be defined"
        )
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if isinstance(size, (tuple, list)) and len(size) != rank:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(lengths)} and output size of {list(size)}."
            )
        return per_dimension("interpolate", "size", size, rank), (None,) * rank
    factors = tuple(factor) if isinstance(factor, (tuple, list)) else (factor,) * rank
    if len(factors) != rank:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {list(lengths)} and scale_factor of shape {list(factors)}."
        )
    sizes = tuple([math.floor(n * f) for n, f in zip(lengths, factors, strict=True)])
    return sizes, (None,) * rank if recompute else tuple([1 / f for f in factors])


def _source(mode: str, length: int, count: int, scale: float | None, align: bool) -> np.ndarray:
    """Where each new element lies among the old ones."""
    places = np.arange(count)
    if align:
        return places * ((length - 1) / (count - 1) if count > 1 else 0.0)
    scale = length / count if scale is None else scale
    if mode == "nearest":
        return np.floor(places * np.float32(scale))
    if mode == "nearest-exact":
        return np.floor((places + 0.5) * scale)
    at = (places + 0.5) * scale - 0.5
    return at if mode == "bicubic" else np.maximum(at, 0)


def _resize(x: Tensor, axis: int, mode: str, length: int, at: np.ndarray) -> Tensor:
    """One dimension: a weighted sum of neighbours."""
    first = np.floor(at)
    rest = at - first
    if mode.startswith("nearest"):
        return _look_up(x, axis, first, length)
    if mode == "bicubic":
        weights = [_cubic(rest + 1), _cubic(rest), _cubic(1 - rest), _cubic(2 - rest)]
        shifts = (-1, 0, 1, 2)
    else:
        weights, shifts = [1 - rest, rest], (0, 1)
    shape = (-1, *(1,) * (x.dim() - axis - 1))
    parts = []
    for shift, weight in zip(shifts, weights, strict=True):
        factor = from_array(weight.astype(x._spec.dtype.compute), x._spec.dtype).reshape(shape)
        parts.append(_look_up(x, axis, first + shift, length) * factor)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _look_up(x: Tensor, axis: int, places: np.ndarray, length: int) -> Tensor:
    places = np.clip(places, 0, length - 1).astype(np.int64)
    if places.shape == (length,) and (places == np.arange(length)).all():
        return x
    return Index.apply((x, from_array(places)), (axis,), origin("interpolate"))


def _cubic(distance: np.ndarray, a: float = _CUBIC) -> np.ndarray:
    """The convolution kernel of Keys (1981) at distances from 0 to 2."""
    d = distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, far)


FUNCTIONS: dict[str, Any] = {"pixel_shuffle": pixel_shuffle, "pixel_unshuffle": pixel_unshuffle}
METHODS: dict[str, Any] = {}
