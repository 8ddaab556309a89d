"""Where the rows of a text file begin: found in one pass over the mapped file."""

from __future__ import annotations

import mmap
import os
import re
from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from rushlight.data.files.mapped import map_bytes

_TOGETHER = 1 << 22
LONGEST = 1 << 28
"""Bytes of a line; a file that has longer ones is hardly one of rows."""
_NEWLINE, _RETURN = b"\n"[0], b"\r"[0]
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"PK\x03\x04": "zip",
}
_MARK = b"\xef\xbb\xbf"


class Quoting:
    """Tells which newlines lie in a quoted field, by the rules of the csv module.

    A field is quoted if it begins with a quote; within it two quotes stand for one.
    """

    def __init__(self, delimiter: bytes, quote: bytes):
        self.delimiter, self.quote = delimiter, quote
        self._opening = delimiter + quote
        escaped = re.escape(quote)
        self._closing = re.compile(b"(?:[^" + escaped + b"]|" + escaped * 2 + b")*+" + escaped)

    def leaves_open(self, line: bytes, inside: bool) -> bool:
        """Whether a quoted field is not closed at the end of a line; `inside`: nor before it."""
        position = 0
        if not inside and line.startswith(self.quote):
            inside, position = True, 1
        while True:
            if inside:
                closed = self._closing.match(line, position)
                if closed is None:
                    return True
                position = closed.end()
            found = line.find(self._opening, position)
            if found < 0:
                return False
            inside, position = True, found + 2

    def begins(self, data: np.ndarray, ends: np.ndarray, inside: bool) -> tuple[np.ndarray, bool]:
        """Which lines begin outside of a quoted field; and whether the last one leaves one open."""
        quoted, doubtful = (lines.tolist() for lines in self._looked_at(data, ends))
        begins = np.ones(len(ends), bool)
        if not inside and not doubtful:
            return begins, inside
        text, stops, line = data.tobytes(), ends.tolist(), 0
        while line < len(stops):
            lines = quoted if inside else doubtful
            place = bisect_left(lines, line)
            found = lines[place] if place < len(lines) else len(stops)
            if inside:
                begins[line : found + 1] = False
            if found == len(stops):
                break
            start = stops[found - 1] if found else 0
            inside = self.leaves_open(text[start : stops[found]], inside)
            line = found + 1
        return begins, inside

    def _looked_at(self, data: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The lines that hold quotes, and those of them that may leave a field open.

        None is left open by quotes that come in pairs, of which the first stands at the beginning
        of a field and the second at its end, or either beside another quote.
        """
        quotes = np.flatnonzero(data == self.quote[0])
        if not len(quotes):
            return quotes, quotes
        places = np.searchsorted(ends, quotes, side="right")
        lines, firsts, counts = np.unique(places, return_index=True, return_counts=True)
        opens = (np.arange(len(quotes)) - np.repeat(firsts, counts)) % 2 == 0
        beside = np.where(opens, quotes - 1, quotes + 1)
        outside = (beside < 0) | (beside == len(data))
        fitting = [self.delimiter[0], _NEWLINE, _RETURN, self.quote[0]]
        fits = outside | np.isin(data[np.where(outside, 0, beside)], fitting)
        doubtful = np.add.reduceat(~fits, firsts, dtype=np.int64) + counts % 2 != 0
        return lines, lines[doubtful]


def row_starts(path: str, quoting: Quoting | None = None) -> np.ndarray:
    """Where each row begins, and last where the file ends; empty lines are no rows.

    A newline in a quoted field does not end a row.  A compressed file, or one with a line of more
    than 256 MiB, is a ValueError.
    """
    size = os.path.getsize(path)
    if not size:
        return np.zeros(1, np.int64)
    with open(path, "rb") as file:
        memory = map_bytes(file)
    for mark, name in _PACKED.items():
        if memory[: len(mark)] == mark:
            raise ValueError(
                f"{path} is compressed ({name}), so no row can be read without those before it: "
                "unpack it first"
            )
    first = len(_MARK) if memory[: len(_MARK)] == _MARK else 0
    found, inside, last = [], False, first
    for offset, data in _pieces(path, memory, first):
        starts, ends, begins = _lines(data)
        if quoting is not None:
            outside, inside = quoting.begins(data, ends, inside)
            begins &= outside
        found.append(starts[begins] + offset)
        last = int(found[-1][-1]) if len(found[-1]) else last
    if inside:
        line = line_number(path, last)
        raise ValueError(f"{path}, line {line}: a quoted field is not closed until the file ends")
    return np.concatenate([*found, [size]])


def _lines(data: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where lines begin and end, and which are not empty."""
    ends = np.flatnonzero(data == _NEWLINE) + 1
    if not len(ends) or ends[-1] < len(data):
        ends = np.append(ends, len(data))
    starts = np.append(0, ends[:-1])
    lengths = ends - starts
    last = data[ends - 1] == _NEWLINE
    empty = (lengths == 1) & last
    empty |= (lengths == 2) & last & (data[starts] == _RETURN)
    return starts, ends, ~empty


def line_number(path: str, start: int) -> int:
    """The number of the line that begins at this byte."""
    with open(path, "rb") as file:
        return 1 + sum(
            file.read(min(_TOGETHER, start - at)).count(b"\n") for at in range(0, start, _TOGETHER)
        )


def _pieces(path: str, memory: mmap.mmap, first: int) -> Iterator[tuple[int, np.ndarray]]:
    """Stretches of whole lines: where each begins, and its bytes."""
    whole = np.frombuffer(memory, np.uint8)
    start = first
    while start < len(whole):
        stop = min(len(whole), start + _TOGETHER)
        newline = memory.rfind(b"\n", start, stop)
        if newline < 0 and stop < len(whole):
            newline = memory.find(b"\n", stop, start + LONGEST)
            if newline < 0 and start + LONGEST < len(whole):
                raise ValueError(
                    f"{path} has a line of more than {LONGEST:,} bytes, at byte {start:,}"
                )
        stop = newline + 1 if newline >= 0 else len(whole)
        yield start, whole[start:stop]
        start = stop
