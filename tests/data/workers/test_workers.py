"""Batches that workers read: the same as without them, whatever happens to the workers."""

import gc
import json
import multiprocessing
import os
import time

import numpy as np
import pytest

from rushlight.data import DataLoader
from rushlight.data.workers import memory
from rushlight.data.workers import shared as shared_files
from rushlight.data.workers.processes import WorkerDiedError
from rushlight.data.workers.shared import SharedMemoryError
from tests.data.workers import datasets as d

KINDS = ["thread", "process"]


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """No process and no shared file outlives a test."""
    yield
    gc.collect()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (multiprocessing.active_children() or shared()):
        time.sleep(0.02)
    assert not multiprocessing.active_children()
    assert not shared()


def shared():
    folder = "/proc/self/fd"
    handles = [os.path.join(folder, name) for name in os.listdir(folder)]
    nameless = [path for path in handles if "memfd:rushlight" in _target(path)]
    return nameless + [
        name for name in os.listdir(shared_files._SHARED) if name.startswith("rushlight-")
    ]


def _target(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def listed(batch):
    if isinstance(batch, dict):
        return {name: listed(part) for name, part in batch.items()}
    return batch.tolist() if hasattr(batch, "tolist") else batch


def loaded(dataset, **options):
    return [listed(batch) for batch in DataLoader(dataset, **options)]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dataset", [d.Rows(), d.Own(), d.Growing()])
def test_the_batches_are_those_without_workers(dataset, kind, workers, seeds):
    options = {"batch_size": 7, "shuffle": True}
    if isinstance(dataset, d.Growing):
        options |= {"batch_size": None}
    expected = loaded(dataset, **options)
    seeds.seed()
    assert loaded(dataset, num_workers=workers, worker_type=kind, **options) == expected


@pytest.mark.parametrize("workers", [1, 3])
def test_global_generators_are_the_samples_own_in_processes(workers, seeds):
    expected = loaded(d.Drawn(), batch_size=7)
    found = loaded(d.Drawn(), batch_size=7, num_workers=workers, worker_type="process")
    assert found == expected


@pytest.mark.parametrize("kind", KINDS)
def test_persistent_workers_serve_all_passes(kind):
    options = {"num_workers": 2, "worker_type": kind, "persistent_workers": True}
    loader = DataLoader(d.Information(), batch_size=10, **options)
    rows = [batch.tolist() for _ in range(3) for batch in loader]
    processes = {row[3] for batch in rows for row in batch}
    assert {(row[0], row[1]) for batch in rows for row in batch} == {(0, 2), (1, 2)}
    assert len({row[2] for batch in rows for row in batch}) == 1
    assert processes == {os.getpid()} if kind == "thread" else len(processes) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_pass_drops_what_is_left_of_the_old(kind, seeds):
    options = {"num_workers": 2, "worker_type": kind, "persistent_workers": True}
    loader = DataLoader(d.Own(), batch_size=4, **options)
    next(iter(loader))
    found = [listed(batch) for batch in loader]
    plain = DataLoader(d.Own(), batch_size=4)
    next(iter(plain))
    assert found == [listed(batch) for batch in plain]


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_pass_of_persistent_workers_has_ended(kind):
    """It must not wait for what was dropped, nor put its batches into the newer pass."""
    options = {"num_workers": 2, "worker_type": kind, "persistent_workers": True}
    loader = DataLoader(d.Rows(), 4, **options)
    older = iter(loader)
    next(older)
    newer = iter(loader)
    found = [listed(next(newer))]
    with pytest.raises(RuntimeError, match="have begun a newer pass"):
        next(older)
    found += [listed(batch) for batch in newer]
    assert found == loaded(d.Rows(), batch_size=4)
    del loader, older, newer


@pytest.mark.parametrize("kind", KINDS)
def test_batches_may_be_kept(kind):
    found = list(DataLoader(d.Rows(), batch_size=3, num_workers=2, worker_type=kind))
    assert [listed(batch) for batch in found] == loaded(d.Rows(), batch_size=3)


def test_slots_are_used_again_when_batches_are_gone():
    passing = iter(DataLoader(d.Rows(400), 4, num_workers=2, worker_type="process"))
    kept = [next(passing) for _ in range(20)]
    ring_of = passing.reading.crew.ring
    leased = [batch for batch in kept if _lies_in(ring_of, batch["x"])]
    assert 1 <= len(leased) <= ring_of.count
    del kept, leased
    found = [_lies_in(ring_of, batch["x"]) for batch in passing]
    assert sum(found) > 60
    assert sorted(ring_of._free) == list(range(ring_of.count))


def _lies_in(ring_of, array):
    memory = np.frombuffer(ring_of.memory, np.uint8)
    return np.shares_memory(memory, array)


@pytest.mark.parametrize("kind", KINDS)
def test_any_order(kind):
    options = {"num_workers": 3, "worker_type": kind, "in_order": False}
    found = loaded(d.Own(), batch_size=4, **options)
    assert sorted(found) == sorted(loaded(d.Own(), batch_size=4))


@pytest.mark.parametrize("kind", KINDS)
def test_streams_are_shared_out(kind):
    found = loaded(d.Stream(), batch_size=4, num_workers=3, worker_type=kind)
    assert sorted(index for batch in found for index in batch) == list(range(20))
    assert found[:3] == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("dataset", [d.Own, d.StatefulStream])
def test_resuming_with_workers(dataset, stop, kind, seeds):
    options = {"batch_size": 3, "num_workers": 3, "worker_type": kind}
    loader = DataLoader(dataset(), **options)
    passing = iter(loader)
    for _ in range(stop):
        next(passing)
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = DataLoader(dataset(), **options)
    resumed.load_state_dict(state)
    assert [listed(batch) for batch in resumed] == [listed(batch) for batch in passing]


@pytest.mark.parametrize("kind", KINDS)
def test_first_of_all_the_workers_own_function(kind):
    if kind == "process":
        options = {"num_workers": 2, "worker_type": kind, "worker_init_fn": d.name_worker}
        assert loaded(d.Environment(8), batch_size=4, **options) == [[0] * 4, [1] * 4]
    options = {"num_workers": 2, "worker_type": kind, "worker_init_fn": d.break_worker}
    with pytest.raises(KeyError, match="no data for") as caught:
        loaded(d.Rows(), batch_size=4, **options)
    assert f"of 2 ({kind})" in "".join(caught.value.__notes__)


# ------------------------------------------------------------------------------------------ errors
ERRORS = [
    (d.raise_value_error, ValueError, "no such picture"),
    (d.raise_own, d.OwnError, "mine"),
    (d.stop_iteration, RuntimeError, "StopIteration raised while reading sample 11"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("what", "error", "words"), ERRORS)
def test_errors_arrive_as_they_are_and_the_pass_goes_on(what, error, words, kind):
    passing = iter(DataLoader(d.Faulty(what), 4, num_workers=2, worker_type=kind))
    found = [next(passing).tolist() for _ in range(2)]
    with pytest.raises(error, match=words) as caught:
        next(passing)
    notes = "\n".join(caught.value.__notes__)
    assert f"in worker 0 of 2 ({kind})" in notes
    assert "sample 11 of Faulty" in notes + str(caught.value)
    assert kind == "thread" or f"in {what.__name__}" in notes
    found += [batch.tolist() for batch in passing]
    assert [i for batch in found for i in batch] == [*range(8), *range(12, 40)]


def test_an_error_that_cannot_travel_is_told():
    passing = iter(DataLoader(d.Faulty(d.raise_awkward), 40, num_workers=1, worker_type="process"))
    with pytest.raises(RuntimeError, match=r"cannot travel.*AwkwardError: 1 and 2"):
        next(passing)


DEATHS = [
    (d.kill, "was killed by SIGKILL: most likely the system was out of memory"),
    (d.segmentation_fault, "was killed by SIGSEGV"),
    (d.leave, "ended with exit code 3"),
]


@pytest.mark.parametrize(("what", "words"), DEATHS)
def test_the_death_of_a_worker_is_told_and_nothing_is_lost(what, words, tmp_path):
    dataset = d.Faulty(what, str(tmp_path / "done"))
    loader = DataLoader(dataset, 4, num_workers=2, worker_type="process", persistent_workers=True)
    passing, found, told = iter(loader), [], []
    while len(found) < 10:
        try:
            found.append(next(passing).tolist())
        except WorkerDiedError as error:
            told.append(str(error))
    assert [i for batch in found for i in batch] == list(range(40))
    assert len(told) == 1
    assert words in told[0]
    assert "another process has taken its place" in told[0]
    assert [i for batch in loader for i in batch.tolist()] == list(range(40))


@pytest.mark.parametrize("kind", KINDS)
def test_a_timeout_says_where_the_workers_are(kind):
    hang = d.hang if kind == "process" else (lambda: time.sleep(3))
    loader = DataLoader(d.Faulty(hang), 4, num_workers=2, worker_type=kind, timeout=1)
    passing = iter(loader)
    next(passing), next(passing)
    words = r"timed out after 1 seconds, waiting for batch 2 from worker 0[\s\S]*datasets.py"
    with pytest.raises(RuntimeError, match=words if kind == "process" else "timed out.*worker 0"):
        next(passing)


def test_what_cannot_be_pickled_is_named():
    words = r"dataset\.transform\['scale'\] \(function\).*worker_type=.thread."
    with pytest.raises(TypeError, match=words):
        loaded(d.Unpicklable(), num_workers=1, worker_type="process")


def test_arrays_of_a_dataset_are_each_workers_own_to_write():
    dataset = d.Writes()
    found = loaded(dataset, batch_size=20, num_workers=2, worker_type="process")
    assert found == [[0.0] + [-1.0] * 19] * 2
    assert dataset.rows[0, 0] == 0


def test_too_little_memory_for_the_ring_is_told(monkeypatch):
    passing = iter(DataLoader(d.Rows(), num_workers=1, worker_type="process"))
    monkeypatch.setattr(memory, "available", lambda: 300)
    with pytest.raises(SharedMemoryError, match=r"need \d+ bytes.*may use 300 more"):
        next(passing)
    with pytest.raises(RuntimeError, match="have ended: begin a new pass"):
        next(passing)


def test_too_little_memory_is_told(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 300)
    words = r"need 512 bytes of shared memory, but this process may use 300 more.*--memory"
    with pytest.raises(SharedMemoryError, match=words):
        loaded(d.Rows(), num_workers=1, worker_type="process")


def test_too_little_room_for_shared_files_is_told(monkeypatch):
    def full(handle, start, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_files, "_nameless", lambda: -1)
    monkeypatch.setattr(os, "posix_fallocate", full)
    words = r"need 512 bytes of shared memory, but /dev/shm has room for \d+ more.*--shm-size"
    with pytest.raises(SharedMemoryError, match=words):
        loaded(d.Rows(), num_workers=1, worker_type="process")


def test_shared_files_may_have_names(monkeypatch):
    """As they have on systems that know no other."""
    monkeypatch.setattr(shared_files, "_nameless", lambda: -1)
    found = loaded(d.Growing(), batch_size=None, num_workers=2, worker_type="process")
    assert found == loaded(d.Growing(), batch_size=None)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_other_ways_to_start(method):
    options = {"worker_type": "process", "multiprocessing_context": method}
    assert loaded(d.Rows(), num_workers=2, **options) == loaded(d.Rows())


def test_an_abandoned_pass_ends_its_workers():
    passing = iter(DataLoader(d.Rows(), 4, num_workers=2, worker_type="process"))
    next(passing)
    assert len(multiprocessing.active_children()) == 2
    del passing
    gc.collect()
    assert not multiprocessing.active_children()


def test_arrays_are_not_copied_into_the_workers():
    batch = next(iter(DataLoader(d.Rows(), 4, num_workers=1, worker_type="process")))
    assert batch["x"].flags.writeable
    batch["x"][0] = 5
    np.testing.assert_array_equal(batch["x"][0], [5, 5, 5])
