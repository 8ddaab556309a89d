"""Shards as a map-style data set."""

import itertools
import json
import os
import pickle

import numpy as np
import pytest

from rushlight.data import (
    DataLoader,
    GroupShuffleSampler,
    RandomSampler,
    ShardDataset,
    ShardError,
    Subset,
    TarDataset,
)
from rushlight.data.shards import indexed
from rushlight.data.shards.index import find_samples, load_index, save_index
from tests.data.shards.making import END, GOOD, numbers, row, tar_of, write_shards

KINDS = [(1, "thread"), (3, "thread"), (2, "process")]


@pytest.fixture
def urls(tmp_path):
    return write_shards(tmp_path, [5, 0, 9, 1, 6], npy=row)


def test_the_same_samples_as_the_stream(urls):
    dataset = TarDataset(urls)
    stream = list(ShardDataset(urls, lanes=1))
    assert (len(dataset), list(dataset)) == (21, stream)
    assert [dataset[index] for index in (20, 0, 7, -1)] == [stream[i] for i in (20, 0, 7, 20)]
    for index in (21, -22):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 21 samples"):
            dataset[index]
    assert numbers(Subset(dataset.decode(), [3, 19])) == [3, 19]


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_workers_change_nothing_and_going_on_reads_nothing_again(workers, kind, urls, seeds):
    def make(count=0, kind="thread"):
        dataset = TarDataset(urls).decode()
        return DataLoader(dataset, 4, shuffle=True, num_workers=count, worker_type=kind)

    expected = [batch["cls"].tolist() for batch in make()]
    seeds.seed()
    loader = make(workers, kind)
    passing = iter(loader)
    found = [next(passing)["cls"].tolist() for _ in range(2)]
    state = json.loads(json.dumps(loader.state_dict()))
    other = make()
    other.load_state_dict(state)
    assert found + [batch["cls"].tolist() for batch in other] == expected


def test_any_sampler(urls):
    dataset = TarDataset(urls).decode().to_tuple("cls", "npy")
    sampler = RandomSampler(dataset, replacement=True, num_samples=50)
    total = sum(len(batch[0]) for batch in DataLoader(dataset, 8, sampler=sampler))
    assert total == 50


def test_a_few_shards_at_a_time(urls):
    dataset = TarDataset(urls).decode()
    assert dataset.group_sizes == [5, 0, 9, 1, 6]
    order = list(GroupShuffleSampler(dataset, window=1))
    shards = [dataset[index]["__url__"] for index in order]
    assert sorted(order) == list(range(21))
    assert sum(a != b for a, b in itertools.pairwise(shards)) == 3


def test_an_index_is_found_as_it_is_written(urls):
    for url in urls:
        found = find_samples(url, 1 << 20)
        written = load_index(url)
        assert written is None or np.array_equal(found, written)
    assert load_index(urls[0]) is not None


def test_without_index_files(urls, monkeypatch):
    for url in urls:
        if os.path.exists(url + ".index"):
            os.unlink(url + ".index")
    assert numbers(TarDataset(urls).decode()) == list(range(21))
    assert load_index(urls[0]) is None
    TarDataset(urls, save_index=True)
    monkeypatch.setattr(indexed, "find_samples", None)  # no longer needed
    assert numbers(TarDataset(urls).decode()) == list(range(21))


def broken_indexes(data):
    yield b""
    yield data[:-1]
    yield data + b"x"
    yield bytes(len(data))
    for place in (0, 9, 17, 30, len(data) - 2):
        yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_an_index_that_does_not_fit_is_not_believed(urls):
    with open(urls[2] + ".index", "rb") as file:
        good = file.read()
    for data in broken_indexes(good):
        with open(urls[2] + ".index", "wb") as file:
            file.write(data)
        assert load_index(urls[2]) is None
        assert len(TarDataset(urls)) == 21


WRONG = [[0, 512, 1024], [0, 5000], [512, 1024], [100, 1124]]


@pytest.mark.parametrize("offsets", WRONG)
def test_an_index_of_another_tar_is_an_error_or_harmless(offsets, tmp_path):
    path = str(tmp_path / "a.tar")
    with open(path, "wb") as file:
        file.write((GOOD + END).ljust(10240, b"\0"))
    save_index(path, np.array(offsets))
    with pytest.raises(ShardError):
        list(TarDataset(path))


def test_a_shard_that_has_changed_under_way(urls):
    dataset = TarDataset(urls)
    with open(urls[2], "r+b") as file:
        file.truncate(2000)
    with pytest.raises(ShardError, match=r"cut off|not fit"):
        dataset[9]
    assert dataset[0]["cls"] == b"0"


def test_what_is_not_local_or_compressed(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(tar_of({"a.txt": b"1"}, mode="w:gz"))
    with pytest.raises(ShardError, match="a compressed tar has no index"):
        TarDataset(path)
    with pytest.raises(ShardError, match="reads local files; use ShardDataset"):
        TarDataset("http://nowhere/a.tar")


def test_few_files_are_open(tmp_path, monkeypatch):
    monkeypatch.setattr(indexed, "OPEN_FILES", 3)
    dataset = TarDataset(write_shards(tmp_path, [1] * 10)).decode()
    assert numbers(dataset) == list(range(10))
    assert len(dataset._files.open) == 3
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    assert len(copy._files.open) == 0
    assert copy[4]["cls"] == 4


def test_errors_name_the_sample(urls):
    def fail(sample):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        TarDataset(urls).map(fail)[6]
    assert caught.value.__notes__ == [f"in sample '00006' of {urls[2]}"]
