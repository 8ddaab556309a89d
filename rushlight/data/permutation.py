"""Permutations that are computed place by place, for data too large to list.

A Feistel network on numbers of just enough bits; what falls outside of the range goes through it
again until it is inside, which keeps it a permutation (J. Black and P. Rogaway, "Ciphers with
Arbitrary Finite Domains", 2002).
"""

from __future__ import annotations

import numpy as np

from .order import BlockOrder, random_stream

LISTED = 1 << 24
"""Up to so many items a list is made, and shuffled."""
_ROUNDS = 8
_BLOCK = 4096
_MIX = tuple(map(np.uint64, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))
_SHIFTS = tuple(map(np.uint64, (30, 27, 31)))


class Permutation:
    """A random order of `size` numbers: `permutation(places)` are the numbers at these places."""

    def __init__(self, size: int, stream: np.random.Generator):
        self.size = size
        bits = max(2, (size - 1).bit_length())
        self._low_bits = np.uint64(bits // 2)
        self._masks = np.uint64((1 << bits // 2) - 1), np.uint64((1 << bits - bits // 2) - 1)
        self._keys = stream.integers(2**64, size=_ROUNDS, dtype=np.uint64)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """The numbers at these places, of 0 to `size` - 1."""
        numbers = self._through(places.astype(np.uint64))
        outside = np.flatnonzero(numbers >= self.size)
        while len(outside):
            again = self._through(numbers[outside])
            numbers[outside] = again
            outside = outside[again >= self.size]
        return numbers.astype(np.int64)

    def _through(self, numbers: np.ndarray) -> np.ndarray:
        low, high = numbers & self._masks[0], numbers >> self._low_bits
        for place in range(0, _ROUNDS, 2):
            low ^= _mixed(high + self._keys[place]) & self._masks[0]
            high ^= _mixed(low + self._keys[place + 1]) & self._masks[1]
        return high << self._low_bits | low


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Every bit of the result depends on every bit given (the finaliser of SplitMix64)."""
    numbers = (numbers ^ numbers >> _SHIFTS[0]) * _MIX[0]
    numbers = (numbers ^ numbers >> _SHIFTS[1]) * _MIX[1]
    return numbers ^ numbers >> _SHIFTS[2]


def shuffled(size: int, count: int, seed: int, epoch: int) -> BlockOrder:
    """`count` numbers below `size`, of one permutation after the other."""

    def block(number: int) -> np.ndarray:
        places = np.arange(number * _BLOCK, (number + 1) * _BLOCK)
        turns = places // size
        parts = [
            Permutation(size, random_stream(seed, epoch, turn))(places[turns == turn] % size)
            for turn in np.unique(turns).tolist()
        ]
        return np.concatenate(parts)

    return BlockOrder(count, _BLOCK, block)


def part_of(
    size: int, count: int, first: int, step: int, stream: np.random.Generator | None
) -> BlockOrder:
    """`count` numbers: every `step`-th from `first` on, in order or in that of a permutation.

    Behind the end comes the beginning again.
    """
    permutation = None if stream is None else Permutation(size, stream)

    def block(number: int) -> np.ndarray:
        places = (first + step * np.arange(number * _BLOCK, (number + 1) * _BLOCK)) % size
        return places if permutation is None else permutation(places)

    return BlockOrder(count, _BLOCK, block)
