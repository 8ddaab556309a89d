"""Rows of text files, CSV and JSON Lines: found once, read and parsed when they are asked for."""

from __future__ import annotations

import csv
import json
import os
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from rushlight.data.files.cache import Cache
from rushlight.data.files.lines import LONGEST, Quoting, line_number, row_starts
from rushlight.data.files.mapped import map_bytes
from rushlight.data.files.paths import Paths, files_of
from rushlight.data.files.rows import RowDataset, Transform, checked_index

_OPEN_FILES = 128


class TextRows(RowDataset):
    """Rows of text files; a subclass defines `parse(text)`, and names its files' endings."""

    suffixes: tuple[str, ...]

    def __init__(
        self, paths: Paths, encoding: str, transform: Transform, quoting: Quoting | None = None
    ):
        if "\n,".encode(encoding) != b"\n,":
            raise ValueError(f"rows of text in {encoding} cannot be found; convert it to UTF-8")
        self.paths = files_of(paths, self.suffixes)
        self.encoding = encoding
        self.transform = transform
        self._starts = [row_starts(path, quoting) for path in self.paths]
        self._count()
        self._files = Cache(_OPEN_FILES)

    def _count(self) -> None:
        self._ends = list(accumulate(len(starts) - 1 for starts in self._starts))

    def parse(self, text: str) -> Any:
        """The row that a text stands for; ValueError if it is none."""
        raise NotImplementedError(f"{type(self).__name__} must define parse")

    def __len__(self) -> int:
        return self._ends[-1]

    def row(self, index: int) -> Any:
        """One row."""
        place = checked_index(index, len(self))
        number = bisect_right(self._ends, place)
        return self._parsed(number, place - (self._ends[number - 1] if number else 0))

    def _parsed(self, number: int, place: int) -> Any:
        start, stop = self._starts[number][place : place + 2].tolist()
        if stop - start > LONGEST:
            raise ValueError(f"{self._place(number, start)}: a row of {stop - start:,} bytes")
        data = self._files.get(number, lambda: self._mapped(number))[start:stop]
        try:
            return self.parse(data.decode(self.encoding).rstrip("\r\n"))
        except UnicodeDecodeError as error:
            problem = (
                f"byte {error.object[error.start]:#04x} is not {self.encoding}; give encoding="
            )
        except (ValueError, RecursionError, csv.Error) as error:
            problem = str(error)
        raise ValueError(f"{self._place(number, start)}: {problem}")

    def _mapped(self, number: int) -> tuple[Any, int]:
        path, size = self.paths[number], int(self._starts[number][-1])
        with open(path, "rb") as file:
            found = os.fstat(file.fileno()).st_size
            if found != size:
                raise ValueError(f"{path} has changed: it had {size:,} bytes, now {found:,}")
            return map_bytes(file), 1

    def _place(self, number: int, start: int) -> str:
        path = self.paths[number]
        return f"{path}, line {line_number(path, start)}"


class CsvDataset(TextRows):
    r"""Rows of CSV files as dicts from the names in the first row to texts.

    `paths` is a file, a folder, a pattern or a list of these.  `types` gives, for some columns, the
    function that makes a value of the text, such as `{"age": int}`.  `columns` says which are
    kept (all); `names` gives the names of the columns of files without a first row of names.
    `transform` makes a sample of a row.  Quoted fields may hold newlines, as in the csv module;
    empty lines are no rows.

    The file is looked through once, for where rows begin (8 bytes a row are kept); after that only
    the rows that are asked for are read.  A row with too few or too many fields, a text that its
    function does not take, bytes that are not `encoding`, and a quote that is not closed are a
    ValueError that names file and line; compressed files are refused.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "people.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("name,age\nAnn,31\nBo,27\n")
    >>> CsvDataset(path, types={"age": int})[1]
    {'name': 'Bo', 'age': 27}
    """

    suffixes = (".csv", ".tsv")

    def __init__(
        self,
        paths: Paths,
        columns: Sequence[str] | None = None,
        *,
        types: Mapping[str, Callable[[str], Any]] | None = None,
        names: Sequence[str] | None = None,
        delimiter: str = ",",
        quote: str | None = '"',
        encoding: str = "utf-8",
        transform: Transform = None,
    ):
        for mark in (delimiter, *([] if quote is None else [quote])):
            if len(mark) != 1 or not mark.isascii() or mark in "\r\n":
                raise ValueError(f"delimiter and quote should be one ASCII sign, but got {mark!r}")
        self._dialect: dict[str, Any] = {"delimiter": delimiter, "strict": True}
        self._dialect |= {"quoting": csv.QUOTE_NONE} if quote is None else {"quotechar": quote}
        quoting = None if quote is None else Quoting(delimiter.encode(), quote.encode())
        super().__init__(paths, encoding, transform, quoting)
        self._kept: list[tuple[str, int, Callable | None]] = []
        self.names: list[str] = []
        self.names = self._header() if names is None else list(names)
        self._choose(columns, types or {})

    def _header(self) -> list[str]:
        """The first row of every file, which are no rows of data."""
        headers = {}
        for number, path in enumerate(self.paths):
            if len(self._starts[number]) < 2:
                raise ValueError(f"{path} is empty: not even names of columns are there")
            headers[path] = self._parsed(number, 0)
            self._starts[number] = self._starts[number][1:]
        self._count()
        expected = headers[self.paths[0]]
        for path, found in headers.items():
            if found != expected:
                raise ValueError(f"{path} has columns {found}, the first file {expected}")
        return expected

    def _choose(self, columns: Sequence[str] | None, types: Mapping[str, Callable]) -> None:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"{self.paths[0]}: columns of one name among {self.names}")
        chosen = self.names if columns is None else list(columns)
        for name in [*chosen, *types]:
            if name not in self.names:
                raise ValueError(
                    f"{self.paths[0]} has no column {name!r}; its columns are {self.names}"
                )
        self._kept = [(name, self.names.index(name), types.get(name)) for name in chosen]

    def parse(self, text: str) -> Any:
        """The fields of a row by name; a list of them while the names are not yet known."""
        fields = next(csv.reader([text], **self._dialect))
        if not self.names:
            return fields
        if len(fields) != len(self.names):
            raise ValueError(f"{len(fields)} fields, but there are {len(self.names)} columns")
        row: dict[str, Any] = {}
        for name, place, convert in self._kept:
            value = fields[place]
            try:
                row[name] = value if convert is None else convert(value)
            except ValueError as error:
                raise ValueError(f"column {name!r} holds {value!r:.200}: {error}") from error
        return row


class JsonLinesDataset(TextRows):
    r"""Rows of JSON Lines files: one value in JSON a line, mostly an object, which is a dict.

    `paths` is a file, a folder, a pattern or a list of these.  `columns` says which keys of the
    objects are kept, and must then be there (default: all).  `transform` makes a sample of a row.

    The file is looked through once, for where lines begin (8 bytes a row are kept); after that only
    the lines that are asked for are read.  A line that is no JSON, lacks a key, or is not
    `encoding` is a ValueError that names file and line; compressed files are refused.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "pages.jsonl")
    >>> with open(path, "w") as file:
    ...     _ = file.write('{"title": "Rush", "words": [3, 1]}\n{"title": "Pith", "words": []}\n')
    >>> JsonLinesDataset(path)[0]
    {'title': 'Rush', 'words': [3, 1]}
    """

    suffixes = (".jsonl", ".ndjson", ".json")

    def __init__(
        self,
        paths: Paths,
        columns: Sequence[str] | None = None,
        *,
        encoding: str = "utf-8",
        transform: Transform = None,
    ):
        self.columns = None if columns is None else list(columns)
        super().__init__(paths, encoding, transform)

    def parse(self, text: str) -> Any:
        """The value of a line."""
        value = json.loads(text)
        if self.columns is None:
            return value
        if not isinstance(value, dict):
            raise ValueError(f"columns were asked for, but this is no object: {text!r:.80}")
        for name in self.columns:
            if name not in value:
                raise ValueError(f"no key {name!r}; the keys are {list(value)}")
        return {name: value[name] for name in self.columns}
