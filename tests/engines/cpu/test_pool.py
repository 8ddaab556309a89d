"""The thread pool: order of steps, every chunk once, concurrency, forks, sleep and exit."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from rushlight.engines.cpu import build, pool
from rushlight.engines.cpu.builder import POINTER
from rushlight.graph.dtype import int64


def counting(f):
    """Adds the step's number to its chunk's counter, and checks that the step before is done."""
    counters, wanted = f.argument(POINTER, 0), f.argument(int64, 1)
    total, before = f.variable(f.constant(0, int64)), f.argument(int64, 2)
    with f.loop(0, before) as i:
        total.value = total.value + f.load(int64, counters, i)
    with f.when(total.value >= wanted):
        mine = f.argument(POINTER, 3)
        f.store(f.load(int64, mine, f.chunk) + 1, mine, f.chunk)


class Steps:
    """Steps of so many chunks, each of which runs only if the step before is complete."""

    def __init__(self, chunks):
        address = build.kernel_addresses([("counting", counting)])[0]
        self.chunks = chunks
        self.counters = [np.zeros(max(n, 1), np.int64) for n in chunks]
        self.blocks, steps = [], []
        before = np.zeros(1, np.int64)
        for n, counter in zip(chunks, self.counters, strict=True):
            size = before.size if before.any() or self.blocks else 0
            wanted = self.wanted(len(self.blocks))
            slots = [before.ctypes.data, wanted, size, counter.ctypes.data]
            self.blocks.append(np.array(slots, np.int64))
            steps.append([address, self.blocks[-1].ctypes.data, n])
            before = counter
        self.steps = np.array(steps, np.int64)

    def wanted(self, step):
        return self.chunks[step - 1] if step else 0

    def run(self, serial=False):
        for counter in self.counters:
            counter[:] = 0
        pool.run_list(self.steps.ctypes.data, len(self.steps), serial)
        assert self.are_complete()

    def are_complete(self):
        pairs = zip(self.chunks, self.counters, strict=True)
        return all((counter[:n] == 1).all() for n, counter in pairs)


PATTERN = [1, 16, 1, 1, 7, 0, 2, 64, 0, 1]


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = pool.get_num_threads()
    pool.set_num_threads(request.param)
    yield request.param
    pool.set_num_threads(before)


def test_every_chunk_once_and_steps_in_order(threads):
    steps = Steps(PATTERN)
    for _ in range(200):
        steps.run()
    steps.run(serial=True)


def test_an_empty_list(threads):
    pool.run_list(0, 0)


def test_workers_that_slept_come_back(threads):
    steps = Steps(PATTERN)
    for _ in range(3):
        steps.run()
        time.sleep(0.05)
    steps.run()


def test_sleeping_in_python_where_there_is_no_futex(monkeypatch):
    monkeypatch.setattr(pool, "_FUTEX_CALLS", {})
    before = pool.get_num_threads()
    pool.set_num_threads(3)
    steps = Steps(PATTERN)
    for _ in range(4):
        steps.run()
        time.sleep(0.05)
    pool.set_num_threads(before)


def test_lists_at_the_same_time(threads):
    failures = []

    def work():
        try:
            steps = Steps(PATTERN)
            for _ in range(100):
                steps.run()
        except AssertionError as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


def test_scratch_grows_on_demand(threads):
    size = 8 << 20

    def emit(f):
        with f.loop(0, size // 8, 512) as i:
            f.store(f.chunk, f.scratch, i)

    address = build.kernel_addresses([(("scratch", size), emit)])[0]
    pool.require_scratch(size)
    steps = np.array([[address, 0, 4]], np.int64)
    pool.run_list(steps.ctypes.data, 1)
    pool.run_list(steps.ctypes.data, 1, serial=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_starts_anew(threads):
    steps = Steps(PATTERN)
    steps.run()
    child = os.fork()
    if not child:
        try:
            steps.run()
        finally:
            os._exit(0 if steps.are_complete() else 1)
    assert os.waitpid(child, 0)[1] == 0
    steps.run()


def test_number_of_threads_is_checked():
    for wrong in (0, -1):
        with pytest.raises(RuntimeError, match="positive number of threads"):
            pool.set_num_threads(wrong)


def test_the_interpreter_exits_while_workers_wait():
    code = (
        "from tests.engines.cpu.test_pool import *\n"
        "pool.set_num_threads(3)\n"
        "steps = Steps(PATTERN)\n"
        "steps.run()\n"
        "time.sleep({})\n"
    )
    for seconds in (0, 0.1):
        done = subprocess.run([sys.executable, "-c", code.format(seconds)], timeout=60, check=False)
        assert done.returncode == 0
