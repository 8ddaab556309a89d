"""Values that are made when they are asked for, kept as long as a budget allows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class _Entry:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: Any = None
        self.cost: int | None = None


class Cache:
    """The values used last, of no more than `budget` together; one always stays.

    Threads that ask for one value at a time wait for it to be made once.  A pickled cache
    arrives empty.
    """

    def __init__(self, budget: int):
        self.budget = budget
        self.used = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def __reduce__(self) -> Any:
        return Cache, (self.budget,)

    def get(self, key: Hashable, make: Callable[[], tuple[Any, int]]) -> Any:
        """The value of a key; `make` gives it with its cost if it is not there."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry()
            self._entries.move_to_end(key)
        if entry.cost is not None:
            return entry.value
        with entry.lock:
            if entry.cost is None:
                value, cost = make()
                self._keep(key, entry, value, cost)
            return entry.value

    def _keep(self, key: Hashable, entry: _Entry, value: Any, cost: int) -> None:
        with self._lock:  # an entry that has a cost is counted, so that others may drop it
            entry.value, entry.cost = value, cost
            self.used += cost
            for other in list(self._entries):
                if self.used <= self.budget:
                    break
                if other != key and (dropped := self._entries[other].cost) is not None:
                    del self._entries[other]
                    self.used -= dropped
