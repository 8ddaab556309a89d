"""A pickle read as data: a small interpreter that can make plain values and nothing else.

Python's own reader of pickles imports what a file names and calls it.  This one knows lists,
dicts, tuples, sets, numbers and texts; whatever else a pickle asks for goes to a table of names
(`rushlight.io.builders`), and a name that is not in it is refused.  Nothing is ever imported.

The opcodes of protocols 2 to 5 are described in Python's `pickletools`.
"""

from __future__ import annotations

import pickletools
import struct
from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from rushlight.io.budget import Budget
from rushlight.io.builders import NAMESPACE, Global
from rushlight.io.file import Damaged, Refused
from rushlight.io.plain import check_key, show

_CONTAINER, _SET, _LONGEST_NAME, _LONGEST_NUMBER = 100, 250, 256, 1024
_PROTOCOLS = range(2, 6)
_TOO_SHORT = "its pickle ends in the middle."


class Interpreter:
    """One pickle: its bytes, the stack and the memo."""

    def __init__(
        self,
        data: bytes,
        find: Callable[[str], Any],
        persistent: Callable[[Any], Any],
        build: Callable[[Any, Any], None],
        budget: Budget,
        strings: str = "utf-8",
    ):
        self.at = 0
        self._strings = strings  # how the texts of Python 2 are encoded
        self._data = data
        self._find = find
        self._persistent = persistent
        self._build_state = build
        self._spend = budget.spend
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self, start: int = 0) -> Any:
        """The value of the pickle that begins at `start`; afterwards `at` is where it ends."""
        self.at = start
        self._stack, self._below, self._memo = [], [], {}
        while (opcode := self._opcode()) != _STOP:
            way = _WAYS.get(opcode)
            if way is None:
                raise _unknown(opcode)
            way(self)
        value = self._pop()
        if self._stack or self._below:
            raise Damaged("its pickle leaves values behind.")
        return value

    # ------------------------------------------------------------------------- bytes and the stack
    def _take(self, length: int) -> bytes:
        found = self._data[self.at : self.at + length]
        if len(found) < length:
            raise Damaged(_TOO_SHORT)
        self.at += length
        return found

    def _opcode(self) -> int:
        if self.at >= len(self._data):
            raise Damaged(_TOO_SHORT)
        self.at += 1
        return self._data[self.at - 1]

    def _number(self, form: struct.Struct) -> Any:
        if self.at + form.size > len(self._data):
            raise Damaged(_TOO_SHORT)
        self.at += form.size
        return form.unpack_from(self._data, self.at - form.size)[0]

    def _pop(self) -> Any:
        if not self._stack:
            raise Damaged("its pickle takes more values than it made.")
        return self._stack.pop()

    def _top(self, kind: type | tuple[type, ...] = object) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise Damaged("its pickle puts a value into something that cannot hold it.")
        return self._stack[-1]

    def _mark(self) -> None:
        self._spend(_CONTAINER)
        self._below.append(self._stack)
        self._stack = []

    def _marked(self) -> list[Any]:
        """What lies above the last mark, taken off the stack."""
        if not self._below:
            raise Damaged("its pickle looks for a mark that is not there.")
        items, self._stack = self._stack, self._below.pop()
        return items

    def _discard(self) -> None:
        self._pop()

    def _again(self) -> None:
        self._stack.append(self._top())

    # ------------------------------------------------------------------------------- plain values
    def _protocol(self) -> None:
        number = self._take(1)[0]
        if number not in _PROTOCOLS:
            raise Damaged(f"its pickle has protocol {number}; 2 to 5 are read.")

    def _frame(self) -> None:
        length = self._number(_LONG8)
        if length > len(self._data) - self.at:
            raise Damaged(f"its pickle has a frame of {length:,} bytes, which are not there.")

    def _integer(self, size: int) -> None:
        length = int.from_bytes(self._take(size), "little")
        if length > _LONGEST_NUMBER:
            raise Refused(f"an integer of {length:,} bytes.")
        self._stack.append(int.from_bytes(self._take(length), "little", signed=True))

    def _text(self, size: int) -> None:
        found = self._take(int.from_bytes(self._take(size), "little"))
        try:
            self._stack.append(found.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            raise Damaged(f"a text in its pickle is not UTF-8: {found[:20]!r}.") from None

    def _string(self, size: int) -> None:
        """A text as Python 2 has it, which may be bytes of any kind."""
        found = self._take(int.from_bytes(self._take(size), "little"))
        try:
            self._stack.append(found.decode(self._strings))
        except UnicodeDecodeError:
            raise Damaged(f"a text in its pickle is not {self._strings}: {found[:20]!r}.") from None

    def _bytes(self, size: int) -> None:
        self._stack.append(self._take(int.from_bytes(self._take(size), "little")))

    def _bytearray(self) -> None:
        self._bytes(8)
        self._stack.append(bytearray(self._pop()))

    # --------------------------------------------------------------------------------- containers
    def _empty(self, kind: type) -> None:
        self._spend(_SET if kind is set else _CONTAINER)
        self._stack.append(kind())

    def _list(self) -> None:
        items = self._marked()  # which changes the stack
        self._stack.append(items)

    def _tuple(self) -> None:
        items = self._marked()
        self._stack.append(tuple(items))

    def _short_tuple(self, length: int) -> None:
        self._spend(_CONTAINER)
        items = [self._pop() for _ in range(length)]
        self._stack.append(tuple(reversed(items)))

    def _dict(self) -> None:
        items = self._marked()
        self._empty(dict)
        self._fill(items)

    def _frozenset(self) -> None:
        items = self._marked()
        self._spend(_SET)
        for item in items:
            check_key(item)
        self._stack.append(frozenset(items))

    def _append(self) -> None:
        item = self._pop()
        self._top(list).append(item)

    def _appends(self) -> None:
        items = self._marked()
        self._top(list).extend(items)

    def _set_item(self) -> None:
        value = self._pop()
        self._fill([self._pop(), value])

    def _set_items(self) -> None:
        self._fill(self._marked())

    def _fill(self, items: list[Any]) -> None:
        """Put keys and values, in turn, into the dict on top."""
        target = self._top((dict, OrderedDict, Counter))
        if len(items) % 2:
            raise Damaged("its pickle has a key without a value.")
        self._spend(_CONTAINER * (len(items) // 2))
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            target[key] = value

    def _add_items(self) -> None:
        items = self._marked()
        self._spend(_CONTAINER * len(items))
        for item in items:
            check_key(item)
        self._top(set).update(items)

    # ------------------------------------------------------------------------------------ the memo
    def _put(self, index: int) -> None:
        self._spend(_CONTAINER)
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise Damaged(f"its pickle remembers no value {index}.")
        self._stack.append(self._memo[index])

    # ----------------------------------------------------------------------- names and what they do
    def _global(self) -> None:
        self._named(self._line(), self._line())

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        self._named(module, name)

    def _line(self) -> str:
        end = self._data.find(b"\n", self.at, self.at + _LONGEST_NAME)
        if end < 0:
            raise Damaged("its pickle has a name without an end.")
        line = self._take(end - self.at)
        self.at += 1
        return line.decode(errors="replace")

    def _named(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise Damaged("its pickle has a name that is no text.")
        self._stack.append(self._find(f"{module[:_LONGEST_NAME]}.{name[:_LONGEST_NAME]}"))

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Global) or function.make is None:
            raise Refused(f"it calls {show(function)}, which is no function that makes data.")
        if type(arguments) is not tuple:
            raise Damaged(f"it calls {function!r} without a tuple of arguments.")
        self._spend(_CONTAINER)
        try:
            self._stack.append(function.make(*arguments))
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
            raise Damaged(f"{function!r} is given arguments that make no sense.") from None

    def _new_object(self) -> None:
        """An object by its class alone: of one class, which is no more than a dict."""
        arguments, kind = self._pop(), self._pop()
        if isinstance(kind, Global) and kind.name == NAMESPACE and arguments == ():
            self._spend(_CONTAINER)
            self._stack.append(Namespace())
            return
        raise Refused(f"it makes an object of {show(kind)} without its constructor.")

    def _build(self) -> None:
        state = self._pop()
        self._build_state(self._top(), state)

    def _persistent_id(self) -> None:
        self._spend(_CONTAINER)
        self._stack.append(self._persistent(self._pop()))


def _unknown(opcode: int) -> Damaged:
    found = pickletools.code2op.get(chr(opcode))
    if found is None:
        return Damaged(f"its pickle has the byte {opcode:#04x}, which is no opcode.")
    return Refused(f"its pickle has the opcode {found.name}, which torch.save never writes.")


_STOP = ord(".")
_LONG8, _INT4 = struct.Struct("<Q"), struct.Struct("<i")
_UNSIGNED2, _UNSIGNED4 = struct.Struct("<H"), struct.Struct("<I")
_FLOAT = struct.Struct(">d")


def _constant(value: Any) -> Callable[[Interpreter], None]:
    return lambda reader: reader._stack.append(value)


def _of_form(form: struct.Struct) -> Callable[[Interpreter], None]:
    return lambda reader: reader._stack.append(reader._number(form))


def _with(way: Callable, argument: Any) -> Callable[[Interpreter], None]:
    return lambda reader: way(reader, argument)


def _indexed(way: Callable, size: int) -> Callable[[Interpreter], None]:
    return lambda reader: way(reader, int.from_bytes(reader._take(size), "little"))


_BY_NAME: dict[str, Callable[[Interpreter], None]] = {
    "PROTO": Interpreter._protocol,
    "FRAME": Interpreter._frame,
    "MARK": Interpreter._mark,
    "POP": Interpreter._discard,
    "POP_MARK": lambda reader: reader._marked().clear(),
    "DUP": Interpreter._again,
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "BININT": _of_form(_INT4),
    "BININT1": _of_form(struct.Struct("<B")),
    "BININT2": _of_form(_UNSIGNED2),
    "BINFLOAT": _of_form(_FLOAT),
    "LONG1": _with(Interpreter._integer, 1),
    "LONG4": _with(Interpreter._integer, 4),
    "SHORT_BINSTRING": _with(Interpreter._string, 1),
    "BINSTRING": _with(Interpreter._string, 4),
    "SHORT_BINUNICODE": _with(Interpreter._text, 1),
    "BINUNICODE": _with(Interpreter._text, 4),
    "BINUNICODE8": _with(Interpreter._text, 8),
    "SHORT_BINBYTES": _with(Interpreter._bytes, 1),
    "BINBYTES": _with(Interpreter._bytes, 4),
    "BINBYTES8": _with(Interpreter._bytes, 8),
    "BYTEARRAY8": Interpreter._bytearray,
    "EMPTY_LIST": _with(Interpreter._empty, list),
    "EMPTY_DICT": _with(Interpreter._empty, dict),
    "EMPTY_SET": _with(Interpreter._empty, set),
    "EMPTY_TUPLE": _constant(()),
    "LIST": Interpreter._list,
    "DICT": Interpreter._dict,
    "TUPLE": Interpreter._tuple,
    "TUPLE1": _with(Interpreter._short_tuple, 1),
    "TUPLE2": _with(Interpreter._short_tuple, 2),
    "TUPLE3": _with(Interpreter._short_tuple, 3),
    "FROZENSET": Interpreter._frozenset,
    "APPEND": Interpreter._append,
    "APPENDS": Interpreter._appends,
    "SETITEM": Interpreter._set_item,
    "SETITEMS": Interpreter._set_items,
    "ADDITEMS": Interpreter._add_items,
    "BINPUT": _indexed(Interpreter._put, 1),
    "LONG_BINPUT": _indexed(Interpreter._put, 4),
    "MEMOIZE": lambda reader: reader._put(len(reader._memo)),
    "BINGET": _indexed(Interpreter._get, 1),
    "LONG_BINGET": _indexed(Interpreter._get, 4),
    "GLOBAL": Interpreter._global,
    "STACK_GLOBAL": Interpreter._stack_global,
    "REDUCE": Interpreter._reduce,
    "NEWOBJ": Interpreter._new_object,
    "BUILD": Interpreter._build,
    "BINPERSID": Interpreter._persistent_id,
}
_WAYS = {ord(op.code): _BY_NAME[op.name] for op in pickletools.opcodes if op.name in _BY_NAME}
