"""Rule 9: memory that someone else can write is copied when an operation on it is recorded."""

import gc
import sys
import weakref

import numpy as np
import pytest

import rushlight as rl
from tests.semantics.fresh import run_fresh


def test_a_later_write_of_the_user_does_not_reach_what_was_recorded():
    array = np.array([1.0, 2.0], np.float32)
    x = rl.from_numpy(array)
    y = x * 2
    array[:] = 100
    assert y.tolist() == [2, 4]


def test_an_earlier_write_of_the_user_does():
    array = np.array([1.0, 2.0], np.float32)
    x = rl.from_numpy(array)
    array[:] = 100
    assert (x * 2).tolist() == [200, 200]


def test_until_it_is_used_the_tensor_shows_the_memory():
    array = np.array([1.0, 2.0], np.float32)
    x = rl.from_numpy(array)
    array[0] = 7
    assert x.numpy()[0] == 7


def test_views_of_foreign_memory_are_copied_with_it():
    array = np.arange(4, dtype=np.float32)
    x = rl.from_numpy(array)
    part = x[1:3]
    total = part.sum()
    array[:] = 50
    assert total.item() == 3


def test_saved_values_are_safe_too():
    array = np.array([3.0, 4.0], np.float32)
    w = rl.ones(2, requires_grad=True)
    (w * rl.from_numpy(array)).sum().backward()
    array[:] = 0
    assert w.grad.tolist() == [3, 4]


def test_an_exported_array_may_be_written_by_the_user():
    x = rl.tensor([1.0, 2.0]) * 3
    array = x.numpy()
    array[0] = 50
    y = x + 1
    array[:] = 0
    assert y.tolist() == [51, 7]


def test_writes_of_tensors_do_not_reach_the_users_array():
    array = np.array([1.0, 2.0], np.float32)
    x = rl.from_numpy(array)
    x.add_(1)
    rl.sync()
    assert x.tolist() == [2, 3]
    assert array.tolist() == [1, 2]


def test_memory_that_nobody_can_write_is_used_in_place():
    array = np.arange(1000, dtype=np.float32)
    array.flags.writeable = False
    x = rl.from_numpy(array)
    assert (x + 1).sum().item() == array.sum() + 1000
    assert x._cell.node.buffer.address == array.ctypes.data


def test_memory_is_given_back_when_the_last_pending_graph_is_gone():
    """As a slot of a loader's ring is: not while anything recorded may still read it."""

    class Slot(np.ndarray):
        pass

    array = np.ones(1000, np.float32).view(Slot)
    array.flags.writeable = False
    slot = weakref.ref(array)
    result = rl.from_numpy(array) * 2
    del array
    gc.collect()
    assert slot() is not None
    rl.sync()
    gc.collect()
    assert slot() is None
    assert result.sum().item() == 2000


GUARDED = """
import ctypes
import mmap
import numpy as np
import rushlight as rl
PAGE = mmap.PAGESIZE
library = ctypes.CDLL(None)
kept = []

def guarded(shape, dtype, at_front):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    pages = -(-size // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (0, pages + 1):
        assert library.mprotect(ctypes.c_void_p(address + page * PAGE), PAGE, 0) == 0
    first = PAGE if at_front else (pages + 1) * PAGE - size
    array = np.frombuffer(memory, dtype, int(np.prod(shape)), first).reshape(shape)
    array[...] = np.random.default_rng(0).standard_normal(shape) * 3
    array.flags.writeable = False
    kept.append(memory)
    return rl.from_numpy(array)

for shape in ((5003,), (37, 61), (130, 33)):
    for dtype in (np.float32, np.float64, np.int8):
        for at_front in (True, False):
            x, y = guarded(shape, dtype, at_front), guarded(shape, dtype, at_front)
            results = [x + y, x.sum(), x.sum(0), x.sum(-1), x > y, x.flip(0), x.float().exp()]
            results += [x.t() + 1, x @ y.t(), x[1:, ::2] * 2] if len(shape) == 2 else []
            rl.sync()
print("alive")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
def test_foreign_memory_is_not_read_beyond_its_ends():
    assert run_fresh(GUARDED).strip() == "alive"
