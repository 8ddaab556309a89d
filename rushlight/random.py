"""Random numbers: generators, and the one that everything draws from unless told otherwise.

A generator is a seed and an offset.  Each draw takes the next offset, and its values are a
function of (seed, offset, place in the tensor) alone: the same for every engine, every fusion and
any number of threads.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.device import check_device, device
from rushlight.graph.recorder import recorder
from rushlight.tensor import Tensor, from_array

_MASK = 0xFFFFFFFFFFFFFFFF
DEFAULT_SEED = 67280421310721


class Generator:
    """A stream of random numbers of its own, to pass as `generator=`.

    >>> import rushlight as rl
    >>> a = rl.rand(2, generator=rl.Generator().manual_seed(3))
    >>> b = rl.rand(2, generator=rl.Generator().manual_seed(3))
    >>> bool((a == b).all())
    True
    """

    def __init__(self, device: str | device = "cpu"):
        self.device = check_device(device)
        self._seed = DEFAULT_SEED
        self._offset = 0
        self.seedings = 0
        self._lock = threading.Lock()

    def draw(self, count: int = 1) -> tuple[int, int]:
        """The seed, and the first of `count` offsets that are taken now.

        If the program that uses them fails, the generator goes back.
        """
        with self._lock:
            recorder().remember(self, (self._seed, self._offset))
            offset = self._offset
            self._offset = offset + count & _MASK
            return self._seed, offset

    def restore(self, state: tuple[int, int]) -> None:
        """Go back to the state of the last sync point, after a failed program."""
        self._seed, self._offset = state

    def manual_seed(self, seed: int) -> Generator:
        """Start anew from this seed, an integer of 64 bits; returns the generator itself."""
        seed = _checked(seed)
        with self._lock:
            recorder().remember(self, (self._seed, self._offset))
            self._seed, self._offset = seed, 0
            self.seedings += 1
        return self

    def seed(self) -> int:
        """Start anew from a seed that nobody can foresee; returns it."""
        chosen = secrets.randbits(63)
        self.manual_seed(chosen)
        return chosen

    def initial_seed(self) -> int:
        """The seed it started from last."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor, for `set_state`."""
        words = np.array([self._seed, self._offset], "<u8")
        return from_array(words.view(np.uint8))

    def set_state(self, state: Tensor) -> Generator:
        """Go on from a state that `get_state` gave; TypeError or RuntimeError for anything else."""
        if not isinstance(state, Tensor) or state.dtype.name != "uint8":
            raise TypeError(f"expected a uint8 tensor from get_state, but got {type(state)}")
        if state.numel() != 16:
            raise RuntimeError(
                "RNG state is wrong size\nExpected: 16 bytes, as from get_state().\n"
                f"Actual: {state.numel()} bytes."
            )
        words = state._values().tobytes()
        with self._lock:
            recorder().remember(self, (self._seed, self._offset))
            self._seed, self._offset = np.frombuffer(words, "<u8").tolist()
        return self

    def clone_state(self) -> Generator:
        """Another generator in the same state."""
        return Generator().set_state(self.get_state())

    def __getstate__(self) -> tuple[int, int]:
        return self._seed, self._offset

    def __setstate__(self, state: tuple[int, int]) -> None:
        self.__init__()
        self._seed, self._offset = state


def _checked(seed: Any) -> int:
    if not hasattr(seed, "__index__") and not isinstance(seed, (float, str)):
        raise TypeError(f"manual_seed expected an int, but got {type(seed).__name__}")
    seed = int(seed)
    if not -(1 << 63) <= seed <= _MASK:
        raise ValueError(
            "Overflow when unpacking long long\n"
            f"Expected: a seed of 64 bits.\nActual: {seed}. In manual_seed."
        )
    return seed & _MASK


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default generator anew from this seed; returns the generator.

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> a = rl.rand(3)
    >>> _ = rl.manual_seed(0)
    >>> bool((a == rl.rand(3)).all())
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator from a seed that nobody can foresee; returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator started from last."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cpu") -> Iterator[None]:
    """Leave the default generator as it was before the `with` block."""
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            set_rng_state(state)
