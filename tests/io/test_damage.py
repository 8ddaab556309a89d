"""Damaged and foreign files: a clear error, and never any code that runs."""

import gzip
import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

import rushlight as rl
from rushlight.io.file import assemble

VALUE = {"model": {"w": rl.arange(6.0).reshape(2, 3), "b": rl.ones(2)}, "epoch": 3, "tags": ("a",)}


def load(data):
    return rl.load(io.BytesIO(data))


@pytest.fixture(scope="module")
def whole():
    file = io.BytesIO()
    rl.save(VALUE, file)
    return file.getvalue()


def test_every_truncation_is_noticed(whole):
    for length in range(len(whole)):
        with pytest.raises(RuntimeError, match="cannot read the BytesIO"):
            load(whole[:length])


def test_every_flipped_byte_is_noticed(whole):
    for place in range(len(whole)):
        for change in (0x01, 0x20, 0x80):
            broken = bytearray(whole)
            broken[place] ^= change
            with pytest.raises(RuntimeError, match="cannot read"):
                load(bytes(broken))


def test_something_behind_the_end_is_noticed(whole):
    for more in (b"\0", b"{}", whole):
        with pytest.raises(RuntimeError, match="damaged"):
            load(whole + more)


def test_the_words_for_damage(whole, tmp_path):
    path = tmp_path / "model.rl"
    table = {
        "ends after": whole[:-1],
        "the header says": whole[:40],
        "checksum does not match": whole[:-1] + b"@",
        "its header, a table in JSON": whole[:8] + b"{" * (len(whole) - 8),
    }
    for words, data in table.items():
        path.write_bytes(data)
        with pytest.raises(RuntimeError, match=words) as caught:
            rl.load(path)
        assert str(path) in str(caught.value)
        assert "runs no code" in str(caught.value)


def zip_of(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return file.getvalue()


class Trap:
    """A pickle of this would call `boom`."""

    def __reduce__(self):
        return boom, ()


def boom():
    raise AssertionError("code of a file was run")


FOREIGN = {
    "empty file": b"",
    "pickle, but none by torch.save": pickle.dumps(Trap()),
    "a zip archive.": zip_of("readme.txt"),
    "compressed by gzip": gzip.compress(b"abc"),
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "text that begins with '<!DOCTYPE": b"<!DOCTYPE html><html>Not found</html>",
    "text that begins with 'né": "né à Montréal".encode() * 10,
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(20),
    "unknown kind": bytes(range(128, 168)),
    "5 bytes of": bytes(5),
}


@pytest.mark.parametrize("words", FOREIGN)
def test_foreign_files_are_named(words):
    with pytest.raises(RuntimeError, match="never runs code") as caught:
        load(FOREIGN[words])
    assert words in str(caught.value)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_never_run(protocol):
    with pytest.raises(RuntimeError, match="never runs code"):
        load(pickle.dumps({"state": Trap()}, protocol=protocol))


def test_a_pickle_in_a_file_named_as_torch_names_it(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(RuntimeError, match=r"(?s)model\.pt.*none by torch\.save"):
        rl.load(path)


# -------------------------------------------------------------------- safetensors of other programs
def plain(table, numbers=b""):
    header = json.dumps(table).encode()
    return struct.pack("<Q", len(header)) + header + numbers


def test_plain_safetensors_are_a_dict_of_tensors():
    import safetensors.numpy

    arrays = {"b": np.arange(3), "a": np.ones((2, 2), np.float16), "empty": np.zeros((0, 2))}
    found = load(safetensors.numpy.save(arrays, {"format": "pt"}))
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert type(found[name]) is rl.Tensor
        assert found[name].numpy().dtype == array.dtype
        assert np.array_equal(found[name].numpy(), array)


def test_plain_safetensors_with_bfloat16():
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    found = load(plain({"x": entry}, struct.pack("<2H", 0x3F80, 0xC000)))["x"]
    assert found.dtype is rl.bfloat16
    assert found.tolist() == [1, -2]


def test_plain_safetensors_without_tensors():
    assert load(plain({})) == {}
    assert load(plain({"__metadata__": {"format": "pt"}})) == {}


WRONG = {
    "F8_E4M3": plain({"x": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}, b"0"),
    "dtype": plain({"x": {"dtype": "F31", "shape": [1], "data_offsets": [0, 4]}}, b"0" * 4),
    "gap": plain({"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, b"0" * 8),
    "shape": plain({"x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}}, b"0" * 4),
    "negative": plain({"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"0" * 4),
    "offsets": plain({"x": {"dtype": "F32", "shape": [1], "data_offsets": "04"}}, b"0" * 4),
    "no entry": plain({"x": 3}),
    "a number": plain({}).replace(b"{}", b"{1"),
    "newer": plain({"__metadata__": {"rushlight": "2", "structure": "1"}}),
}


@pytest.mark.parametrize("words", WRONG)
def test_safetensors_that_are_wrong(words):
    with pytest.raises(RuntimeError, match="damaged"):
        load(WRONG[words])


STRUCTURES = [
    *("", "{", "{}", '{"code": 1}', '{"tensor": "y"}', '{"tensor": ["x"]}', '{"dtype": "float31"}'),
    *('{"tensor": "x", "colour": 1}', '{"tensor": "x", "dtype": "complex64"}', '{"again": 0}'),
    *('{"dict": [[1]]}', '{"dict": [[[], 1]]}', '{"float": "1"}', '{"complex": [1]}'),
    *('{"tuple": 3}', '{"device": "moon"}', '{"parameter": "n"}', "[" * 100_000, "1" * 10_000),
    *(
        '{"array": "x", "dtype": "int8", "more": 0}',
        '{"size": [1]}',
        '[{"tensor": "x"}, {"array": "x"}]',
    ),
]


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda text: text[:40])
def test_structures_that_make_no_sense(structure):
    from rushlight.graph.dtype import float32, int64
    from rushlight.io.file import Stored

    stored = {
        "x": Stored(float32, np.ones(3, np.float32)),
        "n": Stored(int64, np.ones(3, np.int64)),
    }
    data = b"".join(bytes(part) for part in assemble(structure, stored))
    with pytest.raises(RuntimeError, match="makes no sense"):
        load(data)
