"""Which dtype operands of different dtypes compute in: PyTorch's promotion rules.

Dtypes fall into categories bool < integer < floating point < complex.  Among operands of equal
standing the smallest common dtype wins.  Tensors with dimensions stand above 0-d tensors, and
these above Python numbers: a lower one changes the dtype only if its category is higher.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rushlight.graph import dtype as dtypes
from rushlight.graph.dtype import DType
from rushlight.tensor import Tensor

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
_default = dtypes.float32


def get_default_dtype() -> DType:
    """The dtype of floating point numbers that say no other: float32 unless set otherwise."""
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Set the default floating point dtype; TypeError for any other kind."""
    global _default
    if not isinstance(dtype, DType) or not dtype.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type: {dtype}")
    _default = dtype
    _number_dtype.cache_clear()
    promote_number.cache_clear()


@cache
def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype that holds both.

    >>> promote_types(dtypes.int32, dtypes.float16)
    rushlight.float16
    >>> promote_types(dtypes.float16, dtypes.bfloat16)
    rushlight.float32
    """
    if a is b:
        return a
    if _CATEGORY[a.kind] > _CATEGORY[b.kind]:
        a, b = b, a
    if _CATEGORY[a.kind] < _CATEGORY[b.kind]:
        if b.is_complex and a is dtypes.float64:
            return dtypes.complex128
        return b
    if a.is_floating_point and a.itemsize == b.itemsize == 2:
        return dtypes.float32
    if b.kind == a.kind:
        return a if a.itemsize > b.itemsize else b
    unsigned, signed = (a, b) if a.kind == "u" else (b, a)
    if signed.itemsize > unsigned.itemsize:
        return signed
    return {1: dtypes.int16, 2: dtypes.int32, 4: dtypes.int64, 8: dtypes.int64}[unsigned.itemsize]


@cache
def _number_dtype(kind: type) -> DType:
    if issubclass(kind, (bool, np.bool_)):
        return dtypes.bool_
    if issubclass(kind, (int, np.integer)):
        return dtypes.int64
    if issubclass(kind, (float, np.floating)):
        return _default
    return dtypes.complex128 if _default is dtypes.float64 else dtypes.complex64


@cache
def promote_number(dtype: DType, kind: type) -> DType:
    """The dtype of a tensor of `dtype` with a Python number of type `kind`."""
    other = _number_dtype(kind)
    if _CATEGORY[other.kind] <= _CATEGORY[dtype.kind]:
        return dtype
    if other.is_complex:
        return dtypes.complex128 if dtype is dtypes.float64 else dtypes.complex64
    return other


def promote_tensors(a: Tensor, b: Tensor) -> DType:
    """The dtype that two tensors compute in."""
    left, right = a._spec, b._spec
    if left.dtype is right.dtype:
        return left.dtype
    if bool(left.rank) == bool(right.rank):
        return promote_types(left.dtype, right.dtype)
    high, low = (left.dtype, right.dtype) if left.rank else (right.dtype, left.dtype)
    if _CATEGORY[low.kind] <= _CATEGORY[high.kind]:
        return high
    return promote_types(low, high)


def dtype_of(value: Any) -> DType:
    """The dtype of a tensor or Python number."""
    return value._spec.dtype if isinstance(value, Tensor) else _number_dtype(type(value))


def result_type(a: Any, b: Any) -> DType:
    """The dtype that an arithmetic operation on these tensors or numbers results in.

    >>> import rushlight as rl
    >>> rl.result_type(rl.tensor([1, 2]), 1.0)
    rushlight.float32
    """
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return promote_tensors(a, b)
    if isinstance(a, Tensor):
        return promote_number(a._spec.dtype, type(b))
    if isinstance(b, Tensor):
        return promote_number(b._spec.dtype, type(a))
    return promote_types(_number_dtype(type(a)), _number_dtype(type(b)))


def can_cast(source: DType, target: DType) -> bool:
    """Whether an in-place result of dtype `source` may be stored as `target`."""
    if _CATEGORY[source.kind] > _CATEGORY[target.kind]:
        return False
    return not (source.kind != "b" and target.kind == "b")
