"""What a batch holds: its fields with shapes, dtypes and ranges."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.collate import default_collate

Field = tuple[str, Any]
_SHOWN = 3


def loosely(samples: Sequence[Any]) -> Any:
    """Collate what can be joined; a field of different shapes, or of anything, stays a list."""
    first = samples[0]
    if isinstance(first, Mapping):
        return {key: loosely([sample.get(key) for sample in samples]) for key in first}
    if isinstance(first, tuple | list) and len({len(sample) for sample in samples}) == 1:
        return [loosely(column) for column in zip(*samples, strict=True)]
    try:
        return default_collate(samples)
    except (TypeError, RuntimeError, ValueError):
        return list(samples)


def fields(batch: Any, name: str = "") -> Iterator[Field]:
    """The parts of a batch that are not made of parts, with what leads to them."""
    if isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from fields(value, f"{name}[{key!r}]")
    elif dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        for field in dataclasses.fields(batch):
            yield from fields(getattr(batch, field.name), f"{name}.{field.name}")
    elif isinstance(batch, tuple | list) and any(map(_is_part, batch)) and not _is_column(batch):
        for place, value in enumerate(batch):
            yield from fields(value, f"{name}[{place}]")
    else:
        yield name or "batch", batch


def _is_part(value: Any) -> bool:
    return arrays.is_array(value) or isinstance(value, Mapping | tuple | list)


def _is_column(values: Sequence[Any]) -> bool:
    """Whether these are samples that could not be joined: arrays of one rank, unlike shapes."""
    if not all(arrays.is_array(value) for value in values):
        return all(isinstance(value, str | bytes | None | int | float) for value in values)
    shapes = [tuple(value.shape) for value in values]
    return len({len(shape) for shape in shapes}) == 1 and len(set(shapes)) > 1


def described(value: Any) -> str:
    """One line about a field."""
    if arrays.is_array(value):
        array = arrays.to_array(value)
        dtype = getattr(value.dtype, "name", None) or str(value.dtype)
        return f"{dtype} {tuple(array.shape)}{_range(array)}"
    if isinstance(value, tuple | list) and value and all(map(arrays.is_array, value)):
        shapes = sorted({tuple(part.shape) for part in value})
        words = ", ".join(map(str, shapes[:_SHOWN])) + (", ..." if len(shapes) > _SHOWN else "")
        return f"{len(value)} arrays of {len(shapes)} shapes: {words}"
    if isinstance(value, tuple | list):
        shown = ", ".join(_shortened(part) for part in value[:_SHOWN])
        kinds = " or ".join(sorted({type(part).__name__ for part in value}))
        return f"{len(value)} of {kinds}: {shown}{', ...' if len(value) > _SHOWN else ''}"
    return f"{type(value).__name__}: {_shortened(value)}"


def _range(array: np.ndarray) -> str:
    if not array.size or array.dtype.kind not in "biuf":
        return ""
    numbers = array.astype(np.float64) if array.dtype.kind in "bf" else array
    finite = numbers[np.isfinite(numbers)] if array.dtype.kind == "f" else numbers
    if not finite.size:
        return ", nothing finite"
    words = f", {finite.min():.4g} to {finite.max():.4g}, mean {finite.mean():.4g}"
    odd = array.size - finite.size
    return words + (f", {odd} not finite" if odd else "")


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
