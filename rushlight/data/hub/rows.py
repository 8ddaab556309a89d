"""Samples and batches of a Hugging Face `Dataset`, straight from its Arrow table.

What comes out is what the dataset itself, and `default_collate`, would make; where that is not
certain (features that are decoded, missing values, other formats) the dataset is asked itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rushlight.data import arrays

from .columns import ArrowColumn

PLAIN = ("Value", "ClassLabel", "List", "LargeList", "Sequence")
"""Features whose values are those of the Arrow table."""


def rows_of(dataset: Any) -> HubRows | None:
    """How to read this dataset by its table; None for other datasets, and for what may differ."""
    kind = type(dataset)
    if kind.__module__ != "datasets.arrow_dataset" or kind.__name__ != "Dataset":
        return None
    if not hasattr(dataset, "_indices"):  # a version that keeps what was selected elsewhere
        return None
    known = _known.get(dataset)
    if known is None or not known[0].fits(dataset):
        made = HubRows(dataset)
        known = _known[dataset] = made, made if _is_plain(dataset) else None
    return known[1]


_known: WeakKeyDictionary[Any, tuple[HubRows, HubRows | None]] = WeakKeyDictionary()


def _is_plain(dataset: Any) -> bool:
    told = dataset.format
    if told["type"] not in (None, "numpy") or told["format_kwargs"] or told["output_all_columns"]:
        return False
    features = dataset.features
    return all(is_plain_feature(features.get(name)) for name in told["columns"])


def is_plain_feature(feature: Any) -> bool:
    """Whether the values of a feature, or of a dict of features, are those of the Arrow table."""
    if isinstance(feature, dict):
        return all(is_plain_feature(part) for part in feature.values())
    kind = type(feature)
    if not kind.__module__.startswith("datasets.") or kind.__name__ not in PLAIN:
        return False
    inner = getattr(feature, "feature", None)
    return inner is None or is_plain_feature(inner)


class HubRows:
    """Reads rows of the table that a dataset had when this was made, in its format then."""

    def __init__(self, dataset: Any):
        self.table, self.indices = dataset.data, dataset._indices
        self.features, self.format = dataset.info.features, dataset.format
        self.is_numpy = self.format["type"] == "numpy"
        self.length = len(dataset)
        self._columns: dict[str, ArrowColumn] | None = None
        self._places: ArrowColumn | None = None

    def fits(self, dataset: Any) -> bool:
        """Whether the dataset is still what it was."""
        return (
            self.table is dataset.data
            and self.indices is dataset._indices
            and self.features is dataset.info.features
            and self.format == dataset.format
        )

    @property
    def columns(self) -> dict[str, ArrowColumn]:
        """The columns of the format, in the table's order."""
        if self._columns is None:
            if self.indices is not None:
                self._places = ArrowColumn(self.indices.column(0))
            chosen = set(self.format["columns"])
            names = [name for name in self.table.column_names if name in chosen]
            self._columns = {name: ArrowColumn(self.table.column(name)) for name in names}
        return self._columns

    def _found(self, indices: Any) -> np.ndarray | None:
        """Where these rows are in the table; None if one is not."""
        try:
            places = np.array(indices, np.int64)
        except (TypeError, ValueError, OverflowError):
            return None
        if places.ndim != 1 or not places.size or isinstance(indices[0], bool):
            return None
        if places.min() < 0 or places.max() >= self.length or not self.columns:
            return None
        if self._places is None:
            return places
        numbers = self._places.numbers(places)
        return None if numbers is None else numbers.astype(np.int64)

    def batch(self, indices: Any) -> dict[str, Any] | None:
        """What `default_collate` would make of these rows."""
        places = self._found(indices)
        if places is None or any(column.kind == "other" for column in self.columns.values()):
            return None
        made: dict[str, Any] = {}
        for name, column in self.columns.items():
            collated = self._collated(column, places)
            if collated is None:
                return None
            made[name] = collated
        return made

    def _collated(self, column: ArrowColumn, places: np.ndarray) -> Any:
        if column.kind == "text":
            return self._texts(column, places)
        if column.kind == "number":
            numbers = column.numbers(places)
            return None if numbers is None else self._tensor(numbers)
        rows = _square(column, places)
        if rows is None or not rows.size:
            return None
        if self.is_numpy:
            return self._tensor(rows)
        # Lists of numbers are collated place by place.
        made = [self._tensor(entries) for entries in rows.T]
        return None if any(tensor is None for tensor in made) else made

    def _tensor(self, numbers: np.ndarray) -> Any:
        """The tensor of numbers as the format gives them; None where that would be an error."""
        dtype = self._dtype(numbers.dtype)
        if numbers.dtype == np.uint64 and numbers.max() > np.iinfo(np.int64).max:
            return None
        array, tensor = arrays.empty(numbers.shape, dtype)
        array[...] = numbers
        return tensor

    def _dtype(self, dtype: np.dtype) -> np.dtype:
        if dtype.kind in "iu":
            return np.dtype(np.int64)
        if dtype.kind == "f":
            return np.dtype(np.float32 if self.is_numpy else np.float64)
        return dtype

    def _texts(self, column: ArrowColumn, places: np.ndarray) -> list | None:
        texts = _values(column, places)
        if None in texts:
            return None
        return list(np.asarray(texts)) if self.is_numpy else texts

    def samples(self, indices: Any) -> list[dict] | None:
        """The rows themselves, as the dataset would give them."""
        places = self._found(indices)
        if places is None:
            return None
        read = self._arrays if self.is_numpy else _values
        columns = [read(column, places) for column in self.columns.values()]
        if any(column is None for column in columns):
            return None
        names = list(self.columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _arrays(self, column: ArrowColumn, places: np.ndarray) -> Sequence[Any] | None:
        """The values of one column in the format "numpy"."""
        if column.kind == "text":
            return self._texts(column, places)
        if column.kind == "number":
            numbers = column.numbers(places)
            wrong = numbers is None or numbers.dtype == np.uint64
            return None if wrong else numbers.astype(self._dtype(numbers.dtype))
        if column.kind == "other" or column.dtype == np.uint64:
            return None
        pieces = column.pieces(places)
        if pieces is not None:
            return [piece.astype(self._dtype(column.dtype)) for piece in pieces]
        found = column.taken(places)
        values = found.flatten()
        if found.null_count or values.null_count:
            return None
        numbers = values.to_numpy(zero_copy_only=False).astype(self._dtype(column.dtype))
        lengths = found.value_lengths().to_numpy(zero_copy_only=False)
        return np.split(numbers, np.cumsum(lengths)[:-1])


def _values(column: ArrowColumn, places: np.ndarray) -> list:
    """The values of one column as plain Python ones."""
    if column.kind == "number" and column.dtype != np.float16:
        numbers = column.numbers(places)
        if numbers is not None:
            return numbers.tolist()
    pieces = None if column.dtype == np.float16 else column.pieces(places)
    if pieces is None:
        return column.taken(places).to_pylist()
    if column.kind == "list":
        return [piece.tolist() for piece in pieces]
    if column.is_bytes:
        return [bytes(piece) for piece in pieces]
    return [str(piece, "utf-8") for piece in pieces]


def _square(column: ArrowColumn, places: np.ndarray) -> np.ndarray | None:
    """Lists of one length as the rows of an array; None for others, and where one is missing."""
    pieces = column.pieces(places)
    if pieces is not None:
        equal = len({len(piece) for piece in pieces}) == 1
        return np.stack(pieces) if equal else None
    lists = column.taken(places)
    if lists.null_count:
        return None
    values = lists.flatten()
    count = len(lists)
    lengths = lists.value_lengths()
    first = lengths[0].as_py()
    if values.null_count or len(values) != first * count:
        return None
    if (lengths.to_numpy(zero_copy_only=False) != first).any():
        return None
    return values.to_numpy(zero_copy_only=False).reshape(count, first)
