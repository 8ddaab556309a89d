"""Python data as arrays: which dtype nested numbers have, and what is wrong with other data."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph.dtype import DType, bfloat16, bool_, complex64, complex128, float64, int64
from rushlight.ops.promotion import get_default_dtype, promote_types
from rushlight.tensor import Tensor

_SUPPORTED = (
    "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, "
    "uint16, uint8, and bool"
)
_MOST_DIMENSIONS = 64


def array_from(data: Any, dtype: DType | None) -> tuple[np.ndarray, DType]:
    """Numbers, sequences, arrays or tensors as one array, and the dtype of its tensor."""
    if type(data) is list:
        return _from_sequence(data, dtype)
    if isinstance(data, Tensor):
        return data._values(), dtype or data.dtype
    if isinstance(data, (np.ndarray, np.generic)) or hasattr(data, "__array__"):
        array = np.asarray(data)
        return array, dtype or numpy_dtype(array)
    if isinstance(data, (bool, int, float, complex)):
        return _from_number(data, dtype)
    if not is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    return _from_sequence(data, dtype)


def is_sequence(data: Any) -> bool:
    """Whether data nests: anything with a length and items, but no text and no dict."""
    text = isinstance(data, (str, bytes, dict, set))
    return not text and hasattr(data, "__len__") and hasattr(data, "__getitem__")


def numpy_dtype(array: np.ndarray) -> DType:
    """The dtype for an array; TypeError for those that no tensor holds."""
    from rushlight.graph.dtype import from_numpy_dtype

    try:
        return from_numpy_dtype(array.dtype)
    except TypeError:
        raise TypeError(
            f"can't convert np.ndarray of type {array.dtype.type.__module__}."
            f"{array.dtype.type.__name__}. The only supported types are: {_SUPPORTED}."
        ) from None


def _from_number(value: Any, dtype: DType | None) -> tuple[np.ndarray, DType]:
    if dtype is None:
        dtype = number_dtype(value)
    if isinstance(value, int) and dtype.kind in "iu":
        if not -(1 << 63) <= value < 1 << 64 or (value >= 1 << 63 and dtype.name != "uint64"):
            raise ValueError(
                f"Overflow when unpacking long long\nExpected: a number that fits {dtype.name}.\n"
                f"Actual: {value}."
            )
        value = value & ((1 << 64) - 1)
        return np.asarray(value, np.uint64).astype(dtype.compute), dtype
    return as_compute(np.asarray(value), dtype), dtype


def number_dtype(value: Any) -> DType:
    """The dtype that a Python number is given when none is asked for."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return get_default_dtype()
    return complex128 if get_default_dtype() is float64 else complex64


def as_compute(array: np.ndarray, dtype: DType) -> np.ndarray:
    """An array of numbers in the NumPy type that computes `dtype`."""
    if array.dtype == dtype.compute or (dtype is bfloat16 and array.dtype == np.float32):
        return array
    if dtype is bool_:
        return array != 0
    if array.dtype.kind == "c" and not dtype.is_complex:
        raise TypeError("can't convert complex to float")
    with np.errstate(all="ignore"):
        return array.astype(dtype.compute)


def integers(data: list) -> np.ndarray | None:
    """A list of integers, by far the most frequent kind, as an array; None for any other."""
    if set(map(type, data)) != {int}:
        return None
    array = np.array(data)
    return array if array.dtype == np.int64 else None


def _from_sequence(data: Any, dtype: DType | None) -> tuple[np.ndarray, DType]:
    kinds = {(x.shape, x.dtype) if type(x) is np.ndarray else None for x in data}
    if len(kinds) == 1 and None not in kinds:
        return array_from(np.stack(data), dtype)
    shape = shape_of(data)
    leaves = _Leaves(shape)
    plain = leaves.collect(data)
    dtype = dtype or leaves.dtype()
    if not plain:
        return np.empty(shape, dtype.compute), dtype
    wanted = object if any(type(leaf) is int for leaf in plain) else None
    array = _of_numbers(plain, wanted, dtype)
    return array.reshape(shape), dtype


def _of_numbers(leaves: list, wanted: Any, dtype: DType) -> np.ndarray:
    """Numbers of any kind as one array; integers must fit an integer dtype."""
    if wanted is None or dtype.kind not in "iu":
        return as_compute(np.asarray(leaves), dtype)
    limits = np.iinfo(dtype.compute)
    try:
        array = np.asarray(leaves)
    except OverflowError:
        array = np.asarray(leaves, object)
    if array.dtype.kind == "O" or (array.dtype.kind == "u" and limits.max < 1 << 63):
        raise ValueError(f"Overflow when unpacking long long\nExpected: {dtype.name}.")
    if array.dtype.kind == "i" and (array.min() < limits.min or array.max() > limits.max):
        raise RuntimeError(
            f"value cannot be converted to type {dtype.name} without overflow\n"
            f"Expected: numbers from {limits.min} to {limits.max}.\n"
            f"Actual: numbers from {array.min()} to {array.max()}."
        )
    return as_compute(array, dtype)


def shape_of(data: Any) -> tuple[int, ...]:
    """The lengths of the first items at each depth."""
    shape: list[int] = []
    while is_sequence(data) and not _is_scalar(data):
        length = len(data)
        shape.append(length)
        if len(shape) > _MOST_DIMENSIONS:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        if not length:
            break
        data = data[0]
    return tuple(shape)


def _is_scalar(data: Any) -> bool:
    return isinstance(data, (Tensor, np.ndarray)) and not data.ndim


class _Leaves:
    """The numbers at the depth where the first one lies, in order, and their common dtype."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self.found: list = []
        self.seen: dict[DType, None] = {}

    def dtype(self) -> DType:
        """The dtype of all of them together; the default one if there is none."""
        result = None
        for dtype in self.seen:
            result = dtype if result is None else promote_types(result, dtype)
        return result or get_default_dtype()

    def collect(self, data: Any, depth: int = 0) -> list:
        """Every number, checked to lie in lists of the right lengths."""
        if depth == len(self.shape):
            self._take(data)
            return self.found
        if not is_sequence(data) or _is_scalar(data):
            raise TypeError(
                f"not a sequence\nExpected: {self.shape[depth]} items at depth {depth}.\n"
                f"Actual: {type(data).__name__} {data!r}."
            )
        if len(data) != self.shape[depth]:
            raise ValueError(
                f"expected sequence of length {self.shape[depth]} at dim {depth} (got {len(data)})"
            )
        if isinstance(data, (Tensor, np.ndarray)):
            return self._take_array(data, depth)
        if depth + 1 == len(self.shape):
            kinds = set(map(type, data))
            if kinds <= {bool, int, float}:
                self.found.extend(data)
                self.seen |= {number_dtype(kind()): None for kind in kinds}
                return self.found
        for item in data:
            self.collect(item, depth + 1)
        return self.found

    def _take_array(self, data: Any, depth: int) -> list:
        array, dtype = array_from(data, None)
        if array.shape != self.shape[depth:]:
            raise ValueError(
                f"expected sequence of shape {list(self.shape[depth:])} at dim {depth} (got an "
                f"array of shape {list(array.shape)})"
            )
        self.found.extend(array.reshape(-1).tolist())
        self.seen[dtype] = None
        return self.found

    def _take(self, item: Any) -> None:
        if isinstance(item, (bool, int, float, complex)) and not isinstance(item, np.generic):
            self.seen[number_dtype(item)] = None
        elif isinstance(item, (Tensor, np.ndarray, np.generic)):
            array, dtype = array_from(item, None)
            if array.size != 1:
                raise ValueError("only one element tensors can be converted to Python scalars")
            self.seen[dtype] = None
            item = array.item()
        elif isinstance(item, str):
            raise ValueError("too many dimensions 'str'")
        elif is_sequence(item):
            raise TypeError(
                f"'{type(item).__name__}' object cannot be interpreted as a number\nExpected: "
                f"nested sequences of shape {list(self.shape)}.\nActual: one more at {item!r}."
            )
        else:
            raise RuntimeError(f"Could not infer dtype of {type(item).__name__}")
        self.found.append(item)
