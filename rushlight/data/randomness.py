"""Random numbers that belong to a sample: a function of seed, epoch and index, and of nothing else.

While a sample is read, `sample_generator()` gives a generator of its own, and the framework's
default generator draws from the same key.  Code that uses Python's `random` or NumPy's global
functions is noticed, and finds them seeded by the same key.  So augmentation does not depend on
which worker reads a sample, or when.
"""

from __future__ import annotations

import ctypes
import hashlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import arrays
from .order import random_stream

_NUMPY = 0x4E50
"""So that the two generators do not give the same numbers."""
_ALONE = 0x414C
"""So that numbers outside of a loader are not those of an order."""
_WORDS = 624
"""The state of a Mersenne twister: this many words, and a place among them."""


class Source:
    """The random numbers of one pass over a dataset; `turn` says whose they are now."""

    meter: Any = None
    """Where the time of the pass is counted."""

    def __init__(self, seed: int, epoch: int):
        self.seed = seed
        self.epoch = epoch
        self.turn: tuple = ()
        self._made_for: tuple | None = None
        self._key = self._offset = 0
        self._generator: np.random.Generator | None = None
        self._uses_globals = False

    def start(self, index: Any) -> None:
        """From now on numbers belong to this sample, or batch."""
        self.turn = (index,)  # a new tuple: the same sample may come twice

    def _catch_up(self) -> None:
        """Make the key of the sample whose turn it is."""
        if self._made_for is not self.turn:
            self._made_for, self._offset, self._generator = self.turn, 0, None
            words = f"{self.seed} {self.epoch} {self.turn}".encode()
            digest = hashlib.blake2b(words, digest_size=8).digest()
            self._key = int.from_bytes(digest, "little") >> 1

    @property
    def key(self) -> int:
        """63 bits that stand for seed, epoch and index."""
        self._catch_up()
        return self._key

    @property
    def generator(self) -> np.random.Generator:
        """The sample's generator; the same object until the next sample."""
        self._catch_up()
        if self._generator is None:
            self._generator = random_stream(self._key, self.epoch)
        return self._generator

    def draw(self, count: int) -> tuple[int, int]:
        """The framework's share of the key, and the first of `count` offsets taken now."""
        self._catch_up()
        offset, self._offset = self._offset, self._offset + count
        return self._key, offset

    def read(self, dataset: Any, indices: Sequence[Any], samples: list) -> None:
        """Append the samples to the list, one by one."""
        append = samples.append
        for index in indices:
            self.turn = (index,)
            if self._uses_globals:
                seed_globals(self.key)
            append(dataset[index])

    def watched(self, work: Callable[[], Any]) -> Any:
        """What `work` returns, with the global generators seeded if it draws from them.

        Seeding them takes longer than reading a small sample.  So they are seeded only for a
        dataset that is known to use them; the first batch that does is made again.
        """
        if self._uses_globals:
            seed_globals(self.key)
            return work()
        before, turn = _places(), self.turn
        result = work()
        if _places() == before:
            return result
        self._uses_globals = True
        self.turn = (*turn,)
        self._made_for = None
        seed_globals(self.key)
        return work()


class _Current(threading.local):
    source: Source | None = None


_current = _Current()


def current_source() -> Source | None:
    """The numbers of the sample that this thread is reading, if it is."""
    return _current.source


@contextmanager
def drawing_from(
    source: Source, keep_globals: bool = True, seeded: bool = False
) -> Iterator[Source]:
    """Loading code that runs in here draws from `source`; `seeded`: from the global ones too.

    The global generators are as before afterwards, unless `keep_globals` is False.
    """
    before, _current.source = _current.source, source
    places = _places()
    kept = _states(places) if keep_globals else None
    if seeded:
        seed_globals(source.key)
    try:
        yield source
    finally:
        _current.source = before
        if kept is not None and _places() != places:
            random.setstate(kept[1])
            np.random.set_state(kept[2])


def sample_generator() -> np.random.Generator:
    """The random generator of the sample that is being read, for transforms.

    Its numbers depend on the loader's seed, the epoch and the sample's index alone.  Called
    where no loader reads a sample, it gives a new generator, from the framework's default one.

    >>> isinstance(sample_generator().integers(6), np.integer)
    True
    """
    source = _current.source
    if source is not None:
        return source.generator
    return random_stream(*arrays.draw_place(), block=_ALONE)


def seed_globals(key: int) -> None:
    """Seed Python's and NumPy's global generators."""
    random.seed(key)
    np.random.seed([key & 0xFFFFFFFF, key >> 32, _NUMPY])


def _exposed_python() -> memoryview | None:
    """Where CPython keeps the place of `random`'s twister and its first words; None elsewhere."""
    probe = random.Random(1)
    try:
        words = _bytes_at(id(probe) + object.__basicsize__, 3)
        found = [words.tobytes() == _expected(probe)]
        probe.random()
        found.append(words.tobytes() == _expected(probe))
    except (TypeError, ValueError):
        return None
    return _bytes_at(id(random._inst) + object.__basicsize__, 3) if all(found) else None


def _expected(generator: random.Random) -> bytes:
    state = generator.getstate()[1]
    return np.array([state[_WORDS], state[0], state[1]], np.uint32).tobytes()


def _bytes_at(address: int, words: int) -> memoryview:
    return memoryview((ctypes.c_ubyte * (4 * words)).from_address(address))


_python_words = _exposed_python()


class _NumPyWords:
    """The words of NumPy's global twister, wherever it is now."""

    def __init__(self) -> None:
        self.generator: Any = None
        self.words: tuple[memoryview, memoryview] | None = None

    def place(self) -> Any:
        """Its first words, and the place among them."""
        generator = np.random.get_bit_generator()
        if generator is not self.generator:
            self.generator, self.words = generator, None
            if type(generator) is np.random.MT19937:
                address = generator.ctypes.state_address
                self.words = _bytes_at(address, 2), _bytes_at(address + 4 * _WORDS, 1)
        if self.words is None:
            return repr(generator.state)
        first, place = self.words
        return first.tobytes() + place.tobytes()


_numpy_words = _NumPyWords()


def _places() -> tuple:
    """Where the global generators stand: equal if nobody drew from them, or seeded them."""
    python = random.getstate() if _python_words is None else _python_words.tobytes()
    return python, _numpy_words.place()


_kept: tuple = (None, None, None)


def _states(places: tuple) -> tuple:
    """The states of the global generators; those of last time, if they have not moved since."""
    global _kept
    if _kept[0] != places:
        _kept = places, random.getstate(), np.random.get_state()
    return _kept
