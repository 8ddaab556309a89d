"""Pickles and archives put together by hand, in torch.save's form or not quite."""

import io
import os
import struct
import sys
import tracemalloc
import zipfile
import zlib

import pytest

import rushlight as rl

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PROTOCOL = b"\x80\x02M\xe9\x03."


class Raw(bytes):
    """Opcodes as they are."""


class Name(str):
    """A global."""


class Call:
    """A function called with arguments, and perhaps a state for the result."""

    def __init__(self, name, *arguments, state=None):
        self.name, self.arguments, self.state = name, arguments, state


class Reference:
    """A persistent id."""

    def __init__(self, *parts):
        self.parts = parts


def opcodes(value):
    """A value as opcodes of protocol 2."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Name):
        module, _, name = value.rpartition(".")
        return f"c{module}\n{name}\n".encode()
    if isinstance(value, Call):
        made = opcodes(Name(value.name)) + opcodes(value.arguments) + b"R"
        return made if value.state is None else made + opcodes(value.state) + b"b"
    if isinstance(value, Reference):
        return opcodes(value.parts) + b"Q"
    return plain(value)


def plain(value):
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 31:
            return b"J" + struct.pack("<i", value)
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a%c" % len(data) + data
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    inside = b"".join(map(opcodes, value)) if not isinstance(value, dict) else b""
    if isinstance(value, tuple):
        return b"(" + inside + b"t"
    if isinstance(value, list):
        return b"](" + inside + b"e"
    pairs = b"".join(opcodes(key) + opcodes(item) for key, item in value.items())
    return b"}(" + pairs + b"u"


def pickled(value, protocol=2):
    return b"\x80%c" % protocol + opcodes(value) + b"."


def storage(key="0", length=6, kind="FloatStorage", place="cpu"):
    return Reference("storage", Name(f"torch.{kind}"), key, place, length)


def tensor(of=None, offset=0, size=(2, 3), stride=(3, 1), grad=False, hooks=None):
    hooks = Call("collections.OrderedDict") if hooks is None else hooks
    of = storage() if of is None else of
    return Call("torch._utils._rebuild_tensor_v2", of, offset, size, stride, grad, hooks)


def archive(pickle, records=(), prefix="archive/", compression=zipfile.ZIP_STORED):
    """A zip archive with that pickle and `data/...` records by name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        made.writestr(f"{prefix}data.pkl", pickle)
        for name, data in dict(records).items():
            made.writestr(f"{prefix}{name}", data)
        made.writestr(f"{prefix}version", "3\n")
    return file.getvalue()


def numbers(count=6, form="f"):
    return struct.pack(f"<{count}{form}", *range(count))


def saved(value, records=None):
    """An archive of a value whose tensors look into six floats."""
    records = {"data/0": numbers()} if records is None else records
    return archive(pickled(value), records)


def old_form(value, keys=("0",), storages=((6, None),), system=None, behind=b""):
    """A file as torch.save wrote it before version 1.6."""
    system = {"protocol_version": 1001, "little_endian": True} if system is None else system
    parts = [MAGIC, PROTOCOL, pickled(system), pickled(value), pickled(list(keys))]
    for length, data in storages:
        parts += [struct.pack("<q", length), numbers() if data is None else data]
    return b"".join(parts) + behind


def old_storage(key="0", length=6, kind="FloatStorage", view=None):
    return Reference("storage", Name(f"torch.{kind}"), key, "cpu", length, view)


class Entry:
    """One record of a zip archive, any field of which may lie."""

    def __init__(self, name, data=b"", **lies):
        self.name, self.data = name.encode() if isinstance(name, str) else name, data
        self.lies = lies

    def local(self):
        name = self.lies.get("local_name", self.name)
        size = len(self.data)
        crc = self.lies.get("crc", zlib.crc32(self.data))
        numbers = (20, self.lies.get("flags", 0), self.lies.get("method", 0), 0, 0x21)
        header = struct.pack("<4s5H3I2H", b"PK\3\4", *numbers, crc, size, size, len(name), 0)
        return header + name + self.data

    def central(self, at):
        crc = self.lies.get("crc", zlib.crc32(self.data))
        packed = self.lies.get("packed", len(self.data))
        size = self.lies.get("size", len(self.data))
        numbers = (20, 20, self.lies.get("flags", 0), self.lies.get("method", 0), 0, 0x21)
        rest = (len(self.name), 0, 0, 0, 0, 0, self.lies.get("at", at))
        return struct.pack("<4s6H3I5H2I", b"PK\1\2", *numbers, crc, packed, size, *rest) + self.name


def zip_of(*entries, **lies):
    """An archive of entries; `count`, `length` and `at` of its directory may lie."""
    body, listed = b"", b""
    for entry in entries:
        listed += entry.central(len(body))
        body += entry.local()
    count = lies.get("count", len(entries))
    ends = (lies.get("length", len(listed)), lies.get("at", len(body)))
    return body + listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, *ends, 0)


# -------------------------------------------------------------------------------- loading
_MOST_MEMORY = 600 << 20


def load(data, **options):
    return rl.load(io.BytesIO(data), **options)


def refused(data, error, words):
    """Loading raises `error` with these words, runs nothing, and takes little memory."""
    before = set(sys.modules)
    tracemalloc.start()
    try:
        with pytest.raises(error) as caught:
            load(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert peak < 4 * len(data) + _MOST_MEMORY
    fresh = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not fresh & {"evil", "torch", "webbrowser", "antigravity"}


def raw(*parts):
    """An archive around opcodes as they stand."""
    return archive(b"\x80\x02" + b"".join(parts), {"data/0": numbers()})


# What a pickle of a trap would have run.
COMMAND = "touch /tmp/rushlight-was-here"


class Trap:
    def __reduce__(self):
        return os.system, (COMMAND,)
