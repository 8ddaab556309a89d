"""What a loader says of its latest pass; times are compared with sleeps that are part of them."""

import gc
import json
import os
import re
import time
from dataclasses import replace

import numpy as np
import pytest

from rushlight.data import DataLoader, Dataset, IterableDataset, TensorDataset, stage
from rushlight.data.advice import advise
from rushlight.data.stats import LoaderStats, RingStats, WorkerStats
from tests.data.workers.datasets import Faulty, raise_value_error

KINDS = [(0, "thread"), (2, "thread"), (2, "process")]
PAUSE = 0.01


class Staged(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, index):
        time.sleep(PAUSE)
        with stage("decode"):
            time.sleep(PAUSE)
            with stage("transform"):
                time.sleep(PAUSE)
        return np.full(5, index)


class Numbers(IterableDataset):
    def __iter__(self):
        return iter(range(10))


def slow_collate(samples):
    time.sleep(PAUSE)
    return samples


def passed(dataset, workers, kind, **options):
    loader = DataLoader(dataset, 4, num_workers=workers, worker_type=kind, **options)
    for _ in loader:
        time.sleep(PAUSE)
    return loader.stats()


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_counts_and_times(workers, kind):
    stats = passed(Staged(), workers, kind, collate_fn=slow_collate)
    assert (stats.batches, stats.samples) == (5, 20)
    assert stats.worker_type == (kind if workers else None)
    for name in ("read", "decode", "transform"):
        assert stats.stages[name] >= 20 * PAUSE * 0.99
    assert stats.stages["collate"] >= 5 * PAUSE * 0.99
    whole = 60 * PAUSE / max(workers, 1)
    assert stats.seconds >= whole * 0.99
    assert stats.step >= 3 * PAUSE
    assert stats.first_batch + stats.wait + stats.step <= stats.seconds * 1.01
    assert 0 < stats.samples_per_second < 20 / whole * 2
    assert stats.memory is None or stats.memory > 1e6


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_workers(workers, kind):
    stats = passed(Staged(), workers, kind)
    assert [worker.number for worker in stats.workers] == list(range(workers))
    if workers:
        assert [worker.batches for worker in stats.workers] == [3, 2]
        assert [worker.samples for worker in stats.workers] == [12, 8]
        for worker in stats.workers:
            assert worker.busy >= 8 * 3 * PAUSE * 0.99
            assert 0 <= worker.processor < stats.seconds
            if kind == "process":
                assert worker.process != os.getpid()
                assert worker.memory is None or worker.memory > 1e6
            else:
                assert worker.process is worker.memory is None
        assert stats.stages["send"] > 0


def test_the_ring_of_processes():
    loader = DataLoader(Staged(), 1, num_workers=2, worker_type="process")
    passing = iter(loader)
    kept = [next(passing) for _ in range(20)]
    ring = loader.stats().ring
    assert ring.slots == 6
    assert ring.nbytes >= 6 * 40
    assert ring.in_use == ring.through == 6
    assert ring.refused > 0
    assert ring.outgrown == 0
    del kept
    gc.collect()
    assert loader.stats().ring.in_use == 0


def test_batches_larger_than_a_slot_are_counted():
    rows = [np.zeros(2**place) for place in range(12)]
    loader = DataLoader(rows, batch_size=None, num_workers=1, worker_type="process")
    assert sum(1 for _ in loader) == 12
    assert loader.stats().ring.outgrown > 0


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_streams_are_counted_too(workers, kind):
    stats = passed(Numbers(), min(workers, 1), kind)
    assert (stats.batches, stats.samples) == (3, 10)


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_each_pass_is_counted_by_itself(workers, kind):
    options = {"num_workers": workers, "worker_type": kind, "persistent_workers": workers > 0}
    loader = DataLoader(TensorDataset(np.arange(20.0)), 4, **options)
    for _ in range(3):
        list(loader)
        assert (loader.stats().batches, loader.stats().samples) == (5, 20)
        assert sum(worker.samples for worker in loader.stats().workers) == (20 if workers else 0)


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_batches_that_fail_are_not_counted(workers, kind):
    loader = DataLoader(Faulty(raise_value_error), 4, num_workers=workers, worker_type=kind)
    passing = iter(loader)
    for _ in range(2):
        next(passing)
    with pytest.raises(ValueError, match="no such picture"):
        next(passing)
    assert (loader.stats().batches, loader.stats().samples) == (2, 8)


def test_a_stage_outside_of_loading_counts_nothing():
    loader = DataLoader(range(4), 2)
    for _ in loader:
        with stage("step"):
            pass
    assert set(loader.stats().stages) == {"read", "collate"}


def test_there_is_nothing_to_say_before_a_pass():
    with pytest.raises(RuntimeError, match="there is none"):
        DataLoader([1]).stats()


@pytest.mark.parametrize(("workers", "kind"), KINDS)
def test_the_table_and_the_dict_hold_the_same(workers, kind):
    stats = passed(Staged(), workers, kind)
    text = str(stats)
    assert "20 samples in 5 batches" in text
    for word in ("read", "decode", "transform", "collate", stats.advice):
        assert word in text
    assert ("busy s" in text) == (workers > 0)
    assert all(str(worker.process) in text for worker in stats.workers if worker.process)
    values = json.loads(json.dumps(stats.as_dict()))
    assert values["stages"] == stats.stages
    assert len(values["workers"]) == workers
    assert values["advice"] == stats.advice


def worker(busy, idle, processor=None):
    return WorkerStats(0, 50, 500, busy, idle, busy if processor is None else processor)


RING = RingStats(60, 6, 6, 40, 0, 0)
NOTHING = LoaderStats("thread", 100, 1000, 10, 100, 0, 0, 10, {"read": 3, "decode": 5}, [], None, 0)
ADVICE = [
    ({"batches": 1}, "unknown", "Too few batches"),
    ({"wait": 0.1}, "model", "waits for data 1.0% of its time"),
    ({"wait": 2, "step": 8}, "model", "loading is 20% of the loop. With num_workers=1"),
    ({"wait": 8, "step": 2}, "data", "loading is 80% of the loop. With num_workers=1"),
    ({"wait": 10, "step": 0}, "data", r"Most of loading is 'decode' \(62%\). Try num_workers="),
    ({"wait": 5, "step": 5, "workers": [worker(9, 1)]}, "data", "Try num_workers=4, one for each"),
    ({"wait": 5, "step": 5, "workers": [worker(9, 1)] * 4}, "data", "make that stage cheaper"),
    ({"wait": 5, "step": 5, "workers": [worker(9, 1, 1)] * 2}, "data", "waiting, as for files"),
    ({"wait": 5, "step": 5, "workers": [worker(9, 1, 4)] * 2}, "data", 'Try worker_type="process"'),
    ({"wait": 5, "step": 5, "workers": [worker(4, 6)]}, "data", "larger prefetch_factor, larger"),
    (
        {"wait": 5, "step": 5, "workers": [worker(4, 6)], "ring": replace(RING, refused=50)},
        "data",
        "50 batches found no free slot",
    ),
]


@pytest.mark.parametrize(("changes", "bottleneck", "words"), ADVICE)
def test_advice(changes, bottleneck, words, monkeypatch):
    monkeypatch.setattr("rushlight.data.advice.usable_cores", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.0, 1.0, 1.0), raising=False)
    found = advise(replace(NOTHING, **changes))
    assert found[0] == bottleneck
    assert re.search(words, found[1]), found[1]


def test_advice_on_a_machine_that_does_much_else(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 1.0, 1.0), raising=False)
    found = advise(replace(NOTHING, wait=5, step=5, workers=[worker(9, 1, 1)] * 2))
    assert "other programs use the machine too (a load of 1000.0" in found[1]


def test_a_state_that_is_loaded_leaves_them():
    loader = DataLoader(range(8), batch_size=2)
    state = loader.state_dict()
    assert len(list(loader)) == 4
    loader.load_state_dict(state)
    assert loader.stats().batches == 4
    assert loader.state_dict() == state
    next(iter(loader))
    assert loader.stats().batches == 1
