"""Files that torch.load reads, with `weights_only=True` too, written without torch."""

from __future__ import annotations

import struct
import sys
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from rushlight.device import device
from rushlight.graph.dtype import DType
from rushlight.graph.recorder import value_of
from rushlight.io.builders import FACTORIES, STORAGES
from rushlight.io.encode import Open, Ties, check_key, dtype_of, refuse, show
from rushlight.io.zip_write import Part, archive_parts
from rushlight.size import Size, contiguous_strides
from rushlight.tensor import Tensor, node_of

_STORAGE_OF = {dtype: name for name, dtype in STORAGES.items()}
_PREFIX = "archive/"
_SMALL, _WHOLE = range(256), range(-(1 << 31), 1 << 31)


def torch_parts(value: Any) -> Iterator[Part]:
    """The parts of a file in torch.save's form; TypeError and ValueError before the first."""
    writer = _Writer()
    writer.write(value, ())
    return archive_parts(_records(writer))


def _records(writer: _Writer) -> Iterator[tuple[str, Part]]:
    yield f"{_PREFIX}data.pkl", b"\x80\2" + bytes(writer.out) + b"."
    yield f"{_PREFIX}byteorder", sys.byteorder.encode()
    for number, array in enumerate(writer.storages):
        flat = np.ascontiguousarray(array).reshape(-1)
        yield f"{_PREFIX}data/{number}", flat.view(np.uint8).data
    yield f"{_PREFIX}version", b"3\n"


class _Writer:
    """One pickle, in protocol 2, and the storages that it refers to."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.storages: list[np.ndarray] = []
        self._memo: dict[Any, int] = {}
        self._held: list[Any] = []  # so that no two objects have one id in turn
        self._open = Open()
        self._ties = Ties()

    def write(self, value: Any, place: tuple) -> None:
        """Write one value; TypeError or ValueError names the place of a wrong one."""
        if isinstance(value, np.generic):
            self._scalar(value, place)
            return
        way = _ways().get(type(value))
        if way is None:
            refuse(value, place)
        way(self, value, place)

    # --------------------------------------------------------------------------- opcodes and memo
    def _known(self, key: Any) -> bool:
        """Write a reference if this was written before."""
        if key not in self._memo:
            return False
        number = self._memo[key]
        self.out += b"h%c" % number if number in _SMALL else struct.pack("<cI", b"j", number)
        return True

    def _keep_object(self, value: Any) -> None:
        self._held.append(value)
        self._keep(id(value))

    def _keep(self, key: Any) -> None:
        number = self._memo[key] = len(self._memo)
        self.out += b"q%c" % number if number in _SMALL else struct.pack("<cI", b"r", number)

    def _global(self, module: str, name: str) -> None:
        if not self._known((module, name)):
            self.out += f"c{module}\n{name}\n".encode()
            self._keep((module, name))

    def _call(self, module: str, name: str, *arguments: Any) -> None:
        self._global(module, name)
        self._tuple(arguments, ())
        self.out += b"R"

    # ------------------------------------------------------------------------------- plain values
    def _none(self, value: None, place: tuple) -> None:
        self.out += b"N"

    def _bool(self, value: bool, place: tuple) -> None:
        self.out += b"\x88" if value else b"\x89"

    def _int(self, value: int, place: tuple) -> None:
        if value in _SMALL:
            self.out += b"K%c" % value
        elif value in _WHOLE:
            self.out += struct.pack("<ci", b"J", value)
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if len(data) > 255:
                raise ValueError(
                    "save(): Expected whole numbers of at most 255 bytes.\n"
                    f"Actual: {show(place)} has {len(data)}."
                )
            self.out += b"\x8a%c" % len(data) + data

    def _float(self, value: float, place: tuple) -> None:
        self.out += struct.pack(">cd", b"G", value)

    def _complex(self, value: complex, place: tuple) -> None:
        self._call("builtins", "complex", value.real, value.imag)

    def _str(self, value: str, place: tuple) -> None:
        if not self._known(value):
            data = value.encode("utf-8", "surrogatepass")
            self.out += struct.pack("<cI", b"X", len(data)) + data
            self._keep(value)

    def _bytes(self, value: bytes, place: tuple) -> None:
        # Protocol 2 has texts only; this is how Python itself writes bytes in it.
        self._call("_codecs", "encode", value.decode("latin-1"), "latin1")

    def _dtype(self, value: DType, place: tuple) -> None:
        self._global("torch", value.name)

    def _device(self, value: device, place: tuple) -> None:
        index = () if value.index is None else (value.index,)
        self._call("torch", "device", value.type, *index)

    # --------------------------------------------------------------------------------- containers
    def _list(self, value: list, place: tuple) -> None:
        self._open.check(value, place)
        if self._known(id(value)):
            return
        with self._open.within(value, place):
            self.out += b"]"
            self._keep_object(value)
            self._items(value, place, b"e")

    def _items(self, values: Any, place: tuple, end: bytes) -> None:
        self.out += b"("
        for index, item in enumerate(values):
            self.write(item, (*place, index))
        self.out += end

    def _tuple(self, value: tuple, place: tuple) -> None:
        with self._open.within(value, place):
            self._items(value, place, b"t")

    def _size(self, value: Size, place: tuple) -> None:
        self._call("torch", "Size", tuple(value))

    def _set(self, value: set | frozenset, place: tuple) -> None:
        self._global("builtins", type(value).__name__)
        self.out += b"("
        self.write(list(value), place)
        self.out += b"tR"

    def _dict(self, value: dict, place: tuple) -> None:
        self._open.check(value, place)
        if self._known(id(value)):
            return
        with self._open.within(value, place):
            if type(value) is dict:
                self.out += b"}"
            else:
                self._global("collections", type(value).__name__)
                self.out += b")R"
            self._keep_object(value)
            self._pairs(value, place)
            if type(value) is OrderedDict and getattr(value, "_metadata", None) is not None:
                self._dict({"_metadata": value._metadata}, place)
                self.out += b"b"

    def _namespace(self, value: Namespace, place: tuple) -> None:
        self._open.check(value, place)
        if self._known(id(value)):
            return
        with self._open.within(value, place):
            self._global("argparse", "Namespace")
            self.out += b")\x81"
            self._keep_object(value)
            self._dict(vars(value), place)
            self.out += b"b"

    def _default_dict(self, value: defaultdict, place: tuple) -> None:
        self._open.check(value, place)
        if self._known(id(value)):
            return
        factory = value.default_factory
        if factory is not None and factory not in FACTORIES.values():
            refuse(value, place)
        with self._open.within(value, place):
            self._global("collections", "defaultdict")
            self.out += b"("
            if factory is not None:
                self._global("builtins", factory.__name__)
            self.out += b"tR"
            self._keep_object(value)
            self._pairs(value, place)

    def _pairs(self, value: dict, place: tuple) -> None:
        self.out += b"("
        for key, item in value.items():
            check_key(key, key, place)
            self.write(key, place)
            self.write(item, (*place, key))
        self.out += b"u"

    # ----------------------------------------------------------------------- arrays and tensors
    def _tensor(self, value: Tensor, place: tuple) -> None:
        if not self._known(id(value)):
            self._rebuild(value, value.requires_grad)
            self._keep_object(value)

    def _parameter(self, value: Tensor, place: tuple) -> None:
        if self._known(id(value)):
            return
        self._global("torch._utils", "_rebuild_parameter")
        self.out += b"("
        self._rebuild(value, False)
        self._bool(value.requires_grad, place)
        self._no_hooks()
        self.out += b"tR"
        self._keep_object(value)

    def _rebuild(self, value: Tensor, requires_grad: bool) -> None:
        """What makes a tensor again, in C order, of a storage of its own or one tied with it."""
        spec = node_of(value).spec
        storage = _STORAGE_OF.get(spec.dtype)
        self._global("torch._utils", f"_rebuild_tensor_v{3 if storage is None else 2}")
        self.out += b"("
        self._storage(value, storage)
        for part in (0, tuple(spec.shape), tuple(contiguous_strides(spec.shape)), requires_grad):
            self.write(part, ())
        self._no_hooks()
        if storage is None:
            self._dtype(spec.dtype, ())
        self.out += b"tR"

    def _no_hooks(self) -> None:
        self._global("collections", "OrderedDict")
        self.out += b")R"

    def _storage(self, value: Tensor, kind: str | None) -> None:
        """A reference to a record of numbers, which `torch.load` resolves by itself."""
        node = node_of(value)
        number = self._ties.find(value)
        if number is None:
            number = len(self.storages)
            self.storages.append(value_of(node).stored(node.spec.shape, node.spec.dtype))
            self._ties.keep(value, number)
        self.out += b"("
        self._str("storage", ())
        if kind is None:
            self._global("torch.storage", "UntypedStorage")
        else:
            self._global("torch", kind)
        length = node.spec.size if kind else node.spec.nbytes
        for part in (str(number), "cpu", length):
            self.write(part, ())
        self.out += b"tQ"

    def _array(self, value: np.ndarray, place: tuple) -> None:
        if self._known(id(value)):
            return
        dtype_of(value, place)
        array = np.asarray(value, value.dtype.newbyteorder("<"))
        self._global("numpy.core.multiarray", "_reconstruct")
        self.out += b"("
        self._global("numpy", "ndarray")
        self._tuple((0,), ())
        self._bytes(b"b", ())
        self.out += b"tR"
        self._keep_object(value)
        self.out += b"("
        self._int(1, ())
        self._tuple(value.shape, ())
        self._numpy_dtype(array.dtype)
        self._bool(False, ())
        self._bytes(array.tobytes(), ())
        self.out += b"tb"

    def _scalar(self, value: np.generic, place: tuple) -> None:
        dtype_of(value, place)
        self._global("numpy.core.multiarray", "scalar")
        self.out += b"("
        self._numpy_dtype(value.dtype)
        self._bytes(np.asarray(value, value.dtype.newbyteorder("<")).tobytes(), ())
        self.out += b"tR"

    def _numpy_dtype(self, dtype: np.dtype) -> None:
        self._call("numpy", "dtype", dtype.str[1:], False, True)
        order = "|" if dtype.itemsize == 1 else "<"
        self._tuple((3, order, None, None, None, -1, -1, 0), ())
        self.out += b"b"


@cache
def _ways() -> dict[type, Callable]:
    """How each type is written; modules are imported when something is saved."""
    from rushlight.nn.parameter import Buffer, Parameter

    ways: dict[type, Callable] = {type(None): _Writer._none, bool: _Writer._bool}
    ways |= {int: _Writer._int, float: _Writer._float, complex: _Writer._complex}
    ways |= {str: _Writer._str, bytes: _Writer._bytes, DType: _Writer._dtype}
    ways |= {device: _Writer._device, Size: _Writer._size, list: _Writer._list}
    ways |= {tuple: _Writer._tuple, set: _Writer._set, frozenset: _Writer._set}
    ways |= {dict: _Writer._dict, OrderedDict: _Writer._dict, Counter: _Writer._dict}
    ways |= {Namespace: _Writer._namespace, defaultdict: _Writer._default_dict}
    ways |= {np.ndarray: _Writer._array, np.memmap: _Writer._array}
    ways |= {Tensor: _Writer._tensor, Buffer: _Writer._tensor, Parameter: _Writer._parameter}
    return ways
