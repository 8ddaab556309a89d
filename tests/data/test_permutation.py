"""Orders of very many samples, of which none is listed."""

import numpy as np
import pytest

from rushlight.data import DataLoader, DistributedSampler, RandomSampler, permutation
from rushlight.data.order import random_stream
from rushlight.data.permutation import Permutation


def permuted(size, seed, epoch, places=None):
    places = np.arange(size) if places is None else np.array(places)
    return Permutation(size, random_stream(seed, epoch))(places)


@pytest.mark.parametrize("size", [*range(1, 70), 127, 128, 129, 1000, 4097, 65_536, 100_001])
def test_every_number_once(size):
    order = permuted(size, 3, 1)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(size))


def test_seed_and_epoch_decide():
    orders = [permuted(1000, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(map(tuple, orders))) == 4
    assert permuted(1000, 1, 1).tolist() == orders[3]
    assert permuted(1000, 1, 1, [999, 5]).tolist() == [orders[3][999], orders[3][5]]


def test_all_orders_are_about_equally_likely():
    orders = [tuple(permuted(4, seed, 0).tolist()) for seed in range(4800)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 200.0) ** 2 / 200).sum() < 60  # chi-square of 23 degrees: 1 in 30,000


def test_neighbours_are_strangers():
    size = 1 << 20
    order = permuted(size, 5, 0) / size
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.005
    assert abs(np.corrcoef(np.arange(size), order)[0, 1]) < 0.005
    steps = np.diff(order)
    assert abs((steps > 0).mean() - 0.5) < 0.005
    assert abs(np.abs(steps).mean() - 1 / 3) < 0.005


class Many:
    """As many samples as nobody lists."""

    def __len__(self):
        return 10**12

    def __getitem__(self, index):
        return index


def test_a_shuffle_of_a_million_millions_starts_at_once(seeds):
    loader = DataLoader(Many(), 4, shuffle=True)
    passing = iter(loader)
    batches = [next(passing).tolist() for _ in range(3)]
    assert len({index for batch in batches for index in batch}) == 12
    state = loader.state_dict()
    after = next(passing).tolist()
    loader.load_state_dict(state | {"batch": 10**11})
    assert len(next(iter(loader))) == 4
    again = DataLoader(Many(), 4, shuffle=True)
    again.load_state_dict(state)
    assert next(iter(again)).tolist() == after


@pytest.mark.parametrize("count", [None, 30, 205])
def test_samplers_go_over_to_it(count, monkeypatch):
    monkeypatch.setattr(permutation, "LISTED", 50)
    found = list(RandomSampler(range(100), num_samples=count).order(1, 2))
    assert len(found) == (count or 100)
    for start in range(0, len(found), 100):
        part = found[start : start + 100]
        assert len(set(part)) == len(part)
    assert set(found) <= set(range(100))
    if count == 205:
        assert found[:100] != found[100:200]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_ranks_share_it_out(shuffle, drop_last, monkeypatch):
    options = {"shuffle": shuffle, "drop_last": drop_last}
    orders = []
    for limit in (50, 1000):
        monkeypatch.setattr(permutation, "LISTED", limit)
        parts = [DistributedSampler(range(100), 3, rank, **options) for rank in range(3)]
        orders.append([list(part.order(9, 4)) for part in parts])
        assert {len(part) for part in orders[-1]} == {33 if drop_last else 34}
        found = [index for part in orders[-1] for index in part]
        assert len(set(found)) == (99 if drop_last else 100)
    assert shuffle or orders[0] == orders[1]
