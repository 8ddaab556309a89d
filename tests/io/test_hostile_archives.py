"""Archives and tables made to do harm: each is refused with its reason, in bounded memory."""

import io
import struct
import zipfile

import numpy as np
import pytest

import rushlight as rl
from rushlight.io import RefusedFile
from tests.io import making
from tests.io.making import (
    COMMAND,
    Call,
    Entry,
    Name,
    Reference,
    Trap,
    load,
    pickled,
    refused,
    saved,
    tensor,
)


def zipped(name, data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, data)
    return file.getvalue()


def test_zip_bombs():
    zeros = io.BytesIO()
    np.save(zeros, np.zeros(40 << 20))
    data = zipped("a.npy", zeros.getvalue())
    del zeros
    refused(data, RefusedFile, "unpack to")


# ---------------------------------------------------------------------------------------- archives
PICKLE = pickled({"x": tensor()})
GOOD = (Entry("a/data.pkl", PICKLE), Entry("a/data/0", making.numbers()))
OUTER = Entry("a/data/0", Entry("a/data/1", making.numbers()).local())
INSIDE = len(GOOD[0].local()) + 30 + len("a/data/0")
PATHS = ["../data/0", "a/../../0", "/etc/passwd", "C:/data/0", "a\\data\\0", "a/da\0ta/0"]
ARCHIVES = {
    "two records have the name": making.zip_of(*GOOD, GOOD[1]),
    "share bytes": making.zip_of(GOOD[0], OUTER, Entry("a/data/1", making.numbers(), at=INSIDE)),
    "no record 'a/data/0' where": making.zip_of(
        GOOD[0], Entry("a/data/0", making.numbers(), local_name=b"a/data/1")
    ),
    "the checksum of 'a/data/0'": making.zip_of(
        GOOD[0], Entry("a/data/0", making.numbers(), crc=1)
    ),
    "the checksum of 'a/data.pkl'": making.zip_of(Entry("a/data.pkl", PICKLE, crc=1), GOOD[1]),
    "past the end": making.zip_of(GOOD[0], Entry("a/data/0", packed=1 << 30, size=1 << 30)),
    "and 24 bytes at once": making.zip_of(GOOD[0], Entry("a/data/0", making.numbers(), packed=20)),
    "zip directory cannot be read": making.zip_of(*GOOD)[:-30] + bytes(30),
    "cannot be read: Trunc": making.zip_of(*GOOD, at=3, length=20),
    "cannot be read": making.zip_of(*GOOD, length=1 << 30),
    "2 pickles": making.zip_of(*GOOD, Entry("b/data.pkl", PICKLE)),
    "no record": making.zip_of(GOOD[0]),
    "cannot be read: 'utf-8'": making.zip_of(Entry(b"a/\xff\xfe.pkl", PICKLE, flags=0x800)),
}
ARCHIVES["directory cannot be read"] = b"PK\3\4" + bytes(100)


@pytest.mark.parametrize("words", ARCHIVES)
def test_archives_that_lie(words):
    refused(ARCHIVES[words], RuntimeError, words)


FORBIDDEN = {
    **{path: making.zip_of(*GOOD, Entry(path)) for path in PATHS},
    "is encrypted": making.zip_of(GOOD[0], Entry("a/data/0", making.numbers(), flags=1)),
    "in a way that is not read": making.zip_of(
        GOOD[0], Entry("a/data/0", making.numbers(), method=14)
    ),
    "torch.save compresses nothing": making.archive(
        PICKLE, {"data/0": making.numbers()}, compression=zipfile.ZIP_DEFLATED
    ),
}


@pytest.mark.parametrize("words", FORBIDDEN)
def test_archives_that_are_refused(words):
    shown = "a path to elsewhere" if words in PATHS else words
    refused(FORBIDDEN[words], RefusedFile, shown)


def test_every_truncation_of_an_archive_is_noticed():
    whole = saved({"x": tensor(), "epoch": 3})
    for length in range(len(whole)):
        with pytest.raises(RuntimeError, match="cannot read the BytesIO"):
            load(whole[:length])


def test_every_flipped_byte_is_harmless():
    whole = bytearray(saved({"x": tensor(), "y": [1, 2.5, "text"]}))
    for place in range(len(whole)):
        for change in (0x01, 0x20, 0x80):
            whole[place] ^= change
            try:
                load(bytes(whole))
            except RuntimeError:
                pass
            whole[place] ^= change


def test_every_flipped_byte_of_a_pickle_is_harmless():
    # Here no checksum stands before the interpreter.
    value = {"x": tensor(), "y": [1, 2.5, "text", (3, None)], "z": Call("torch.Size", (1, 2))}
    whole = bytearray(making.pickled(value))
    for place in range(len(whole)):
        for change in (0x01, 0x02, 0x10, 0x20, 0x80):
            whole[place] ^= change
            try:
                load(making.archive(bytes(whole), {"data/0": making.numbers()}))
            except RuntimeError:
                pass
            whole[place] ^= change


# ------------------------------------------------------------------------------ the form before 1.6
OLD = {
    "ends in the middle": making.old_form({"x": tensor(making.old_storage())})[:150],
    "does not match the tensors": making.old_form({"x": tensor(making.old_storage())}, keys=()),
    "list of its storages": making.old_form({"x": tensor(making.old_storage())}, keys=(0,)),
    "storages does not": making.old_form({"x": tensor(making.old_storage())}, keys=("0", "0")),
    "has 7 of 6 elements": making.old_form(
        {"x": tensor(making.old_storage())}, storages=((7, None),)
    ),
    "has 6 of 6 elements": making.old_form(
        {"x": tensor(making.old_storage())}, storages=((6, bytes(5)),)
    ),
    "has -1 of 6": making.old_form({"x": tensor(making.old_storage())}, storages=((-1, None),)),
    "bytes lie behind": making.old_form({"x": tensor(making.old_storage())}, behind=b"more"),
    "its byte order is": making.old_form({}, (), (), system={"little_endian": "maybe"}),
    "its first pickles say": making.old_form({}, (), ()).replace(making.PROTOCOL, b"\x80\2K\1."),
}


@pytest.mark.parametrize("words", OLD)
def test_broken_files_of_the_old_form(words):
    refused(OLD[words], RuntimeError, words)


OLD_REFUSED = {
    "os.system": making.old_form(Call("os.system", COMMAND), (), ()),
    "a view of another": making.old_form({"x": tensor(making.old_storage(view=("1", 0, 6)))}),
    "refers to ('module', torch.Tensor": making.old_form(
        Reference("module", Name("torch.Tensor"), "x.py", "import evil")
    ),
}


@pytest.mark.parametrize("words", OLD_REFUSED)
def test_refused_files_of_the_old_form(words):
    refused(OLD_REFUSED[words], RefusedFile, words)


# ----------------------------------------------------------- NumPy's and safetensors' own files
def npy(header, data=b"", version=b"\1\0"):
    text = header.encode() if isinstance(header, str) else header
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def described(shape, descr="<f4", data=b""):
    return npy(f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n", data)


ARRAYS = {
    "takes 4,000,000,000,000 bytes": described((10**12,)),
    "takes 24 bytes": described((6,), data=bytes(20)),
    "but 28 are there": described((6,), data=bytes(28)),
    "its header cannot be read": npy("__import__('os').system('id')"),
    "header cannot be": npy("{" * 500),
    "cannot be read": npy("{'descr': '<f4'}"),
    "sizes that are none": described((-1,)),
    "its shape is": described((0, 1 << 61, 1 << 61)),
    "its shape has 65 sizes": described((1,) * 65, data=bytes(4)),
    "a version of the format": npy("{}", version=b"\x09\0"),
    "bools that are neither": described((2,), "|b1", b"\2\3"),
}


@pytest.mark.parametrize("words", ARRAYS)
def test_numpy_files_that_lie(words):
    refused(ARRAYS[words], RuntimeError, words)


@pytest.mark.parametrize("descr", ["|O", "|S4", "<U4", "<M8[s]", [("a", "<f4")], "<f2,<f4"])
def test_numpy_files_of_other_things(descr):
    with pytest.raises(RuntimeError, match=r"which Rushlight lacks|cannot be read"):
        load(described((1,), descr, bytes(16)))


def test_a_pickle_within_a_numpy_file_is_not_read():
    file = io.BytesIO()
    np.save(file, np.array([Trap()], dtype=object), allow_pickle=True)
    refused(file.getvalue(), RefusedFile, "dtype object")


def plain(text, numbers=bytes(8)):
    return struct.pack("<Q", len(text)) + text.encode() + numbers


def entry(shape, start, end, dtype="F32"):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}'


TABLES = {
    "one name twice": plain(f'{{"a":{entry([2], 0, 8)},"a":{entry([2], 0, 8)}}}'),
    "overlap": plain(f'{{"a":{entry([2], 0, 8)},"b":{entry([2], 0, 8)}}}'),
    "gap": plain(f'{{"a":{entry([1], 4, 8)}}}'),
    "short": plain(f'{{"a":{entry([2], 0, 4)}}}'),
    "long": plain(f'{{"a":{entry([2], 0, 80)}}}'),
    "backwards": plain(f'{{"a":{entry([2], 8, 0)}}}'),
    "negative": plain(f'{{"a":{entry([-2], 0, 8)}}}'),
    "overflow": plain(f'{{"a":{entry([1 << 62, 1 << 62], 0, 8)}}}'),
    "huge empty": plain(f'{{"a":{entry([0, 1 << 62, 1 << 62], 0, 0)}}}', b""),
    "no shape": plain('{"a":{"dtype":"F32","data_offsets":[0,8]}}'),
    "deep": plain('{"a":' * 50_000),
    "a number": plain('{"a":3}'),
    "not UTF-8": struct.pack("<Q", 9) + b'{"\xff\xfe":1}',
    "bools": plain(f'{{"a":{entry([8], 0, 8, "BOOL")}}}', bytes(range(8))),
}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_safetensors_that_lie(tmp_path, name, mapped):
    path = tmp_path / "x.safetensors"
    path.write_bytes(TABLES[name])
    with pytest.raises(RuntimeError, match="damaged"):
        rl.load(path, mmap=mapped)
    with pytest.raises(RuntimeError, match="damaged"):
        rl.io.safetensors.load_file(path, mmap=mapped)
