"""Primitives that make values of nothing."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference.rounding import Rule, cast
from rushlight.graph.creation import IOTA, LITERAL, NUMBER, RANDOM_BITS
from rushlight.graph.node import Primitive

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_LOW = 0xFFFFFFFF


def _literal(arrays, attributes, numbers, spec):
    return cast(attributes[0], spec.dtype)


def _number(arrays, attributes, numbers, spec):
    return cast(numbers[0], spec.dtype)


def _iota(arrays, attributes, numbers, spec):
    return np.arange(spec.shape[0])


def threefry(
    key: tuple[int, int], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Threefry-2x32 with 20 rounds: the two words of each counter (low, high)."""
    words = np.asarray((*key, key[0] ^ key[1] ^ _PARITY), np.uint32)
    x = np.asarray(low, np.uint32) + words[0]
    y = np.asarray(high, np.uint32) + words[1]
    for turn in range(5):
        for rotation in _ROTATIONS[turn % 2]:
            x = x + y
            y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
        x = x + words[(turn + 1) % 3]
        y = y + words[(turn + 2) % 3] + np.uint32(turn + 1)
    return x, y


def _random_bits(arrays, attributes, numbers, spec):
    seed, offset = numbers
    first, second = threefry(_words(seed), *_words(offset))
    index = np.arange(spec.size, dtype=np.uint64)
    low, high = index & np.uint64(_LOW), index >> np.uint64(32)
    bits, _ = threefry((int(first), int(second)), low, high)
    return bits.reshape(spec.shape)


def _words(value: int) -> tuple[int, int]:
    return value & _LOW, value >> 32


RULES: dict[Primitive, Rule] = {
    LITERAL: _literal,
    NUMBER: _number,
    IOTA: _iota,
    RANDOM_BITS: _random_bits,
}
