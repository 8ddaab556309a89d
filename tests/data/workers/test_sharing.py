"""What a dataset holds reaches worker processes by shared memory, or by mapping the same file."""

import os

import numpy as np
import pytest

from rushlight.data import DataLoader, Dataset, IterableDataset, PackedList, Subset
from rushlight.data.workers.packing import pack, unpack


class Holds(Dataset):
    def __init__(self, value):
        self.value = value

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return index


BIG = np.arange(100_000.0)
NESTED = [
    BIG,
    [{"a": (BIG,)}],
    Subset(Holds(BIG), range(2)),
    BIG.reshape(100, 1000).T,
    np.array(list("abcdefgh" * 10_000)),
    PackedList(f"name {i}" for i in range(50_000)),
]


@pytest.mark.parametrize("value", NESTED)
def test_arrays_travel_beside_the_pickle(value):
    packed, buffers = pack(Holds(value))
    assert len(packed) < 3000
    assert sum(buffer.nbytes for buffer in buffers) >= 100_000
    again = unpack(packed, [bytearray(buffer) for buffer in buffers])
    assert type(again.value) is type(value)


def test_tables_travel_beside_the_pickle():
    pandas = pytest.importorskip("pandas")
    packed, buffers = pack(Holds(pandas.DataFrame({"a": BIG, "b": BIG.astype(np.int64)})))
    assert len(packed) < 10_000
    assert sum(buffer.nbytes for buffer in buffers) >= 1_600_000
    again = unpack(packed, [bytearray(buffer) for buffer in buffers])
    assert again.value["b"].sum() == 4999950000


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "numbers.bin"
    np.arange(100_000, dtype=np.int32).tofile(path)
    return path


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("part", [slice(None), slice(30_000, 30_100), slice(5, None, 2)])
def test_mapped_files_are_mapped_again(file, mode, part):
    array = np.memmap(file, np.int32, mode, offset=400)[part]
    packed, buffers = pack(Holds(array), maps_files=True)
    again = unpack(packed, [bytearray(buffer) for buffer in buffers]).value
    np.testing.assert_array_equal(again, array)
    if mode != "c" and part.step is None:
        assert not buffers
        assert len(packed) < 1000
        assert isinstance(again, np.memmap)
    else:  # it may have been written to, or is no whole piece of the file
        assert type(again) is np.ndarray
    if mode == "r+":
        again[:1] = -7
        assert array[0] != -7


def test_a_mapped_file_that_has_gone_is_copied(file):
    array = np.memmap(file, np.int32, "r")
    os.unlink(file)
    packed, buffers = pack(Holds(array), maps_files=True)
    again = unpack(packed, [bytearray(buffer) for buffer in buffers]).value
    np.testing.assert_array_equal(again, np.arange(100_000))


def test_batches_never_map_files(file):
    packed, buffers = pack(np.memmap(file, np.int32, "r")[:100])
    assert type(unpack(packed, [bytearray(buffer) for buffer in buffers])) is np.ndarray
    assert str(file).encode() not in packed


class Maps(IterableDataset):
    """Tells how much memory of its own the process has for the array."""

    def __init__(self, value):
        self.value = value

    def __iter__(self):
        self.value[::512].sum()
        with open("/proc/self/smaps_rollup") as lines:
            sizes = {line.split()[0]: int(line.split()[1]) for line in lines if " kB" in line}
        yield sizes["Anonymous:"]


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="needs Linux")
def test_big_arrays_take_no_room_of_a_worker():
    sizes = []
    for length in (1000, 20_000_000):
        loader = DataLoader(Maps(np.ones(length)), 1, num_workers=1, worker_type="process")
        sizes.append(next(iter(loader)).item())
    assert sizes[1] - sizes[0] < 40_000  # of 160,000 kB
