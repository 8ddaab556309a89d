"""A memory map in a dataset travels to worker processes as the name of its file."""

import numpy as np
import pytest

from rushlight.data.workers.packing import pack, unpack


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "numbers.bin"
    np.arange(100_000, dtype=np.int32).tofile(path)
    return path


def travelled(value):
    packed, buffers = pack(value, maps_files=True)
    return unpack(packed, buffers), len(packed) + sum(buffer.nbytes for buffer in buffers)


@pytest.mark.parametrize("offset", [0, 4, 4096, 40_000])
@pytest.mark.parametrize("part", [slice(None), slice(5, 9000), slice(20_000, 20_010)])
def test_only_the_place_travels(path, offset, part):
    whole = np.memmap(path, np.int32, "r", offset)
    found, nbytes = travelled(whole[part])
    assert nbytes < 1000
    assert type(found) is np.memmap
    np.testing.assert_array_equal(found, whole[part])
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_rows_of_a_matrix(path):
    matrix = np.memmap(path, np.int32, "r", shape=(1000, 100))
    found, nbytes = travelled(matrix[10:20])
    assert nbytes < 1000
    np.testing.assert_array_equal(found, matrix[10:20])


def test_what_a_worker_writes_stays_its_own(path):
    numbers = np.memmap(path, np.int32, "r+")
    numbers[3] = -7
    found, _ = travelled(numbers)
    assert found[3] == -7
    found[3] = 5
    assert numbers[3] == -7


@pytest.mark.parametrize("change", ["private", "strided", "gone", "computed", "empty"])
def test_what_the_file_does_not_hold_travels_itself(path, change):
    numbers = np.memmap(path, np.int32, "c" if change == "private" else "r")
    if change == "private":
        numbers[0] = 9
    elif change == "strided":
        numbers = numbers[::2]
    elif change == "gone":
        path.unlink()
    elif change == "computed":
        numbers = numbers + 1
    else:
        numbers = numbers[:0]
    found, _ = travelled(numbers)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(numbers))
