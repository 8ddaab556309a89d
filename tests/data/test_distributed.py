"""Each process takes its part of every epoch."""

import pytest

from rushlight.data import DataLoader, DistributedSampler


@pytest.mark.parametrize("length", [1, 7, 12])
@pytest.mark.parametrize("replicas", [1, 3, 5])
@pytest.mark.parametrize("shuffle", [False, True])
def test_all_parts_together_are_the_data(length, replicas, shuffle):
    parts = [
        list(DistributedSampler(range(length), replicas, rank, shuffle)) for rank in range(replicas)
    ]
    assert len({len(part) for part in parts}) == 1
    together = [index for part in parts for index in part]
    assert set(together) == set(range(length))
    assert len(together) == -(-length // replicas) * replicas


def test_the_rest_is_left_out():
    parts = [list(DistributedSampler(range(11), 3, rank, drop_last=True)) for rank in range(3)]
    together = [index for part in parts for index in part]
    assert [len(part) for part in parts] == [3, 3, 3]
    assert len(set(together)) == 9


def test_epochs_differ_and_ranks_agree(seeds):
    loaders = [
        DataLoader(range(12), 2, sampler=DistributedSampler(range(12), 2, rank)) for rank in (0, 1)
    ]
    epochs = []
    for _ in range(2):
        parts = [[i for batch in loader for i in batch.tolist()] for loader in loaders]
        assert sorted(parts[0] + parts[1]) == list(range(12))
        epochs.append(parts)
    assert epochs[0] != epochs[1]
    assert seeds.position == 0


def test_an_epoch_that_is_set_stays():
    sampler = DistributedSampler(range(12), 2, 0)
    sampler.set_epoch(3)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(4)
    assert list(sampler) != first


def test_the_environment_says_who_is_who(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "1")
    assert list(DistributedSampler(range(8), shuffle=False)) == [1, 5]


def test_wrong_ranks(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(
        ValueError, match=r"Invalid rank 2, rank should be in the interval \[0, 1\]"
    ):
        DistributedSampler(range(3), 2, 2)
    with pytest.raises(RuntimeError, match="set RANK in the environment"):
        DistributedSampler(range(3), 2)
