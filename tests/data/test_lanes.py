"""A stream of lanes gives the same batches to any number and kind of workers."""

import json

import pytest

from rushlight.data import ChainDataset, DataLoader, IterableDataset, LanedDataset
from rushlight.data.lanes import Turns
from rushlight.data.workers.processes import WorkerDiedError
from tests.data.laned import Lanes

WORKERS = [(0, "thread"), (1, "thread"), (2, "thread"), (3, "thread"), (4, "thread")]
WORKERS += [(2, "process"), (3, "process")]


def make(dataset=None, workers=0, kind="thread", **options):
    options = {"batch_size": 3} | options
    return DataLoader(
        Lanes() if dataset is None else dataset, num_workers=workers, worker_type=kind, **options
    )


def listed(batches):
    return [batch.tolist() if hasattr(batch, "tolist") else batch for batch in batches]


def whole(batches):
    return [[int(value) for value in batch] for batch in listed(batches)]


def test_batches_come_from_the_lanes_in_turn():
    found = whole(make())
    assert found[:6] == [[0, 4, 8], [1, 5], [2, 6, 10], [3, 7, 11], [12, 16, 20], [14, 18, 22]]
    assert sorted(value for batch in found for value in batch) == sorted(
        value for value in range(37) if value % 4 != 1 or value < 9
    )


@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"batch_size": None}])
@pytest.mark.parametrize(("workers", "kind"), WORKERS)
def test_workers_change_nothing(workers, kind, options, seeds):
    expected = make(**options)
    found = make(None, workers, kind, **options)
    for _ in range(2):
        assert listed(found) == listed(expected)


def test_idle_workers_are_told_and_change_nothing(seeds):
    with pytest.warns(UserWarning, match="7 workers read a stream of 4 lanes: 3 of them"):
        assert listed(make(workers=7)) == listed(make())


@pytest.mark.parametrize("stop", [0, 1, 2, 5, 9, 10, 11])
@pytest.mark.parametrize(("workers", "kind"), WORKERS)
@pytest.mark.parametrize("after", [0, 3])
def test_resuming_with_another_number_of_workers(workers, kind, after, stop, seeds):
    expected = listed(make())
    loader = make(None, workers, kind)
    passing = iter(loader)
    found = [next(passing).tolist() for _ in range(min(stop, len(expected)))]
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = make(workers=after)
    resumed.load_state_dict(state)
    assert found + listed(resumed) == expected


class Bare(LanedDataset):
    def lane_count(self):
        return 2

    def lane(self, number, epoch):
        return iter(range(number, 20, 2))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.filterwarnings("ignore:.*samples of lane 1 are")
def test_lanes_without_a_state_are_read_again_and_that_is_told(workers):
    loader = make(Bare(), workers)
    passing = iter(loader)
    for _ in range(3):
        next(passing)
    resumed = make(Bare())
    resumed.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    with pytest.warns(UserWarning, match="lanes of Bare have no state_dict: 6 samples of lane 0"):
        found = listed(resumed)
    assert found == listed(passing) == listed(make(Bare()))[3:]


def test_in_any_order_nothing_is_lost(seeds):
    assert sorted(listed(make(workers=3, in_order=False))) == sorted(listed(make()))


def test_epochs_are_the_loaders_or_those_that_are_set(seeds):
    dataset = Lanes()
    loader = make(dataset, 2, "process", persistent_workers=True)
    first, second = whole(loader), whole(loader)
    assert first != second
    dataset.set_epoch(0)
    assert whole(loader) == whole(make(dataset)) == first


def test_a_dead_worker_is_replaced_where_its_lanes_stood(tmp_path, seeds):
    expected = listed(make(Lanes(length=60)))
    loader = make(Lanes(length=60, mark=str(tmp_path / "died")), 3, "process")
    passing, found = iter(loader), []
    for _ in range(2):
        try:
            found += [batch.tolist() for batch in passing]
        except WorkerDiedError:
            assert (tmp_path / "died").exists()
    assert found == expected


@pytest.mark.parametrize("stop", [0, 1, 7, 29])
def test_a_bare_pass_can_go_on_too(stop):
    passing = iter(Lanes())
    for _ in range(stop):
        next(passing)
    again = iter(Lanes())
    again.load_state_dict(json.loads(json.dumps(passing.state_dict())))
    assert [int(value) for value in again] == [int(value) for value in passing]


@pytest.mark.parametrize(("workers", "kind"), WORKERS)
def test_inside_another_stream_nothing_comes_twice(workers, kind, seeds):
    dataset = ChainDataset([Lanes(), Lanes(length=9)])
    loader = make(dataset, workers, kind)
    first, second = (sorted(int(value) for batch in loader for value in batch) for _ in range(2))
    assert first == sorted(int(value) for part in (Lanes(), Lanes(length=9)) for value in part)
    assert first != second  # another epoch


def test_turns_of_uneven_shares():
    turns = Turns(lanes=5, workers=2, resumed={"turn": 3})
    assert [turns.take(0) for _ in range(4)] == [4, 5, 7, 9]
    assert [turns.take(1) for _ in range(3)] == [3, 6, 8]
    turns.end(3)
    assert [turns.take(1) for _ in range(2)] == [11, 16]
    turns.end(1)
    assert turns.take(1) is None


def test_the_state_of_other_lanes_is_refused():
    assert issubclass(Lanes, IterableDataset)
    state = make(Described(4)).state_dict()
    with pytest.raises(ValueError, match="lanes: 4 in the state, 2 here"):
        make(Described(2)).load_state_dict(state)


class Described(Lanes):
    def fingerprint(self):
        return {"lanes": self.lanes}
