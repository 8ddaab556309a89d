"""Convolutions and transposed convolutions of 1, 2 and 3 dimensions."""

from __future__ import annotations

from typing import Any

from rushlight.ops.autocast import lowered
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.convolution import Convolution, ConvolutionInput, Setting
from rushlight.ops.windows import Sizes, Sliding, per_dimension
from rushlight.tensor import Tensor


def _check(name: str, rank: int, input: Any, weight: Any, bias: Any) -> Tensor:
    """The input with a batch dimension, after checks of ranks and dtypes."""
    check_tensor(name, "input", input)
    check_tensor(name, "weight", weight)
    if input.dim() not in (rank + 1, rank + 2):
        fail(
            RuntimeError,
            name,
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input.shape)}",
            f"(channels, {rank} sizes) or (samples, channels, {rank} sizes)",
            describe(input),
        )
    if weight.dim() != rank + 2:
        words = f"expected {rank + 2}-dimensional weight, but got {weight.dim()}-dimensional"
        fail(RuntimeError, name, words, f"a weight of {rank + 2} dimensions", describe(weight))
    for other, what in ((weight, "weight"), (bias, "bias")):
        if other is not None and other._spec.dtype is not input._spec.dtype:
            words = f"Input type ({input.dtype.name}) and {what} type ({other.dtype.name}) should "
            fail(RuntimeError, name, f"{words}be the same", "one dtype", describe(other))
    return input if input.dim() == rank + 2 else input.unsqueeze(0)


def _check_bias(name: str, bias: Tensor | None, weight: Tensor, outputs: int) -> None:
    if bias is not None and tuple(bias.shape) != (outputs,):
        words = f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with"
        words += f" {outputs} elements, but got bias of size {list(bias.shape)} instead"
        fail(RuntimeError, name, words, f"a bias of shape [{outputs}]", describe(bias))


def _check_positive(name: str, **values: Sizes) -> None:
    for what, sizes in values.items():
        if min(sizes, default=1) < 1:
            raise RuntimeError(f"non-positive {what} is not supported\nIn {name}: {list(sizes)}.")


def _paddings(name: str, padding: Any, size: Sizes, stride: Sizes, dilation: Sizes) -> tuple:
    """Low and high padding for a number, numbers, "valid" or "same"."""
    rank = len(size)
    if padding == "valid":
        return (0,) * rank, (0,) * rank
    if padding == "same":
        if set(stride) != {1}:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) for d, k in zip(dilation, size, strict=True)]
        return tuple([n // 2 for n in total]), tuple([n - n // 2 for n in total])
    if isinstance(padding, str):
        words = f"Invalid padding string {padding!r}, should be one of 'same', 'valid'"
        raise RuntimeError(f"{words}\nIn {name}.")
    both = per_dimension(name, "padding", padding, rank)
    if min(both, default=0) < 0:
        raise RuntimeError("negative padding is not supported")
    return both, both


def _times(sizes: Sizes) -> str:
    return " x ".join(str(size) for size in sizes)


def _convolve(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    name = f"conv{rank}d"
    x = _check(name, rank, input, weight, bias)
    size = tuple(weight.shape[2:])
    stride = per_dimension(name, "stride", stride, rank)
    dilation = per_dimension(name, "dilation", dilation, rank)
    _check_positive(name, stride=stride, dilation=dilation, groups=(groups,))
    low, high = _paddings(name, padding, size, stride, dilation)
    outputs, each = weight.shape[:2]
    if x.shape[1] != each * groups or outputs % groups:
        words = f"Given groups={groups}, weight of size {list(weight.shape)}, expected input"
        words += f"{list(input.shape)} to have {each * groups} channels, but got {x.shape[1]} "
        words += "channels instead"
        fail(RuntimeError, name, words, f"{each * groups} input channels", describe(input))
    _check_bias(name, bias, weight, outputs)
    slides = Sliding(size, stride, low, high, dilation)
    lengths = tuple(x.shape[2:])
    counts = slides.counts(lengths)
    if min(counts) < 1:
        padded = tuple([n + a + b for n, a, b in zip(lengths, low, high, strict=True)])
        words = f"Calculated padded input size per channel: ({_times(padded)}). Kernel size: "
        words += f"({_times(size)}). Kernel size can't be greater than actual input size"
        fail(RuntimeError, name, words, "an input as large as the kernel", describe(input))
    tensors = (x, weight) if bias is None else (x, weight, bias)
    result = Convolution.apply(tensors, Setting(slides, groups), counts)
    return result if x is input else result.squeeze(0)


def _transpose(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    name = f"conv_transpose{rank}d"
    x = _check(name, rank, input, weight, bias)
    size = tuple(weight.shape[2:])
    stride = per_dimension(name, "stride", stride, rank)
    dilation = per_dimension(name, "dilation", dilation, rank)
    padding = per_dimension(name, "padding", padding, rank)
    more = per_dimension(name, "output_padding", output_padding, rank)
    _check_positive(name, stride=stride, dilation=dilation, groups=(groups,))
    if x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        words = f"Given transposed=1, weight of size {list(weight.shape)}, expected input"
        words += f"{list(input.shape)} to have {weight.shape[0]} channels, but got {x.shape[1]} "
        words += "channels instead"
        fail(RuntimeError, name, words, f"{weight.shape[0]} input channels", describe(input))
    _check_bias(name, bias, weight, weight.shape[1] * groups)
    for extra, s, d in zip(more, stride, dilation, strict=True):
        if extra >= max(s, d):
            words = "output padding must be smaller than either stride or dilation, but got "
            raise RuntimeError(f"{words}output_padding: {extra}, stride: {s}, dilation: {d}")
    sides = zip(x.shape[2:], size, stride, padding, more, dilation, strict=True)
    lengths = tuple([(n - 1) * s - 2 * a + d * (k - 1) + o + 1 for n, k, s, a, o, d in sides])
    slides = Sliding(size, stride, padding, padding, dilation)
    result = ConvolutionInput.apply((x, weight), Setting(slides, groups), lengths)
    if bias is not None:
        result = result + bias.reshape((-1, *(1,) * rank))
    return result if x is input else result.squeeze(0)


@lowered
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of (samples, inputs, length) with a weight (outputs, inputs/groups, size).

    `padding` is a number, or "same" or "valid"; the batch dimension may be missing.  RuntimeError
    where shapes or dtypes do not fit.

    >>> import rushlight as rl
    >>> rl.conv1d(rl.ones(1, 1, 4), rl.ones(1, 1, 3), padding=1)
    tensor([[[2., 3., 3., 2.]]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@lowered
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of images (samples, inputs, rows, columns); as conv1d otherwise."""
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@lowered
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution of volumes (samples, inputs, depth, rows, columns); as conv1d otherwise."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@lowered
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The adjoint of conv1d; the weight is (inputs, outputs/groups, size)."""
    return _transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@lowered
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The adjoint of conv2d; the weight is (inputs, outputs/groups, rows, columns)."""
    return _transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@lowered
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The adjoint of conv3d; the weight is (inputs, outputs/groups, depth, rows, columns)."""
    return _transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


FUNCTIONS = {
    **{f.__name__: f for f in (conv1d, conv2d, conv3d)},
    **{f.__name__: f for f in (conv_transpose1d, conv_transpose2d, conv_transpose3d)},
}
METHODS: dict[str, Any] = {}
