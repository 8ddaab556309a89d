"""What kind of number a value holds."""

from __future__ import annotations

import numpy as np


class DType:
    """A kind of number: its name, its size in memory, the NumPy types that store and compute it.

    `storage` is the NumPy type of the bytes in a buffer; `compute` is the type in which NumPy
    calculates.  They differ for bfloat16 alone, which NumPy lacks: stored as the upper 16 bits of
    a float32, computed in float32 and rounded to nearest even after each primitive.

    >>> float32.itemsize, float32.is_floating_point, int64.is_signed
    (4, True, True)
    """

    __slots__ = ("compute", "is_complex", "is_differentiable", "is_floating_point", "is_signed")
    __slots__ += ("itemsize", "kind", "name", "storage")

    def __init__(self, name: str, kind: str, storage: str, compute: str | None = None):
        self.name = name
        self.kind = kind
        self.storage = np.dtype(storage)
        self.compute = np.dtype(compute or storage)
        self.itemsize = self.storage.itemsize
        self.is_floating_point = kind == "f"
        self.is_complex = kind == "c"
        self.is_differentiable = kind in "fc"
        self.is_signed = kind in "ifc"

    def __repr__(self) -> str:
        return f"rushlight.{self.name}"

    def __reduce__(self) -> tuple:
        return find_dtype, (self.name,)


bool_ = DType("bool", "b", "bool")
uint8 = DType("uint8", "u", "uint8")
uint16 = DType("uint16", "u", "uint16")
uint32 = DType("uint32", "u", "uint32")
uint64 = DType("uint64", "u", "uint64")
int8 = DType("int8", "i", "int8")
int16 = DType("int16", "i", "int16")
int32 = DType("int32", "i", "int32")
int64 = DType("int64", "i", "int64")
float16 = DType("float16", "f", "float16")
bfloat16 = DType("bfloat16", "f", "uint16", "float32")
float32 = DType("float32", "f", "float32")
float64 = DType("float64", "f", "float64")
complex64 = DType("complex64", "c", "complex64")
complex128 = DType("complex128", "c", "complex128")

ALL = (
    *(bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64),
    *(float16, bfloat16, float32, float64, complex64, complex128),
)
_BY_NAME = {dtype.name: dtype for dtype in ALL}
_BY_NUMPY = {dtype.compute: dtype for dtype in ALL if dtype is not bfloat16}


def find_dtype(name: str) -> DType:
    """The dtype of that name, as in a checkpoint's header."""
    return _BY_NAME[name]


def from_numpy_dtype(numpy_dtype: np.dtype) -> DType:
    """The dtype that a NumPy array of `numpy_dtype` becomes; TypeError if there is none."""
    found = _BY_NUMPY.get(numpy_dtype)
    if found is None and numpy_dtype.newbyteorder("=") in _BY_NUMPY:
        return _BY_NUMPY[numpy_dtype.newbyteorder("=")]
    if found is None:
        raise TypeError(
            f"Expected an array of numbers or booleans (one of {', '.join(_BY_NAME)}).\n"
            f"Actual: NumPy dtype {numpy_dtype}."
        )
    return found


def to_bfloat16_bits(values: np.ndarray) -> np.ndarray:
    """float32 values rounded to nearest even, as the 16 bits that bfloat16 stores."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet_nan = (bits >> 16) | 0x40
    return np.where(np.isnan(values), quiet_nan, rounded).astype(np.uint16).reshape(values.shape)


def from_bfloat16_bits(bits: np.ndarray) -> np.ndarray:
    """The float32 values of stored bfloat16 bits; exact."""
    wide = np.ascontiguousarray(bits).astype(np.uint32) << 16
    return wide.view(np.float32).reshape(bits.shape)
