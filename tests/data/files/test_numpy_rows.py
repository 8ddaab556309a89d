"""Rows of `.npy` files: right values, nothing sent but paths, and what is no such file."""

import json
import pickle

import numpy as np
import pytest

from rushlight.data import DataLoader, NumpyDataset
from tests.data.files.transforms import jittered

RNG = np.random.default_rng(0)
ARRAYS = {
    "matrix": RNG.normal(size=(30, 4, 5)).astype(np.float32),
    "by columns": np.asfortranarray(RNG.normal(size=(30, 7))),
    "big-endian": np.arange(60, dtype=">i4").reshape(30, 2),
    "numbers": np.arange(30, dtype=np.uint8),
    "bools": np.arange(30) % 3 == 0,
    "wide": np.arange(30) + 1j,
    "empty rows": np.empty((30, 0)),
}


def saved(folder, array, name="rows.npy"):
    path = folder / name
    np.save(path, array)
    return path


def listed(batch):
    if isinstance(batch, dict):
        return {name: listed(part) for name, part in batch.items()}
    if isinstance(batch, list | tuple):
        return [listed(part) for part in batch]
    return batch.tolist()


@pytest.mark.parametrize("name", ARRAYS)
def test_rows_and_batches_are_those_of_the_array(name, tmp_path):
    array = ARRAYS[name]
    dataset = NumpyDataset(saved(tmp_path, array), saved(tmp_path, np.arange(30), "labels.npy"))
    order = [3, 0, -1, 29, 3]
    assert len(dataset) == 30
    for index in order:
        row, label = dataset[index]
        np.testing.assert_array_equal(row, array[index])
        assert label == np.arange(30)[index]
    rows, labels = dataset.__getbatch__(order)
    np.testing.assert_array_equal(rows, array[order])
    assert rows.dtype == array.dtype.newbyteorder("=")
    assert rows.flags.c_contiguous
    assert rows.flags.owndata or rows.base.flags.writeable
    assert labels.tolist() == np.arange(30)[order].tolist()


def test_by_name_they_are_dicts(tmp_path):
    paths = {"x": saved(tmp_path, ARRAYS["matrix"], "x.npy"), "y": saved(tmp_path, np.arange(30))}
    dataset = NumpyDataset(**paths)
    assert list(dataset[2]) == ["x", "y"]
    assert listed(dataset.__getbatch__([2])["y"]) == [2]


def test_a_row_may_be_written_to(tmp_path):
    dataset = NumpyDataset(saved(tmp_path, ARRAYS["matrix"]))
    (row,) = dataset[1]
    row[:] = 7
    np.testing.assert_array_equal(dataset[1][0], ARRAYS["matrix"][1])


def test_texts_are_rows_too(tmp_path):
    dataset = NumpyDataset(saved(tmp_path, np.array(["ab", "c", "d"])))
    assert listed([b for (b,) in DataLoader(dataset, batch_size=3)]) == [["ab", "c", "d"]]


WORKERS = [("thread", 1, None), ("thread", 3, jittered), ("process", 2, jittered)]


@pytest.mark.parametrize(("kind", "count", "transform"), WORKERS)
def test_workers_change_nothing(kind, count, transform, tmp_path, seeds):
    paths = saved(tmp_path, ARRAYS["matrix"], "x.npy"), saved(tmp_path, np.arange(30))
    dataset = NumpyDataset(*paths, transform=transform)
    expected = [listed(b) for b in DataLoader(dataset, 7, shuffle=True)]
    seeds.seed()
    loader = DataLoader(dataset, 7, shuffle=True, num_workers=count, worker_type=kind)
    passing = iter(loader)
    found = [listed(next(passing)) for _ in range(2)]
    state = json.loads(json.dumps(loader.state_dict()))
    again = DataLoader(dataset, 7, shuffle=True)
    again.load_state_dict(state)
    rest = [listed(batch) for batch in passing]
    assert found + rest == expected
    assert [listed(batch) for batch in again] == rest


def test_transforms_are_the_same_alone_and_together(tmp_path, seeds):
    paths = saved(tmp_path, ARRAYS["matrix"], "x.npy"), saved(tmp_path, np.arange(30))
    dataset = NumpyDataset(*paths, transform=jittered)
    alone = [listed(x[0]) for x in DataLoader(dataset, 1)]
    seeds.seed()
    (together,) = DataLoader(dataset, 30)
    assert listed(together) == alone


def test_a_pickle_holds_the_path_and_no_row(tmp_path):
    dataset = NumpyDataset(saved(tmp_path, np.zeros((100_000, 9))))
    dataset[0], dataset.__getbatch__([1])
    packed = pickle.dumps(dataset)
    assert len(packed) < 1000
    assert len(pickle.loads(packed)) == 100_000  # noqa: S301


def test_a_file_that_changes_size_is_seen(tmp_path):
    path = saved(tmp_path, np.zeros((10, 2)))
    dataset = NumpyDataset(path)
    np.save(path, np.zeros((9, 2)))
    with pytest.raises(ValueError, match=r"rows.npy has changed: it had 288 bytes, now 272"):
        dataset[0]


def header(text, version=b"\x01\x00"):
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


WHOLE = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }\n"
FOREIGN = [
    (b"", "no .npy file"),
    (b"PK\x03\x04 and so on", "members may be compressed"),
    (b"hello, world", "it begins with b'hello,'"),
    (b"\x93NUMPY", "header cannot be read"),
    (header(b"{'descr': '<f8'}\n"), "header cannot be read"),
    (header(b"__import__('os').getcwd()\n"), "header cannot be read"),
    (header(b"(" * 5000), "header cannot be read"),
    (header(WHOLE.encode() % b"3") + bytes(23), r"takes 24 bytes, but 23 are there"),
    (header(WHOLE.encode() % b"3") + bytes(25), r"takes 24 bytes, but 25 are there"),
    (header(WHOLE.encode() % b"-3"), "its shape is"),
    (header(WHOLE.encode() % b"9999999999999999999") + bytes(8), "but 8 are there"),
    (header(WHOLE.encode() % b"3", b"\x07\x00"), r"version \(7, 0\)"),
    (header(WHOLE.encode().replace(b"<f8", b"|O") % b"1") + bytes(8), "Python objects"),
]


@pytest.mark.parametrize(("content", "words"), FOREIGN)
def test_other_files_are_refused(content, words, tmp_path):
    path = tmp_path / "data.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        NumpyDataset(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [([np.zeros(3), np.zeros(4)], "different lengths"), ([np.zeros(())], "no rows")],
)
def test_arrays_that_do_not_fit(arrays, words, tmp_path):
    paths = [saved(tmp_path, array, f"{i}.npy") for i, array in enumerate(arrays)]
    with pytest.raises(ValueError, match=words):
        NumpyDataset(*paths)


def test_wrong_calls(tmp_path):
    path = saved(tmp_path, np.zeros(3))
    with pytest.raises(ValueError, match="either by position"):
        NumpyDataset(path, again=path)
    with pytest.raises(FileNotFoundError):
        NumpyDataset(tmp_path / "none.npy")
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 3 rows"):
            NumpyDataset(path)[index]
    with pytest.raises(IndexError, match="index 9 is out of range"):
        list(DataLoader(NumpyDataset(path), sampler=[0, 9], batch_size=2))


@pytest.mark.parametrize("index", [slice(0, 2), [0, 1], 1.0])
def test_an_index_is_an_integer(index, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    with pytest.raises(TypeError, match="an index should be an integer, but got"):
        NumpyDataset(tmp_path / "x.npy")[index]
