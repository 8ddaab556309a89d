"""Files by torch.save, the zip form and the older one, read without torch and without pickle."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from rushlight.graph.buffer import Buffer
from rushlight.io.archive import Archive
from rushlight.io.budget import Budget
from rushlight.io.builders import UNTYPED, Builders, Global
from rushlight.io.file import Damaged, Refused
from rushlight.io.opcodes import Interpreter
from rushlight.io.plain import check_plain, show
from rushlight.io.shells import Storage, Tensors
from rushlight.io.source import Source

PICKLE = "data.pkl"
MAGIC = 0x1950A86A20F9469CFC6C
# What every file of the older form begins with: that number as a pickle of protocol 2 or more.
_MAGIC_BYTES = b"\x8a\n" + MAGIC.to_bytes(10, "little") + b"."
_FRAME = b"\x95"  # and eight bytes with its length, in protocols 4 and 5
_PROTOCOL = 1001
_LARGEST = 1 << 62


def is_old_form(beginning: bytes) -> bool:
    """Whether torch.save wrote this in the form from before version 1.6."""
    start = 11 if beginning[2:3] == _FRAME else 2
    return beginning[:1] == b"\x80" and beginning[start:].startswith(_MAGIC_BYTES)


def pickle_of(archive: Archive) -> str | None:
    """The name of the archive's pickle; None if torch.save did not write the archive."""
    names = [name for name in archive.records if name.split("/")[1:] == [PICKLE]]
    if len(names) > 1:
        raise Damaged(f"it has {len(names)} pickles, where torch.save writes one.")
    return names[0] if names else None


def read_archive(archive: Archive, pickle: str, check: bool) -> Any:
    """What was saved; `check` compares the checksums of the numbers, which reads all of them."""
    prefix = pickle[: -len(PICKLE)]
    if f"{prefix}constants.pkl" in archive.records:
        raise Refused("it is a TorchScript archive, which holds a program.")
    order = "little"
    if f"{prefix}byteorder" in archive.records:
        order = archive.read(f"{prefix}byteorder", check).decode("ascii", "replace").strip()
    swap = _must_swap(order)
    data = archive.read(pickle, check)
    file = _File(data)

    def read(storage: Storage, alignment: int) -> Buffer:
        name = f"{prefix}data/{storage.key}"
        length = archive.find(name).length
        if length != storage.nbytes():
            raise Damaged(f"{name!r} has {length:,} of {storage.nbytes():,} bytes.")
        return _in_our_order(archive.memory(name, alignment, check), storage, swap)

    return file.complete(file.run(), read)


def read_old_form(source: Source) -> Any:
    """What was saved before version 1.6: four pickles, then the numbers of each storage."""
    data = source.read(0, source.size)
    file = _File(data)
    magic, protocol, system = file.run(), file.run(), file.run()
    if magic != MAGIC or protocol != _PROTOCOL or type(system) is not dict:
        raise Damaged(f"its first pickles say {show(magic)} and {show(protocol)}.")
    little = system.get("little_endian", True)
    if type(little) is not bool:
        raise Damaged(f"its byte order is {show(little)}.")
    swap = _must_swap("little" if little else "big")
    value = file.run()
    places = _places(data, file, swap)

    def read(storage: Storage, alignment: int) -> Buffer:
        memory = source.memory(places[storage.key], storage.nbytes(), alignment)
        return _in_our_order(memory, storage, swap)

    return file.complete(value, read)


class _File:
    """The pickles of one file, and the storages that they name."""

    def __init__(self, data: bytes):
        self.storages: dict[str, Storage] = {}
        budget = Budget(len(data))
        self._tensors = Tensors(budget)
        builders = Builders(budget, self._tensors.tensor, self._tensors.parameter)
        self.interpreter = Interpreter(data, builders.find, self._storage, builders.build, budget)

    def run(self) -> Any:
        """The value of the next pickle."""
        return self.interpreter.run(self.interpreter.at)

    def complete(self, value: Any, read: Callable[[Storage, int], Buffer]) -> Any:
        """The value, once it is known to be plain and its tensors have their numbers."""
        check_plain(value)
        self._tensors.complete(read)
        return value

    def _storage(self, found: Any) -> Storage:
        """The storage that a pickle refers to: its kind, name, device and length."""
        if type(found) is not tuple or len(found) not in (5, 6) or found[0] != "storage":
            raise Refused(f"it refers to {_show_all(found)}, which is no storage of numbers.")
        _, kind, key, location, length = found[:5]
        if len(found) == 6 and found[5] is not None:
            raise Refused("a storage that is a view of another, as before version 0.4.")
        dtype = _dtype_of(kind)
        if type(key) is not str or type(location) is not str or type(length) is not int:
            raise Damaged(f"a storage is described by {_show_all(found)}.")
        if not 0 <= length < _LARGEST:
            raise Damaged(f"the storage {show(key)} has {length:,} elements.")
        known = self.storages.setdefault(key, Storage(key, dtype, length))
        if known.dtype is not dtype or known.length != length:
            raise Damaged(f"the storage {show(key)} is described twice, differently.")
        return known


def _show_all(found: Any) -> str:
    if type(found) is not tuple:
        return show(found)
    return f"({', '.join(map(show, found[:8]))})"


def _dtype_of(kind: Any) -> Any:
    if isinstance(kind, Global) and kind.dtype is not None:
        return kind.dtype
    if isinstance(kind, Global) and kind.name in UNTYPED:
        return None
    raise Refused(f"a storage of the kind {show(kind)}.")


def _must_swap(order: str) -> bool:
    if order not in ("little", "big"):
        raise Damaged(f"its byte order is {order[:40]!r}.")
    return order != sys.byteorder


def _in_our_order(memory: Buffer, storage: Storage, swap: bool) -> Buffer:
    if not swap:
        return memory
    if storage.dtype is None:
        raise Refused("a storage of no dtype in the byte order of another machine.")
    numbers = memory.stored((storage.length,), storage.dtype)
    return Buffer.around(numbers.byteswap())


def _places(data: bytes, file: _File, swap: bool) -> dict[str, int]:
    """Where the numbers of each storage begin; each has its length in front of it."""
    keys = file.run()
    texts = type(keys) is list and all(type(key) is str for key in keys)
    if not texts or sorted(keys) != sorted(file.storages):
        raise Damaged("the list of its storages does not match the tensors.")
    places, at = {}, file.interpreter.at
    for key in keys:
        storage = file.storages[key]
        length = int.from_bytes(data[at : at + 8], "big" if swap else "little", signed=True)
        if length != storage.length or at + 8 + storage.nbytes() > len(data):
            raise Damaged(f"the storage {show(key)} has {length:,} of {storage.length:,} elements.")
        places[key] = at + 8
        at += 8 + storage.nbytes()
    if at != len(data):
        raise Damaged(f"{len(data) - at:,} bytes lie behind its last storage.")
    return places
