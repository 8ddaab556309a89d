"""Other dtypes, copies, and overwriting: to, clone, copy_, fill_ and their kin."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.inplace import check_inplace, write
from rushlight.autograd.operation import Operation
from rushlight.device import check_device, device
from rushlight.dtypes import as_dtype, memory_format
from rushlight.graph import dtype as dtypes
from rushlight.graph import elementwise as e
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import DType
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops.check import broadcast, check_tensor
from rushlight.ops.creation import TENSOR_TYPES, TYPE_NAMES, TensorType
from rushlight.ops.index import CopyBackwards
from rushlight.ops.options import check_memory_format
from rushlight.size import contiguous_strides
from rushlight.tensor import Tensor, wrap


class ToCopy(Operation):
    """The same numbers in another dtype; the walk casts the gradient back."""

    def forward(ctx, x: Node, dtype: DType) -> Node:
        return e.cast(x, dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad


class Clone(Operation):
    """The same value; as values never change, both tensors may hold one until either is written."""

    def forward(ctx, x: Node) -> Node:
        return x

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad


class Fill(Operation):
    """A tensor overwritten by one value."""

    def forward(ctx, x: Node, value: Node) -> Node:
        return expand(e.cast(value, x.spec.dtype), x.spec.shape)

    def backward(ctx, grad: Tensor) -> tuple:
        return grad * 0, grad.sum() if ctx.needs(1) else None


class Zero(Operation):
    """A tensor overwritten by 0."""

    def forward(ctx, x: Node) -> Node:
        return expand(literal(0, x.spec.dtype), x.spec.shape)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad * 0


# ------------------------------------------------------------------------------------------- dtypes
def _parse_to(args: tuple, options: dict) -> tuple[DType | None, bool]:
    """The dtype that the arguments of `to` ask for, and whether they insist on a copy."""
    copy = bool(options.pop("copy", False))
    dtype = as_dtype("to", options.pop("dtype", None))
    where = options.pop("device", None)
    other = options.pop("other", None)
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        other = rest.pop(0)
    elif rest and (rest[0] is None or isinstance(rest[0], (str, device, int))):
        where = rest.pop(0)
    if rest and (isinstance(rest[0], (DType, type)) or rest[0] is None):
        dtype = as_dtype("to", rest.pop(0))
    elif rest and not isinstance(rest[0], (bool, memory_format)):
        kind = type(rest[0]).__name__
        raise TypeError(f"to() received an invalid combination of arguments - got ({kind})")
    if len(rest) > 1:
        copy = bool(rest[1])
    for value in (options.pop("memory_format", None), options.pop("non_blocking", None)):
        if isinstance(value, memory_format):
            check_memory_format("to", value)
    if options:
        raise TypeError(f"to() got an unexpected keyword argument {next(iter(options))!r}")
    if where is not None:
        check_device(where)
    return other._spec.dtype if other is not None else dtype, copy


def to(self: Tensor, *args: Any, **options: Any) -> Tensor:
    """This tensor in another dtype: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`.

    The tensor itself if nothing changes, unless `copy=True`.  Floats become integers towards
    zero.  RuntimeError for a device that this version does not compute on.

    >>> import rushlight as rl
    >>> rl.tensor([1.9, -1.9]).to(rl.int64)
    tensor([ 1, -1])
    """
    if len(args) == 1 and not options and type(args[0]) is DType:
        return cast(self, args[0])
    dtype, copy = _parse_to(args, options)
    if dtype is None or dtype is self._spec.dtype:
        return clone(self) if copy else self
    return cast(self, dtype)


def cast(tensor: Tensor, dtype: DType) -> Tensor:
    """The tensor in this dtype: itself if it is."""
    if tensor._spec.dtype is dtype:
        return tensor
    return ToCopy.apply((tensor,), dtype)


def _caster(name: str, dtype: DType) -> Any:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return cast(self, dtype)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"This tensor as {dtype.name}; itself if it is."
    return convert


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of this tensor's type, such as rushlight.FloatTensor; or this tensor as a dtype."""
    if dtype is None:
        name = self._spec.dtype.name
        return f"rushlight.{TYPE_NAMES.get(name, name.title() + 'Tensor')}"
    if isinstance(dtype, str):
        found = TENSOR_TYPES.get(dtype.rpartition(".")[2])
        if found is None or ".cuda." in dtype:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = found
    if isinstance(dtype, TensorType):
        dtype = dtype.dtype
    return cast(self, as_dtype("type", dtype))


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype of another."""
    return cast(self, check_tensor("type_as", "other", other)._spec.dtype)


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself: it is on the CPU."""
    return self


def _elsewhere(kind: str) -> Any:
    def move(self: Tensor, device: Any = None, non_blocking: bool = False, **_: Any) -> Tensor:
        check_device(kind if device is None else device)
        return self

    move.__name__ = move.__qualname__ = kind
    move.__doc__ = f"RuntimeError: this version computes on the CPU, not on {kind}."
    return move


# ------------------------------------------------------------------------------------------- copies
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, through which gradients flow; its strides are the tensor's if those leave no gaps."""
    check_tensor("clone", "input", input)
    if memory_format is not None:
        check_memory_format("clone", memory_format)
    result = Clone.apply((input,))
    if input._chain or input._strides is not None:
        _keep_strides(result, input)
    return result


def _keep_strides(result: Tensor, source: Tensor) -> None:
    """Lay a copy out as its source if that is a permutation of a contiguous layout."""
    shape, strides = source._spec.shape, source._layout()[0]
    if 0 in shape or source.is_contiguous():
        return
    order = sorted(range(len(shape)), key=lambda axis: (-strides[axis], -shape[axis]))
    expected = contiguous_strides(tuple(shape[axis] for axis in order))
    pairs = zip(order, expected, strict=True)
    if all(shape[axis] == 1 or strides[axis] == want for axis, want in pairs):
        result._strides = strides


def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its elements lie in C order, else a copy in which they do."""
    if memory_format is not None:
        check_memory_format("contiguous", memory_format)
    return self if self.is_contiguous() else Clone.apply((self,))


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Overwrite this tensor with `src`, broadcast and cast; gradients flow to `src`."""
    check_inplace(self, "copy_")
    if isinstance(src, (bool, int, float, complex)):
        return self.fill_(src)
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' must be Tensor, not {type(src).__name__}")
    shape = self._spec.shape
    if src._spec.shape != shape and broadcast(shape, src._spec.shape, "copy_") != shape:
        raise RuntimeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape "
            f"{list(src.shape)}\nIn copy_: the source must fit the tensor written to."
        )
    if self is src:
        return self
    return write(self, CopyBackwards.apply((self, src)), "copy_")


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of input's shape and dtype full of `value`: a number or a 0-d tensor."""
    check_tensor("fill", "input", input)
    if isinstance(value, Tensor):
        if value.dim():
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.dim()} dimensions."
            )
    elif isinstance(value, (bool, int, float, complex)) or hasattr(value, "item"):
        value = wrap(number(value, input._spec.dtype))
    else:
        raise TypeError(f"fill(): argument 'value' must be Number, not {type(value).__name__}")
    return Fill.apply((input, value))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Overwrite this tensor with one value: a number or a 0-d tensor."""
    check_inplace(self, "fill_")
    return write(self, fill(self, value), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Overwrite this tensor with 0."""
    check_inplace(self, "zero_")
    return write(self, Zero.apply((self,)), "zero_")


# ------------------------------------------------------------------------------------ what it holds
def is_floating_point(input: Tensor) -> bool:
    """Whether it holds floating point numbers."""
    return check_tensor("is_floating_point", "input", input)._spec.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether it holds complex numbers."""
    return check_tensor("is_complex", "input", input)._spec.dtype.is_complex


def is_signed(self: Tensor) -> bool:
    """Whether its dtype has negative numbers."""
    return self._spec.dtype.is_signed


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return check_tensor("numel", "input", input)._spec.size


_CASTS = {
    "float": dtypes.float32,
    "double": dtypes.float64,
    "half": dtypes.float16,
    "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64,
    "int": dtypes.int32,
    "short": dtypes.int16,
    "char": dtypes.int8,
    "byte": dtypes.uint8,
    "bool": dtypes.bool_,
    "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}
_FUNCTIONS = (clone, fill, is_floating_point, is_complex, is_signed, is_tensor, numel)
FUNCTIONS: dict[str, Any] = {function.__name__: function for function in _FUNCTIONS}
FUNCTIONS |= {"fill_": fill_, "zero_": zero_}
METHODS = {
    **{name: _caster(name, dtype) for name, dtype in _CASTS.items()},
    "to": to,
    "type": type_,
    "type_as": type_as,
    "cpu": cpu,
    "clone": clone,
    **{kind: _elsewhere(kind) for kind in ("cuda", "xpu", "mps")},
    "contiguous": contiguous,
    "copy_": copy_,
    "fill_": fill_,
    "zero_": zero_,
    "is_floating_point": is_floating_point,
    "is_complex": is_complex,
    "is_signed": is_signed,
}
