"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

import rushlight.nn.functional as F
from rushlight.nn import init
from rushlight.nn.creation import empty
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.nn.sizes import reversed_pairs, to_sizes
from rushlight.tensor import Tensor

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What all convolutions share: checks, parameters and their first values."""

    rank = 0
    transposed = False

    def __init__(
        self,
        channels: tuple[int, int],
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
        output_padding: Any = 0,
    ):
        super().__init__()
        self.in_channels, self.out_channels = channels
        self.kernel_size = to_sizes(kernel_size, self.rank)
        self.stride = to_sizes(stride, self.rank)
        self.padding = padding if isinstance(padding, str) else to_sizes(padding, self.rank)
        self.dilation = to_sizes(dilation, self.rank)
        self.output_padding = to_sizes(output_padding, self.rank)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        shape = (first, second // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device, dtype))
        if bias:
            self.bias = Parameter(empty((self.out_channels,), device, dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check(self) -> None:
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        if self.out_channels % self.groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {self.padding!r}, should be one of same, valid"
                )
            if self.padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {_PADDING_MODES}, but got "
                f"padding_mode='{self.padding_mode}'"
            )

    def reset_parameters(self) -> None:
        """Draw new first values, evenly from ±1/√fan_in."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _padding_around(self) -> tuple[int, ...]:
        """How much to pad by hand where the mode is not zeros."""
        if self.padding == "valid":
            return (0,) * (2 * self.rank)
        if self.padding != "same":
            return reversed_pairs(self.padding)
        amounts: list[int] = []
        for size, step in zip(reversed(self.kernel_size), reversed(self.dilation), strict=True):
            total = step * (size - 1)
            amounts += [total // 2, total - total // 2]
        return tuple(amounts)

    def _convolve(self, function: Any, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._padding_around(), mode=self.padding_mode)
            padding = 0
        return function(
            *(input, self.weight, self.bias, self.stride),
            *(padding, self.dilation, self.groups),
        )

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}"
        text += f", kernel_size={self.kernel_size}, stride={self.stride}"
        zeros, ones = (0,) * self.rank, (1,) * self.rank
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Plain(_Conv):
    """The signature of convolutions."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            *((in_channels, out_channels), kernel_size, stride, padding, dilation, groups),
            *(bias, padding_mode, device, dtype),
        )


class Conv1d(_Plain):
    """A window that slides along one dimension: (N, C, L) or (C, L) to as many dimensions."""

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        return self._convolve(F.conv1d, input)


class Conv2d(_Plain):
    """A window that slides over images: (N, C, H, W) or (C, H, W) to as many dimensions.

    Weight and bias start evenly from ±1/√(in_channels / groups · kernel height · width).

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.Conv2d(3, 8, 3, padding=1)(rl.ones(2, 3, 16, 16)).shape
    rushlight.Size([2, 8, 16, 16])
    """

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        return self._convolve(F.conv2d, input)


class Conv3d(_Plain):
    """A window that slides over volumes: (N, C, D, H, W) or (C, D, H, W)."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        return self._convolve(F.conv3d, input)


class _Transposed(_Conv):
    """The signature of transposed convolutions."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            *((in_channels, out_channels), kernel_size, stride, padding, dilation, groups),
            *(bias, padding_mode, device, dtype, output_padding),
        )

    def _expand(self, function: Any, input: Tensor, output_size: Any) -> Tensor:
        padding = self.output_padding
        if output_size is not None:
            padding = self._padding_for(input, tuple(output_size))
        return function(
            *(input, self.weight, self.bias, self.stride, self.padding),
            *(padding, self.groups, self.dilation),
        )

    def _padding_for(self, input: Tensor, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """How much to add at the end so that the output has the wanted size."""
        wanted = wanted[-self.rank :]
        smallest = [
            (size - 1) * step - 2 * pad + spread * (window - 1) + 1
            for size, step, pad, spread, window in zip(
                input.shape[-self.rank :],
                *(self.stride, self.padding, self.dilation, self.kernel_size),
                strict=True,
            )
        ]
        largest = [low + step - 1 for low, step in zip(smallest, self.stride, strict=True)]
        if any(
            not low <= n <= high for low, n, high in zip(smallest, wanted, largest, strict=True)
        ):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {smallest} to "
                f"{largest} (for an input of {tuple(input.shape[-self.rank :])})"
            )
        return tuple(n - low for n, low in zip(wanted, smallest, strict=True))


class ConvTranspose1d(_Transposed):
    """The gradient of Conv1d with respect to its input, as a layer."""

    rank = 1

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._expand(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_Transposed):
    """The gradient of Conv2d with respect to its input, as a layer that enlarges images."""

    rank = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._expand(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_Transposed):
    """The gradient of Conv3d with respect to its input, as a layer."""

    rank = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._expand(F.conv_transpose3d, input, output_size)
