"""Memory that holds a computed value, and the pool from which it comes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from rushlight.graph.dtype import DType, from_bfloat16_bits, to_bfloat16_bits
from rushlight.graph.spec import Spec

ALIGNMENT = 64
_MOST_POOLED_BYTES = 1 << 30
_SMALLEST = 256


class Pool:
    """Freed memory, kept by size for the next value of about that size.

    Sizes are rounded up to an eighth of their power of two, so at most an eighth is wasted.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[tuple[np.ndarray, int, int]]] = {}
        self._bytes = 0

    def take(self, nbytes: int) -> tuple[np.ndarray, int, int, int]:
        """Memory for `nbytes`: its array, 64-byte aligned address, offset and capacity."""
        capacity = _round_up(nbytes)
        free = self._free.get(capacity)
        if free:
            try:
                memory, address, offset = free.pop()
            except IndexError:  # another thread took the last one
                pass
            else:
                self._bytes -= capacity
                return memory, address, offset, capacity
        try:
            memory = np.empty(capacity + ALIGNMENT, np.uint8)
        except MemoryError:
            self.clear()
            memory = np.empty(capacity + ALIGNMENT, np.uint8)
        start = memory.ctypes.data
        offset = -start % ALIGNMENT
        return memory, start + offset, offset, capacity

    def give(self, memory: np.ndarray, address: int, offset: int, capacity: int) -> None:
        """Take memory back that nobody refers to any more."""
        if self._bytes + capacity <= _MOST_POOLED_BYTES:
            self._free.setdefault(capacity, []).append((memory, address, offset))
            self._bytes += capacity

    def clear(self) -> None:
        """Give everything back to the operating system."""
        self._free.clear()
        self._bytes = 0


@lru_cache(maxsize=4096)
def _round_up(nbytes: int) -> int:
    if nbytes <= _SMALLEST:
        return _SMALLEST
    step = max(1 << ((nbytes - 1).bit_length() - 4), ALIGNMENT)
    return -(-nbytes // step) * step


POOL = Pool()


class Buffer:
    """A C-contiguous block of numbers at a fixed address, immutable once its value is computed.

    Memory from the pool goes back to it when the last reference to the buffer is gone, unless a
    NumPy array still looks into it.  `capacity` is 0 for foreign memory, which is used in place.
    """

    __slots__ = ("__weakref__", "address", "capacity", "memory", "nbytes", "offset")

    def __init__(self, nbytes: int):
        self.memory, self.address, self.offset, self.capacity = POOL.take(nbytes)
        self.nbytes = nbytes

    def __del__(self, give: Callable = POOL.give, references: Callable = sys.getrefcount) -> None:
        try:
            if self.capacity and references(self.memory) == _UNSHARED:
                give(self.memory, self.address, self.offset, self.capacity)
        except AttributeError:  # there was no memory for it
            pass

    @property
    def is_exported(self) -> bool:
        """Whether an array outside looks into this memory, or the memory came from outside."""
        return not self.capacity or sys.getrefcount(self.memory) != _UNSHARED

    @classmethod
    def around(cls, array: np.ndarray) -> Buffer:
        """A buffer that uses the memory of a C-contiguous array in place, never writing to it."""
        buffer = cls.__new__(cls)
        buffer.memory, buffer.capacity = array, 0
        buffer.nbytes, buffer.offset = array.nbytes, 0
        return buffer

    def __getattr__(self, name: str) -> int:
        """The address of foreign memory, asked for when a kernel first needs it."""
        if name != "address":
            raise AttributeError(name)
        self.address = self.memory.ctypes.data
        return self.address

    @classmethod
    def holding(cls, array: np.ndarray, dtype: DType) -> Buffer:
        """A buffer with a copy of `array`, whose values are rounded to `dtype`'s storage."""
        buffer = cls(array.size * dtype.itemsize)
        if dtype.storage != dtype.compute and array.dtype != dtype.storage:
            array = to_bfloat16_bits(np.asarray(array, np.float32))
        buffer.stored(array.shape, dtype)[...] = array
        return buffer

    def stored(self, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
        """The bytes of the buffer as an array that shares its memory and keeps it alive."""
        return np.ndarray(shape, dtype.storage, self.memory, self.offset)

    def values(self, spec: Spec) -> np.ndarray:
        """The value as an array to compute with: shared memory, or widened if bfloat16."""
        memory = self.memory
        if not self.capacity and memory.shape == spec.shape and memory.dtype == spec.dtype.compute:
            return memory
        stored = self.stored(spec.shape, spec.dtype)
        return stored if spec.dtype.storage == spec.dtype.compute else from_bfloat16_bits(stored)


def _count_of_unshared_memory() -> int:
    """What `sys.getrefcount` says inside a method for memory that only its buffer holds."""

    class Probe:
        def __init__(self) -> None:
            self.memory = np.empty(1, np.uint8)

        def count(self, references: Callable = sys.getrefcount) -> int:
            return references(self.memory)

    return Probe().count()


_UNSHARED = _count_of_unshared_memory()
