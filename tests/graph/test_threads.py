"""Recorders belong to threads; values go from one thread to another."""

import sys
import threading

import numpy as np
import pytest

from rushlight.graph import elementwise as e
from rushlight.graph import indexing
from rushlight.graph.recorder import recorder
from tests.engines.harness import HERE, assert_same, given, value

pytestmark = pytest.mark.usefixtures("engine")


class Other:
    """A thread that does what it is asked to, one thing after another."""

    def __init__(self):
        self._asked, self._done = threading.Event(), threading.Event()
        self._work = self._result = None
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self):
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._work is None:
                return
            try:
                self._result = self._work()
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
                self._result = error
            self._work = None
            self._done.set()

    def do(self, work):
        self._work = work
        self._asked.set()
        assert self._done.wait(30)
        self._done.clear()
        result, self._result = self._result, None
        if isinstance(result, BaseException):
            raise result
        return result

    def end(self):
        self._work = None
        self._asked.set()
        self._thread.join(30)


@pytest.fixture
def other():
    thread = Other()
    yield thread
    thread.end()


def test_every_thread_has_its_own_recorder(other):
    x = e.neg(given([1.0]))
    assert other.do(recorder) is not recorder()
    other.do(lambda: recorder().compute())
    assert x.buffer is None
    assert other.do(lambda: recorder().immediate) is False


def test_a_value_that_another_thread_has_pending(other):
    x = other.do(lambda: e.neg(given([1.0])))
    assert x.buffer is None
    assert_same(value(x), [-1])


def test_work_on_a_value_that_another_thread_has_pending(other):
    x = other.do(lambda: e.neg(given([1.0])))
    y = e.add(x, given([3.0]))
    assert_same(value(y), [2])
    assert_same(value(x), [-1])


def test_a_value_that_only_pending_work_of_another_thread_holds(other):
    y = e.add(other.do(lambda: e.neg(given([1.0]))), given([3.0]))
    assert_same(value(y), [2])


def test_work_that_goes_to_and_fro(other):
    x = e.neg(given([1.0]))
    y = other.do(lambda: e.add(x, given([5.0])))
    z = e.mul(y, given([10.0]))
    assert_same(value(z), [40])
    assert_same(other.do(lambda: value(y)), [4])


def test_a_failure_in_another_thread_is_raised_where_it_is_read(other):
    x = other.do(lambda: indexing.take(given([1.0]), (given([7]),), HERE))
    y = e.neg(x)
    for node in (x, y):
        with pytest.raises(IndexError, match="index 7"):
            value(node)


def test_values_outlive_their_thread():
    other = Other()
    x = other.do(lambda: e.neg(given([1.0])))
    y = other.do(lambda: e.neg(x))
    other.end()
    del other
    assert_same(value(e.add(y, given([1.0]))), [2])
    assert_same(value(x), [-1])


def test_a_failure_outlives_its_thread():
    other = Other()
    x = other.do(lambda: indexing.take(given([1.0]), (given([7]),), HERE))
    other.end()
    with pytest.raises(IndexError, match="index 7"):
        value(x)


def test_no_node_is_lost_while_another_thread_computes(other):
    """One thread records without pause; another computes what it finds there."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    stop = threading.Event()

    def recording():
        nodes = []
        x = given([1.0])
        while not stop.is_set() and len(nodes) < 20_000:
            nodes.append(e.neg(x))
        return nodes

    result = []
    thread = threading.Thread(target=lambda: result.append(other.do(recording)))
    thread.start()
    try:
        for _ in range(50):
            foreign = Other()
            unread = foreign.do(lambda: e.neg(given([2.0])))
            assert_same(value(e.neg(unread)), [2])
            foreign.end()
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert result[0]
    for node in result[0]:
        np.testing.assert_array_equal(value(node), [-1])


def test_many_threads_at_one_time():
    results = []

    def work(seed):
        x = given(np.full(10, float(seed)))
        for _ in range(20):
            x = e.add(x, given(np.ones(10)))
            if seed % 3 == 0:
                value(x)
        results.append((seed, value(x)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for seed, array in results:
        assert_same(array, np.full(10, seed + 20.0))
