"""Arrow's IPC files and streams (Feather 2 and the caches of other libraries), memory-mapped."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data.files.cache import Cache
from rushlight.data.files.groups import BUDGET, GroupDataset
from rushlight.data.files.parquet import checked_schema, chosen_schema, decoded, kinds_of
from rushlight.data.files.paths import Paths, files_of
from rushlight.data.files.rows import Transform
from rushlight.data.optional import needed

_OPEN_FILES = 64
_FILE = b"ARROW1"


class ArrowDataset(GroupDataset):
    """Rows of Arrow's IPC files or streams as dicts, by pyarrow (the extra `arrow`).

    The files are mapped into memory: what was written without compression is read where it lies,
    so that rows may be asked for in any order.  Compressed record batches are decoded as a whole,
    and stay until those used later take more than `budget` bytes (512 MiB), in each process.
    `paths`, `columns`, `transform`, what columns become, and what is refused are as in
    `ParquetDataset`; so are dictionaries in the form of a stream, of which a batch alone cannot
    be read.

    >>> import os, tempfile, pyarrow
    >>> path = os.path.join(tempfile.mkdtemp(), "numbers.arrow")
    >>> table = pyarrow.table({"x": [1.5, 2.5], "tags": [["a"], []]})
    >>> with pyarrow.ipc.new_file(path, table.schema) as file:
    ...     file.write_table(table)
    >>> ArrowDataset(path)[0]
    {'x': np.float64(1.5), 'tags': ['a']}
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
        self.paths = files_of(paths, (".arrow", ".feather", ".ipc"))
        self.budget = budget
        self._readers = Cache(_OPEN_FILES)
        sizes: list[int] = []
        groups: list[tuple[int, int]] = []
        schema: Any = None
        for number, path in enumerate(self.paths):
            reader = _guarded(path, "opened", lambda path=path: _reader(path, columns))
            found = chosen_schema(path, reader.schema, columns)
            schema = found if schema is None else checked_schema(path, found, schema)
            counted = _guarded(path, "read", reader.count)
            groups += [(number, place) for place, _ in counted]
            sizes += [rows for _, rows in counted]
        self.columns = tuple(schema.names)
        self.kinds = kinds_of(schema)
        self._places = np.array(groups, int).reshape(-1, 2)
        self.group_sizes = np.array(sizes, int)
        self._checked: set[tuple[int, int]] = set()
        super().__init__(budget, transform)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_checked": set()}

    def place_of(self, group: int) -> str:
        """Where a record batch is, for messages."""
        return f"a record batch of {self.paths[self._places[group, 0]]}"

    def decode(self, group: int) -> tuple[dict[str, Any], int]:
        """The columns of one record batch, and how many bytes they take beside the file."""
        number, place = self._places[group].tolist()
        path = self.paths[number]

        def open_reader() -> tuple[Any, int]:
            return _reader(path, self.columns), 1

        def read() -> Any:
            reader = self._readers.get(number, open_reader)
            batch = reader.batch(place).select(self.columns)
            if (number, place) not in self._checked:
                batch.validate(full=True)  # what lies in a file is not checked by mapping it
                self._checked.add((number, place))
            return batch, reader.mapped

        batch, mapped = _guarded(path, "read", read)
        return decoded(path, batch, self.columns, int(self.group_sizes[group]), mapped)


def _guarded(path: str, action: str, read: Any) -> Any:
    from pyarrow import ArrowException

    try:
        return read()
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be {action} as Arrow data: {error}") from error


def _reader(path: str, columns: Sequence[str] | None) -> Any:
    with open(path, "rb") as file:
        is_file = file.read(len(_FILE)) == _FILE
    return (_FileReader if is_file else _StreamReader)(path, columns)


class _Reader:
    """The record batches of one mapped file, one at a time."""

    schema: Any

    def __init__(self, path: str, columns: Sequence[str] | None):
        import pyarrow

        self.path = path
        self.lock = threading.Lock()
        self.source = pyarrow.memory_map(path)
        whole = self.source.read_buffer()
        self.mapped = range(whole.address, whole.address + whole.size)
        self.source.seek(0)

    def options(self, names: Sequence[str] | None) -> Any:
        """Read these columns alone."""
        import pyarrow

        schema = pyarrow.ipc.open_file(self.source).schema
        names = schema.names if names is None else names
        fields = sorted({schema.get_field_index(name) for name in names if name in schema.names})
        return pyarrow.ipc.IpcReadOptions(included_fields=fields)


class _FileReader(_Reader):
    def __init__(self, path: str, columns: Sequence[str] | None):
        import pyarrow

        super().__init__(path, columns)
        self.schema = pyarrow.ipc.open_file(self.source).schema
        self.file = pyarrow.ipc.open_file(self.source, options=self.options(columns))

    def batch(self, place: int) -> Any:
        with self.lock:
            return self.file.get_batch(place)

    def count(self) -> list[tuple[int, int]]:
        """The places of the batches, and how many rows each has."""
        import pyarrow

        one = self.options(self.schema.names[:1])
        file = pyarrow.ipc.open_file(self.source, options=one)
        places = range(file.num_record_batches)
        return [(place, file.get_batch(place).num_rows) for place in places]


class _StreamReader(_Reader):
    def __init__(self, path: str, columns: Sequence[str] | None):
        import pyarrow

        super().__init__(path, columns)
        self.schema = pyarrow.ipc.read_schema(self.source)
        self.first = self.source.tell()

    def batch(self, place: int) -> Any:
        """The batch at this place in the file."""
        with self.lock:
            self.source.seek(place)
            return self._next()

    def _next(self) -> Any:
        import pyarrow

        message = pyarrow.ipc.read_message(self.source)
        if message.type == "dictionary":
            raise ValueError(
                f"{self.path} holds dictionaries in the form of a stream, of which a batch alone "
                "cannot be read: write it as a file (pyarrow.ipc.new_file)"
            )
        return pyarrow.ipc.read_record_batch(message, self.schema)

    def count(self) -> list[tuple[int, int]]:
        """The places of the batches, and how many rows each has."""
        self.source.seek(self.first)
        found = []
        while (place := self.source.tell()) < len(self.mapped):
            try:
                batch = self._next()
            except EOFError:
                if self.source.tell() < len(self.mapped):
                    raise ValueError(
                        f"{self.path} is damaged: it says that it ends at byte {place:,} of "
                        f"{len(self.mapped):,}"
                    ) from None
                break
            found.append((place, batch.num_rows))
        return found
