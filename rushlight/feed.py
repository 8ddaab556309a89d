"""What the data package is told of tensors, which it does not import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.graph.buffer import Buffer
from rushlight.graph.creation import random_bits
from rushlight.graph.dtype import from_numpy_dtype
from rushlight.graph.node import input_node
from rushlight.graph.recorder import engine, recorder, value_of
from rushlight.graph.spec import Spec, spec_of
from rushlight.graph.worker import is_worker
from rushlight.ops import FUNCTIONS
from rushlight.ops.at_once import empty, stacked, values_at_once
from rushlight.random import Generator, default_generator
from rushlight.tensor import Tensor, around_array, from_array, node_of, wrap

_LEAST_BYTES = 64 << 10
"""Of a batch: less is copied sooner than all threads are told."""
_FIRST_BATCHES = 8
"""Copied by NumPy: a loop that ends before then, or waits for its first batch, loads no engine."""
_gathered = 0


def register() -> None:
    """Make tensors what batches are made of, and let loading code compute at once."""
    arrays.register_array_type(Tensor, Tensor._values, _from_array, _stack)
    arrays.register_hooks(
        immediate=Immediate,
        batch_drawn=lambda: recorder().soft_cut(),
        draw_seed=draw_seed,
        draw_place=default_generator.draw,
        seeding=seeding,
        empty=_empty,
        gather=gather,
    )


class Immediate:
    """Compute each operation at once on the reference engine.

    Dataset, transform and collate code runs in it, in any kind of worker or none, so that the
    number of workers changes no bit.
    """

    __slots__ = ("_before", "_recorder")

    def __enter__(self) -> None:
        self._recorder = recorder()
        self._before, self._recorder.immediate = self._recorder.immediate, True

    def __exit__(self, *exception: object) -> None:
        self._recorder.immediate = self._before


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
    with Immediate():
        bits = random_bits((2,), *generator.draw())
        low, high = value_of(bits).values(bits.spec).tolist()
    return low | (high & 0x7FFFFFFF) << 32


def _from_array(array: np.ndarray, owned: bool) -> Tensor:
    if not owned or not array.flags.c_contiguous or not array.dtype.isnative:
        return around_array(array)
    return from_array(array, owned=True)


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, Tensor]:
    return empty(shape, from_numpy_dtype(dtype))


def gather(fields: Sequence[Any], places: np.ndarray) -> list[Tensor] | None:
    """Rows of tensors and arrays in pooled memory; None for what has no plain rows.

    The CPU engine copies large batches with all its threads.
    """
    count, nbytes = len(places), 0
    sources, columns, batch = [], [], []
    for field in fields:
        found = _rows_of(field)
        if found is None:
            return None
        memory, address, spec = found
        part = spec_of((count, *spec.shape[1:]), spec.dtype)
        buffer = Buffer(part.nbytes)
        nbytes += part.nbytes
        sources.append((memory, spec))
        columns.append((address, spec.shape[0], part.nbytes // (count or 1), buffer.address))
        batch.append(wrap(input_node(buffer, part)))
    if _has_threads_for(nbytes):
        from rushlight.engines.cpu.gathering import gather_rows

        gather_rows(columns, places)
        return batch
    for (memory, spec), tensor in zip(sources, batch, strict=True):
        rows = memory.stored(spec.shape, spec.dtype) if type(memory) is Buffer else memory
        node = tensor._node
        arrays.take(rows, places, node.buffer.stored(node.spec.shape, node.spec.dtype))
    return batch


def _has_threads_for(nbytes: int) -> bool:
    global _gathered
    if nbytes < _LEAST_BYTES or is_worker():
        return False
    _gathered += 1
    return _gathered > _FIRST_BATCHES and engine().name == "cpu"


def _rows_of(field: Any) -> tuple[Any, int, Spec] | None:
    """The memory that holds a field's rows, its address, and their spec."""
    if isinstance(field, Tensor):
        if field.requires_grad:
            return None
        if field._cell is None or field._cell.foreign is None:
            node = node_of(field)
            buffer = value_of(node)
            return buffer, buffer.address, node.spec
        field = field._values()
    if type(field) is not np.ndarray or not (field.flags.c_contiguous and field.dtype.isnative):
        return None
    spec = spec_of(field.shape, from_numpy_dtype(field.dtype))
    return field, field.ctypes.data, spec


def _stack(tensors: Sequence[Any]) -> Tensor:
    values = values_at_once(tensors)
    if values is not None:
        return stacked(values, tensors[0].dtype)
    return FUNCTIONS["stack"](tensors)
