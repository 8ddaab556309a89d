"""The threads that run kernels.

    steps = np.array([[kernel, arguments, chunks], ...], np.int64)   # addresses and counts
    run_list(steps.ctypes.data, len(steps))                          # or serial=True

One call runs the list: no Python between kernels, all threads deal themselves chunks, and a step
begins when the one before has ended.  A serial list runs on the calling thread and wakes nobody.
`require_scratch(n)` makes sure that every kernel finds n bytes of scratch memory.

Worker threads are Python threads that enter native code once (`native.py`) and stay there without
Python's lock: they spin for a few milliseconds, then sleep on a futex, or where there is none in
Python.  A second list at the same time runs serially on its own thread; chunks are a function of
shapes alone, so the results have the same bits.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from rushlight.engines.cpu import native
from rushlight.engines.cpu.cores import default_threads
from rushlight.graph.interrupts import honour

NativeFunction = Callable[..., Any]
LEAST_SCRATCH = 1 << 20
MOST_THREADS = 1024
_PATIENCE = 80_050  # spins of a worker before it sleeps, 2 to 4 ms
_FUTEX_CALLS = {"x86_64": 202, "aarch64": 98}


class Runtime(NamedTuple):
    """The native functions."""

    run_serial: NativeFunction
    run_shared: NativeFunction
    worker: NativeFunction
    wake_all: NativeFunction
    ticks: NativeFunction


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    from rushlight.engines.cpu.build import native_functions

    pointer, number = ctypes.c_void_p, ctypes.c_int64
    addresses = native_functions(native.runtime_text(_architecture()), Runtime._fields)
    return Runtime(
        ctypes.CFUNCTYPE(number, pointer, number, number, number, pointer, pointer)(addresses[0]),
        ctypes.CFUNCTYPE(number, pointer, pointer, number, number, number, pointer)(addresses[1]),
        ctypes.CFUNCTYPE(number, pointer, number)(addresses[2]),
        ctypes.CFUNCTYPE(None, pointer)(addresses[3]),
        ctypes.CFUNCTYPE(number)(addresses[4]),
    )


def _architecture() -> str:
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def _aligned(nbytes: int) -> tuple[np.ndarray, int]:
    """Zeroed memory and its first address on a page of 4096 bytes."""
    memory = np.zeros(nbytes + 4096, np.uint8)
    start = memory.ctypes.data
    return memory, start + -start % 4096


class _Scratch(threading.local):
    """The scratch memory of a thread that runs a serial list."""

    address = 0
    nbytes = 0

    def provide(self, nbytes: int) -> int:
        if self.nbytes < nbytes:
            self.memory, self.address = _aligned(nbytes)
            self.nbytes = nbytes
        return self.address


class Pool:
    """The calling thread and its workers."""

    def __init__(self, threads: int, scratch_bytes: int):
        self.runtime = _runtime()
        self.threads = threads
        self._block, self.address = _aligned(native.BLOCK_BYTES)
        self._woken = threading.Event()
        self._sleep_in_python = True
        self.grow_scratch(scratch_bytes)
        self._set(native.PATIENCE, _PATIENCE)
        self._give_system_calls()
        self.workers = [
            threading.Thread(target=self._work, args=(i,), name=f"rushlight-{i}", daemon=True)
            for i in range(1, threads)
        ]
        for worker in self.workers:
            worker.start()

    def grow_scratch(self, nbytes: int) -> None:
        """Give each thread new scratch memory; only while no list runs."""
        self.scratch_bytes = nbytes
        self._scratch = [_aligned(nbytes) for _ in range(self.threads)]
        self._table = np.array([address for _, address in self._scratch], np.int64)
        self._set(native.SCRATCH, self._table.ctypes.data)

    def _set(self, place: int, value: int) -> None:
        ctypes.c_int64.from_address(self.address + place).value = value

    def _give_system_calls(self) -> None:
        if os.name != "posix":
            return
        library = ctypes.CDLL(None)
        self._set(native.YIELD, _address_of(library.sched_yield))
        if sys.platform == "linux" and _architecture() in _FUTEX_CALLS:
            self._set(native.SYSTEM_CALL, _address_of(library.syscall))
            self._set(native.FUTEX, _FUTEX_CALLS[_architecture()])
            self._sleep_in_python = False

    def _work(self, thread: int) -> None:
        while self.runtime.worker(self.address, thread):
            self._woken.wait()

    def run(self, steps: int, first: int, count: int, limit: int, records: int) -> int:
        """Run a list on all threads; the caller holds the launch lock."""
        if self._sleep_in_python:
            self._woken.set()
        reached = self.runtime.run_shared(self.address, steps, first, count, limit, records)
        if self._sleep_in_python:
            self._woken.clear()
        return reached

    def stop(self) -> None:
        """End the workers and wait for them."""
        self._set(native.STOP, 1)
        self._woken.set()
        for worker in self.workers:
            while worker.is_alive():
                self.runtime.wake_all(self.address)
                worker.join(0.05)


def _address_of(function: NativeFunction) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


_launch = threading.Lock()
_own_scratch = _Scratch()
_scratch_bytes = LEAST_SCRATCH
_threads = 0  # not decided yet
_inherited = 0  # what the process had that this one was forked from
_pool: Pool | None = None


def get_num_threads() -> int:
    """How many threads run kernels.

    Unless `set_num_threads` said otherwise: RUSHLIGHT_NUM_THREADS or OMP_NUM_THREADS in the
    environment, else the cores that this process may use.  In a worker process (a daemon of
    `multiprocessing`) it is 1: its siblings have the other cores.

    >>> import rushlight as rl
    >>> rl.get_num_threads() >= 1
    True
    """
    global _threads
    _threads = _threads or default_threads(_inherited)
    return _threads


def set_num_threads(count: int) -> None:
    """Use so many threads from the next step on; results do not depend on it.

    RuntimeError unless `count` is a whole number above 0.

    >>> import rushlight as rl
    >>> before = rl.get_num_threads()
    >>> rl.set_num_threads(1)
    >>> rl.get_num_threads()
    1
    >>> rl.set_num_threads(before)
    """
    global _threads
    if not isinstance(count, int) or isinstance(count, bool):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(count).__name__}")
    if not 0 < count <= MOST_THREADS:
        raise RuntimeError(
            f"set_num_threads expects a positive integer\n"
            f"Expected: a positive number of threads, at most {MOST_THREADS}.\n"
            f"Actual: {count!r}."
        )
    if count == get_num_threads():
        return
    with _launch:
        _stop()
        _threads = count


def require_scratch(nbytes: int) -> None:
    """Make sure that kernels find at least so much scratch memory from the next list on."""
    global _scratch_bytes
    if nbytes <= _scratch_bytes:
        return
    with _launch:
        _scratch_bytes = nbytes
        if _pool is not None:
            _pool.grow_scratch(nbytes)


def run_list(
    steps: int, count: int, serial: bool = False, limit: int = 0, records: int = 0
) -> None:
    """Run the list of `count` steps at address `steps`.

    An interrupt (Ctrl-C) is let through between steps of which the first `limit` may be broken
    off: before step 1, ..., limit - 1.  `records` is the address of zeroed memory for times,
    32 bytes for each thread and step (`native.py`), or 0.
    """
    reached = 0
    if serial or get_num_threads() == 1 or not _launch.acquire(blocking=False):
        scratch = _own_scratch.provide(_scratch_bytes)
        serially = _runtime().run_serial
        while (reached := serially(steps, reached, count, limit, scratch, records)) < count:
            honour()
        return
    try:
        pool = _started()
        while (reached := pool.run(steps, reached, count, limit, records)) < count:
            honour()
    finally:
        _launch.release()


def run_alone(steps: int, count: int, scratch: int) -> None:
    """Run a list on the calling thread with scratch memory of the caller's."""
    _runtime().run_serial(steps, 0, count, 0, scratch, 0)


def ticks() -> int:
    """The processor's counter, in which records are."""
    return _runtime().ticks()


def _started() -> Pool:
    global _pool
    if _pool is None:
        _pool = Pool(get_num_threads(), _scratch_bytes)
    return _pool


def _stop() -> None:
    global _pool
    if _pool is not None:
        _pool.stop()
        _pool = None


def _start_anew() -> None:
    """In a forked child: no worker has come along, and a lock may be held by nobody."""
    global _launch, _pool, _threads, _inherited
    _launch = threading.Lock()
    _pool = None
    _threads, _inherited = 0, _threads or _inherited


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
atexit.register(_stop)
