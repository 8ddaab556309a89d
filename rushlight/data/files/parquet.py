"""Parquet files: row groups are read when they are asked for, and only the columns asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data.files.cache import Cache
from rushlight.data.files.groups import BUDGET, GroupDataset, check_budget
from rushlight.data.files.paths import Paths, files_of
from rushlight.data.files.rows import Transform
from rushlight.data.optional import needed
from rushlight.data.workers.info import get_worker_info

_OPEN_FILES = 64


class ParquetDataset(GroupDataset):
    """Rows of Parquet files as dicts, by pyarrow (the extra `arrow`).

    `paths` is a file, a folder, a pattern or a list of these; files must have the same columns.
    `columns` says which are read (all).  A row group is decoded when one of its rows is asked for,
    and stays until the groups used later take more than `budget` bytes (512 MiB), in each process.
    Random access to many groups is slow: shuffle with `GroupShuffleSampler`, or read a
    `GroupStream`.  `transform` makes a sample of a row.

    Numbers and truth values are NumPy's, of the column's type; lists of numbers are arrays, of
    one shape where lists have a fixed size; texts are str, and binary values bytes.  Moments, dates
    and spans of time are np.datetime64 (UTC) and np.timedelta64.  Decimals are Decimal, structs
    dicts, maps lists of pairs; a dictionary's codes become the values they stand for.  A missing
    value is None, which `default_collate` refuses by the column's name.  Where all columns are
    numbers, or lists of them of a fixed size, a batch is made by one gather a column.

    A row group that is larger than `budget` is a ValueError, as are columns that are not there or
    differ between files, and a file that is damaged or no Parquet.

    >>> import os, tempfile, pyarrow, pyarrow.parquet
    >>> path = os.path.join(tempfile.mkdtemp(), "people.parquet")
    >>> table = pyarrow.table({"name": ["Ann", "Bo"], "age": [31, 27]})
    >>> pyarrow.parquet.write_table(table, path)
    >>> ParquetDataset(path)[1]
    {'name': 'Bo', 'age': np.int64(27)}
    """

    def __init__(
        self,
        paths: Paths,
        columns: Sequence[str] | None = None,
        *,
        budget: int = BUDGET,
        transform: Transform = None,
    ):
        needed("pyarrow", type(self).__name__, "arrow")
        self.paths = files_of(paths, (".parquet",))
        sizes: list[int] = []
        groups: list[tuple[int, int]] = []
        schema: Any = None
        for number, path in enumerate(self.paths):
            found, metadata = _opened(path, columns)
            schema = found if schema is None else checked_schema(path, found, schema)
            for place in range(metadata.num_row_groups):
                group = metadata.row_group(place)
                groups.append((number, place))
                sizes.append(group.num_rows)
                if columns is None:
                    check_budget(f"row group {place} of {path}", group.total_byte_size, budget)
        self.columns = tuple(schema.names)
        self.kinds = kinds_of(schema)
        self.group_sizes = np.array(sizes, int)
        self._places = np.array(groups, int).reshape(-1, 2)
        self._metadata = Cache(_OPEN_FILES)
        super().__init__(budget, transform)

    def place_of(self, group: int) -> str:
        """Where a row group is, for messages."""
        number, place = self._places[group].tolist()
        return f"row group {place} of {self.paths[number]}"

    def decode(self, group: int) -> tuple[dict[str, Any], int]:
        """The columns of one row group, and how many bytes they take."""
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile, read_metadata

        number, place = self._places[group].tolist()
        path = self.paths[number]
        try:
            metadata = self._metadata.get(number, lambda: (read_metadata(path), 1))
            with ParquetFile(path, metadata=metadata, memory_map=True) as file:
                threads = get_worker_info() is None
                table = file.read_row_group(place, list(self.columns), use_threads=threads)
        except (ArrowException, OSError) as error:
            raise ValueError(f"{path}: row group {place} cannot be read: {error}") from error
        return decoded(path, table, self.columns, int(self.group_sizes[group]))


def decoded(
    path: str, table: Any, names: Sequence[str], rows: int, mapped: range = range(0)
) -> tuple[dict[str, Any], int]:
    """The columns of a table, and the bytes that they take beside a mapped file."""
    from rushlight.data.files.columns import column_of

    if table.num_rows != rows:
        raise ValueError(f"{path} has changed: {rows} rows were there, now {table.num_rows}")
    columns = {name: column_of(table.column(name)) for name in names}
    return columns, sum(column.nbytes(mapped) for column in columns.values())


def kinds_of(schema: Any) -> dict[str, Any]:
    """Of each column the dtype and shape of a row, where a batch can be gathered."""
    from rushlight.data.files.columns import plain_kind

    return {field.name: plain_kind(field.type) for field in schema}


def chosen_schema(path: str, schema: Any, columns: Sequence[str] | None) -> Any:
    """The schema of the columns asked for, in the order in which they were."""
    names = list(schema.names if columns is None else columns)
    problem = None
    for name in names:
        if schema.names.count(name) != 1:
            times = "twice" if name in schema.names else "not"
            problem = f"{path} has the column {name!r} {times}; its columns are {schema.names}"
    if isinstance(columns, str) or not names:
        problem = f"columns should be a list of names, but got {columns!r} ({path})"
    if problem is not None:
        raise ValueError(problem)
    import pyarrow

    return pyarrow.schema([schema.field(name) for name in names])


def checked_schema(path: str, found: Any, expected: Any) -> Any:
    """The schema expected; ValueError if a file has other types."""
    for name in expected.names if expected.names == found.names else ():
        if found.field(name).type != expected.field(name).type:
            raise ValueError(
                f"{path} has the column {name!r} as {found.field(name).type}, "
                f"the first file as {expected.field(name).type}"
            )
    if expected.names != found.names:
        raise ValueError(f"{path} has columns {found.names}, the first file {expected.names}")
    return expected


def _opened(path: str, columns: Sequence[str] | None) -> tuple[Any, Any]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path, memory_map=True) as file:
            return chosen_schema(path, file.schema_arrow, columns), file.metadata
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} is damaged or no Parquet file: {error}") from error
