"""The order of a pass over the data, as a value: item k is `order(seed, epoch)[k]`.

Orders are addressed by index and depend on nothing else, so a pass can be taken up anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

Item = TypeVar("Item")
WORD = 2**64 - 1


class OrderState(NamedTuple):
    """Where a pass stands: its seed, its epoch and the position of the next item."""

    seed: int
    epoch: int
    position: int = 0

    def advance(self) -> OrderState:
        """Give the state after the next item."""
        return OrderState(self.seed, self.epoch, self.position + 1)


class OrderIterator(Iterator[Item]):
    """Walks an order from a state on; `state` always says where it stands."""

    def __init__(self, order: Sequence[Item], state: OrderState):
        self.order = order
        self.state = state

    def __next__(self) -> Item:
        state = self.state
        if state.position >= len(self.order):
            raise StopIteration
        item = self.order[state.position]
        self.state = state.advance()
        return item


def random_stream(seed: int, epoch: int, block: int = 0) -> np.random.Generator:
    """Give the random numbers that belong to one block of one epoch."""
    key = np.array([seed & WORD, epoch & WORD], dtype=np.uint64)
    # The stream itself counts in the low words, so blocks in the highest never overlap.
    counter = np.array([0, 0, 0, block], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


class BlockOrder(Sequence[int]):
    """An order computed a block at a time, each when it is first needed.

    `make_block(number)` gives block `number` as an array of `block_size` integers.
    """

    def __init__(self, length: int, block_size: int, make_block: Callable[[int], np.ndarray]):
        self.length = length
        self.block_size = block_size
        self.make_block = make_block
        self._cached = (-1, np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        places = range(self.length)[index]
        if isinstance(places, int):
            number, place = divmod(places, self.block_size)
            return int(self._block(number)[place])
        if places.step == 1:
            return self._read(places.start, places.stop)
        return [self[place] for place in places]

    def _read(self, start: int, stop: int) -> list[int]:
        number, place = divmod(start, self.block_size)
        if start < stop <= start - place + self.block_size:
            return self._block(number)[place : place + stop - start].tolist()
        items: list[int] = []
        while start < stop:
            number, place = divmod(start, self.block_size)
            part = self._block(number)[place : place + stop - start].tolist()
            items += part
            start += len(part)
        return items

    def _block(self, number: int) -> np.ndarray:
        if self._cached[0] != number:
            self._cached = (number, self.make_block(number))
        return self._cached[1]


class BatchOrder(Sequence[list]):
    """An order cut into lists of `batch_size` items; a short last one may be dropped."""

    def __init__(self, order: Sequence[Any], batch_size: int, drop_last: bool):
        self.order = order
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __len__(self) -> int:
        return batch_count(len(self.order), self.batch_size, self.drop_last)

    def __getitem__(self, index: Any) -> Any:
        number = range(len(self))[index]
        if not isinstance(number, int):
            return [self[place] for place in number]
        start = number * self.batch_size
        items = self.order[start : start + self.batch_size]
        return items if type(items) is list else list(items)


def batch_count(length: int, batch_size: int, drop_last: bool) -> int:
    """Give the number of batches that `length` items make."""
    return length // batch_size if drop_last else -(-length // batch_size)
