"""Workers that are killed, starved or interrupted: what is told, and that nothing is lost."""

import ctypes
import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from rushlight.data import DataLoader, Dataset, Subset
from rushlight.data.workers.processes import WorkerDiedError
from tests.data.workers import datasets as d
from tests.data.workers.test_endings import PROGRAM

KINDS = ["thread", "process"]
LONG = 30
"""Seconds that nothing here takes, on however busy a machine."""


class Steady(Dataset):
    def __init__(self, length=240):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        time.sleep(0.002)
        return np.full(100, index)


def test_nothing_is_lost_however_often_workers_are_killed():
    passing = iter(DataLoader(Steady(), 4, num_workers=2, worker_type="process"))
    chance, found, kills, told = random.Random(0), [], 0, []
    while len(found) < 60:
        if kills < 5 and len(found) > 8 * kills:
            time.sleep(chance.random() * 0.02)  # in the middle of anything
            os.kill(chance.choice(multiprocessing.active_children()).pid, signal.SIGKILL)
            kills += 1
        try:
            found.append(next(passing)[:, 0].tolist())
        except WorkerDiedError as error:
            told.append(str(error))
    assert 1 <= len(told) <= 5
    assert all("SIGKILL: most likely the system was out of memory" in words for words in told)
    assert [index for batch in found for index in batch] == list(range(240))


def test_a_pass_that_has_ended_says_so():
    loader = DataLoader(d.Rows(), 4, num_workers=2, worker_type="process", persistent_workers=True)
    options = {"num_workers": 1, "worker_type": "process", "worker_init_fn": d.break_worker}
    passing = iter(DataLoader(d.Rows(), 4, **options))
    with pytest.raises(KeyError, match="no data for 0"):
        next(passing)
    with pytest.raises(RuntimeError, match="have ended: begin a new pass"):
        next(passing)
    passing = iter(loader)
    passing.reading.crew.close()
    with pytest.raises(RuntimeError, match="have ended: begin a new pass"):
        next(passing)
    assert len(list(loader)) == 10


def test_a_death_is_told_while_the_loop_waits():
    """Not when some time has passed: the loader would wait for ever."""
    passing = iter(DataLoader(d.Faulty(d.hang), 4, num_workers=1, worker_type="process"))
    next(passing), next(passing)
    (process,) = multiprocessing.active_children()
    threading.Timer(0.2, os.kill, (process.pid, signal.SIGKILL)).start()
    start = time.monotonic()
    with pytest.raises(WorkerDiedError, match=f"process {process.pid}.*samples \\[8, 9, 10, 11\\]"):
        next(passing)
    assert time.monotonic() - start < LONG


def read_where_nothing_is():
    ctypes.string_at(0)


def test_a_segmentation_fault(tmp_path):
    dataset = d.Faulty(read_where_nothing_is, str(tmp_path / "done"))
    passing = iter(DataLoader(dataset, 4, num_workers=1, worker_type="process"))
    found = [next(passing).tolist() for _ in range(2)]
    with pytest.raises(WorkerDiedError, match="killed by SIGSEGV: a library"):
        next(passing)
    assert [i for batch in [*found, *passing] for i in np.asarray(batch).tolist()] == [*range(40)]


def allow_little_memory(number):
    import resource

    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**28, now + 2**28))


def take_much_memory():
    np.ones(2**31)


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_a_worker_without_memory():
    dataset = d.Faulty(take_much_memory)
    options = {"worker_type": "process", "worker_init_fn": allow_little_memory}
    passing = iter(DataLoader(dataset, 4, num_workers=1, **options))
    found = [next(passing).tolist() for _ in range(2)]
    with pytest.raises(MemoryError) as caught:
        next(passing)
    assert "while reading sample 11 of Faulty" in "\n".join(caught.value.__notes__)
    found += [batch.tolist() for batch in passing]
    assert [i for batch in found for i in batch] == [*range(8), *range(12, 40)]


def leave_politely():
    sys.exit(3)


def test_an_exit_in_a_thread_is_an_exit():
    """A thread that ends without a word would keep the loop waiting."""
    with pytest.raises(SystemExit):
        list(DataLoader(d.Faulty(leave_politely), 4, num_workers=2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_that_is_left_ends_its_workers(kind):
    before = set(_worker_threads())
    loader = DataLoader(Steady(), 4, num_workers=2, worker_type=kind)
    for number, _ in enumerate(loader):
        if number == 3:
            break
    gc.collect()
    assert not multiprocessing.active_children()
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline and set(_worker_threads()) - before:
        time.sleep(0.01)
    assert not set(_worker_threads()) - before
    assert loader.state_dict()["batch"] == 4
    assert loader.stats().batches == 4
    assert sum(len(batch) for batch in loader) == 240


@pytest.mark.parametrize("option", ["dataset", "worker_init_fn"])
def test_a_pass_that_has_failed_keeps_no_threads(option):
    """Its error leads to the loop, and from there to the workers."""
    dataset = d.Faulty(d.raise_value_error) if option == "dataset" else d.Rows()
    options = {} if option == "dataset" else {option: d.break_worker}
    before = set(_worker_threads())
    passing = iter(DataLoader(dataset, 12, num_workers=2, **options))
    with pytest.raises((ValueError, KeyError)):
        next(passing)
    started = set(_worker_threads()) - before
    assert started or option == "worker_init_fn"  # which may have ended it already
    del passing
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline and started & set(_worker_threads()):
        gc.collect()
        time.sleep(0.01)
    assert not started & set(_worker_threads())


def test_what_is_left_of_a_pass_holds_no_batches():
    loader = DataLoader(Steady(), 4, num_workers=2, worker_type="process")
    kept = [batch for _, batch in zip(range(4), loader, strict=False)]
    ring = loader._latest.crew.ring
    assert ring.memory is None
    assert not loader._latest._finished
    assert [batch[:, 0].tolist() for batch in kept] == np.arange(16).reshape(4, 4).tolist()
    assert loader.stats().ring.nbytes == ring.slot_bytes * 6


def _worker_threads():
    names = {f"loader-{number}" for number in range(2)}
    return [thread for thread in threading.enumerate() if thread.name in names]


def test_long_messages_in_both_directions():
    """Neither side waits for the other to take what it says."""
    dataset = d.Rows(60_000, 1)
    options = {"num_workers": 2, "worker_type": "process", "collate_fn": d.collate_to_list}
    order = np.random.default_rng(0).permutation(60_000).tolist()
    batches = list(DataLoader(Subset(dataset, range(60_000)), 20_000, sampler=order, **options))
    assert [sample["i"] for batch in batches for sample in batch] == order


class Holder:
    def __init__(self, held):
        self.held = held


def test_what_cannot_be_pickled_is_named_however_deep():
    dataset = d.Rows(4)
    dataset.parts = [1, {"pipeline": Holder((2, threading.Lock()))}]
    words = r"dataset\.parts\[1\]\['pipeline'\]\.held\[1\] \(lock\): cannot pickle"
    with pytest.raises(TypeError, match=words):
        next(iter(DataLoader(dataset, num_workers=1, worker_type="process")))
    loader = DataLoader(dataset, collate_fn=lambda x: x, num_workers=1, worker_type="process")
    dataset.parts = []
    with pytest.raises(TypeError, match=r"collate_fn \(function\).*worker_type=.thread."):
        next(iter(loader))


def test_what_only_a_prompt_knows_is_explained():
    program = "from rushlight.data import *\nclass Mine(list): pass\n"
    program += "next(iter(DataLoader(Mine([1]), num_workers=1, worker_type='process')))\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "put the dataset into a file and import it" in done.stderr


# ---------------------------------------------------------------------------------- endings
class Session:
    """A program in a session of its own, whose processes can be told from all others."""

    def __init__(self, *arguments):
        self.program = subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, words):
        """Until the program says so."""
        for line in self.program.stdout:
            if line.strip() == words:
                return
        raise AssertionError(self.program.stderr.read())

    def end(self):
        """How the program ends, and what it says of it; then no process of it is left."""
        try:
            _, errors = self.program.communicate(timeout=LONG)
            deadline = time.monotonic() + LONG
            while time.monotonic() < deadline and self.processes():
                time.sleep(0.02)
            assert not self.processes()
            return self.program.returncode, errors
        finally:
            for process in self.processes():
                os.kill(process, signal.SIGKILL)

    def processes(self):
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and self._is_in(name)]

    def _is_in(self, process):
        try:
            with open(f"/proc/{process}/stat") as file:
                state, _, _, session = file.read().rsplit(")", 1)[1].split()[:4]
        except OSError:
            return False
        return int(session) == self.program.pid and state != "Z"


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
PLACES = ["reading", "collating", "starting"]


@linux
@pytest.mark.parametrize("kind", ["none", *KINDS])
@pytest.mark.parametrize("place", PLACES)
def test_interrupts(place, kind):
    if (place, kind) == ("starting", "none"):
        pytest.skip("nothing starts")
    session = Session("hanging", kind, place)
    session.wait_for(place)
    os.killpg(session.program.pid, signal.SIGINT)  # as a terminal does: everybody gets it
    code, errors = session.end()
    assert code == -signal.SIGINT
    assert errors.count("Traceback") == errors.count("KeyboardInterrupt") == 1, errors


@linux
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("ending", "code"), [("exit", 3), ("error", 1), ("kill", -9)])
def test_the_program_ends_although_workers_hang(ending, code, kind):
    session = Session("hanging", kind, "reading", ending)
    returned, errors = session.end()
    assert returned == code, errors
    assert errors.count("Traceback") == (ending == "error")


@linux
def test_a_fork_of_the_program_leaves_the_workers_alone():
    session = Session("forked")
    code, errors = session.end()
    assert code == 0, errors
    assert not errors
