"""Columns of Arrow data as NumPy arrays and Python values; the rules stand in `ParquetDataset`.

This file needs pyarrow; those who use it import it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as arrow
from pyarrow import compute, types

_OVERHEAD = 1024
"""What a column takes beside its numbers, in bytes, about."""


class Plain(NamedTuple):
    """Numbers, or arrays of numbers of one shape: the first axis counts the rows."""

    values: np.ndarray
    valid: np.ndarray | None
    """Where there is a value; None if everywhere."""

    def rows(self, places: Sequence[int] | np.ndarray) -> list:
        """Copies of the values in these rows; None where there is none."""
        chosen = self.values[places]
        rows = list(chosen) if chosen.ndim == 1 else [np.array(row) for row in chosen]
        if self.valid is not None:
            rows = [
                row if valid else None
                for row, valid in zip(rows, self.valid[places].tolist(), strict=True)
            ]
        return rows

    def has_all(self, places: np.ndarray) -> bool:
        """Whether there is a value in all of these rows."""
        return self.valid is None or bool(self.valid[places].all())

    def nbytes(self, mapped: range) -> int:
        """What it takes of memory, without what lies in a mapped file."""
        size = 0 if self.valid is None else self.valid.nbytes
        address = self.values.__array_interface__["data"][0]
        return size + _OVERHEAD + (0 if address in mapped else self.values.nbytes)


class Other(NamedTuple):
    """Anything else, still as Arrow has it."""

    array: Any

    def rows(self, places: Sequence[int] | np.ndarray) -> list:
        """Python values of these rows."""
        try:
            chosen = self.array.take(arrow.array(places))
        except arrow.ArrowNotImplementedError:  # for some types, or lists of them
            return [values_of(self.array.slice(place, 1))[0] for place in places]
        return values_of(chosen)

    def has_all(self, places: np.ndarray) -> bool:
        """No: there are no numbers to gather."""
        return False

    def nbytes(self, mapped: range) -> int:
        """What it takes of memory, without what lies in a mapped file."""
        buffers = [buffer for buffer in self.array.buffers() if buffer is not None]
        return _OVERHEAD + sum(each.size for each in buffers if each.address not in mapped)


Column = Plain | Other


def plain_kind(kind: Any) -> tuple[np.dtype, tuple[int, ...]] | None:
    """The dtype and the shape of a row, for types of which a batch can be gathered."""
    if isinstance(kind, arrow.FixedShapeTensorType):
        inner = plain_kind(kind.value_type)
        order = kind.permutation or range(len(kind.shape))
        return inner and (inner[0], tuple(kind.shape[axis] for axis in order))
    if types.is_fixed_size_list(kind):
        inner = plain_kind(kind.value_type)
        return inner and (inner[0], (kind.list_size, *inner[1]))
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype()), ()
    return None


def column_of(array: Any) -> Column:
    """A column of an Arrow array, whole or in chunks."""
    if isinstance(array, arrow.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, arrow.ChunkedArray):  # of no chunk, or too long for one
            array = arrow.concat_arrays(array.chunks) if array.num_chunks else array.chunk(0)
    if isinstance(array.type, arrow.FixedShapeTensorType):
        return _tensors(array)
    while isinstance(array, arrow.ExtensionArray):
        array = array.storage
    return _plain(array) or Other(array)  # what takes less as it is is unwrapped row by row


def _tensors(array: Any) -> Plain:
    plain, kind = _plain(array.storage), array.type
    if plain is None:
        raise ValueError(f"numbers are missing within tensors of shape {kind.shape}")
    values = plain.values.reshape(len(array), *kind.shape)
    axes = kind.permutation or range(len(kind.shape))
    return Plain(values.transpose(0, *(axis + 1 for axis in axes)), plain.valid)


def _unwrapped(array: Any) -> Any:
    """Without extension types, codes and views: the values that they stand for."""
    if isinstance(array, arrow.ExtensionArray):
        return _unwrapped(array.storage)
    if types.is_dictionary(array.type):
        return array.dictionary_decode()
    if types.is_run_end_encoded(array.type):
        return _unwrapped(compute.run_end_decode(array))
    if types.is_string_view(array.type):
        return array.cast(arrow.large_string())
    if types.is_binary_view(array.type):
        return array.cast(arrow.large_binary())
    return array


def _plain(array: Any) -> Plain | None:
    kind = array.type
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        inner = _plain(array.values.slice(array.offset * size, len(array) * size))
        if inner is None or types.is_temporal(kind.value_type):
            return None
        valid = _valid(array)
        if inner.valid is not None:  # then only in rows where there is no list
            whole = inner.valid.reshape(len(array), size).all(axis=1)
            if not (whole if valid is None else whole | ~valid).all():
                return None
        return Plain(inner.values.reshape(len(array), size, *inner.values.shape[1:]), valid)
    if types.is_boolean(kind):
        return Plain(_bits(array), _valid(array))
    if types.is_integer(kind) or types.is_floating(kind):
        return Plain(_numbers(array, np.dtype(kind.to_pandas_dtype())), _valid(array))
    if types.is_temporal(kind) and not types.is_interval(kind):
        numbers = _numbers(array, np.dtype(f"int{kind.bit_width}"))
        return Plain(numbers.astype(np.int64, copy=False).view(_moments(kind)), _valid(array))
    return None


def _valid(array: Any) -> np.ndarray | None:
    return array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None


def _numbers(array: Any, dtype: np.dtype) -> np.ndarray:
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, len(array), array.offset * dtype.itemsize)


def _bits(array: Any) -> np.ndarray:
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), bool)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)


def _moments(kind: Any) -> str:
    """NumPy's type of a moment (in UTC, if it has a time zone), a date or a span of time."""
    if types.is_date(kind):
        return "datetime64[D]" if types.is_date32(kind) else "datetime64[ms]"
    return f"{'datetime64' if types.is_timestamp(kind) else 'timedelta64'}[{kind.unit}]"


def values_of(array: Any) -> list:
    """The Python values of an Arrow array."""
    array = _unwrapped(array)
    plain = _plain(array)
    if plain is not None:
        return plain.rows(np.arange(len(array)))
    kind = array.type
    if types.is_struct(kind):
        names = [kind.field(place).name for place in range(kind.num_fields)]
        rows = zip(*map(values_of, array.flatten()), strict=True) if names else [()] * len(array)
        return _but_nulls(array, [dict(zip(names, row, strict=True)) for row in rows])
    if types.is_list_view(kind) or types.is_large_list_view(kind):  # in any order, with gaps
        facts = array.offsets.to_pylist(), array.sizes.to_pylist(), array.is_valid().to_pylist()
        return [
            _lists(array, [slice(start, start + size)])[0] if valid else None
            for start, size, valid in zip(*facts, strict=True)
        ]
    parts = _parts(array)
    return array.to_pylist() if parts is None else _but_nulls(array, _lists(array, parts))


def _parts(array: Any) -> list[slice] | None:
    """Where in the values of a list array each row lies; None for arrays of other types."""
    kind = array.type
    if types.is_list(kind) or types.is_large_list(kind):
        return [slice(*pair) for pair in pairwise(array.offsets.to_pylist())]
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        rows = range(array.offset, array.offset + len(array))
        return [slice(row * size, (row + 1) * size) for row in rows]
    return None


def _lists(array: Any, parts: list[slice]) -> list:
    """Each row's values: as an array if they are numbers and none is missing, else as a list."""
    first, last = (parts[0].start, parts[-1].stop) if parts else (0, 0)
    inner = _unwrapped(array.values.slice(first, last - first))
    plain = _plain(inner)
    parts = [slice(part.start - first, part.stop - first) for part in parts]
    if plain is None:
        flat = values_of(inner)
        return [flat[part] for part in parts]
    if plain.valid is None:
        return [np.array(plain.values[part]) for part in parts]
    return [
        np.array(plain.values[part])
        if plain.valid[part].all()
        else plain.rows(np.arange(part.start, part.stop))
        for part in parts
    ]


def _but_nulls(array: Any, rows: list) -> list:
    if not array.null_count:
        return rows
    valid = array.is_valid().to_pylist()
    return [row if there else None for row, there in zip(rows, valid, strict=True)]
