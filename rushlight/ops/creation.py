"""Making tensors: from Python data and arrays, filled with a number, like another tensor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from rushlight.dtypes import as_dtype
from rushlight.graph.batched import Batched
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import DType, find_dtype, float32, int64
from rushlight.graph.movement import expand
from rushlight.ops.check import check_shape, check_tensor
from rushlight.ops.data import (
    array_from,
    as_compute,
    integers,
    is_sequence,
    number_dtype,
    numpy_dtype,
)
from rushlight.ops.options import check_options, finish
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, alias_of, around_array, from_array, node_of, wrap

Size = Any


# ----------------------------------------------------------------------------- from Python data
def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of the data: a number, nested sequences, an array.

    The dtype is float32 (the default dtype) for floats, int64 for integers, bool for bools, and
    the array's own for arrays.  ValueError for sequences of unequal length, TypeError or
    RuntimeError for what is no number.

    >>> import rushlight as rl
    >>> rl.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if device is not None or dtype is not None:
        check_options("tensor", device=device)
        dtype = as_dtype("tensor", dtype)
    elif type(data) is list and (plain := integers(data)) is not None:
        return finish(from_array(plain, int64, owned=True), requires_grad)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use "
            "sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than "
            "rushlight.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        return finish(_copied(data, dtype), requires_grad)
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    array, found = array_from(data, dtype)
    array = as_compute(array, found)
    fresh = type(data) is list and array.dtype == found.storage
    return finish(from_array(array, found, owned=fresh), requires_grad)


def _copied(source: Tensor, dtype: DType | None) -> Tensor:
    copy = source.detach().clone()
    return copy if dtype is None else copy.to(dtype)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """A tensor of the data, without a copy where it is a tensor or an array already."""
    check_options("as_tensor", device=device)
    dtype = as_dtype("as_tensor", dtype)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return shared if dtype is None else shared.to(dtype)
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of any data; `copy` True always copies, False never, None where it must."""
    made = as_tensor(obj, dtype, device)
    shares = isinstance(obj, (Tensor, np.ndarray)) and (dtype is None or made.dtype == _dtype(obj))
    if copy is False and not shares:
        raise ValueError("can't alias the data: another dtype or a sequence needs a copy")
    if copy or (isinstance(obj, Tensor) and not requires_grad and made is obj):
        made = made.detach().clone() if copy else made.detach()
    return finish(made, requires_grad)


def _dtype(data: Any) -> DType:
    return data.dtype if isinstance(data, Tensor) else numpy_dtype(data)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor over the array's memory; copied when an operation first reads it, if writable.

    TypeError for what is no array, and for dtypes that no tensor holds.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    try:
        return around_array(ndarray)
    except TypeError:
        numpy_dtype(ndarray)  # raises what says more
        raise


def construct(cls: type, *data: Any, device: Any = None) -> Tensor:
    """What `Tensor(...)` makes: float32 of sizes or of a sequence, as in PyTorch."""
    check_options("Tensor", device=device)
    made = typed(float32, data)
    if cls is not Tensor:
        made.__class__ = cls
    return made


def typed(dtype: DType, data: tuple) -> Tensor:
    """A tensor of this dtype of sizes, of a sequence, or around a tensor of the same dtype."""
    given = data[0] if len(data) == 1 else 0
    sized = hasattr(given, "__index__") and not isinstance(given, (Tensor, np.ndarray))
    if type(given).__name__ == "Size" or sized:
        return zeros(*data, dtype=dtype) if data else zeros(0, dtype=dtype)
    if isinstance(given, Tensor):
        if given.dtype is not dtype:
            raise TypeError(
                f"expected {dtype.name} (got {given.dtype.name})\nExpected: a tensor of dtype "
                f"{dtype.name}; use .to(rl.{dtype.name}) or rl.tensor."
            )
        return alias_of(given)
    if isinstance(given, str):
        raise TypeError("new(): invalid data type 'str'")
    if not is_sequence(given):
        raise TypeError(f"new(): data must be a sequence (got {type(given).__name__})")
    return tensor(given, dtype=dtype)


class TensorType(type):
    """The type of `rl.FloatTensor` and its kin: PyTorch's older names for tensors of a dtype.

    >>> import rushlight as rl
    >>> rl.LongTensor([1, 2]), isinstance(rl.zeros(1), rl.FloatTensor)
    (tensor([1, 2]), True)
    """

    dtype: DType

    def __call__(cls, *data: Any, device: Any = None) -> Tensor:
        """A tensor of this dtype of sizes or of a sequence."""
        check_options(cls.__name__, device=device)
        return typed(cls.dtype, data)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype


TYPE_NAMES = {
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor",
    "int64": "LongTensor",
    "int32": "IntTensor",
    "int16": "ShortTensor",
    "int8": "CharTensor",
    "uint8": "ByteTensor",
    "bool": "BoolTensor",
}
TENSOR_TYPES = {
    words: TensorType(words, (), {"dtype": find_dtype(name), "__module__": "rushlight"})
    for name, words in TYPE_NAMES.items()
}


# ---------------------------------------------------------------------------------- of one number
def _sizes(operation: str, sizes: tuple, keyword: Any) -> tuple[int, ...]:
    """Sizes given one by one, as a sequence or by keyword; RuntimeError for a negative one."""
    shape = check_shape(operation, sizes if keyword is None else (keyword,))
    if any(size < 0 for size in shape):
        raise RuntimeError(
            f"{operation}: Dimension size must be non-negative.\nExpected: sizes of 0 or more.\n"
            f"Actual: {list(shape)}."
        )
    return shape


def _constant(name: str, value: int, words: str) -> Any:
    def make(
        *size: Size,
        out: Any = None,
        dtype: DType | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
        names: Any = None,
        **keywords: Any,
    ) -> Tensor:
        if device is not None or layout is not None or out is not None or names is not None:
            check_options(name, layout=layout, device=device, out=out, names=names)
        shape = _sizes(name, size, keywords.pop("size", None))
        if keywords:
            raise TypeError(f"{name}() got an unexpected keyword argument {next(iter(keywords))!r}")
        dtype = as_dtype(name, dtype) or get_default_dtype()
        return finish(wrap(expand(literal(value, dtype), shape)), requires_grad)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"A tensor of the given sizes {words}.\n\n"
        "    The dtype is float32 (the default dtype) unless given; RuntimeError for a negative "
        "size.\n\n    >>> import rushlight as rl\n"
        f"    >>> rl.{name}(2, 3).shape\n    rushlight.Size([2, 3])\n    "
    )
    return make


zeros = _constant("zeros", 0, "full of 0")
ones = _constant("ones", 1, "full of 1")
empty = _constant("empty", 0, "whose values mean nothing; here they are 0")


def full(
    size: Size,
    fill_value: Any,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    names: Any = None,
) -> Tensor:
    """A tensor of this size full of one number, whose kind decides the dtype unless given.

    >>> import rushlight as rl
    >>> rl.full((2,), 7)
    tensor([7, 7])
    """
    check_options("full", layout=layout, device=device, out=out, names=names)
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}"
        )
    shape = _sizes("full", (size,), None)
    return finish(_filled(shape, fill_value, as_dtype("full", dtype)), requires_grad)


def _filled(shape: tuple[int, ...], value: Any, dtype: DType | None) -> Tensor:
    if isinstance(value, Tensor):
        if dtype is None:
            dtype = get_default_dtype() if value.dtype.is_floating_point else value.dtype
        return value.detach().to(dtype).expand(shape).clone()
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (bool, int, float, complex)):
        raise TypeError(
            f"full(): argument 'fill_value' (position 2) must be Number, not {type(value).__name__}"
        )
    return wrap(expand(number(value, dtype or number_dtype(value)), shape))


def scalar_tensor(
    s: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A 0-d tensor of a number, in the default dtype unless given."""
    check_options("scalar_tensor", layout=layout, device=device)
    dtype = as_dtype("scalar_tensor", dtype) or get_default_dtype()
    return finish(tensor(s, dtype=dtype), requires_grad)


# -------------------------------------------------------------------------- like another tensor
def _like(name: str, value: int, words: str) -> Any:
    def make(
        input: Tensor,
        *,
        dtype: DType | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        check_tensor(name, "input", input)
        options = {"layout": layout, "device": device, "memory_format": memory_format}
        check_options(name, **options)
        dtype = as_dtype(name, dtype) or input._spec.dtype
        made = wrap(expand(literal(value, dtype), input._spec.shape))
        return finish(_for_samples_of(input, made), requires_grad)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A tensor of input's shape and dtype {words}."
    return make


zeros_like = _like("zeros_like", 0, "full of 0")
ones_like = _like("ones_like", 1, "full of 1")
empty_like = _like("empty_like", 0, "whose values mean nothing; here they are 0")


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of input's shape and dtype full of one number."""
    check_tensor("full_like", "input", input)
    check_options("full_like", layout=layout, device=device, memory_format=memory_format)
    dtype = as_dtype("full_like", dtype) or input._spec.dtype
    made = _filled(input._spec.shape, fill_value, dtype)
    return finish(_for_samples_of(input, made), requires_grad)


def _for_samples_of(model: Tensor, made: Tensor) -> Tensor:
    """The tensor just made, one for each sample of vmap if the model differs between them."""
    value = node_of(model)
    if type(value) is not Batched:
        return made
    from rushlight.graph.batching import alike

    return wrap(alike(node_of(made), value))


def new_tensor(
    self: Tensor,
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of the data, in this tensor's dtype unless given."""
    check_options("new_tensor", layout=layout, device=device)
    if isinstance(data, Tensor):
        return finish(_copied(data, as_dtype("new_tensor", dtype) or data.dtype), requires_grad)
    dtype = as_dtype("new_tensor", dtype) or self.dtype
    return tensor(data, dtype=dtype, requires_grad=requires_grad)


def new(self: Tensor, *data: Any, device: Any = None) -> Tensor:
    """PyTorch's older way: a tensor of this dtype of sizes or of a sequence."""
    check_options("new", device=device)
    return typed(self._spec.dtype, data)


def _new(name: str, make: Any) -> Any:
    def new(self: Tensor, *size: Size, dtype: DType | None = None, **options: Any) -> Tensor:
        made = make(*size, dtype=dtype or self._spec.dtype, **options)
        return _for_samples_of(self, made)

    new.__name__ = new.__qualname__ = f"new_{name}"
    new.__doc__ = f"As `rl.{name}` with this tensor's dtype unless given."
    return new


def new_full(
    self: Tensor, size: Size, fill_value: Any, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """A tensor of this size full of one number, in this tensor's dtype unless given."""
    made = full(size, fill_value, dtype=dtype or self._spec.dtype, **options)
    return _for_samples_of(self, made)


Tensor._construct = staticmethod(construct)
_FUNCTIONS = (tensor, as_tensor, asarray, from_numpy, zeros, ones, empty, full, scalar_tensor)
_FUNCTIONS += (zeros_like, ones_like, empty_like, full_like)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS} | TENSOR_TYPES
METHODS = {
    "new": new,
    "new_tensor": new_tensor,
    "new_full": new_full,
    "new_zeros": _new("zeros", zeros),
    "new_ones": _new("ones", ones),
    "new_empty": _new("empty", empty),
}
