"""SVHN, and the MATLAB files that it comes in."""

import hashlib
import struct
import zlib

import numpy as np
import pytest

from rushlight.data import DataLoader
from rushlight.vision.datasets import SVHN
from rushlight.vision.datasets.matlab import read_mat
from rushlight.vision.transforms import Compose, Lambda, Normalize, ToTensor
from tests.utils.serving import serving, whole

pytestmark = pytest.mark.usefixtures("plain_arrays")

STORED = {
    "i1": 1,
    "u1": 2,
    "i2": 3,
    "u2": 4,
    "i4": 5,
    "u4": 6,
    "f4": 7,
    "f8": 9,
    "i8": 12,
    "u8": 13,
}
CLASSES = {"f8": 6, "f4": 7, "i1": 8, "u1": 9, "i2": 10, "u2": 11, "i4": 12, "u4": 13}
CLASSES |= {"i8": 14, "u8": 15}


def element(order, kind, data, small=True):
    if small and len(data) <= 4:
        return struct.pack(f"{order}I", len(data) << 16 | kind) + data.ljust(4, b"\0")
    return struct.pack(f"{order}2I", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(order, name, array, stored=None, kind=None, flags=0):
    code = array.dtype.str[1:]
    stored = stored or code
    parts = [
        element(order, 6, struct.pack(f"{order}2I", kind or CLASSES[code] | flags, 0)),
        element(order, 5, struct.pack(f"{order}{array.ndim}i", *array.shape)),
        element(order, 1, name.encode()),
        element(order, STORED[stored], array.astype(f"{order}{stored}").tobytes(order="F")),
    ]
    return element(order, 14, b"".join(parts))


def mat(*elements, order="<", packed=True):
    start = b"MATLAB 5.0 MAT-file".ljust(124) + (b"\0\1IM" if order == "<" else b"\1\0MI")
    if packed:
        streams = [zlib.compress(part) for part in elements]
        elements = [struct.pack(f"{order}2I", 15, len(s)) + s for s in streams]
    return start + b"".join(elements)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", CLASSES)
def test_every_kind_of_number(tmp_path, code, order, packed):
    arrays = {"many": np.arange(24).reshape(2, 3, 4).astype(code), "x": np.array([[7]], code)}
    path = tmp_path / "x.mat"
    path.write_bytes(mat(*(matrix(order, *a) for a in arrays.items()), order=order, packed=packed))
    found = read_mat(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == np.dtype(code)
        assert np.array_equal(found[name], array)


def test_numbers_may_be_stored_smaller_than_they_are(tmp_path):
    path = tmp_path / "x.mat"
    path.write_bytes(mat(matrix("<", "y", np.array([[1.0, 10.0]]), stored="u1")))
    assert read_mat(path)["y"].dtype == np.float64
    assert read_mat(path)["y"].tolist() == [[1, 10]]


def test_what_is_no_array_of_numbers_is_passed_over(tmp_path):
    text = matrix("<", "text", np.array([[65]], "u2"), kind=4)
    both = matrix("<", "complex", np.array([[1.0]]), flags=0x0800)
    path = tmp_path / "x.mat"
    path.write_bytes(mat(text, both, matrix("<", "y", np.array([[1.0]])), packed=True))
    assert list(read_mat(path)) == ["y"]


GOOD = matrix("<", "y", np.arange(40.0).reshape(4, 10))
BAD = {
    "empty": (b"", "not a MATLAB file of version 5.*found nothing"),
    "version 7.3": (b"MATLAB 7.3".ljust(124) + b"\0\2IM", "not a MATLAB file.*00 02 49 4d"),
    "cut": (mat(GOOD, packed=False)[:-30], "longer than what is there"),
    "cut in a tag": (mat(GOOD) + b"abc", "ends within an element"),
    "cut within compressed": (mat(element("<", 14, bytes(800), False)[:500]), "longer than what"),
    "no stream": (mat(struct.pack("<2I", 15, 20) + bytes(20), packed=False), "damaged"),
    "a bomb": (mat(struct.pack("<2I", 14, 1 << 31) + bytes(40)), "longer than what is there"),
    "no flags": (mat(element("<", 14, element("<", 5, bytes(8)))), "no flags"),
    "other size": (
        mat(GOOD.replace(struct.pack("<2i", 4, 10), struct.pack("<2i", 4, 11))),
        "320 bytes",
    ),
    "negative": (
        mat(GOOD.replace(struct.pack("<2i", 4, 10), struct.pack("<2i", -4, -10))),
        "shape",
    ),
    "small but long": (mat(struct.pack("<I", 9 << 16 | 2) + bytes(20), packed=False), "longer"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_files_are_named(tmp_path, name):
    content, words = BAD[name]
    path = tmp_path / "bad.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_mat(path)
    assert str(path) in str(caught.value)


def test_changed_bytes_never_do_harm(tmp_path):
    path = tmp_path / "x.mat"
    chance = np.random.default_rng(0)
    for packed in (False, True):
        content = mat(GOOD, matrix("<", "z", np.ones((3, 2), "u1")), packed=packed)
        for _ in range(300):
            changed = bytearray(content)
            for place in chance.integers(len(content), size=chance.integers(1, 5)):
                changed[place] ^= 1 << chance.integers(8)
            path.write_bytes(changed)
            try:
                read_mat(path)
            except ValueError as problem:
                assert str(path) in str(problem)  # noqa: PT017


# -------------------------------------------------------------------------------------- the dataset
IMAGES = np.random.default_rng(0).integers(256, size=(32, 32, 3, 5), dtype=np.uint8)
LABELS = np.array([[1.0], [10.0], [9.0], [10.0], [3.0]])


@pytest.fixture
def svhn(tmp_path):
    """Write the file of the training set, and give a relative that has its checksum."""

    def write(**other):
        arrays = {"X": IMAGES, "y": LABELS} | other
        content = mat(*(matrix("<", *item) for item in arrays.items()))
        (tmp_path / "train_32x32.mat").write_bytes(content)
        sums = hashlib.md5(content, usedforsecurity=False).hexdigest()

        class Small(SVHN):
            split_list = SVHN.split_list | {
                "train": ["http://127.0.0.1:1/", "train_32x32.mat", sums]
            }

        Small.content = content
        return Small

    return write


def test_samples(svhn, tmp_path):
    dataset = svhn()(tmp_path)
    assert dataset.data.shape == (5, 3, 32, 32)
    assert dataset.data.flags.writeable
    assert dataset.labels.tolist() == [1, 0, 9, 0, 3]
    image, label = dataset[2]
    assert (image.mode, image.size, label, type(label)) == ("RGB", (32, 32), 9, int)
    assert image.getpixel((7, 5)) == tuple(IMAGES[5, 7, :, 2].tolist())
    assert repr(dataset).endswith("Split: train")
    with pytest.raises(IndexError):
        dataset[5]


def test_batches(svhn, tmp_path):
    kind, scale = svhn(), Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    straight = kind(tmp_path, transform=Compose([ToTensor(), scale]))
    by_pillow = kind(tmp_path, transform=Compose([Lambda(lambda x: x), ToTensor(), scale]))
    assert straight.__getbatch__([1]) is not None
    assert by_pillow.__getbatch__([1]) is straight.__getbatch__([9]) is None
    loaders = [DataLoader(dataset, batch_size=3) for dataset in (straight, by_pillow)]
    for found, expected in zip(*loaders, strict=True):
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)


def test_wrong_files_and_splits(svhn, tmp_path):
    with pytest.raises(ValueError, match="Unknown value 'valid' for argument split"):
        SVHN(tmp_path, "valid")
    kind = svhn()
    with pytest.raises(RuntimeError, match=r"(?s)download=True.*test_32x32\.mat"):
        kind(tmp_path, "test")
    for other, words in [
        ({"X": IMAGES[1:]}, r"found uint8 of shape \(31, 32, 3, 5\)"),
        ({"X": IMAGES.astype("f8")}, "found float64"),
        ({"y": LABELS[1:]}, "expected 5 labels y"),
    ]:
        with pytest.raises(ValueError, match=words):
            svhn(**other)(tmp_path)


def test_the_file_is_fetched(svhn, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    kind = svhn()
    with serving() as server:
        kind.split_list["train"][0] = server.at("/x.mat", whole(kind.content))
        assert len(kind(tmp_path / "new", download=True)) == 5
        assert len(kind(tmp_path / "new", download=True)) == 5
        assert len(server.asked) == 1
