"""Which samples make which batch: a function of seed and epoch, whoever reads them."""

import numpy as np
import pytest

from rushlight.data import (
    DataLoader,
    ShardDataset,
    ShardError,
    TarDataset,
    sample_generator,
    warn_and_continue,
)
from tests.data.shards.making import GOOD, numbers, row, write_shards

COUNTS = {
    "one shard": [11],
    "two": [5, 9],
    "uneven": [3, 0, 8, 1, 6, 2, 7],
    "many": [4] * 17,
}
WORKERS = [(0, "thread"), (1, "thread"), (2, "thread"), (3, "thread")]
PROCESSES = [(1, "process"), (2, "process"), (3, "process")]


def batches(dataset, workers=0, kind="thread", epochs=1, **options):
    options = {"batch_size": 3} | options
    loader = DataLoader(dataset, num_workers=workers, worker_type=kind, **options)
    return [[batch["cls"].tolist() for batch in loader] for _ in range(epochs)]


def chain(urls, **options):
    dataset = ShardDataset(urls, shardshuffle=True, seed=3, **options)
    return dataset.shuffle(5, initial=2).decode()


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
@pytest.mark.filterwarnings("ignore:.*workers read a stream")
def test_nothing_comes_twice_and_nothing_is_left_out(counts, ranks, tmp_path, seeds):
    urls = write_shards(tmp_path, counts)
    for epoch in range(2):
        found = []
        for rank in range(ranks):
            dataset = chain(urls, num_replicas=ranks, rank=rank)
            dataset.set_epoch(epoch)
            (expected,) = batches(dataset)
            for workers, kind in WORKERS[1:]:
                assert batches(dataset, workers, kind) == [expected]
            found += [number for batch in expected for number in batch]
        assert sorted(found) == list(range(sum(counts)))


@pytest.mark.parametrize(("workers", "kind"), PROCESSES)
@pytest.mark.filterwarnings("ignore:.*workers read a stream")
def test_processes_change_nothing(workers, kind, tmp_path, seeds):
    urls = write_shards(tmp_path, COUNTS["uneven"])
    for ranks, rank in [(1, 0), (4, 3)]:
        dataset = chain(urls, num_replicas=ranks, rank=rank)
        assert batches(dataset, workers, kind, epochs=2) == batches(dataset, epochs=2)


def test_epochs_and_seeds_differ_and_repeat(tmp_path, seeds):
    urls = write_shards(tmp_path, [6] * 8)

    def epochs(seed, **options):
        made = ShardDataset(urls, seed=seed, **options).shuffle(10).decode()
        return [number for epoch in batches(made, epochs=2) for batch in epoch for number in batch]

    for options in ({}, {"shardshuffle": True}):
        first = epochs(1, **options)
        assert first == epochs(1, **options)
        assert first[:48] != first[48:]
        assert first != epochs(2, **options)
    assert sorted(first[:48]) == sorted(first[48:]) == list(range(48))


def test_shards_are_shuffled_as_wholes(tmp_path):
    urls = write_shards(tmp_path, [4] * 6)
    dataset = ShardDataset(urls, shardshuffle=True, lanes=1).decode()
    orders = [numbers(dataset) for _ in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    for order in orders:
        assert all(order[i : i + 4] == list(range(order[i], order[i] + 4)) for i in range(0, 24, 4))


@pytest.mark.parametrize(("size", "initial"), [(1, 1), (7, 1), (10, 100), (64, 4), (1000, 100)])
def test_the_shuffle_buffer(size, initial, tmp_path):
    urls = write_shards(tmp_path, [200])
    found = numbers(ShardDataset(urls).shuffle(size, initial).decode())
    assert sorted(found) == list(range(200))
    moved = np.abs(np.array(found) - np.arange(200))
    assert moved.max() < size
    assert size < 10 or moved.mean() > min(size, 200) / 10


def test_the_first_sample_comes_before_the_buffer_is_full(tmp_path):
    urls = write_shards(tmp_path, [100])
    read = []
    dataset = ShardDataset(urls).map(lambda sample: read.append(1) or sample).shuffle(50, initial=5)
    stream = iter(dataset)
    next(stream)
    assert len(read) < 10
    held = [len(read) - given for given, _ in enumerate(stream, 2)]
    assert max(held) <= 51


def test_what_a_step_draws_belongs_to_the_sample(tmp_path, seeds):
    urls = write_shards(tmp_path, [7, 8, 5])

    def noisy(sample):
        legacy = np.random.rand()  # noqa: NPY002
        return sample | {"noise": sample_generator().random(), "legacy": legacy}

    def again(sample):
        return sample | {"more": sample_generator().random()}

    def drawn(batch_size, *, shuffled=False):
        dataset = ShardDataset(urls, lanes=2).decode().map(noisy).map(again)
        dataset = dataset.shuffle(6) if shuffled else dataset
        names = ["noise", "legacy", "more"]
        return sorted(
            (number, *draws)
            for batch in DataLoader(dataset, batch_size)
            for number, *draws in zip(
                batch["cls"].tolist(), *(batch[name].tolist() for name in names), strict=True
            )
        )

    expected = drawn(1)
    assert len({draw for _, *draws in expected for draw in draws}) == 60
    for size, shuffled in [(1, False), (4, False), (3, True)]:
        seeds.seed()
        assert drawn(size, shuffled=shuffled) == expected


def test_steps_by_the_names_of_webdataset(tmp_path):
    urls = write_shards(tmp_path, [3, 3], npy=row, txt="t{}".format, json=lambda i: {"i": i})
    dataset = ShardDataset(urls, lanes=1).decode()
    assert list(dataset.to_tuple("txt", "cls"))[:2] == [("t0", 0), ("t1", 1)]
    assert next(iter(dataset.to_tuple("jpg;json cls")))[0] == {"i": 0}
    assert numbers(dataset.select(lambda sample: sample["cls"] % 2)) == [1, 3, 5]
    renamed = next(iter(dataset.rename(label="cls", x="png;npy")))
    assert (renamed["label"], renamed["x"].tolist()) == (0, [0, 0, 0])
    assert not {"cls", "npy"} & renamed.keys()
    assert next(iter(dataset.map_dict(cls=lambda value: value + 7)))["cls"] == 7
    with pytest.raises(KeyError, match=r"no field 'png', but 'cls, npy, txt, json'") as caught:
        next(iter(dataset.to_tuple("png")))
    assert caught.value.__notes__ == [f"in sample '00000' of {urls[0]}"]
    assert numbers(dataset) == list(range(6))  # each method gave another data set


def test_an_equal_number_for_each_rank(tmp_path, seeds):
    urls = write_shards(tmp_path, [3, 9, 1, 4, 2])
    for count in (4, 12, 31):
        for rank in range(2):
            dataset = chain(urls, num_replicas=2, rank=rank).with_epoch(count)
            (found,) = batches(dataset, workers=2)
            assert sum(len(batch) for batch in found) == count
            assert batches(dataset) == [found]
    whole = chain(urls, num_replicas=1, rank=0).with_epoch(38)
    (found,) = batches(whole)
    assert {number for batch in found for number in batch} <= set(range(19))
    with pytest.raises(ValueError, match="5 shards for 8 ranks: one would have nothing"):
        chain(urls, num_replicas=8, rank=0).with_epoch(4)


def test_shards_without_samples_do_not_go_round_for_ever(tmp_path):
    urls = write_shards(tmp_path, [0, 0])
    assert list(ShardDataset(urls)) == []
    with pytest.raises(ShardError, match="there is no sample in any"):
        list(ShardDataset(urls).with_epoch(3))


def test_ranks_come_from_the_environment(tmp_path, monkeypatch):
    urls = write_shards(tmp_path, [2, 2])
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert numbers(ShardDataset(urls).decode()) == [2, 3]
    monkeypatch.setenv("RANK", "one")
    with pytest.raises(ValueError, match="RANK in the environment is 'one'"):
        ShardDataset(urls)


BAD = [
    ({"lanes": 0}, "lanes should be a positive integer, but got 0"),
    ({"max_sample_bytes": -1}, "max_sample_bytes should be"),
    ({"rank": 2, "num_replicas": 2}, "rank 2 is none of the 2 ranks"),
]


@pytest.mark.parametrize(("options", "words"), BAD)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        ShardDataset("a.tar", **options)


def broken(folder):
    """Three shards; the second is cut off in the header behind its second sample."""
    urls = write_shards(folder, [4, 4, 4])
    path = folder / "s-1.tar"
    path.write_bytes(path.read_bytes()[: 2 * 1024 + 100])
    return urls


@pytest.mark.parametrize(("workers", "kind"), [*WORKERS, (2, "process")])
def test_a_broken_shard_is_told_once_and_the_others_can_be_read(workers, kind, tmp_path, seeds):
    dataset = ShardDataset(broken(tmp_path), lanes=3).decode()
    passing = iter(DataLoader(dataset, 2, num_workers=workers, worker_type=kind))
    found, errors = [], []
    while True:
        try:
            found += next(passing)["cls"].tolist()
        except StopIteration:
            break
        except ShardError as error:
            errors.append(error)
    assert sorted(found) == [0, 1, 2, 3, 4, 8, 9, 10, 11]
    (error,) = errors
    assert (error.url, error.offset, error.key) == (dataset.urls[1], 2048, "00005")
    assert "cut off" in str(error)


def test_a_state_taken_after_an_error_loses_nothing(tmp_path, seeds):
    loader = DataLoader(ShardDataset(broken(tmp_path), lanes=1).decode(), 3)
    passing = iter(loader)
    assert next(passing)["cls"].tolist() == [0, 1, 2]
    for _ in range(2):
        with pytest.raises(ShardError, match="sample '00005'"):
            next(passing)
        state = loader.state_dict()
        loader = DataLoader(ShardDataset(broken(tmp_path), lanes=1).decode(), 3)
        loader.load_state_dict(state)
        passing = iter(loader)
    with pytest.raises(ShardError, match="sample '00005'"):
        next(passing)
    assert [batch["cls"].tolist() for batch in passing] == [[3, 4, 8], [9, 10, 11]]


def test_a_handler_decides_what_is_left_out(tmp_path):
    urls = broken(tmp_path)

    def check(sample):
        if sample["cls"] == 9:
            raise ZeroDivisionError("nine")
        return sample

    dataset = ShardDataset(urls, lanes=1, handler=warn_and_continue).decode().map(check)
    with pytest.warns(UserWarning, match="left out") as caught:
        assert numbers(dataset) == [0, 1, 2, 3, 4, 8, 10, 11]
    words = [str(warning.message) for warning in caught]
    assert words[0].startswith(f"left out: {urls[1]}, offset 2048, sample '00005': the file")
    assert words[1] == f"left out: nine (in sample '00009' of {urls[2]})"


@pytest.mark.parametrize("kind", [ShardDataset, TarDataset])
def test_steps_are_counted_apart_from_reading(kind, tmp_path):
    dataset = kind(write_shards(tmp_path, [20])).decode().map(lambda sample: sample)
    loader = DataLoader(dataset, 4)
    assert sum(len(batch["cls"]) for batch in loader) == 20
    assert {"decode", "transform"} <= loader.stats().stages.keys()


def test_an_end_in_a_step_is_no_end_of_the_stream(tmp_path):
    def stop(sample):
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration raised in sample '00000'"):
        list(ShardDataset(write_shards(tmp_path, [3])).map(stop))


def test_nothing_is_left_open(tmp_path):
    import gc
    import warnings

    path = tmp_path / "a.tar"
    path.write_bytes(GOOD)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(ShardError):
            list(ShardDataset(str(path)))
        urls = write_shards(tmp_path, [3, 2])
        next(iter(ShardDataset(urls)))
        list(ShardDataset(urls))
        gc.collect()
