"""Files in the IDX format."""

import gzip

import numpy as np
import pytest

from rushlight.vision.datasets import read_idx

HEADER = bytes([0, 0, 8, 1, 0, 0, 0, 3])


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", ["u1", "i1", ">i2", ">i4", ">f4", ">f8"])
def test_every_element_type(tmp_path, write_idx, dtype, suffix):
    array = np.array([[0, 1, 2], [3, -4, 100]]).astype(dtype)
    found = read_idx(write_idx(tmp_path / f"array{suffix}", array, dtype))
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (1, 2, 3, 2)])
def test_every_rank(tmp_path, write_idx, shape):
    assert read_idx(write_idx(tmp_path / "array", np.ones(shape))).shape == shape


def test_a_compressed_file_needs_no_suffix(tmp_path):
    path = tmp_path / "array"
    path.write_bytes(gzip.compress(HEADER + b"abc"))
    assert read_idx(path).tolist() == [97, 98, 99]


PACKED = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 3, 232]) + bytes(1000), mtime=0)
LONG = gzip.compress(HEADER + bytes(1000), mtime=0)
LARGE = gzip.compress(bytes([0, 0, 14, 3]) + b"\xff" * 12, mtime=0)

BAD_FILES = [
    (b"", "not an IDX file.*found nothing"),
    (b"\x89PNG\r\n", "not an IDX file.*89 50 4e 47"),
    (bytes([0, 0, 7, 1, 0, 0, 0, 0]), "not an IDX file.*00 00 07 01"),
    (HEADER[:7], "truncated: it ends within its header of 8 bytes"),
    (HEADER, "truncated.*needs 3 bytes.*but 0 are there"),
    (HEADER + b"ab", "truncated.*needs 3 bytes.*but 2 are there"),
    (HEADER + b"abcd", "too long.*needs 3 bytes.*but more than 3 are there"),
    (bytes([0, 0, 14, 3]) + b"\xff" * 12, "truncated.*but 0 are there"),
    (LARGE, "truncated.*but 0 are there"),
    (LONG, "too long.*needs 3 bytes.*but more than 3 are there"),
    (PACKED[:-12], "damaged gzip"),
    (PACKED[:15] + b"\x55" + PACKED[16:], "damaged gzip"),
    (PACKED[:-8] + b"\x55" + PACKED[-7:], "damaged gzip.*CRC"),
    (PACKED[:5], "damaged gzip"),
    (gzip.compress(b"hello", mtime=0), "not an IDX file"),
]


@pytest.mark.parametrize(("content", "message"), BAD_FILES)
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
