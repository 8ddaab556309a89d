"""A loader goes on where its state was taken, with the very next batch."""

import json

import numpy as np
import pytest

from rushlight.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

TWENTY = list(range(20))
LOADERS = {
    "in order": {"batch_size": 3},
    "shuffled": {"batch_size": 3, "shuffle": True},
    "short batches left out": {"batch_size": 3, "shuffle": True, "drop_last": True},
    "with replacement": {"sampler": lambda: RandomSampler(TWENTY, True, 33), "batch_size": 4},
    "subset": {"sampler": lambda: SubsetRandomSampler([5, 3, 1, 9, 11]), "batch_size": 2},
    "weighted": {"sampler": lambda: WeightedRandomSampler([1.0] * 20, 17), "batch_size": 4},
    "samples": {"batch_size": None, "shuffle": True},
    "batches": {"batch_sampler": lambda: BatchSampler(RandomSampler(TWENTY), 7, False)},
    "a list": {"sampler": lambda: [7, 1, 3, 3, 9], "batch_size": 2},
}


class Reading(Dataset):
    def __init__(self):
        self.read = []

    def __len__(self):
        return 20

    def __getitem__(self, index):
        self.read.append(index)
        return index


def make(options, dataset=TWENTY):
    options = {name: value() if callable(value) else value for name, value in options.items()}
    return DataLoader(dataset, **options)


def values(batches):
    return [np.asarray(batch).tolist() for batch in batches]


def saved(loader):
    return json.loads(json.dumps(loader.state_dict()))


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
@pytest.mark.parametrize("options", LOADERS.values(), ids=LOADERS)
def test_the_next_batches_are_the_same(options, stop, seeds):
    loader = make(options)
    list(loader)  # an epoch before
    passing = iter(loader)
    for _ in range(min(stop, len(loader))):
        next(passing)
    state = saved(loader)
    expected = values(passing), values(loader)
    seeds.seed()
    seeds.position = 500
    resumed = make(options)
    resumed.load_state_dict(state)
    assert saved(resumed) == state
    assert (values(resumed), values(resumed)) == expected


def test_after_the_last_batch_the_next_epoch_follows(seeds):
    loader = make(LOADERS["shuffled"])
    list(loader)
    state = saved(loader)
    assert (state["epoch"], state["batch"]) == (1, 0)
    again = make(LOADERS["shuffled"])
    again.load_state_dict(state)
    assert values(again) == values(loader)


def test_a_state_before_the_first_pass(seeds):
    loader = make(LOADERS["shuffled"])
    again = make(LOADERS["shuffled"])
    again.load_state_dict(saved(loader))
    assert values(again) == values(loader)


def test_nothing_is_read_again():
    loader = DataLoader(Reading(), batch_size=4)
    passing = iter(loader)
    next(passing), next(passing)
    dataset = Reading()
    resumed = DataLoader(dataset, batch_size=4)
    resumed.load_state_dict(loader.state_dict())
    list(resumed)
    assert dataset.read == TWENTY[8:]


def test_an_abandoned_pass_leaves_the_next_epoch():
    loader = make(LOADERS["shuffled"])
    next(iter(loader))
    next(iter(loader))
    assert (saved(loader)["epoch"], saved(loader)["batch"]) == (1, 1)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(20))


class StatefulStream(IterableDataset):
    def __init__(self):
        self.place, self.read = 0, []

    def __iter__(self):
        while self.place < 20:
            self.read.append(self.place)
            self.place += 1
            yield self.place - 1
        self.place = 0

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place = state["place"]


class StatefulIterator:
    def __init__(self):
        self.place = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.place == 20:
            raise StopIteration
        self.place += 1
        return self.place - 1

    state_dict = StatefulStream.state_dict
    load_state_dict = StatefulStream.load_state_dict


class StreamOfIterators(IterableDataset):
    def __iter__(self):
        return StatefulIterator()


@pytest.mark.parametrize("kind", [StatefulStream, StreamOfIterators])
def test_streams_say_where_they_stand(kind):
    loader = DataLoader(kind(), batch_size=3)
    passing = iter(loader)
    next(passing), next(passing)
    state = saved(loader)
    dataset = kind()
    resumed = DataLoader(dataset, batch_size=3)
    resumed.load_state_dict(state)
    assert saved(resumed) == state
    assert values(resumed) == values(passing)
    assert getattr(dataset, "read", TWENTY[6:]) == TWENTY[6:]


def test_a_stream_without_state_is_read_again_and_says_so():
    loader = DataLoader(Stream(), batch_size=3)
    passing = iter(loader)
    next(passing), next(passing)
    resumed = DataLoader(Stream(), batch_size=3)
    resumed.load_state_dict(saved(loader))
    with pytest.warns(UserWarning, match="Stream has no state_dict: 2 batches are read again"):
        found = values(resumed)
    assert found == values(passing)


OTHERS = [
    (lambda: DataLoader(TWENTY, batch_size=4), "batch_size: 3 in the state, 4 here"),
    (lambda: DataLoader(TWENTY[:9], batch_size=3), "length: 20 in the state, 9 here"),
    (
        lambda: DataLoader(TWENTY, batch_size=3, shuffle=True),
        "sampler: 'SequentialSampler' in the state, 'RandomSampler' here",
    ),
    (
        lambda: DataLoader(TWENTY, batch_size=3, drop_last=True),
        "drop_last: False in the state, True here",
    ),
    (
        lambda: DataLoader(TensorDataset(np.zeros(20)), batch_size=3),
        "dataset: 'list' in the state, 'TensorDataset' here",
    ),
]


@pytest.mark.parametrize(("other", "words"), OTHERS)
def test_the_state_of_another_loader_is_refused(other, words):
    state = saved(DataLoader(TWENTY, batch_size=3))
    with pytest.raises(ValueError, match=words):
        other().load_state_dict(state)


BROKEN = [
    ({"batch": -1}, ValueError, "'batch' should be of type int and not negative, but is -1"),
    ({"epoch": "1"}, ValueError, "'epoch' should be of type int"),
    ({"seed": None}, ValueError, "'seed' should be of type int"),
    ({"seed": True}, ValueError, "'seed' should be of type int"),
    ({"version": 9}, ValueError, "version 9; this Rushlight reads 1"),
    ({"fingerprint": 3}, ValueError, "'fingerprint' should be of type dict"),
]


@pytest.mark.parametrize(("change", "error", "words"), BROKEN)
def test_broken_states_are_refused(change, error, words):
    loader = DataLoader(TWENTY, batch_size=3)
    with pytest.raises(error, match=words):
        loader.load_state_dict(saved(loader) | change)
    assert values(loader) == values(DataLoader(TWENTY, batch_size=3))


def test_what_is_no_dict_is_a_type_error():
    with pytest.raises(TypeError, match="expects a dict, but got list"):
        DataLoader(TWENTY).load_state_dict([])
