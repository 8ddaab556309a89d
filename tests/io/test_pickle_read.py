"""Pickles of plain values and arrays, as `pickle.dump` writes them."""

import pickle

import numpy as np
import pytest

from rushlight.io import RefusedFile
from rushlight.io.pickle_read import read_pickle

VALUES = [
    {"a": [1, 2.5, None, True], "b": ("x", b"\x80\xff"), "é": 1 << 70},
    np.arange(6, dtype=">i4").reshape(2, 3),
    [np.float32(2), np.zeros((0, 3)), np.array(True)],
    [np.asfortranarray(np.arange(6.0).reshape(2, 3)), "text"],
]


def same(found, expected):
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    if isinstance(expected, list):
        return all(map(same, found, expected)) and len(found) == len(expected)
    return found == expected


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("number", range(len(VALUES)))
def test_plain_values(number, protocol):
    expected = VALUES[number]
    found = read_pickle(pickle.dumps(expected, protocol), "x")
    if isinstance(expected, np.ndarray):
        expected = expected.astype(expected.dtype.newbyteorder("="))
    assert same(found, expected)


def test_texts_of_python_2_are_latin_1():
    assert read_pickle(b"\x80\x02U\x02\xe9a.", "x") == "éa"
    assert read_pickle(b"\x80\x02T\x02\0\0\0\xff\x80.", "x") == "ÿ\x80"


ARRAY = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01K"
DTYPE = b"\x85cnumpy\ndtype\nU\x02u1K\0K\x01\x87R(K\x03U\x01|NNNK\0K\0K\0tb\x89"

BAD = {
    "code": (b"\x80\x02cos\nsystem\nU\x04true\x85R.", RefusedFile, "os.system"),
    "tensor": (
        b"\x80\x02ctorch._utils\n_rebuild_parameter\nK\1\x89}\x87R.",
        *(RefusedFile, "a tensor of torch's"),
    ),
    "storage": (b"\x80\x02U\x01aQ.", RefusedFile, "a tensor of torch's"),
    "text for numbers": (
        ARRAY + b"\1" + DTYPE + b"X\3\0\0\0\xe2\x82\xactb.",
        RuntimeError,
        "a text",
    ),
    "few numbers": (ARRAY + b"\2" + DTYPE + b"U\1atb.", RuntimeError, "has 1 bytes"),
    "cut": (pickle.dumps([1, 2], 2)[:-1], RuntimeError, "ends in the middle"),
    "nothing": (b"", RuntimeError, "ends in the middle"),
    "a name": (b"\x80\x02cnumpy\ndtype\n.", RefusedFile, "numpy.dtype stands where"),
}


@pytest.mark.parametrize("name", BAD)
def test_all_else_is_refused_and_named(name):
    data, error, words = BAD[name]
    with pytest.raises(error, match=words) as caught:
        read_pickle(data, "labels.pkl")
    assert "labels.pkl" in str(caught.value)


def test_an_array_of_python_2():
    assert read_pickle(ARRAY + b"\2" + DTYPE + b"U\2a\xfftb.", "x").tolist() == [97, 255]
