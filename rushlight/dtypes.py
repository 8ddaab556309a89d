"""The kinds of number by PyTorch's names, their limits, and the names of memory layouts.

>>> import rushlight as rl
>>> rl.float is rl.float32, rl.finfo(rl.float16).max, rl.iinfo(rl.uint8).max
(True, 65504.0, 255)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph.dtype import (
    DType,
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)


class layout:  # noqa: N801 - PyTorch's name
    """How the elements of a tensor are stored; there is one: `strided`."""

    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return f"rushlight.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class memory_format(layout):  # noqa: N801 - PyTorch's name
    """A wish for the order of elements in memory: accepted, the engine chooses the order."""


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

_PYTHON = {bool: bool_, int: int64, float: float64, complex: complex128}


def as_dtype(operation: str, value: Any) -> DType | None:
    """A dtype given as such or as `bool`, `int`, `float`, `complex` of Python; None stays None."""
    if value is None or isinstance(value, DType):
        return value
    found = _PYTHON.get(value) if isinstance(value, type) else None
    if found is None:
        raise TypeError(
            f"{operation}(): argument 'dtype' must be rushlight.dtype, not {type(value).__name__}"
        )
    return found


class _Limits:
    def __init__(self, dtype: DType, shown: tuple[str, ...]):
        self.dtype = dtype.name
        self.bits = dtype.itemsize * 8
        self._shown = shown

    def __repr__(self) -> str:
        words = [f"{name}={self._show(getattr(self, name))}" for name in self._shown]
        return f"{type(self).__name__}({', '.join(words)}, dtype={self.dtype})"

    def _show(self, value: Any) -> str:
        return f"{value:g}"

    def __eq__(self, other: object) -> Any:
        return type(self) is type(other) and self.dtype == other.dtype

    def __hash__(self) -> Any:
        return hash((type(self), self.dtype))


class finfo(_Limits):  # noqa: N801 - PyTorch's name
    """What a floating point dtype can hold: `min`, `max`, `eps`, `tiny`, `resolution`, `bits`.

    TypeError for other dtypes.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, dtype: DType | None = None):
        if dtype is None:
            from rushlight.ops.promotion import get_default_dtype

            dtype = get_default_dtype()
        if not isinstance(dtype, DType) or not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "finfo() requires a floating point input type. Use iinfo to handle "
                f"'{getattr(dtype, 'name', dtype)}'"
            )
        super().__init__(dtype, ("resolution", "min", "max", "eps", "smallest_normal", "tiny"))
        if dtype is bfloat16:
            self.max = (2 - 2.0**-7) * 2.0**127
            self.eps, self.tiny, self.resolution = 2.0**-7, 2.0**-126, 0.01
        else:
            limits = np.finfo(dtype.compute)
            self.max, self.eps = limits.max.item(), limits.eps.item()
            self.tiny, self.resolution = limits.tiny.item(), limits.resolution.item()
            self.bits = limits.bits
        self.min = -self.max
        self.smallest_normal = self.tiny


class iinfo(_Limits):  # noqa: N801 - PyTorch's name
    """What an integer dtype can hold: `min`, `max`, `bits`; TypeError for other dtypes.

    >>> iinfo(int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, dtype: DType):
        if not isinstance(dtype, DType) or dtype.kind not in "iu":
            raise TypeError(
                "iinfo() requires an integer input type. Use finfo to handle "
                f"'{getattr(dtype, 'name', dtype)}'"
            )
        super().__init__(dtype, ("min", "max"))
        limits = np.iinfo(dtype.compute)
        self.min, self.max = limits.min, limits.max

    def _show(self, value: Any) -> str:
        return str(value)


# Last, since they hide Python's own names from here on.
half, float, double, short, int, long = float16, float32, float64, int16, int32, int64
bool, cfloat, cdouble = bool_, complex64, complex128

__all__ = [
    "DType",
    "bfloat16",
    "bool",
    "cdouble",
    "cfloat",
    "channels_last",
    "channels_last_3d",
    "complex64",
    "complex128",
    "contiguous_format",
    "double",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "layout",
    "long",
    "memory_format",
    "preserve_format",
    "short",
    "strided",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
