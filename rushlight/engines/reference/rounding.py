"""Between the dtypes in which NumPy computes and those in which values are stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rushlight.graph.dtype import DType, from_bfloat16_bits, to_bfloat16_bits
from rushlight.graph.spec import Spec

Rule = Callable[[list[np.ndarray], tuple, tuple, Spec], np.ndarray]
"""How one primitive computes: of arrays, attributes, numbers and the spec of the result."""

_WIDE = {"f": np.dtype(np.float64), "c": np.dtype(np.complex128)}
_NARROW_INTEGERS = ("int8", "int16", "uint8", "uint16", "uint32")


def widened(x: np.ndarray) -> np.ndarray:
    """Floating-point and complex numbers in double precision, others as they are."""
    return x.astype(_WIDE.get(x.dtype.kind, x.dtype), copy=False)


def rounded(x: np.ndarray, dtype: DType) -> np.ndarray:
    """An array in `dtype`'s compute dtype, rounded to the numbers that `dtype` can store."""
    x = np.asarray(x)
    if x.dtype.kind == "c" and not dtype.is_complex:
        x = x.real
    x = x.astype(dtype.compute, copy=False)
    if dtype.storage != dtype.compute:
        x = from_bfloat16_bits(to_bfloat16_bits(x))
    return x


def cast(value: object, dtype: DType) -> np.ndarray:
    """A number or an array in another dtype: integers wrap, floats go towards zero."""
    with np.errstate(all="ignore"):
        if type(value) is int and dtype.kind in "iu":
            value = np.asarray(value % (1 << 64), np.uint64)
        x = np.asarray(value)
        if dtype.kind == "b":
            return x != 0
        if x.dtype.kind == "c" and not dtype.is_complex:
            x = x.real
        if x.dtype.kind == "f" and dtype.name in _NARROW_INTEGERS:
            x = x.astype(np.int64)  # so that numbers outside wrap alike everywhere
        return rounded(x, dtype)
