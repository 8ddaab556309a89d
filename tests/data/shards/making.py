"""Tars for the tests, good and bad."""

import io
import tarfile

import numpy as np

from rushlight.data import ShardWriter


def block(name=b"a.txt", size=0, kind=b"0", checksum=None, magic=b"ustar\x0000", **fields):
    """One header, with any field as it should not be."""
    parts = {
        "name": (0, name),
        "mode": (100, b"0000644\0"),
        "uid": (108, b"0000000\0"),
        "gid": (116, b"0000000\0"),
        "size": (124, size if isinstance(size, bytes) else b"%011o\0" % size),
        "mtime": (136, b"00000000000\0"),
        "kind": (156, kind),
        "magic": (257, magic),
    }
    data = bytearray(512)
    for place, value in parts.values():
        data[place : place + len(value)] = value
    for place, value in fields.values():
        data[place : place + len(value)] = value
    data[148:156] = b" " * 8
    data[148:156] = checksum or b"%06o\0 " % sum(data)
    return bytes(data)


def member(name, data=b"", **options):
    """A header and its data."""
    return block(name, len(data), **options) + data + bytes(-len(data) % 512)


def pax(kind=b"x", **records):
    """An extended header."""
    lines = b""
    for name, value in records.items():
        text = b" " + name.replace("__", ".").encode() + b"=" + value + b"\n"
        length = len(text) + len(str(len(text) + 3))
        length += len(str(length)) + len(text) != length
        lines += str(length).encode() + text
    return member(b"extended", lines, kind=kind)


END = bytes(1024)
GOOD = member(b"a.txt", b"first") + member(b"a.cls", b"1") + member(b"b.txt", b"second")


def tar_of(files, form=tarfile.USTAR_FORMAT, mode="w"):
    """The bytes of a tar as Python's own module writes it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def write_shards(folder, counts, ending="tar", **fields):
    """Shards `s-0.tar`, ... of so many samples; the numbers of the samples go on."""
    urls, number = [], 0
    for shard, count in enumerate(counts):
        url = str(folder / f"s-{shard}.{ending}")
        urls.append(url)
        with ShardWriter(str(folder / f"s-%d.{ending}"), start_shard=shard) as writer:
            for _ in range(count):
                sample = {"__key__": f"{number:05}", "cls": number}
                writer.write(sample | {name: make(number) for name, make in fields.items()})
                number += 1
        if count == 0:
            (folder / f"s-{shard}.{ending}").write_bytes(bytes(10240))
    return urls


def row(number):
    return np.full(3, number, np.float32)


def numbers(samples):
    return [int(sample["cls"]) for sample in samples]
