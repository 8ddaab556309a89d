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

NativeFunction = Callable[..., Any]
LEAST_SCRATCH = 1 << 20
_PATIENCE = 80_050  # spins of a worker before it sleeps, 2 to 4 ms
_FUTEX_CALLS = {"x86_64": 202, "aarch64": 98}


class Runtime(NamedTuple):
    """The native functions."""

    run_serial: NativeFunction
    run_shared: NativeFunction
    worker: NativeFunction
    wake_all: NativeFunction


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    from rushlight.engines.cpu.build import native_functions

    pointer, number = ctypes.c_void_p, ctypes.c_int64
    addresses = native_functions(native.runtime_text(_architecture()), Runtime._fields)
    return Runtime(
        ctypes.CFUNCTYPE(None, pointer, number, pointer)(addresses[0]),
        ctypes.CFUNCTYPE(None, pointer, pointer, number)(addresses[1]),
        ctypes.CFUNCTYPE(number, pointer, number)(addresses[2]),
        ctypes.CFUNCTYPE(None, pointer)(addresses[3]),
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

    def run(self, steps: int, count: int) -> None:
        """Run a list on all threads; the caller holds the launch lock."""
        if self._sleep_in_python:
            self._woken.set()
        self.runtime.run_shared(self.address, steps, count)
        if self._sleep_in_python:
            self._woken.clear()

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


def _default_threads() -> int:
    asked = os.environ.get("RUSHLIGHT_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    if asked and asked.isdigit() and int(asked):
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_launch = threading.Lock()
_own_scratch = _Scratch()
_scratch_bytes = LEAST_SCRATCH
_threads = 0
_pool: Pool | None = None


def get_num_threads() -> int:
    """How many threads run kernels."""
    global _threads
    _threads = _threads or _default_threads()
    return _threads


def set_num_threads(count: int) -> None:
    """Use so many threads from the next list on; results do not depend on it."""
    global _threads
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"Expected a positive number of threads.\nActual: {count!r}.")
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


def run_list(steps: int, count: int, serial: bool = False) -> None:
    """Run the list of `count` steps at address `steps`."""
    if serial or get_num_threads() == 1 or not _launch.acquire(blocking=False):
        scratch = _own_scratch.provide(_scratch_bytes)
        _runtime().run_serial(steps, count, scratch)
        return
    try:
        _started().run(steps, count)
    finally:
        _launch.release()


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
    global _launch, _pool
    _launch = threading.Lock()
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
atexit.register(_stop)
