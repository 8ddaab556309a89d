"""The names that a file by torch.save may use, and what is made for each.

A name stands for a `Global`, which only the interpreter of pickles can use, and only by the
function that stands here beside it: no name is ever imported.  Tensors are made as empty shells,
which `Tensors.complete` fills when the storages are known.
"""

from __future__ import annotations

from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rushlight import dtypes
from rushlight.device import device
from rushlight.graph import dtype as kinds
from rushlight.io.budget import Budget
from rushlight.io.file import Damaged, Refused
from rushlight.io.plain import check_key, show
from rushlight.size import Size

STORAGES = {
    "FloatStorage": kinds.float32,
    "DoubleStorage": kinds.float64,
    "HalfStorage": kinds.float16,
    "BFloat16Storage": kinds.bfloat16,
    "LongStorage": kinds.int64,
    "IntStorage": kinds.int32,
    "ShortStorage": kinds.int16,
    "CharStorage": kinds.int8,
    "ByteStorage": kinds.uint8,
    "BoolStorage": kinds.bool_,
    "ComplexFloatStorage": kinds.complex64,
    "ComplexDoubleStorage": kinds.complex128,
}
NAMESPACE = "argparse.Namespace"
UNTYPED = ("torch.UntypedStorage", "torch.storage.UntypedStorage")
FACTORIES = {kind.__name__: kind for kind in (list, dict, set, tuple, int, float, str, bool)}
_BUILTINS = ("builtins", "__builtin__")
_NUMPY_KINDS = "?bBhHiIlLqQefdFD"
_ITEM, _OBJECT, _LONGEST_CODE = 100, 250, 8


class Global:
    """A name in a pickle, which does nothing by itself."""

    def __init__(self, name: str, make: Callable | None = None, dtype: kinds.DType | None = None):
        self.name = name
        self.make = make
        self.dtype = dtype  # for a storage: of what numbers

    def __repr__(self) -> str:
        return self.name


class NumpyDtype:
    """A NumPy dtype on its way; its byte order comes later."""

    def __init__(self, code: str):
        self.code = code
        self.order = "<"

    def found(self) -> np.dtype:
        """The dtype; Refused unless it is one of numbers or bools."""
        try:
            dtype = np.dtype(self.code)
        except TypeError:
            raise Damaged(f"there is no NumPy dtype {self.code!r:.60}.") from None
        if dtype.char not in _NUMPY_KINDS or dtype.fields is not None:
            raise Refused(f"NumPy numbers of dtype {dtype!s:.60}, which Rushlight lacks.")
        return dtype.newbyteorder(self.order)


class Builders:
    """Finds names and makes values for one file."""

    def __init__(self, budget: Budget, tensor: Callable, parameter: Callable):
        self._spend = budget.spend
        self._table = _fixed_names() | self._makers() | _tensor_makers(tensor, parameter)

    def find(self, name: str) -> Any:
        """What a name stands for; Refused unless it is in the table."""
        if name in self._table:
            return self._table[name]
        if name.startswith("torch.") and name.endswith("Storage"):
            raise Refused(f"numbers of the kind {name}, which Rushlight lacks.")
        raise Refused(
            f"it asks for {name}, which is neither a tensor nor a plain value. The program that "
            "wrote it can save the state_dict() of a module, or the numbers of an object, instead."
        )

    def build(self, made: Any, state: Any) -> None:
        """Give a value its state: what a dict of weights, a dtype or an array still lacks."""
        if type(made) is OrderedDict:
            self._build_metadata(made, state)
        elif type(made) is Namespace:
            self._build_namespace(made, state)
        elif type(made) is NumpyDtype and type(state) is tuple and len(state) >= 2:
            self._build_dtype(made, state)
        elif type(made) is np.ndarray and type(state) is tuple and len(state) == 5:
            self._build_array(made, state)
        else:
            raise Refused(f"it sets attributes of {show(made)}.")

    # ----------------------------------------------------------------------------------- state
    def _build_metadata(self, made: OrderedDict, state: Any) -> None:
        if type(state) is not dict or set(state) - {"_metadata"}:
            raise Refused("it sets attributes of a dict other than _metadata.")
        if "_metadata" in state:
            made._metadata = state["_metadata"]

    def _build_namespace(self, made: Namespace, state: Any) -> None:
        if type(state) is not dict or any(type(name) is not str for name in state):
            raise Damaged("an argparse.Namespace without names.")
        if any(name.startswith("__") for name in state):
            raise Refused("it sets special attributes of an argparse.Namespace.")
        self._spend(_OBJECT + _ITEM * len(state))
        made.__dict__.update(state)

    def _build_dtype(self, made: NumpyDtype, state: tuple) -> None:
        if state[1] not in ("<", ">", "=", "|") or any(state[2:5]):
            raise Refused("a NumPy dtype with fields, or of an unknown byte order.")
        made.order = state[1]

    def _build_array(self, made: np.ndarray, state: tuple) -> None:
        _, shape, dtype, by_columns, data = state
        if type(data) is str:  # the bytes of Python 2
            data = self._latin(data)
        found = self._array(shape, dtype, data, by_columns)
        # The array is in the memo already, so it is this very object that gets the numbers.
        made.__setstate__((1, found.shape, found.dtype, False, found.tobytes()))

    def _array(self, shape: Any, dtype: Any, data: Any, by_columns: Any) -> np.ndarray:
        if type(dtype) is not NumpyDtype or type(data) is not bytes or type(shape) is not tuple:
            raise Damaged("a NumPy array without shape, dtype and bytes.")
        found = dtype.found()
        count = 1
        for size in shape:
            if type(size) is not int or not 0 <= size < 1 << 62:
                raise Damaged(f"a NumPy array of shape {show(shape)}.")
            count *= size
        if count * found.itemsize != len(data) or len(shape) > 32:
            raise Damaged(f"a NumPy array of shape {show(shape)} has {len(data):,} bytes.")
        self._spend(3 * len(data) + _OBJECT)
        order = "F" if by_columns is True else "C"
        array = np.frombuffer(data, found).reshape(shape, order=order)
        return array.astype(found.newbyteorder("="))

    # ---------------------------------------------------------------------------------- makers
    def _makers(self) -> dict[str, Global]:
        makers: dict[str, Callable] = {
            "collections.OrderedDict": self._ordered_dict,
            "collections.Counter": self._counter,
            "collections.defaultdict": self._defaultdict,
            "torch.Size": _size,
            "torch.device": _device,
            "torch.serialization._get_layout": _layout,
            "_codecs.encode": self._encode,
        }
        for module in _BUILTINS:
            makers[f"{module}.set"] = partial(self._set, set)
            makers[f"{module}.frozenset"] = partial(self._set, frozenset)
            makers[f"{module}.complex"] = _complex
            makers[f"{module}.bytearray"] = self._bytearray
            makers[f"{module}.bytes"] = lambda: b""  # as protocol 2 has it for no bytes
        for package in ("numpy.core", "numpy._core"):
            makers[f"{package}.multiarray._reconstruct"] = self._reconstruct
            makers[f"{package}.multiarray.scalar"] = self._scalar
            makers[f"{package}.numeric._frombuffer"] = self._frombuffer
        makers["numpy.dtype"] = self._dtype
        return {name: Global(name, make) for name, make in makers.items()}

    def _ordered_dict(self, items: Any = ()) -> OrderedDict:
        return OrderedDict(self._pairs(items))

    def _defaultdict(self, factory: Any = None) -> defaultdict:
        self._spend(_OBJECT)
        if factory is None:
            return defaultdict()
        module, _, name = show(factory).rpartition(".")
        if not isinstance(factory, Global) or module not in _BUILTINS or name not in FACTORIES:
            raise Refused(f"it calls {show(factory)} for what a defaultdict lacks.")
        return defaultdict(FACTORIES[name])

    def _counter(self, items: Any = ()) -> Counter:
        if type(items) is dict:
            items = list(items.items())
        return Counter(dict(self._pairs(items)))

    def _pairs(self, items: Any) -> list:
        if type(items) not in (list, tuple):
            raise Damaged("a dict of something other than pairs.")
        self._spend(_OBJECT + _ITEM * len(items))
        for item in items:
            if type(item) not in (list, tuple) or len(item) != 2:
                raise Damaged("a dict of something other than pairs.")
            check_key(item[0])
        return items

    def _set(self, kind: type, items: Any = ()) -> Any:
        if type(items) not in (list, tuple):
            raise Damaged("a set of something other than a list.")
        self._spend(_OBJECT + _ITEM * len(items))
        for item in items:
            check_key(item)
        return kind(items)

    def _bytearray(self, data: Any = b"", encoding: str = "latin-1") -> bytearray:
        return bytearray(self._encode(data, encoding) if type(data) is str else _only(bytes, data))

    def _encode(self, text: str, encoding: str) -> bytes:
        if encoding not in ("latin1", "latin-1"):
            raise Refused(f"a text in the encoding {show(encoding)}.")
        self._spend(2 * len(_only(str, text)) + _ITEM)
        return text.encode("latin-1")

    def _latin(self, text: str) -> bytes:
        try:
            return self._encode(text, "latin1")
        except UnicodeEncodeError:
            raise Damaged("the numbers of a NumPy array are a text.") from None

    def _dtype(self, code: str, align: Any = False, copy: Any = True) -> NumpyDtype:
        if len(_only(str, code)) > _LONGEST_CODE:
            raise Refused(f"a NumPy dtype {show(code)}.")
        return NumpyDtype(code)

    def _reconstruct(self, kind: Any, shape: Any, code: Any) -> np.ndarray:
        if not isinstance(kind, Global) or kind.name != "numpy.ndarray":
            raise Refused("a NumPy array of a class of its own.")
        self._spend(_OBJECT)
        return np.empty(0, np.int8)

    def _scalar(self, dtype: Any, data: Any) -> np.generic:
        return self._array((), dtype, data, False)[()]

    def _frombuffer(self, data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
        return self._array(shape, dtype, bytes(_only((bytes, bytearray), data)), order == "F")


def _fixed_names() -> dict[str, Any]:
    """Names that stand for themselves: dtypes, kinds of storage, classes beside a function."""
    names: dict[str, Any] = {f"torch.{dtype.name}": dtype for dtype in kinds.ALL}
    for name, dtype in STORAGES.items():
        names[f"torch.{name}"] = Global(f"torch.{name}", dtype=dtype)
    classes = (*UNTYPED, NAMESPACE, "numpy.ndarray", "torch.Tensor", "torch.nn.parameter.Parameter")
    classes += tuple(f"{module}.{name}" for module in _BUILTINS for name in FACTORIES)
    return names | {name: Global(name) for name in classes}


def _tensor_makers(tensor: Callable, parameter: Callable) -> dict[str, Global]:
    def version_2(
        storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, notes: Any = None
    ) -> Any:
        _check_no_hooks(hooks)
        return tensor(storage, offset, size, stride, grad, None)

    def version_3(
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        grad: Any,
        hooks: Any,
        dtype: Any,
        notes: Any = None,
    ) -> Any:
        _check_no_hooks(hooks)
        return tensor(storage, offset, size, stride, grad, _only(kinds.DType, dtype))

    def version_1(storage: Any, offset: Any, size: Any, stride: Any) -> Any:
        return tensor(storage, offset, size, stride, False, None)

    def of_parameter(data: Any, grad: Any, hooks: Any, state: Any = None) -> Any:
        _check_no_hooks(hooks)
        return parameter(data, _only(bool, grad))

    def with_attributes(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
        plain = isinstance(kind, Global) and kind.name == "torch.Tensor"
        if not plain or not isinstance(function, Global) or function.name not in names:
            raise Refused(f"a tensor of the class {show(kind)}.")
        return function.make(*_only(tuple, arguments))

    names = {
        "torch._utils._rebuild_tensor": version_1,
        "torch._utils._rebuild_tensor_v2": version_2,
        "torch._utils._rebuild_tensor_v3": version_3,
        "torch._utils._rebuild_parameter": of_parameter,
        "torch._utils._rebuild_parameter_with_state": of_parameter,
    }
    makers = names | {"torch._tensor._rebuild_from_type_v2": with_attributes}
    return {name: Global(name, make) for name, make in makers.items()}


def _check_no_hooks(hooks: Any) -> None:
    if hooks:
        raise Refused("a tensor with hooks, which are functions.")


def _only(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise Damaged(f"a value of type {type(value).__name__} stands in a wrong place.")
    return value


def _size(sizes: Any = ()) -> Size:
    if type(sizes) is not tuple or len(sizes) > 64 or any(type(n) is not int for n in sizes):
        raise Damaged("a torch.Size of something other than whole numbers.")
    return Size(sizes)


def _device(kind: Any, index: Any = None) -> device:
    try:
        return device(_only(str, kind), index)
    except RuntimeError:
        raise Damaged(f"there is no device {show(kind)}.") from None


def _layout(name: Any) -> Any:
    if name != "torch.strided":
        raise Refused(f"tensors of the layout {show(name)}.")
    return dtypes.strided


def _complex(real: Any, imaginary: Any) -> complex:
    return complex(_only((int, float), real), _only((int, float), imaginary))
