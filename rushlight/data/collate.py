"""Collating: many samples into one batch, field by field."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from numbers import Number
from typing import Any

import numpy as np

from . import arrays

PLAIN_NUMBERS = (bool, int, float, np.generic)
NUMBER_KINDS = "biufc"


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples of one structure into a batch of the same structure.

    Tensors, NumPy arrays and NumPy scalars gain a first axis and keep their dtype. Python
    numbers become a tensor: float64 if any is a float, else int64, or bool. Strings and bytes
    stay a sequence. Dicts, named tuples, dataclasses and lists keep their type, tuples become
    lists. Unequal shapes or lengths are a RuntimeError that names the field, a missing dict key
    is a KeyError, anything else that cannot be joined a TypeError.

    >>> batch = default_collate([{"x": 1.5, "name": "a"}, {"x": 2.5, "name": "b"}])
    >>> batch["x"].tolist(), batch["name"]
    ([1.5, 2.5], ['a', 'b'])
    """
    if len(batch) == 0:
        raise IndexError("default_collate: the batch is empty")
    return _collate(batch, "sample")


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays of one sample into tensors and leave the rest as it is.

    Used by a DataLoader that does not batch. Dicts, named tuples, dataclasses and lists keep
    their type, tuples become lists; numbers, strings and arrays of strings stay unchanged.

    >>> default_convert([2, "a"])
    [2, 'a']
    """
    if arrays.is_tensor(data):
        return data
    if isinstance(data, np.ndarray | np.generic) and not isinstance(data, str | bytes):
        array = np.asarray(data)
        return data if array.dtype.kind in "OSU" else arrays.from_array(array)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_named_tuple(data):
        return type(data)(*(default_convert(value) for value in data))
    if _is_dataclass(data):
        return _rebuild_dataclass(data, lambda name: default_convert(getattr(data, name)))
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _rebuild_sequence(data, [default_convert(value) for value in data])
    return data


def _collate(batch: Sequence[Any], field: str) -> Any:
    first = batch[0]
    if arrays.is_array(first):
        return _collate_arrays(batch, field)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, PLAIN_NUMBERS):
        return _collate_numbers(batch, field)
    if isinstance(first, Mapping):
        return _collate_mappings(batch, field)
    if _is_dataclass(first):
        return _collate_dataclasses(batch, field)
    if isinstance(first, Sequence):
        return _collate_sequences(batch, field)
    raise _not_collatable(field, 0, type(first))


def _collate_arrays(batch: Sequence[Any], field: str) -> Any:
    kinds = set(map(type, batch))
    if kinds not in ({np.ndarray}, {arrays.tensor_type()}):
        batch = _checked_arrays(batch, field)
        kinds = set(map(type, batch))
    _check_shapes([value.shape for value in batch], field)
    if kinds == {np.ndarray}:
        dtypes = {value.dtype for value in batch}
        if len(dtypes) == 1:
            _check_kind(dtypes.pop(), field)
            return _with_field(field, arrays.stack_arrays, batch)
    return _with_field(field, arrays.stack, batch)


def _checked_arrays(batch: Sequence[Any], field: str) -> list:
    """Numbers among arrays as arrays too; TypeError for anything else."""
    # As in PyTorch, a number may stand among arrays, but not among tensors.
    fitting = (np.ndarray, np.generic, Number) if isinstance(batch[0], np.ndarray) else np.ndarray
    for place, value in enumerate(batch):
        if not isinstance(value, fitting) and not arrays.is_tensor(value):
            raise _not_collatable(field, place, type(value))
    return [value if arrays.is_tensor(value) else np.asarray(value) for value in batch]


def _collate_numbers(batch: Sequence[Any], field: str) -> Any:
    if not set(map(type, batch)) <= {bool, int, float}:
        for place, value in enumerate(batch):
            if not isinstance(value, PLAIN_NUMBERS):
                raise _not_collatable(field, place, type(value))
    try:
        array = np.array(batch, dtype=_number_dtype(batch))
    except OverflowError as error:
        raise ValueError(f"{field} holds an integer that does not fit int64") from error
    _check_kind(array.dtype, field)
    return _with_field(field, arrays.from_array, array, True)


def _number_dtype(batch: Sequence[Any]) -> type | None:
    # The dtype must not depend on which sample comes first.
    kinds = set(map(type, batch))
    if kinds == {bool}:
        return np.bool_
    if kinds <= {bool, int}:
        return np.int64
    return np.float64 if kinds <= {bool, int, float} else None


def _collate_mappings(batch: Sequence[Mapping], field: str) -> Any:
    first = batch[0]
    if set(map(type, batch)) != {type(first)}:
        for place, sample in enumerate(batch):
            if not isinstance(sample, Mapping):
                raise _not_collatable(field, place, type(sample))
    collated = {key: _collate(_column(batch, key, field), _at(field, key)) for key in first}
    return _rebuild_mapping(first, collated)


def _column(batch: Sequence[Mapping], key: Any, field: str) -> list:
    try:
        return [sample[key] for sample in batch]
    except KeyError as error:
        for place, sample in enumerate(batch):
            if key not in sample:
                message = f"{_at(field, key)} is in sample 0 of the batch, not in sample {place}"
                raise KeyError(message) from error
        raise


def _collate_dataclasses(batch: Sequence[Any], field: str) -> Any:
    kind = type(batch[0])
    for place, sample in enumerate(batch):
        if not isinstance(sample, kind):
            raise _not_collatable(field, place, type(sample))

    def collated(name: str) -> Any:
        return _collate([getattr(sample, name) for sample in batch], f"{field}.{name}")

    return _rebuild_dataclass(batch[0], collated)


def _collate_sequences(batch: Sequence[Sequence], field: str) -> Any:
    first = batch[0]
    if set(map(type, batch)) != {type(first)} or len(set(map(len, batch))) > 1:
        _check_sequences(batch, field)
    named = getattr(first, "_fields", None) if isinstance(first, tuple) else None
    parts = [f".{name}" for name in named] if named else [f"[{i}]" for i in range(len(first))]
    columns = zip(*batch, strict=True)
    collated = [_collate(column, field + part) for column, part in zip(columns, parts, strict=True)]
    return type(first)(*collated) if _is_named_tuple(first) else _rebuild_sequence(first, collated)


def _check_sequences(batch: Sequence[Any], field: str) -> None:
    length = len(batch[0])
    for place, sample in enumerate(batch):
        if not isinstance(sample, Sequence) or isinstance(sample, str | bytes):
            raise _not_collatable(field, place, type(sample))
        if len(sample) != length:
            raise RuntimeError(
                "each element in list of batch should be of equal size, but "
                f"{field} has {length} items in sample 0 and {len(sample)} in sample {place}; "
                "give the DataLoader a collate_fn that pads them to one size"
            )


def _check_shapes(shapes: list[tuple[int, ...]], field: str) -> None:
    if len(set(shapes)) <= 1:
        return
    odd = next(place for place, shape in enumerate(shapes) if shape != shapes[0])
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(place)
    listing = [
        f"{list(shape)} in {_shorten(places, 'sample')}"
        for shape, places in list(groups.items())[:8]
    ]
    more = ", ..." if len(groups) > 8 else ""
    raise RuntimeError(
        f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 and "
        f"{list(shapes[odd])} at entry {odd}: {field} has shape {', '.join(listing)}{more}. "
        "Give the DataLoader a collate_fn that pads them to one shape, or batch only samples "
        "of equal shape."
    )


def _shorten(places: list[int], word: str) -> str:
    shown = ", ".join(map(str, places[:4])) + (", ..." if len(places) > 4 else "")
    return f"{word}{'s' if len(places) > 1 else ''} {shown}"


def _check_kind(dtype: np.dtype, field: str) -> None:
    if dtype.kind not in NUMBER_KINDS:
        raise _not_collatable(field, 0, dtype)


def _not_collatable(field: str, place: int, found: Any) -> TypeError:
    return TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {found} in {field} of sample {place} of the batch"
    )


def _with_field(field: str, function: Callable, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:
        error.add_note(f"while collating {field}")
        raise


def _at(field: str, key: Any) -> str:
    return f'{field}["{key}"]' if isinstance(key, str) else f"{field}[{key!r}]"


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _is_dataclass(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _rebuild_mapping(model: Mapping, values: dict) -> Mapping:
    try:
        if isinstance(model, MutableMapping):
            # A copy keeps what the type holds beside its items, such as a default factory.
            clone = copy.copy(model)
            clone.update(values)
            return clone
        return type(model)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _rebuild_sequence(model: Sequence, values: list) -> Sequence:
    if isinstance(model, tuple):
        return values
    try:
        if isinstance(model, MutableSequence):
            clone = copy.copy(model)
            for place, value in enumerate(values):
                clone[place] = value
            return clone
        return type(model)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _rebuild_dataclass(model: Any, value_of: Callable[[str], Any]) -> Any:
    clone = copy.copy(model)
    for field in dataclasses.fields(model):
        # Frozen dataclasses too: the clone is not yet anyone's value.
        object.__setattr__(clone, field.name, value_of(field.name))
    return clone
