"""Layers around max pooling: its partial inverse, and windows at random places."""

from __future__ import annotations

from typing import Any

import rushlight.nn.functional as F
from rushlight.nn.module import Module
from rushlight.nn.sizes import to_sizes
from rushlight.tensor import Tensor


class _MaxUnpool(Module):
    """The signature of unpooling."""

    rank = 0

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
    ):
        super().__init__()
        self.kernel_size = to_sizes(kernel_size, self.rank)
        self.stride = to_sizes(kernel_size if stride is None else stride, self.rank)
        self.padding = to_sizes(padding, self.rank)

    def _unpool(self, function: Any, input: Tensor, indices: Tensor, output_size: Any) -> Tensor:
        settings = self.kernel_size, self.stride, self.padding
        return function(input, indices, *settings, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Values back at the places that MaxPool1d gave with `return_indices`, zeros elsewhere."""

    rank = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self._unpool(F.max_unpool1d, input, indices, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Values back at the places that MaxPool2d gave with `return_indices`, zeros elsewhere.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> x, places = nn.MaxPool2d(2, return_indices=True)(rl.tensor([[[1.0, 2.0], [4.0, 3.0]]]))
    >>> nn.MaxUnpool2d(2)(x, places)
    tensor([[[0., 0.],
             [4., 0.]]])
    """

    rank = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self._unpool(F.max_unpool2d, input, indices, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Values back at the places that MaxPool3d gave with `return_indices`, zeros elsewhere."""

    rank = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self._unpool(F.max_unpool3d, input, indices, output_size)


class _FractionalMaxPool(Module):
    """The signature of fractional max pooling."""

    rank = 0

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        output_size: int | tuple[int, ...] | None = None,
        output_ratio: float | tuple[float, ...] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ):
        super().__init__()
        self.kernel_size = to_sizes(kernel_size, self.rank)
        if min(self.kernel_size) <= 0:
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{type(self).__name__} requires specifying either an output size, or a pooling "
                "ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else to_sizes(output_size, self.rank)
        self.output_ratio = None if output_ratio is None else to_sizes(output_ratio, self.rank)
        if self.output_ratio and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def _pool(self, function: Any, input: Tensor) -> Any:
        counts = self.output_size, self.output_ratio
        return function(input, self.kernel_size, *counts, self.return_indices, self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest elements of windows at random places of images (Graham, 2014).

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.FractionalMaxPool2d(2, output_ratio=0.7)(rl.ones(1, 3, 10, 20)).shape
    rushlight.Size([1, 3, 7, 14])
    """

    rank = 2

    def forward(self, input: Tensor) -> Any:
        return self._pool(F.fractional_max_pool2d, input)


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest elements of windows at random places of volumes (Graham, 2014)."""

    rank = 3

    def forward(self, input: Tensor) -> Any:
        return self._pool(F.fractional_max_pool3d, input)
