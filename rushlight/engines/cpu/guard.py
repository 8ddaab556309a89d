"""Guard mode, for finding kernels that read or write outside their buffers: `RUSHLIGHT_GUARD=1`.

Every value of a run (inputs, results, temporaries, workspaces, scratch) lies alone: its last byte
is the last of a page, an unreadable page follows, and a zone of at least 256 bytes comes before
it.  With `RUSHLIGHT_GUARD=begin` it is the other way round.  So a read or write beyond the one end
ends the process with a fault, and what is written beyond the other is noticed after each kernel.
With `RUSHLIGHT_GUARD=verbose` each kernel is named on stderr before it runs, so that the last line
before a fault says which it was.

Zones and memory that nobody has written yet hold poison: all bits set, which is NaN for floating
point numbers.  A result in which poison is left was not written, or computed from what was not.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rushlight.engines.cpu import pictures, running
from rushlight.engines.cpu.plan import HostStep
from rushlight.engines.cpu.pool import run_alone
from rushlight.engines.cpu.running import NativeList, Run
from rushlight.graph.buffer import ALIGNMENT, Buffer
from rushlight.graph.spec import Spec

_PAGE = mmap.PAGESIZE
_ZONE = 256
POISON = 0xFF
_SCRATCH = "scratch"


class GuardError(RuntimeError):
    """A kernel wrote where it should not, or did not write where it should."""


class Region(NamedTuple):
    """The memory of one value: a zone, the value, and the unreadable page beyond it."""

    begin: int
    end: int
    """Of the pages that can be read."""
    first: int
    """Where the value begins."""
    nbytes: int


class Regions:
    """Memory in which every value lies alone."""

    def __init__(self, sizes: dict[Hashable, tuple[int, int]]):
        """`sizes` are the bytes of each value, and the alignment that it needs."""
        self.regions: dict[Hashable, Region] = {}
        total = _PAGE
        for name, (nbytes, alignment) in sizes.items():
            self.regions[name] = region = _region(total, nbytes, alignment)
            total = region.end + _PAGE
        self.mapping = mmap.mmap(-1, total)
        self.memory = np.frombuffer(self.mapping, np.uint8)
        self.address = self.memory.ctypes.data
        self.memory[:] = POISON
        for region in self.regions.values():
            _forbid(self.address + region.begin - _PAGE)
        _forbid(self.address + total - _PAGE)

    def bytes_of(self, name: Hashable) -> np.ndarray:
        """A value's memory."""
        region = self.regions[name]
        return self.memory[region.first : region.first + region.nbytes]

    def address_of(self, name: Hashable) -> int:
        """Where a value begins."""
        return self.address + self.regions[name].first

    def written_zones(self) -> list[tuple[Hashable, int]]:
        """The values whose zones hold something else than poison, and where from the begin."""
        found = []
        for name, region in self.regions.items():
            after = region.first + region.nbytes
            for begin, end in ((region.begin, region.first), (after, region.end)):
                places = np.flatnonzero(self.memory[begin:end] != POISON)
                if places.size:
                    found.append((name, begin + int(places[0]) - region.first))
        return found


def _region(begin: int, nbytes: int, alignment: int) -> Region:
    end = begin + -(-(nbytes + _ZONE) // _PAGE) * _PAGE
    if running.GUARD == "begin":
        return Region(begin, end, begin, nbytes)
    return Region(begin, end, (end - nbytes) // alignment * alignment, nbytes)


def _forbid(address: int) -> None:
    """Make a page unreadable, where the system has a call for it."""
    if os.name == "posix":
        ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(_PAGE), 0)


class GuardedRun(Run):
    """A run that computes in memory of its own, one kernel at a time, and looks after each."""

    def run(self) -> list[Buffer]:
        """The results' buffers."""
        bound, tables = self.bound, self.tables
        self.regions = Regions(self.sizes())
        buffers = self.binding.buffers
        for leaf in tables.inputs:
            self.regions.bytes_of(leaf)[:] = bytes_of(buffers[leaf])
        usual = bound.offsets
        try:
            self.patch({name: self.regions.regions[name].first for name in usual})
            self.run_steps()
        finally:
            bound.offsets = usual
            bound.fill(tables.evaluate(bound.specs, self.binding.numbers))
        return self.hand_over()

    def sizes(self) -> dict[Hashable, tuple[int, int]]:
        """The bytes and alignment of every piece of memory in this run."""
        bound, specs = self.bound, self.binding.specs
        sizes: dict[Hashable, tuple[int, int]] = {}
        for value in (*self.tables.inputs, *self.tables.fresh):
            sizes[value] = specs[value].nbytes, specs[value].dtype.itemsize
        for storage, nbytes in bound.storage_bytes.items():
            alignment = specs[storage].dtype.itemsize if isinstance(storage, int) else ALIGNMENT
            sizes[storage] = nbytes, alignment
        sizes[_SCRATCH] = bound.scratch_bytes, ALIGNMENT
        return sizes

    def patch(self, offsets: dict[Any, int]) -> None:
        """Put the addresses of the regions into the argument blocks."""
        bound, tables, numbers = self.bound, self.tables, self.binding.numbers
        bound.offsets = offsets
        bound.fill(tables.evaluate(bound.specs, numbers))
        values = [*tables.inputs, *tables.fresh]
        addresses = [self.regions.address_of(value) for value in values]
        bound.patch([*addresses, self.regions.address], numbers)

    def run_steps(self) -> None:
        """Every step by itself; what was written is checked after each."""
        steps = self.tables.plan.steps
        last = {storage: i for i, step in enumerate(steps) for storage in step.writes}
        native = [i for i, step in enumerate(steps) if not isinstance(step, HostStep)]
        for item in self.bound.lists:
            if isinstance(item, HostStep):
                self.check(item) if item.is_check else self.run_host(item)
                continue
            for row, position in enumerate(item.steps):
                at = native[position]
                self.announce(at)
                self.run_kernel(item, row)
                self.check_zones(at)
                if row + 1 == item.count or item.steps[row + 1] != position:
                    self.check_written([s for s in steps[at].writes if last[s] == at], at)

    def announce(self, at: int) -> None:
        """Say which step comes, so that a fault can be told from the last line."""
        if running.GUARD == "verbose":
            sys.stderr.write(f"step {at}: {self.describe(at)}\n")
            sys.stderr.flush()

    def describe(self, at: int) -> str:
        """What a step computes, for an error's words."""
        return pictures.step_text(self.tables.plan.steps[at])

    def run_kernel(self, item: NativeList, row: int) -> None:
        """One kernel, with scratch memory of just the size that its step asked for."""
        need = self.bound.scratch_needs.get(item.steps[row], 0)
        scratch = self.regions.bytes_of(_SCRATCH)
        scratch[:] = POISON
        if running.GUARD == "begin":
            place = self.regions.address_of(_SCRATCH)
        else:
            place = scratch.ctypes.data + (scratch.size - need) // ALIGNMENT * ALIGNMENT
        run_alone(item.address + item.rows.strides[0] * row, 1, place)

    def check_zones(self, at: int) -> None:
        """No kernel writes beside a value."""
        for name, place in self.regions.written_zones():
            raise GuardError(
                f"step {at} wrote beside the memory of {self.named(name)}, at byte {place} from "
                f"its begin.\n{self.describe(at)}"
            )

    def check_written(self, storages: Sequence[Hashable], at: int) -> None:
        """Every element of a finished value was written, and not with what nobody wrote."""
        for storage in storages:
            if isinstance(storage, int):
                place = self.tables.plan.inherited.get(storage, storage)
                spec = self.binding.specs[storage]
                missing = _poisoned(self.regions.bytes_of(place), spec)
                if missing.size:
                    raise GuardError(
                        f"step {at} left {missing.size} of {spec.size} elements of "
                        f"{self.named(storage)} unwritten, or computed them from memory that "
                        f"nobody wrote; the first is {int(missing[0])}.\n{self.describe(at)}"
                    )

    def named(self, storage: Hashable) -> str:
        """A piece of memory, for an error's words."""
        if isinstance(storage, int):
            return f"%{storage} ({self.binding.specs[storage]})"
        return str(storage)

    def memory_of(self, value: int) -> tuple[np.ndarray, int]:
        """Where a value lies, for host steps."""
        place = self.tables.plan.inherited.get(value, value)
        return self.regions.memory, self.regions.regions[place].first

    def hand_over(self) -> list[Buffer]:
        """The results in buffers as every run gives them."""
        tables, buffers = self.tables, self.binding.buffers
        written = set(tables.plan.inherited.values())
        for leaf in tables.inputs:
            ours, theirs = self.regions.bytes_of(leaf), bytes_of(buffers[leaf])
            if leaf in written:
                theirs[:] = ours
            elif not np.array_equal(ours, theirs):
                raise GuardError(f"the input {self.named(leaf)} was written over.")
        fresh = []
        for value, nbytes in zip(tables.fresh, self.bound.fresh_bytes, strict=True):
            fresh.append(Buffer(nbytes))
            bytes_of(fresh[-1])[:] = self.regions.bytes_of(value)
        held = [*buffers, *fresh]
        return [held[place] for place in tables.results]


def bytes_of(buffer: Buffer) -> np.ndarray:
    """A buffer's bytes, sharing its memory."""
    return np.ndarray((buffer.nbytes,), np.uint8, buffer.memory, buffer.offset)


def _poisoned(memory: np.ndarray, spec: Spec) -> np.ndarray:
    """The places of floating point numbers that are nothing but poison."""
    if not spec.dtype.is_floating_point:
        return np.empty(0, np.int64)
    whole = memory.reshape(-1, spec.dtype.itemsize)
    return np.flatnonzero((whole == POISON).all(axis=1))
