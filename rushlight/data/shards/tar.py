"""A tar as a stream of members: bounded, checked, and never written to disk."""

from __future__ import annotations

import zlib
from typing import BinaryIO, NamedTuple

from .errors import ShardError
from .headers import (
    BLOCK,
    EXTENSIONS,
    FILES,
    FOLDER,
    ZEROS,
    Refusal,
    as_text,
    parse_header,
    pax_records,
    refused_kind,
    what_else,
)

PIECE = 1 << 20
LONGEST_EXTENSION = 1 << 20
MOST_EXTENSIONS = 8
"""Extended headers before one member; usual are one or two."""
_CHECKED_AFTER_END = 1 << 20


class Member(NamedTuple):
    """A file in the tar: where its first header begins, its name and its size."""

    start: int
    name: str
    size: int


class TarStream:
    """Walks through the members of a tar that is read from front to back.

    `offset` is where it stands, in bytes of the unpacked tar.  A member larger than `limit` is
    refused.  After `next_member()`, either `read` or `skip` its data.  With `end`, only the part
    from `offset` to there is read.
    """

    def __init__(
        self, file: BinaryIO, url: str, limit: int, offset: int = 0, end: int | None = None
    ):
        self.file, self.url, self.limit = file, url, limit
        self.offset, self.end = offset, end

    def next_member(self) -> Member | None:
        """The next file; None at the end of the tar.  Folders are passed over."""
        start, extended, extensions = self.offset, {}, 0
        while True:
            place, block = self.offset, b""
            if self.end is not None and place >= self.end:
                return None
            try:
                block = self._read(BLOCK, "a header")
                if block == ZEROS:
                    self._check_end(extensions)
                    return None
                header = parse_header(block)
                if header.kind in EXTENSIONS:
                    extensions += 1
                    extended |= self._extension(header.kind, header.size, extensions)
                    continue
                name, size = self._meant(header, extended)
                if header.kind in FILES and not name.endswith("/"):
                    self._check_file(name, size)
                    return Member(start, name, size)
                self._check_folder(header.kind, name, size)
            except Refusal as refusal:
                reason = f"not a tar: {refusal}{what_else(block)}" if place == 0 else str(refusal)
                raise ShardError(reason, self.url, place) from None
            start, extended, extensions = self.offset, {}, 0

    def read(self, size: int) -> bytes:
        """The data of the member that comes now."""
        place = self.offset
        try:
            data = self._read(size, "a member's data")
            self._read(-size % BLOCK, "a member's data")
        except Refusal as refusal:
            raise ShardError(str(refusal), self.url, place) from None
        return data

    def skip(self, size: int) -> None:
        """Pass over the data of the member that comes now; only in a file that can be entered."""
        self.offset += -(-size // BLOCK) * BLOCK
        self.file.seek(self.offset)

    def _read(self, size: int, what: str) -> bytes:
        data = self._take(min(size, PIECE))
        if size > PIECE:
            data = self._in_pieces(data, size)
        self.offset += len(data)
        if len(data) < size:
            raise Refusal(self._shortage(what, size, data))
        return data

    def _shortage(self, what: str, size: int, found: bytes) -> str:
        if self.offset == 0:
            return "the file is empty"
        if what == "a header" and not found:
            return "the file ends without the mark of a tar's end: it is cut off"
        guess = what_else(found) if self.offset == len(found) else ""
        return f"the file is cut off: {what} should have {size} bytes, found {len(found)}{guess}"

    def _in_pieces(self, first: bytes, size: int) -> bytes:
        """What is there decides how much memory is taken, not what a header says."""
        pieces, found = [first], len(first)
        while found < size and pieces[-1]:
            pieces.append(self._take(min(size - found, PIECE)))
            found += len(pieces[-1])
        return b"".join(pieces)

    def _take(self, size: int) -> bytes:
        try:
            return self.file.read(size)
        except (OSError, EOFError, zlib.error) as error:
            reason = f"it cannot be unpacked or read: {type(error).__name__}: {error}"
            raise ShardError(reason, self.url, self.offset) from error

    def _extension(self, kind: int, size: int, count: int) -> dict[str, bytes]:
        """What an extended header says of the member after it."""
        if size > LONGEST_EXTENSION:
            raise Refusal(
                f"an extended header of {size} bytes; at most {LONGEST_EXTENSION} is read"
            )
        if count > MOST_EXTENSIONS:
            raise Refusal(f"more than {MOST_EXTENSIONS} extended headers stand before one member")
        data = self._read(-(-size // BLOCK) * BLOCK, "an extended header")[:size]
        if kind == ord("L"):
            return {"path": data.rstrip(b"\0")}
        if kind == ord("K"):
            return {}
        records = pax_records(data)
        if any(name.startswith("GNU.sparse") for name in records):
            raise Refusal("a sparse file, of which only parts are stored")
        if kind == ord("g") and not records.keys().isdisjoint(("path", "size", "linkpath")):
            raise Refusal("an extended header gives all members one name or size")
        return {name: records[name] for name in ("path", "size") if name in records}

    def _meant(self, header: tuple, extended: dict[str, bytes]) -> tuple[str, int]:
        """The name and the size, where an extended header says better."""
        name, size, _ = header
        if "path" in extended:
            name = as_text(extended["path"])
        if "size" in extended:
            digits = extended["size"]
            if not digits.isdigit() or len(digits) > 20:
                raise Refusal(f"an extended header gives the size as {digits[:40]!r}")
            size = int(digits)
        return name, size

    def _check_file(self, name: str, size: int) -> None:
        if size > self.limit:
            raise Refusal(
                f"member {name[:200]!r} has {size} bytes; at most {self.limit} are read for a "
                "sample (max_sample_bytes)"
            )
        if not name or "\0" in name:
            raise Refusal(f"{name[:200]!r} is no name")
        if name[0] == "/" or ".." in name.split("/"):
            raise Refusal(f"the name {name[:200]!r} leads out of the archive")

    def _check_folder(self, kind: int, name: str, size: int) -> None:
        if kind != FOLDER and kind not in FILES:
            raise Refusal(f"member {name[:200]!r} is {refused_kind(kind)}, and no file")
        if size:
            raise Refusal(f"the folder {name[:200]!r} has {size} bytes of data")

    def _check_end(self, extensions: int) -> None:
        if extensions:
            raise Refusal("an extended header stands before no member")
        rest = self._take(_CHECKED_AFTER_END)
        if rest.strip(b"\0"):
            raise Refusal("more data stands after the mark of the tar's end; join tars otherwise")
