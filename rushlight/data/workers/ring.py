"""A ring of shared memory: slots that workers fill, leased to the batches that lie in them."""

from __future__ import annotations

import mmap
import weakref
from typing import Any

import numpy as np

from rushlight.data.workers.shared import SharedFile


class Ring:
    """Slots of one size; a slot is free again when nothing refers to what lies in it."""

    def __init__(self, file: SharedFile, slot_bytes: int, count: int):
        file.grow(slot_bytes * count)
        self.slot_bytes, self.count = slot_bytes, count
        self.memory: mmap.mmap | None = file.map()
        self.leased = self.refused = self.outgrown = 0
        """How many batches came through it, had no free slot, were larger than a slot."""
        self._free = list(range(count))
        self._leases: dict[int, Any] = {}

    @property
    def in_use(self) -> int:
        """How many slots are filled, or being filled."""
        return self.count - len(self._free)

    def close(self) -> None:
        """Only batches hold the memory from now on."""
        self.memory = None

    def take(self) -> int | None:
        """A free slot for a worker to fill; None if all are in use."""
        if self._free:
            return self._free.pop()
        self.refused += 1
        return None

    def give_back(self, slot: int) -> None:
        """The slot was not needed."""
        self._free.append(slot)

    def lease(self, slot: int, places: list[tuple[int, int]]) -> list[np.ndarray]:
        """The buffers in a slot; it is free when the last array over them is gone."""
        assert self.memory is not None
        start = slot * self.slot_bytes
        whole = np.frombuffer(self.memory, np.uint8, self.slot_bytes, start)
        self.leased += 1

        def ended(_: Any, slot: int = slot) -> None:
            self._leases.pop(slot, None)
            self._free.append(slot)

        self._leases[slot] = weakref.ref(whole, ended)
        return [whole[offset : offset + size] for offset, size in places]
