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

from .order import random_stream

_NUMPY = 0x4E50
"""So that the two generators do not give the same numbers."""
_WORDS = 624
"""The state of a Mersenne twister: this many words, and a place among them."""


class Source:
    """The random numbers of one pass over a dataset; `index` says whose turn it is."""

    def __init__(self, seed: int, epoch: int):
        self.seed = seed
        self.epoch = epoch
        self.index: Any = 0
        self.offset = 0
        self._key: int | None = None
        self._generator: np.random.Generator | None = None
        self._uses_globals = False

    def start(self, index: Any) -> None:
        """From now on numbers belong to this sample, or batch."""
        self.index, self.offset = index, 0
        self._key = self._generator = None

    @property
    def key(self) -> int:
        """63 bits that stand for seed, epoch and index."""
        if self._key is None:
            words = f"{self.seed} {self.epoch} {self.index!r}".encode()
            digest = hashlib.blake2b(words, digest_size=8).digest()
            self._key = int.from_bytes(digest, "little") >> 1
        return self._key

    @property
    def generator(self) -> np.random.Generator:
        """The sample's generator; the same object until the next sample."""
        if self._generator is None:
            self._generator = random_stream(self.key, self.epoch)
        return self._generator

    def draw(self, count: int) -> tuple[int, int]:
        """The framework's share of the key, and the first of `count` offsets taken now."""
        offset, self.offset = self.offset, self.offset + count
        return self.key, offset

    def read(self, dataset: Any, indices: Sequence[Any], samples: list) -> None:
        """Append the samples to the list, one by one."""
        for index in indices:
            self.start(index)
            if self._uses_globals:
                seed_globals(self.key)
            samples.append(dataset[index])

    def watched(self, work: Callable[[], Any]) -> Any:
        """What `work` returns, with the global generators seeded if it draws from them.

        Seeding them takes longer than reading a small sample.  So they are seeded only for a
        dataset that is known to use them; the first batch that does is made again.
        """
        if self._uses_globals:
            seed_globals(self.key)
            return work()
        before, index = _places(), self.index
        result = work()
        if _places() == before:
            return result
        self._uses_globals = True
        self.start(index)
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
    kept = (random.getstate(), np.random.get_state()) if keep_globals else None
    places = _places()
    if seeded:
        seed_globals(source.key)
    try:
        yield source
    finally:
        _current.source = before
        if kept is not None and _places() != places:
            random.setstate(kept[0])
            np.random.set_state(kept[1])


def sample_generator() -> np.random.Generator:
    """The random generator of the sample that is being read, for transforms.

    Its numbers depend on the loader's seed, the epoch and the sample's index alone.  Called
    where no loader reads a sample, it gives a new generator that nobody can foresee.

    >>> isinstance(sample_generator().integers(6), np.integer)
    True
    """
    source = _current.source
    return np.random.default_rng() if source is None else source.generator


def seed_globals(key: int) -> None:
    """Seed Python's and NumPy's global generators."""
    random.seed(key)
    np.random.seed([key & 0xFFFFFFFF, key >> 32, _NUMPY])


def _exposed_python() -> Any:
    """Where CPython keeps the place of `random`'s twister and its first word; None elsewhere."""
    probe = random.Random(1)
    try:
        words = (ctypes.c_uint32 * 2).from_address(id(probe) + object.__basicsize__)
        expected = probe.getstate()[1]
        found = [(words[0], words[1]) == (expected[_WORDS], expected[0])]
        probe.random()
        expected = probe.getstate()[1]
        found.append((words[0], words[1]) == (expected[_WORDS], expected[0]))
    except (TypeError, ValueError):
        return None
    if not all(found):
        return None
    return (ctypes.c_uint32 * 2).from_address(id(random._inst) + object.__basicsize__)


_python_words = _exposed_python()


class _NumPyWords:
    """The words of NumPy's global twister, wherever it is now."""

    def __init__(self) -> None:
        self.generator: Any = None
        self.words: Any = None

    def place(self) -> tuple:
        generator = np.random.get_bit_generator()
        if generator is not self.generator:
            self.generator, self.words = generator, None
            if type(generator) is np.random.MT19937:
                address = generator.ctypes.state_address
                self.words = (ctypes.c_uint32 * (_WORDS + 1)).from_address(address)
        if self.words is None:
            return (repr(generator.state),)
        return self.words[0], self.words[_WORDS]


_numpy_words = _NumPyWords()


def _places() -> tuple:
    """Where the global generators stand: equal if nobody drew from them."""
    if _python_words is None:
        python: Any = random.getstate()
    else:
        python = _python_words[0], _python_words[1]
    return python, _numpy_words.place()
