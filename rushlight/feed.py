"""What the data package is told of tensors, which it does not import."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.graph.buffer import Buffer
from rushlight.graph.creation import random_bits
from rushlight.graph.dtype import from_numpy_dtype
from rushlight.graph.node import input_node
from rushlight.graph.recorder import recorder, value_of
from rushlight.graph.spec import spec_of
from rushlight.ops import FUNCTIONS
from rushlight.random import Generator, default_generator
from rushlight.tensor import Tensor, around_array, wrap


def register() -> None:
    """Make tensors what batches are made of, and let loading code compute at once."""
    arrays.register_array_type(Tensor, Tensor._values, _from_array, _stack)
    hooks = immediate, lambda: recorder().soft_cut(), draw_seed, seeding, _empty
    arrays.register_hooks(*hooks)


@contextlib.contextmanager
def immediate() -> Iterator[None]:
    """Compute each operation at once on the reference engine.

    Dataset, transform and collate code runs in it, in any kind of worker or none, so that the
    number of workers changes no bit.
    """
    mine = recorder()
    before, mine.immediate = mine.immediate, True
    try:
        yield
    finally:
        mine.immediate = before


def seeding(generator: Generator | None = None) -> tuple[int, int]:
    """From which seed a generator started last, and how often it has been told to."""
    generator = _checked(generator)
    return generator.initial_seed(), generator.seedings


def _checked(generator: Generator | None) -> Generator:
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        kind = type(generator).__name__
        raise TypeError(f"generator must be a rushlight.Generator or None, but got {kind}")
    return generator


def draw_seed(generator: Generator | None = None) -> int:
    """A number of 63 random bits from a generator, the default one for None."""
    generator = _checked(generator)
    with immediate():
        bits = random_bits((2,), *generator.draw())
        low, high = value_of(bits).values(bits.spec).tolist()
    return low | (high & 0x7FFFFFFF) << 32


def _from_array(array: np.ndarray, owned: bool) -> Tensor:
    if not owned or not array.flags.c_contiguous or not array.dtype.isnative:
        return around_array(array)
    spec = spec_of(array.shape, from_numpy_dtype(array.dtype))
    return wrap(input_node(Buffer.around(array), spec))


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, Tensor]:
    """Pooled memory: a batch as large as the one before costs no new pages."""
    spec = spec_of(shape, from_numpy_dtype(dtype))
    buffer = Buffer(spec.nbytes)
    return buffer.stored(shape, spec.dtype), wrap(input_node(buffer, spec))


def _stack(tensors: Sequence[Any]) -> Tensor:
    return FUNCTIONS["stack"](tensors)
