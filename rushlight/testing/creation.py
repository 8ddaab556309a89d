"""`make_tensor`: tensors of random numbers for tests."""

from __future__ import annotations

import math
from typing import Any

from rushlight.graph.dtype import DType, bool_, float64, int64
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor, from_array


def make_tensor(
    *shape: int | list[int] | tuple[int, ...],
    dtype: DType,
    device: Any = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of uniform random numbers in [low, high) from the default generator.

    The bounds default to [-9, 9) for floating point and complex, [-9, 10) for signed integers,
    [0, 10) for unsigned ones, and [0, 2) for bool.  `noncontiguous` gives gaps between elements;
    `exclude_zero` puts the smallest positive number (1 for integers) in place of zeros.
    ValueError for low >= high, or for requires_grad of integers.

    >>> import rushlight as rl
    >>> rl.testing.make_tensor(2, 3, dtype=rl.float32).shape
    rushlight.Size([2, 3])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    floating = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not floating:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, got {dtype}"
        )
    low, high = _bounds(dtype, low, high)
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    gapped = noncontiguous and math.prod(sizes) > 1
    full = (*sizes[:-1], 2 * sizes[-1]) if gapped else sizes
    result = _drawn(full, dtype, low, high)
    if exclude_zero:
        smallest = _smallest(dtype)
        result = FUNCTIONS["where"](result == 0, smallest, result).to(dtype)
    if gapped:
        result = result[..., ::2].detach()
    return result.requires_grad_() if requires_grad else result


def _bounds(dtype: DType, low: float | None, high: float | None) -> tuple[float, float]:
    if dtype is bool_:
        least, most = 0, 2
    elif dtype.is_floating_point or dtype.is_complex:
        least, most = -9, 9
    else:
        least, most = (-9 if dtype.is_signed else 0), 10
    return (least if low is None else low), (most if high is None else high)


def _drawn(shape: tuple, dtype: DType, low: float, high: float) -> Tensor:
    if not (dtype.is_floating_point or dtype.is_complex):
        first, last = math.floor(low), math.ceil(high)
        return FUNCTIONS["randint"](first, last, shape, dtype=int64).to(dtype)
    draw = FUNCTIONS["rand"]
    if dtype.is_complex:
        real, imaginary = [
            (draw(shape, dtype=float64) * (high - low) + low)._values() for _ in range(2)
        ]
        return from_array((real + 1j * imaginary).astype(dtype.compute), dtype)
    return (draw(shape, dtype=float64) * (high - low) + low).to(dtype)


def _smallest(dtype: DType) -> float:
    tiny = {"float16": 2.0**-14, "float64": 2.0**-1022, "complex128": 2.0**-1022}
    return tiny.get(dtype.name, 2.0**-126) if dtype.is_floating_point or dtype.is_complex else 1
