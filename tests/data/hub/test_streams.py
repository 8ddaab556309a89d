"""Hugging Face's iterable datasets: every sample once, the same batches for any workers, resume."""

import json
import subprocess
import sys
import warnings
from itertools import islice

import numpy as np
import pytest

from rushlight.data import DataLoader, shard_stream
from rushlight.data.hub import streams

datasets = pytest.importorskip("datasets")
pytest.importorskip("datasets.distributed")
COUNT = 41
BASE = datasets.Dataset.from_dict(
    {
        "n": range(COUNT),
        "x": [i / 4 for i in range(COUNT)],
        "t": [f"text {i}" for i in range(COUNT)],
    }
)


def doubled(row):
    return {"n": row["n"], "x": row["x"] * 2}


def in_pairs(batch):
    return {"n": [n for n in batch["n"] for _ in (0, 1)]}


def even(row):
    return row["n"] % 2 == 0


def shards(names):
    for name in names:
        for i in range(5):
            yield {"n": 10 * name + i}


def stream(count=5):
    return BASE.to_iterable_dataset(num_shards=count)


STREAMS = {
    "one shard": lambda: stream(1),
    "five shards": stream,
    "twelve shards": lambda: stream(12),
    "mapped": lambda: stream().map(doubled, remove_columns=["t"]),
    "mapped in batches": lambda: stream().map(
        in_pairs, batched=True, batch_size=3, remove_columns=["x", "t"]
    ),
    "filtered": lambda: stream().filter(even),
    "selected": lambda: stream().select_columns(["n"]),
    "as arrays": lambda: stream().with_format("numpy"),
    "a generator": lambda: datasets.IterableDataset.from_generator(
        shards, gen_kwargs={"names": [1, 2, 3]}
    ),
    "interleaved": lambda: datasets.interleave_datasets(
        [stream(2), stream(2).map(doubled)], stopping_strategy="all_exhausted"
    ),
    "one after the other": lambda: datasets.concatenate_datasets([stream(2), stream(3)]),
    "repeated": lambda: stream(2).repeat(2),
    "the first": lambda: stream().take(17),
    "all but the first": lambda: stream().skip(7),
    "shuffled": lambda: stream().shuffle(seed=3, buffer_size=6),
    "shuffled and mapped": lambda: stream().shuffle(seed=3, buffer_size=6).map(doubled),
}


def numbers(batches):
    return [batch["n"].tolist() for batch in batches]


def flat(batches):
    return [n for numbers in batches for n in numbers]


def loader(name, **options):
    return DataLoader(STREAMS[name](), batch_size=4, **options)


def quietly(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


@pytest.mark.parametrize("name", STREAMS)
def test_every_sample_once(name):
    expected = [int(row["n"]) for row in STREAMS[name]()]
    found = flat(numbers(loader(name)))
    assert sorted(found) == sorted(expected)
    if loader(name).dataset.lane_count() == 1 and "shuffled" not in name:
        assert found == expected


@pytest.mark.parametrize("name", STREAMS)
def test_batches_do_not_depend_on_the_workers(name):
    alone = numbers(loader(name))
    assert quietly(lambda: numbers(loader(name, num_workers=3))) == alone


def test_nor_on_their_kind():
    name = "shuffled and mapped"
    found = numbers(loader(name, num_workers=2, worker_type="process"))
    assert found == numbers(loader(name))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", STREAMS)
def test_resume(name, workers):
    expected = numbers(loader(name))
    for place in (0, 3, len(expected) - 1):
        first = quietly(lambda: loader(name, num_workers=workers))
        passing = quietly(lambda: iter(first))  # noqa: B023
        given = quietly(lambda: numbers(islice(passing, place)))  # noqa: B023
        state = json.loads(json.dumps(first.state_dict()))
        again = loader(name, num_workers=2 - workers)
        again.load_state_dict(state)
        assert again.state_dict()["batch"] == place
        rest = quietly(lambda: numbers(again))  # noqa: B023
        assert given + rest == expected
        if name == "mapped":
            assert quietly(lambda: numbers(again)) == expected  # noqa: B023


@pytest.mark.parametrize("rows", [3, 64])
@pytest.mark.parametrize("name", ["one shard", "five shards", "selected", "mapped in batches"])
def test_resume_anywhere(name, rows, monkeypatch):
    monkeypatch.setattr(streams, "ROWS", rows)
    expected = [row["n"] for row in shard_stream(STREAMS[name](), lanes=1)]
    first = shard_stream(STREAMS[name](), lanes=1).lane(0, 0)
    for place in range(len(expected)):
        again = shard_stream(STREAMS[name](), lanes=1).lane(0, 0)
        again.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert again.state_dict() == first.state_dict()
        assert next(again)["n"] == expected[place]
        assert [row["n"] for row in again] == expected[place + 1 :]
        next(first)


@pytest.mark.parametrize("name", STREAMS)
def test_rows_are_those_of_the_stream(name):
    def in_order(rows):
        return sorted(repr(row) for row in rows)

    assert in_order(shard_stream(STREAMS[name]())) == in_order(STREAMS[name]())


def test_a_state_of_another_stream():
    lane = shard_stream(STREAMS["one shard"]()).lane(0, 0)
    with pytest.raises(ValueError, match="another kind of stream"):
        lane.load_state_dict(shard_stream(STREAMS["mapped"]()).lane(0, 0).state_dict())
    with pytest.raises(ValueError, match="another kind of stream"):
        shard_stream(STREAMS["shuffled"]()).lane(0, 0).load_state_dict(lane.state_dict())


def test_a_shuffle_buffer_is_filled_again():
    first = loader("shuffled")
    passing = iter(first)
    next(passing), next(passing)
    again = loader("shuffled")
    again.load_state_dict(first.state_dict())
    with pytest.warns(UserWarning, match="4 samples are read again"):
        assert numbers(again) == numbers(passing)
    quick = DataLoader(shard_stream(STREAMS["shuffled"](), refill=True), batch_size=4)
    passing = iter(quick)
    given = numbers([next(passing), next(passing)])
    again = DataLoader(shard_stream(STREAMS["shuffled"](), refill=True), batch_size=4)
    again.load_state_dict(quick.state_dict())
    rest = numbers(again)
    assert not set(flat(given)) & set(flat(rest))


def test_states_fit_the_stream_they_are_of():
    state = loader("five shards").state_dict()
    with pytest.raises(ValueError, match="lanes: 5 in the state, 8 here"):
        loader("twelve shards").load_state_dict(state)
    state = loader("shuffled").state_dict()
    loader("shuffled").load_state_dict(state)
    without_seed = DataLoader(stream().shuffle(buffer_size=6), batch_size=4)
    with pytest.raises(ValueError, match="shuffle: "):
        without_seed.load_state_dict(state)
    ranks = [datasets.distributed.split_dataset_by_node(stream(3), rank, 2) for rank in (0, 1)]
    with pytest.raises(ValueError, match=r"rank: \[0, 2\] in the state, \[1, 2\] here"):
        DataLoader(ranks[1]).load_state_dict(DataLoader(ranks[0]).state_dict())
    cycling = datasets.interleave_datasets([stream(2)] * 2, probabilities=[0.5, 0.5], seed=1)
    assert shard_stream(cycling).fingerprint()["shuffle"]


def test_epochs():
    shuffled = loader("shuffled")
    first, second = numbers(shuffled), numbers(shuffled)
    assert first != second
    assert sorted(flat(first)) == sorted(flat(second))
    assert [numbers(shuffled) for _ in range(2)] != [first, second]
    fixed = STREAMS["shuffled"]()
    fixed.set_epoch(1)
    for options in ({}, {"num_workers": 2, "persistent_workers": True}):
        epochs = DataLoader(fixed, batch_size=4, **options)
        assert numbers(epochs) == second
        assert numbers(epochs) == second
        epochs.dataset.set_epoch(0)
        fixed.set_epoch(1)
    plain = loader("five shards")
    assert numbers(plain) == numbers(plain)


@pytest.mark.parametrize("strategy", ["auto", "shards", "examples"])
@pytest.mark.parametrize("count", [1, 4, 5])
def test_ranks_share_the_samples(count, strategy):
    split_dataset_by_node = datasets.distributed.split_dataset_by_node
    options = {} if strategy == "auto" else {"strategy": strategy}
    try:
        parts = [split_dataset_by_node(stream(count), rank, 2, **options) for rank in (0, 1)]
        plain = [sorted(row["n"] for row in part) for part in parts]
    except (TypeError, ValueError):
        pytest.skip("this version knows no strategy, or has too few shards for it")
    found = [flat(numbers(DataLoader(part, batch_size=4))) for part in parts]
    assert sorted(found[0] + found[1]) == list(range(COUNT))
    assert [len(part) for part in found] == [len(part) for part in plain] or strategy == "examples"
    workers = [
        quietly(lambda p=part: numbers(DataLoader(p, batch_size=4, num_workers=3)))
        for part in parts
    ]
    assert workers == [numbers(DataLoader(part, batch_size=4)) for part in parts]


SHIMMED = """
import torch
import datasets
from torch.utils.data import DataLoader
stream = datasets.Dataset.from_dict({"n": range(10)}).to_iterable_dataset(num_shards=2)
for workers in (0, 2):
    print([batch["n"].tolist() for batch in DataLoader(stream, 4, num_workers=workers)])
"""


def test_programs_for_torch(tmp_path):
    """There `datasets` finds our own worker info, and would share the shards out once more."""
    script = tmp_path / "program.py"
    script.write_text(SHIMMED)
    command = [sys.executable, "-m", "rushlight.torch", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert lines == ["[[0, 1, 2, 3], [5, 6, 7, 8], [4], [9]]"] * 2, done.stderr


def test_lanes():
    assert shard_stream(stream(12)).lane_count() == 8
    assert shard_stream(stream(12), lanes=3).lane_count() == 3
    assert shard_stream(stream(2), lanes=3).lane_count() == 2
    assert shard_stream(stream(5).take(3)).lane_count() == 1
    assert shard_stream(stream(5).take(3), lanes=2).lane_count() == 2
    with pytest.raises(ValueError, match="lanes should be at least 1"):
        shard_stream(stream(1), lanes=0)


def test_workers_without_a_shard_are_reported():
    with pytest.warns(UserWarning, match="2 workers read a stream of 1 lanes"):
        assert len(numbers(loader("one shard", num_workers=2))) == 11


def test_what_does_not_go_with_streams():
    with pytest.raises(ValueError, match="expected unspecified shuffle option"):
        DataLoader(stream(), shuffle=True)


def test_samples():
    batch = next(iter(loader("as arrays")))
    assert batch["x"].dtype == np.float64
    assert batch["t"] == [f"text {i}" for i in range(4)]
    one = next(iter(DataLoader(stream(1), batch_size=None)))
    assert one == {"n": 0, "x": 0.0, "t": "text 0"}
