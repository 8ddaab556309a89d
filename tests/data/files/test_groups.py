"""Arrow and Parquet files: right rows, right batches, bounded memory, and what is refused."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from rushlight.data import (
    ArrowDataset,
    DataLoader,
    GroupShuffleSampler,
    ParquetDataset,
    RandomSampler,
)
from tests.data.files import tables
from tests.data.files.tables import SUFFIX, listed, opened

FORMS = ["parquet", "file", "stream"]
PACKED = [("parquet", "zstd"), ("file", "zstd"), ("stream", "lz4")]


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", tables.KINDS)
def test_what_columns_become(name, form, compression, tmp_path):
    column, expected = tables.KINDS[name]
    if name == "codes" and form == "stream":
        pytest.skip("refused, see below")
    path = tables.write(tmp_path / "t", pa.table({"c": column}), form, 2, compression)
    dataset = (ParquetDataset if form == "parquet" else ArrowDataset)(path)
    found = [dataset[i]["c"] for i in range(3)]
    if (name == "span" and form == "parquet") or name == "time":
        found, expected = (
            [f.astype("m8[us]") for f in found],
            [e.astype("m8[us]") for e in expected],
        )
    assert all(map(tables.same, found, expected)), (found, expected)
    together = [row["c"] for row in dataset.__getitems__([2, 0, 1])]
    assert listed(together) == listed([found[2], found[0], found[1]])


@pytest.mark.parametrize("form", ["file", "stream"])
@pytest.mark.parametrize("name", tables.NEWER)
def test_what_newer_columns_become(name, form, tmp_path):
    column, expected = tables.NEWER[name]
    dataset = ArrowDataset(tables.write(tmp_path / "t", pa.table({"c": column}), form, 2))
    found = [dataset[i]["c"] for i in range(3)]
    assert all(map(tables.same, found, expected)), (found, expected)
    together = [row["c"] for row in dataset.__getitems__([2, 0, 1])]
    assert listed(together) == listed([found[2], found[0], found[1]])


@pytest.mark.parametrize("budget", [1 << 30, 20_000])
@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("form", FORMS)
def test_rows_and_batches(form, files, budget, tmp_path):
    dataset = opened(tmp_path, tables.numbers(), form, files, budget=budget)
    expected = tables.number_rows()
    assert len(dataset) == tables.COUNT
    assert [listed(dataset[i]) for i in range(tables.COUNT)] == expected
    order = np.random.default_rng(0).integers(-100, 100, 60).tolist()
    assert listed(dataset.__getitems__(order)) == [expected[i] for i in order]
    batch = dataset.__getbatch__(order)
    for name in ("x", "even", "pair"):
        assert batch[name].tolist() == [expected[i][name] for i in order]
    assert [batch[name].dtype for name in batch] == [np.int32, bool, np.float32]
    assert dataset._groups.used <= budget


@pytest.mark.parametrize("form", FORMS)
def test_only_the_columns_asked_for(form, tmp_path):
    table = tables.numbers().append_column("text", pa.array(["t"] * 100))
    dataset = opened(tmp_path, table, form, columns=["pair", "x"])
    assert list(dataset[3]) == ["pair", "x"]
    assert listed(dataset.__getbatch__([3])) == {"pair": [[3.0, -3.0]], "x": [3]}
    assert list(dataset._columns(0)) == ["pair", "x"]


@pytest.mark.parametrize("form", FORMS)
def test_some_groups_alone(form, tmp_path):
    whole = opened(tmp_path, tables.numbers(), form)
    train, rest, odd = (whole.of_groups(part) for part in (slice(-2), slice(-2, None), [3, 0]))
    assert [row["x"] for row in train.__getitems__(range(len(train)))] == list(range(88))
    assert rest.__getbatch__(list(range(12)))["x"].tolist() == list(range(88, 100))
    assert [odd[i]["x"] for i in range(16)] == [*range(24, 32), *range(8)]
    assert sorted(GroupShuffleSampler(rest)) == list(range(12))
    assert len(whole) == 100


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_number_is_named_when_it_is_collated(form, tmp_path):
    table = pa.table({"x": [1, None, 3, 4]})
    dataset = opened(tmp_path, table, form)
    assert listed(dataset.__getbatch__([3, 0])) == {"x": [4, 1]}
    with pytest.raises(TypeError, match=r'NoneType.* in sample\["x"\] of sample 1'):
        list(DataLoader(dataset, 2))


@pytest.mark.parametrize("form", FORMS)
def test_a_number_missing_in_a_list_of_fixed_size(form, tmp_path):
    column = pa.array([[1.0, 2.0], [3.0, None], None, [5.0, 6.0]], pa.list_(pa.float64(), 2))
    dataset = opened(tmp_path, pa.table({"x": column}), form)
    assert dataset.__getbatch__([0, 1]) is None
    assert [listed(dataset[i]["x"]) for i in range(4)] == [[1, 2], [3, None], None, [5, 6]]
    for row in (1, 2):
        with pytest.raises(TypeError, match=r'found .* in sample\["x"\] of sample 1'):
            list(DataLoader(dataset, 2, sampler=[0, row]))


@pytest.mark.parametrize("order", [None, [1, 0], [0, 1]])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_tensor_is_a_column(form, missing, order, tmp_path):
    values = pa.array(np.arange(24, dtype=np.float32))
    storage = pa.FixedSizeListArray.from_arrays(values, 6)
    kind = pa.fixed_shape_tensor(pa.float32(), (2, 3), permutation=order)
    array = pa.ExtensionArray.from_storage(kind, storage)
    expected = array.to_numpy_ndarray()
    if missing:
        mask = pa.array([False, False, True, False])
        storage = pa.FixedSizeListArray.from_arrays(values, 6, mask=mask)
        array = pa.ExtensionArray.from_storage(kind, storage)
    dataset = opened(tmp_path, pa.table({"image": array}), form)
    np.testing.assert_array_equal(dataset[3]["image"], expected[3])
    np.testing.assert_array_equal(dataset.__getbatch__([3, 1])["image"], expected[[3, 1]])
    assert (dataset[2]["image"] is None) is missing
    assert (dataset.__getbatch__([2]) is None) is missing


# ------------------------------------------------------------------------------------ workers
WORKERS = [("thread", 1), ("thread", 3), ("process", 2)]


@pytest.mark.parametrize("samplers", [RandomSampler, GroupShuffleSampler])
@pytest.mark.parametrize(("kind", "count"), WORKERS)
@pytest.mark.parametrize(("form", "compression"), PACKED)
def test_workers_and_resuming_change_nothing(
    form, compression, kind, count, samplers, tmp_path, seeds
):
    dataset = opened(tmp_path, tables.numbers(), form, 2, compression, budget=20_000)
    expected = [listed(b) for b in DataLoader(dataset, 7, sampler=samplers(dataset))]
    seeds.seed()
    options = {"num_workers": count, "worker_type": kind}
    loader = DataLoader(dataset, 7, sampler=samplers(dataset), **options)
    passing = iter(loader)
    found = [listed(next(passing)) for _ in range(5)]
    again = DataLoader(dataset, 7, sampler=samplers(dataset))
    again.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    assert found == expected[:5]
    assert [listed(batch) for batch in again] == expected[5:]
    assert [listed(batch) for batch in passing] == expected[5:]


def test_a_state_for_another_window_is_refused(tmp_path):
    dataset = opened(tmp_path, tables.numbers(), "parquet")
    state = DataLoader(dataset, 7, sampler=GroupShuffleSampler(dataset, 2)).state_dict()
    with pytest.raises(ValueError, match="window: 2 in the state, 3 here"):
        DataLoader(dataset, 7, sampler=GroupShuffleSampler(dataset, 3)).load_state_dict(state)


def test_a_pickle_holds_no_row(tmp_path):
    for form in FORMS:
        dataset = opened(tmp_path, tables.numbers(2_000), form)
        packed = pickle.dumps(dataset)
        dataset.__getbatch__(list(range(0, 2_000, 8)))
        assert len(pickle.dumps(dataset)) == len(packed)
        again = pickle.loads(packed)  # noqa: S301
        assert listed(again[1999]) == listed(dataset[1999])
        for file in tmp_path.iterdir():
            file.unlink()


# ------------------------------------------------------------------------------------ refusals
def test_what_does_not_fit_the_budget(tmp_path):
    text = pa.table({"t": ["a" * 1000] * 100})
    path = tables.write(tmp_path / "t.parquet", text, "parquet", 100)
    words = r"row group 0 of .*t.parquet takes [\d,]+ bytes, more than the budget of 50,000"
    with pytest.raises(ValueError, match=words):
        ParquetDataset(path, budget=50_000)[0]
    numbers = tables.write(tmp_path / "n.parquet", tables.numbers(), "parquet", 100)
    with pytest.raises(ValueError, match="raise budget=, ask for fewer columns, or write smaller"):
        ParquetDataset(numbers, budget=500)


@pytest.mark.parametrize("counts", [[3, -1], [1 << 62, 1 << 62]])
def test_numbers_of_rows_that_cannot_be(counts, tmp_path):
    dataset = opened(tmp_path, tables.numbers(), "parquet")
    dataset.group_sizes = np.array(counts)
    with pytest.raises(ValueError, match="the files are damaged"):
        dataset.of_groups([0, 1])


def damaged(whole):
    yield b"", "empty"
    yield b"hello, world", "foreign"
    yield whole[: len(whole) // 2], "half"
    yield whole[:-1], "without its last byte"
    yield whole[: len(whole) // 2] + bytes(len(whole) // 4) + whole[-(len(whole) // 4) :], "holes"


@pytest.mark.parametrize("form", FORMS)
def test_damaged_files_are_named(form, tmp_path):
    path = tmp_path / "data.bin"
    tables.write(path, tables.numbers().append_column("t", pa.array(["t"] * 100)), form)
    kind = ParquetDataset if form == "parquet" else ArrowDataset
    for content, name in damaged(path.read_bytes()):
        path.write_bytes(content)
        with Expected(str(path), form == "stream" and name in CUT):
            dataset = kind(path)
            [dataset[i] for i in range(len(dataset))]


CUT = ("half", "without its last byte")
"""A stream has no mark at its end, so the batches that are there are whole."""


class Expected:
    """A ValueError that names the path is raised, or may be."""

    def __init__(self, path, optional):
        self.path, self.optional = path, optional

    def __enter__(self):
        pass

    def __exit__(self, kind, error, traceback):
        if error is None:
            assert self.optional
            return True
        notes = "".join(getattr(error, "__notes__", []))
        return isinstance(error, ValueError) and self.path in f"{error}{notes}"


WRONG = [
    ({"columns": ["y"]}, r"has the column 'y' not; its columns are \['x', 'even', 'pair'\]"),
    ({"columns": []}, "columns should be a list of names"),
    ({"columns": "x"}, "columns should be a list of names, but got 'x'"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("options", "words"), WRONG)
def test_wrong_columns(form, options, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        opened(tmp_path, tables.numbers(), form, **options)


OTHERS = [
    (pa.table({"y": [1]}), r"has columns \['y'\], the first file \['x'\]"),
    (pa.table({"x": ["1"]}), "has the column 'x' as string, the first file as int64"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("other", "words"), OTHERS)
def test_files_that_differ(form, other, words, tmp_path):
    tables.write(tmp_path / f"a.{SUFFIX[form]}", pa.table({"x": [1]}), form)
    tables.write(tmp_path / f"b.{SUFFIX[form]}", other, form)
    kind = ParquetDataset if form == "parquet" else ArrowDataset
    with pytest.raises(ValueError, match=words):
        kind(tmp_path)


def test_dictionaries_in_a_stream(tmp_path):
    path = tables.write(tmp_path / "t.arrow", pa.table({"c": tables.KINDS["codes"][0]}), "stream")
    with pytest.raises(ValueError, match="dictionaries in the form of a stream"):
        ArrowDataset(path)


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for kind in (ArrowDataset, ParquetDataset):
        words = rf'{kind.__name__} needs pyarrow: pip install "rushlight\[arrow\]"'
        with pytest.raises(ImportError, match=words):
            kind(tmp_path)


# ------------------------------------------------------------------------------------ memory
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system does not tell")
def test_memory_is_bounded(tmp_path):
    """A process reads a data set ten times as large as its budget in shuffled order."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.data.files.bounded", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        _, budget, grown = line.split()
        assert int(grown) < 4 * int(budget), line  # allocators keep some of what is freed
    assert len(done.stdout.splitlines()) == 3
