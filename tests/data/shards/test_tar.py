"""Tars of all formats are read; hostile ones are refused with file, offset and reason."""

import gzip
import io
import os
import random
import subprocess
import sys
import tarfile

import pytest

from rushlight.data import ShardDataset, ShardError, TarDataset
from rushlight.data.shards.headers import parse_header
from rushlight.data.shards.samples import split_name
from rushlight.data.shards.tar import TarStream
from tests.data.shards.making import END, GOOD, block, member, pax, tar_of

LIMIT = 1 << 16
LONG = "folder/" * 30 + "name" * 20
FILES = {
    "a.txt": b"one",
    "a.json": b"{}",
    "b.txt": b"x" * 512,
    "b.seg.PNG": b"",
    f"{LONG}.txt": b"long",
    "é.txt": b"accent",
}
FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def read(path, **options):
    return list(ShardDataset(str(path), **options))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_formats(form, mode, tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of(FILES, FORMATS[form], mode))
    url = {"__url__": str(path)}
    assert read(path) == [
        {"__key__": "a", "txt": b"one", "json": b"{}"} | url,
        {"__key__": "b", "txt": b"x" * 512, "seg.png": b""} | url,
        {"__key__": LONG, "txt": b"long"} | url,
        {"__key__": "é", "txt": b"accent"} | url,
    ]


def test_long_ustar_names_and_old_tars(tmp_path):
    path = tmp_path / "a.tar"
    files = {"p/" * 60 + "a.txt": b"1", "b.txt": b"2"}
    path.write_bytes(tar_of(files))
    assert [sample["__key__"] for sample in read(path)] == ["p/" * 60 + "a", "b"]
    path.write_bytes(block(b"c.txt", 1, magic=b"") + b"3".ljust(512, b"\0") + END)
    assert read(path)[0]["txt"] == b"3"


def test_sizes_in_binary_and_sums_of_signed_bytes():
    binary = b"\x80" + (5).to_bytes(11, "big")
    assert parse_header(block(size=binary)).size == 5
    data = bytearray(block("é.txt".encode()))
    data[148:156] = b" " * 8
    signed = sum(byte - 256 * (byte > 127) for byte in data)
    assert parse_header(block("é.txt".encode(), checksum=b"%06o\0 " % signed)).name == "é.txt"


NAMES = [
    ("a.txt", ("a", "txt")),
    ("./a.b.TXT", ("a", "b.txt")),
    ("x.y/z/a.txt", ("x.y/z/a", "txt")),
    ("x.y/a", None),
    (".hidden.txt", None),
    ("x/._a.txt", None),
    ("__meta__/a.txt", None),
    ("__init.txt", ("__init", "txt")),
    ("a.", ("a", "")),
]


@pytest.mark.parametrize(("name", "parts"), NAMES)
def test_the_rule_of_names(name, parts):
    assert split_name(name) == parts


def test_what_belongs_to_no_sample_is_passed_over(tmp_path):
    path = tmp_path / "a.tar"
    folder = block(b"x/", kind=b"5")
    parts = [folder, member(b"README", b"words"), GOOD[:1024], member(b"x/.DS_Store.x", b"1")]
    path.write_bytes(b"".join([*parts, folder, GOOD[1024:2048], folder, GOOD[2048:], folder, END]))
    assert [(s["__key__"], s["txt"]) for s in read(path)] == [("a", b"first"), ("b", b"second")]
    dataset = TarDataset(str(path))
    assert [(s["__key__"], s["txt"]) for s in dataset] == [("a", b"first"), ("b", b"second")]


def two(text):
    return member(b"a.txt", text) + END


# What the bytes are, the offset that is named, and words of the reason.
HOSTILE = {
    "empty": (b"", 0, "not a tar: the file is empty"),
    "short": (b"hello", 0, "not a tar: the file is cut off"),
    "zip": (b"PK\3\4" + bytes(600), 0, "looks like a zip file"),
    "html": (b"<html>" + b" " * 600, 0, "it looks like a page of HTML"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), 0, "compressed with zstd"),
    "git lfs": (
        b"version https://git-lfs.github.com/spec/v1" + b"\n" * 600,
        0,
        "pointer of Git LFS",
    ),
    "noise": (bytes(range(256)) * 4, 0, "not a tar"),
    "cut in a header": (
        GOOD[:1024] + GOOD[1024:1100],
        1024,
        "a header should have 512 bytes, found 76",
    ),
    "cut in data": (GOOD[: 512 + 3], 512, "a member's data should have 5 bytes, found 3"),
    "cut between": (GOOD, len(GOOD), "without the mark of a tar's end"),
    "checksum": (GOOD + block(checksum=b"001234\0 ") + END, len(GOOD), "checksum is 668, but"),
    "flipped bit": (GOOD[:1030] + b"\1" + GOOD[1031:] + END, 1024, "checksum"),
    "giant": (block(size=b"77777777777\0") + END, 0, "has 8589934591 bytes; at most 65536"),
    "giant in binary": (block(size=b"\x80" + b"\x7f" * 11) + END, 0, "at most 65536 are read"),
    "negative": (block(size=b"\xff" * 12) + END, 0, "the size is negative"),
    "no number": (block(size=b"12x45678901\0") + END, 0, "no octal number"),
    "sample too large": (
        b"".join(member(b"a.%d" % i, bytes(20000)) for i in range(4)) + END,
        3 * (512 + 20480),
        "the sample has more than 65536 bytes",
    ),
    "many empty fields": (
        b"".join(member(b"a.%d" % i) for i in range(200)) + END,
        128 * 512,
        "the sample has more than 65536 bytes",
    ),
    "hard link": (GOOD + block(b"c.txt", kind=b"1") + END, len(GOOD), "'c.txt' is a hard link"),
    "symbolic link": (GOOD + block(b"c.txt", kind=b"2") + END, len(GOOD), "a symbolic link"),
    "device": (block(b"c.txt", kind=b"3") + END, 0, "a character device"),
    "disk": (block(b"c.txt", kind=b"4") + END, 0, "a block device"),
    "pipe": (block(b"c.txt", kind=b"6") + END, 0, "a named pipe"),
    "sparse": (block(b"c.txt", kind=b"S") + END, 0, "a sparse file"),
    "sparse pax": (pax(GNU__sparse__map=b"0,1") + GOOD + END, 0, "a sparse file"),
    "unknown kind": (block(b"c.txt", kind=b"Z") + END, 0, "the unknown kind 'Z'"),
    "absolute": (member(b"/etc/a.txt") + END, 0, "'/etc/a.txt' leads out of the archive"),
    "upwards": (member(b"x/../../a.txt") + END, 0, "leads out of the archive"),
    "upwards pax": (pax(path=b"../a.txt") + GOOD + END, 1024, "leads out of the archive"),
    "zero in a name": (pax(path=b"a\0b.txt") + GOOD + END, 1024, "is no name"),
    "no name": (member(b"") + END, 0, "is no name"),
    "pax bomb": (
        block(b"x", 1 << 30, kind=b"x") + END,
        0,
        "an extended header of 1073741824 bytes",
    ),
    "many extensions": (pax(path=b"a.txt") * 9 + GOOD + END, 8192, "more than 8 extended headers"),
    "pax without lengths": (member(b"x", b"abc", kind=b"x") + GOOD + END, 0, "has no length"),
    "pax too long": (
        member(b"x", b"99 path=a\n", kind=b"x") + GOOD + END,
        0,
        "is broken at byte 0",
    ),
    "pax of no length": (member(b"x", b"0 a=b\n", kind=b"x") + GOOD + END, 0, "is broken at byte"),
    "pax size": (pax(size=b"-1") + GOOD + END, 1024, "gives the size as b'-1'"),
    "pax giant": (pax(size=b"9" * 19) + GOOD + END, 1024, "at most 65536"),
    "one size for all": (
        pax(b"g", size=b"5") + GOOD + END,
        0,
        "gives all members one name or size",
    ),
    "extension of nothing": (
        GOOD + pax(path=b"c.txt") + END,
        len(GOOD) + 1024,
        "stands before no member",
    ),
    "field twice": (GOOD[:1024] * 2 + END, 1024, "the field 'txt' twice"),
    "field of a name": (member(b"a.__key__") + END, 0, "the field '__key__' twice"),
    "key again": (GOOD + GOOD + END, len(GOOD), "the key comes again"),
    "folder with data": (member(b"x", b"1", kind=b"5") + END, 0, "has 1 bytes of data"),
    "two tars": (GOOD + END + GOOD + END, None, "more data stands after the mark"),
    "cut gzip": (gzip.compress(GOOD + END)[:60], None, "it cannot be unpacked or read: EOFError"),
    "broken gzip": (
        gzip.compress(GOOD + END)[:40] + b"\xff" * 60,
        None,
        "it cannot be unpacked or read",
    ),
    "gzip of gzip": (gzip.compress(gzip.compress(GOOD + END)), 0, "compressed with gzip, twice"),
    "gzip bomb": (
        gzip.compress(block(size=b"\x80" + (1 << 33).to_bytes(11, "big")) + bytes(1 << 20)),
        0,
        "at most 65536",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tars(name, tmp_path):
    data, offset, words = HOSTILE[name]
    path = tmp_path / "hostile.tar"
    path.write_bytes(data)
    with pytest.raises(ShardError) as caught:
        read(path, max_sample_bytes=LIMIT)
    assert caught.value.url == str(path)
    assert words in caught.value.reason
    assert str(path) in str(caught.value)
    if offset is not None:
        assert caught.value.offset == offset
    assert os.listdir(tmp_path) == ["hostile.tar"]


@pytest.mark.parametrize("name", HOSTILE)
def test_an_index_refuses_them_too(name, tmp_path):
    path = tmp_path / "hostile.tar"
    path.write_bytes(HOSTILE[name][0])
    with pytest.raises(ShardError):
        TarDataset(str(path), max_sample_bytes=LIMIT)


def test_every_cut_and_every_flipped_bit_is_an_error_or_harmless(tmp_path):
    whole = GOOD + END
    good, refused = walk(TarStream(io.BytesIO(whole), "x", LIMIT)), 0
    for cut in range(0, len(whole) - 511, 37):
        stream = TarStream(io.BytesIO(whole[:cut]), "x", LIMIT)
        with pytest.raises(ShardError):
            walk(stream)
    for place in [*range(512), *range(1024, 1536)]:
        changed = bytearray(whole)
        changed[place] ^= 0x10
        try:
            assert walk(TarStream(io.BytesIO(bytes(changed)), "x", LIMIT)) == good
        except ShardError:
            refused += 1
    assert refused > 1000


def walk(stream):
    members = []
    while (found := stream.next_member()) is not None:
        members.append((found, stream.read(found.size)))
    return members


def test_memory_follows_what_is_there_not_what_a_header_says(tmp_path):
    import tracemalloc

    path = tmp_path / "a.tar"
    path.write_bytes(block(size=1 << 32) + b"little")
    tracemalloc.start()
    with pytest.raises(ShardError, match="should have 4294967296 bytes, found 6"):
        read(path, max_sample_bytes=1 << 40)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_pipes_and_folders_do_not_let_the_reader_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe.tar")
    for path in [tmp_path / "pipe.tar", tmp_path]:
        with pytest.raises(ShardError, match="and no file"):
            read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.tar")


def mutated(rng, data):
    """Bytes changed, left out or put in; sometimes with a checksum that fits again."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(data))
        block_start = place // 512 * 512
        match rng.randrange(5):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                del data[place : place + rng.randrange(1, 600)]
                data += b"\0" * (not data)
            case 2:
                data[place:place] = rng.randbytes(rng.randrange(1, 40))
            case 3:
                head = data[block_start : block_start + 512].ljust(512, b"\0")
                head[rng.randrange(512)] = rng.randrange(256)
                head[148:156] = b" " * 8
                head[148:156] = b"%06o\0 " % sum(head)
                data[block_start : block_start + 512] = head
            case 4:
                data[block_start:block_start] = data[:512]
    return bytes(data)


def test_random_changes_make_a_shard_error_or_nothing(tmp_path):
    rng, path = random.Random(5), tmp_path / "a.tar"
    good = [GOOD + END, pax(path=b"q.txt") + GOOD + END, gzip.compress(GOOD + END)]
    good += [tar_of({"name" * 40 + ".txt": b"1" * 600}, form) for form in FORMATS.values()]
    refused = 0
    for _ in range(400):
        path.write_bytes(mutated(rng, rng.choice(good)))
        for kind in (ShardDataset, TarDataset):
            try:
                list(kind(str(path), max_sample_bytes=LIMIT))
            except ShardError:
                refused += 1
    assert refused > 400


def test_reading_shards_loads_nothing_that_is_not_needed(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(GOOD + END)
    program = f"""
import sys
from rushlight.data import DataLoader, ShardDataset, TarDataset
for dataset in (ShardDataset({str(path)!r}), TarDataset({str(path)!r})):
    list(dataset.decode().to_tuple("txt"))
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & {"llvmlite", "fsspec", "PIL", "tarfile", "rushlight.engines.cpu"}
