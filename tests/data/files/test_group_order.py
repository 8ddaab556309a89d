"""Orders over groups of rows: shuffled in windows, shared out, and taken up anywhere."""

import json

import numpy as np
import pytest

from rushlight.data import DataLoader, GroupShuffleSampler, GroupStream
from tests.data.files import tables
from tests.data.files.tables import listed, opened
from tests.data.files.transforms import jittered

SIZES = [5, 0, 7, 1, 9, 3]


@pytest.mark.parametrize("window", [1, 2, 4, 99])
def test_groups_are_shuffled_in_windows(window):
    sampler = GroupShuffleSampler(SIZES, window=window)
    owner = np.repeat(np.arange(len(SIZES)), SIZES)
    orders = [list(sampler.order(3, epoch)) for epoch in range(3)]
    assert orders[0] != orders[1]
    for order in orders:
        assert sorted(order) == list(range(25))
    groups = owner[orders[0]].tolist()
    for number in range(-(-len(SIZES) // window)):
        chosen = sampler.order(3, 0).groups[number * window : (number + 1) * window]
        count = sum(SIZES[group] for group in chosen)
        assert set(groups[:count]) <= set(chosen.tolist())
        groups = groups[count:]


def test_any_place_of_an_order_at_once():
    order = GroupShuffleSampler(SIZES, window=2).order(3, 1)
    whole = list(order)
    for start in range(26):
        assert GroupShuffleSampler(SIZES, window=2).order(3, 1)[start:] == whole[start:]
        assert order[start : start + 4] == whole[start : start + 4]
    assert order[-1] == whole[-1]
    assert order[::7] == whole[::7]
    with pytest.raises(IndexError):
        order[25]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("replicas", [2, 3, 4])
def test_ranks_share_the_rows_out(replicas, drop_last):
    options = {"window": 2, "num_replicas": replicas, "drop_last": drop_last}
    parts = [GroupShuffleSampler(SIZES, rank=rank, **options) for rank in range(replicas)]
    rows = [list(part.order(0, 5)) for part in parts]
    assert len({len(part) for part in rows}) == 1 == len({len(part) for part in parts})
    found = [row for part in rows for row in part]
    assert len(found) - len(set(found)) == (0 if drop_last else -25 % replicas)
    assert len(set(found)) == (25 // replicas * replicas if drop_last else 25)
    assert [r for part in parts for r in part.order(99, 5)[2:4]] == [
        r for p in rows for r in p[2:4]
    ]


def test_windows_fit_twice_into_the_budget(tmp_path):
    dataset = opened(tmp_path, tables.numbers(), "parquet", budget=1 << 20)
    largest = dataset.largest_group
    assert 3000 < largest < 5000
    for groups, window in ((1, 1), (4, 2), (9, 4), (1000, 16)):
        dataset.budget = groups * largest
        assert GroupShuffleSampler(dataset).window == window


@pytest.mark.parametrize(
    ("options", "words"),
    [({"rank": 2, "num_replicas": 2}, r"Invalid rank 2"), ({"window": 0}, "at least 1 group")],
)
def test_orders_that_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        GroupShuffleSampler(SIZES, **options)
    with pytest.raises(ValueError, match=words):
        GroupStream(Ranged(), **options)


# ------------------------------------------------------------------------------------ streams
WORKERS = [("thread", 1), ("thread", 3), ("process", 2)]


class Ranged:
    group_sizes = SIZES
    transform = None

    def __getitem__(self, index):
        return index


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("lanes", [1, 2, 3, 30])
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_stream_gives_every_row_once(replicas, lanes, shuffle):
    options = {"shuffle": shuffle, "lanes": lanes, "window": 2, "num_replicas": replicas}
    streams = [GroupStream(Ranged(), rank=rank, **options) for rank in range(replicas)]
    epochs = [[row for stream in streams for row in stream] for _ in range(2)]
    for rows in epochs:
        assert sorted(rows) == list(range(25))
    assert (epochs[0] != epochs[1]) is shuffle
    assert sum(map(len, streams)) == 25
    if lanes == replicas == 1 and not shuffle:
        assert epochs[0] == list(range(25))


@pytest.mark.parametrize("stop", [0, 1, 4, 9])
@pytest.mark.parametrize(("kind", "count"), WORKERS)
def test_streams_with_workers_and_resuming(kind, count, stop, tmp_path):
    dataset = opened(tmp_path, tables.numbers(), "parquet", 2, transform=jittered)

    def loader(count=0):
        stream = GroupStream(dataset, window=2, lanes=3)
        return DataLoader(stream, 8, num_workers=count, worker_type=kind)

    expected = [listed(batch) for batch in loader()]
    assert len(expected) == 15
    first = loader(count)
    passing = iter(first)
    found = [listed(next(passing)) for _ in range(stop)]
    state = json.loads(json.dumps(first.state_dict()))
    for again in (loader(), loader(count)):
        again.load_state_dict(state)
        assert found + [listed(batch) for batch in again] == expected
    assert found + [listed(batch) for batch in passing] == expected
