"""Layers that put elements around the last dimensions."""

from __future__ import annotations

import rushlight.nn.functional as F
from rushlight.nn.module import Module
from rushlight.nn.sizes import to_sizes
from rushlight.tensor import Tensor


class _Pad(Module):
    """What padding layers share: sizes for each end of the last `rank` dimensions."""

    rank = 0
    mode = "constant"

    def __init__(self, padding: int | tuple[int, ...]):
        super().__init__()
        self.padding = to_sizes(padding, 2 * self.rank)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPad(_Pad):
    """Padding by one number."""

    def __init__(self, padding: int | tuple[int, ...], value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _CircularPad(_Pad):
    """Padding by the other end."""

    mode = "circular"

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self.rank + 1, self.rank + 2):
            raise ValueError(
                f"expected {self.rank + 1}D or {self.rank + 2}D input (got {input.dim()}D input)"
            )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return super().forward(input)


class ConstantPad1d(_ConstantPad):
    """Padding of (N, C, L) or (C, L) by one number."""

    rank = 1


class ConstantPad2d(_ConstantPad):
    """Padding of (N, C, H, W) or (C, H, W) by one number."""

    rank = 2


class ConstantPad3d(_ConstantPad):
    """Padding of (N, C, D, H, W) or (C, D, H, W) by one number."""

    rank = 3


class ZeroPad1d(_ConstantPad):
    """Padding of (N, C, L) or (C, L) by zeros."""

    rank = 1

    def __init__(self, padding: int | tuple[int, ...]):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ZeroPad2d(_ConstantPad):
    """Padding of (N, C, H, W) or (C, H, W) by zeros."""

    rank = 2

    def __init__(self, padding: int | tuple[int, ...]):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ZeroPad3d(_ConstantPad):
    """Padding of (N, C, D, H, W) or (C, D, H, W) by zeros."""

    rank = 3

    def __init__(self, padding: int | tuple[int, ...]):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ReflectionPad1d(_Pad):
    """Padding of (N, C, L) or (C, L) by the elements mirrored at the edge."""

    rank = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Padding of (N, C, H, W) or (C, H, W) by the elements mirrored at the edge."""

    rank = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Padding of (N, C, D, H, W) or (C, D, H, W) by the elements mirrored at the edge."""

    rank = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Padding of (N, C, L) or (C, L) by the element at the edge."""

    rank = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Padding of (N, C, H, W) or (C, H, W) by the element at the edge."""

    rank = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Padding of (N, C, D, H, W) or (C, D, H, W) by the element at the edge."""

    rank = 3
    mode = "replicate"


class CircularPad1d(_CircularPad):
    """Padding of (N, C, L) or (C, L) by the elements of the other end."""

    rank = 1


class CircularPad2d(_CircularPad):
    """Padding of (N, C, H, W) or (C, H, W) by the elements of the other end."""

    rank = 2


class CircularPad3d(_CircularPad):
    """Padding of (N, C, D, H, W) or (C, D, H, W) by the elements of the other end."""

    rank = 3
