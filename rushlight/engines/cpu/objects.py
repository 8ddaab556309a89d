"""Object code into memory, without a linker: the ELF files that LLVM writes for kernels.

    addresses = load_object(code)    # {name: address}, or None: LLVM has to load it

Kernels call nothing outside their own file and hold no absolute addresses.  So loading one is a
matter of laying its sections out in one piece of memory, filling in the distances between them,
and making the memory executable.  What needs more (another format or processor, a call into a
library) is left to LLVM; loading that takes a tenth of a second, which a program whose code is on
disk already need not spend.

The format: System V ABI, AMD64 supplement, chapter 4.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from typing import NamedTuple

import numpy as np

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2")]
    + [("value", "<u8"), ("size", "<u8")]
)
_RELOCATION = np.dtype([("offset", "<u8"), ("kind", "<u4"), ("symbol", "<u4"), ("add", "<i8")])
_X86_64, _OBJECT = 62, 1
_SYMBOLS, _RELOCATIONS, _ZEROS, _UNWINDING = 2, 4, 8, 0x70000001
_IN_MEMORY = 2
_GLOBAL = 1
_DISTANCES = (2, 4)  # R_X86_64_PC32 and R_X86_64_PLT32
_ADDRESS = 1  # R_X86_64_64
_FAILED = ctypes.c_void_p(-1).value

IS_SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64" and sys.maxsize > 1 << 32


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    nbytes: int
    link: int
    info: int
    alignment: int
    entry_bytes: int


def load_object(code: bytes) -> dict[str, int] | None:
    """The addresses of an object's public functions; None if it needs a real linker."""
    if not IS_SUPPORTED:
        return None
    sections = _sections(code)
    if sections is None:
        return None
    places, total = _lay_out(sections)
    symbols = next((s for s in sections if s.kind == _SYMBOLS), None)
    if symbols is None or not total or any(s.kind == _ZEROS and s.nbytes for s in sections):
        return None
    table = np.frombuffer(code, _SYMBOL, symbols.nbytes // _SYMBOL.itemsize, symbols.offset)
    homes = np.array(places, np.int64)[np.minimum(table["section"], len(places) - 1)]
    known = (table["section"] > 0) & (table["section"] < len(places)) & (homes >= 0)
    targets = homes + table["value"].astype(np.int64)
    base = _reserve(total)
    if not base:
        return None
    image = np.frombuffer((ctypes.c_uint8 * total).from_address(base), np.uint8)
    for section, place in zip(sections, places, strict=True):
        if place >= 0:
            image[place : place + section.nbytes] = np.frombuffer(
                code, np.uint8, section.nbytes, section.offset
            )
    for section in sections:
        if section.kind == _RELOCATIONS and places[section.info] >= 0:
            rows = np.frombuffer(
                code, _RELOCATION, section.nbytes // _RELOCATION.itemsize, section.offset
            )
            if not _relocate(image, rows, places[section.info], targets, known, base):
                return None
    if _protect(base, total):
        return None
    names = _content(code, sections[symbols.link])
    public = known & (table["info"] >> 4 >= _GLOBAL)
    return {
        _text_at(names, int(table["name"][i])): base + int(targets[i])
        for i in np.flatnonzero(public)
    }


def _sections(code: bytes) -> list[_Section] | None:
    """The sections of an object for this kind of processor."""
    if len(code) < _HEADER.size or code[:6] != b"\x7fELF\x02\x01":
        return None
    header = _HEADER.unpack_from(code)
    kind, processor, first, count = header[1], header[2], header[6], header[12]
    if kind != _OBJECT or processor != _X86_64:
        return None
    if first + count * _SECTION.size > len(code):
        return None
    return [_Section(*_SECTION.unpack_from(code, first + i * _SECTION.size)) for i in range(count)]


def _content(code: bytes, section: _Section) -> bytes:
    return code[section.offset : section.offset + section.nbytes]


def _lay_out(sections: list[_Section]) -> tuple[list[int], int]:
    """Where each section lies in memory, -1 for those that are not needed; and how much it is."""
    places, end = [], 0
    for section in sections:
        if section.flags & _IN_MEMORY and section.kind != _UNWINDING and section.nbytes:
            alignment = max(1, section.alignment)
            begin = -(-end // alignment) * alignment
            places.append(begin)
            end = begin + section.nbytes
        else:
            places.append(-1)
    return places, end


def _relocate(
    image: np.ndarray,
    rows: np.ndarray,
    place: int,
    targets: np.ndarray,
    known: np.ndarray,
    base: int,
) -> bool:
    """Fill in distances and addresses; false if there is something else to fill in."""
    where = place + rows["offset"].astype(np.int64)
    wanted = targets[rows["symbol"]] + rows["add"]
    distances = np.isin(rows["kind"], _DISTANCES)
    addresses = rows["kind"] == _ADDRESS
    if not np.all(known[rows["symbol"]] & (distances | addresses)):
        return False
    _write(image, where[distances], (wanted - where)[distances].astype("<i4"))
    _write(image, where[addresses], (wanted + base)[addresses].astype("<i8"))
    return True


def _write(image: np.ndarray, places: np.ndarray, values: np.ndarray) -> None:
    size = values.itemsize
    image[places[:, None] + np.arange(size)] = values.view(np.uint8).reshape(-1, size)


def _reserve(nbytes: int) -> int:
    """New memory that nobody gives back: threads may run what is in it until the process ends."""
    reserve = ctypes.CDLL(None).mmap
    reserve.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    reserve.restype = ctypes.c_void_p
    kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = reserve(None, nbytes, mmap.PROT_READ | mmap.PROT_WRITE, kind, -1, 0)
    return 0 if address in (None, _FAILED) else address


def _protect(address: int, nbytes: int) -> bool:
    """Make memory executable and no longer writable; whether it failed."""
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return protect(address, nbytes, mmap.PROT_READ | mmap.PROT_EXEC) != 0


def _text_at(names: bytes, start: int) -> str:
    return names[start : names.index(b"\0", start)].decode()
