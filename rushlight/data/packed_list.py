"""A list of very many small objects in two arrays, which worker processes share."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from operator import index as whole
from typing import Any

import numpy as np


class PackedList(Sequence[Any]):
    """The same items as a list, each made anew when it is asked for.

    A list of a million names or dicts in a dataset is copied into every worker process. Packed it
    is two arrays, which all processes share and which take less room. Items are pickled, strings
    and bytes are kept as they are; an item that cannot be pickled is the error that pickling
    raises, a place that is not there an IndexError. A slice is a list.

    >>> names = PackedList(["cat/1.png", "dog/2.png"])
    >>> names[1], len(names)
    ('dog/2.png', 2)
    """

    def __init__(self, items: Iterable[Any]):
        items = list(items)
        self._kind = next((k for k in (str, bytes) if all(type(i) is k for i in items)), None)
        parts = [_PACK.get(self._kind, _pickled)(item) for item in items]
        lengths = np.fromiter(map(len, parts), np.int64, len(parts))
        self._ends = np.cumsum(lengths)
        self._bytes = np.frombuffer(b"".join(parts), np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place, count = whole(index), len(self._ends)
        if not -count <= place < count:
            raise IndexError(f"index {index} is out of range for {count} items")
        place %= count
        start = self._ends[place - 1] if place else 0
        part = self._bytes[start : self._ends[place]].tobytes()
        return _UNPACK.get(self._kind, pickle.loads)(part)

    @property
    def nbytes(self) -> int:
        """The bytes of both arrays."""
        return self._bytes.nbytes + self._ends.nbytes


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(part: bytes) -> str:
    return part.decode("utf-8", "surrogatepass")


def _pickled(item: Any) -> bytes:
    return pickle.dumps(item, protocol=5)


_PACK: dict[Any, Callable[[Any], bytes]] = {str: _encoded, bytes: bytes}
_UNPACK: dict[Any, Callable[[bytes], Any]] = {str: _decoded, bytes: bytes}
