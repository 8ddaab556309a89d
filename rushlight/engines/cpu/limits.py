"""What the machine can do at most: multiply-adds and bytes of memory a second, measured."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rushlight.engines.cpu import cache
from rushlight.engines.cpu.build import Request, kernel_addresses
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.pool import get_num_threads, run_list
from rushlight.graph.dtype import float32, int64

_CHAINS = 12
_TURNS = 20_000
_CHUNKS = 64
_COPIED = 64 << 20
_REPEATS = 5


class Limits(NamedTuple):
    """Of all threads together, in billions a second."""

    operations: float
    """Of float32; a multiply-add counts as two."""
    nbytes: float
    """Read from and written to memory."""


def measure_limits() -> Limits:
    """The limits for this machine and number of threads: the best of all measurements so far.

    A process measures for a quarter of a second, once; the best is kept on disk, since other
    work on the machine makes a measurement too low and nothing makes it too high.
    """
    return _limits_of(get_num_threads())


@lru_cache
def _limits_of(threads: int) -> Limits:
    name = cache.name_of("m", f"limits {machine().fingerprint} {threads}")
    place = cache.store()
    entry = place.read(name) if place is not None else None
    known = Limits(*json.loads(entry[1])) if entry is not None else Limits(0, 0)
    found = Limits(max(_operations(), known.operations), max(_bytes(), known.nbytes))
    if place is not None and found != known:
        place.write([name], json.dumps(found).encode())
    return found


def _operations() -> float:
    lanes = machine().lanes(float32)
    sums = np.zeros(_CHUNKS * lanes, np.float32)
    seconds = _best([("multiply-adds", _multiply_adds)], [sums.ctypes.data])
    return 2 * lanes * _CHAINS * _TURNS * _CHUNKS / seconds / 1e9


def _bytes() -> float:
    arrays = [np.ones(_COPIED // 4, np.float32) for _ in range(2)]
    slots = [arrays[0].ctypes.data, arrays[1].ctypes.data, arrays[0].size // _CHUNKS]
    return 2 * _COPIED / _best([("copy", _copy)], slots) / 1e9


def _multiply_adds(f: Function) -> None:
    """Independent chains of multiply-adds in registers."""
    lanes = machine().lanes(float32)
    sums = f.argument(POINTER, 0)
    start = f.constant(1.0, float32, lanes)
    chains = [f.variable(start) for _ in range(_CHAINS)]
    with f.loop(0, _TURNS):
        for chain in chains:
            chain.value = f.fma(chain.value, 0.5, 1.0)
    total = chains[0].value
    for chain in chains[1:]:
        total = total + chain.value
    f.store(total, sums, f.chunk * lanes)


def _copy(f: Function) -> None:
    """One part of an array after another."""
    lanes = machine().lanes(float32)
    source, target, part = f.argument(POINTER, 0), f.argument(POINTER, 1), f.argument(int64, 2)
    first = f.chunk * part
    with f.loop(first, first + part, 4 * lanes) as i:
        for step in range(4):
            f.store(f.load(float32, source, i + step * lanes, lanes), target, i + step * lanes)


def _best(requests: list[Request], slots: list[int]) -> float:
    """The least seconds of some runs."""
    arguments = np.array(slots, np.int64)
    (address,) = kernel_addresses(requests)
    steps = np.array([[address, arguments.ctypes.data, _CHUNKS]], np.int64)
    found = []
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        run_list(steps.ctypes.data, 1)
        found.append(time.perf_counter() - begin)
    return min(found)
