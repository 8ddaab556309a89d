"""Members of a tar put together into samples, by WebDataset's rule of names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .errors import ShardError
from .headers import BLOCK
from .tar import Member, TarStream

MOST_KEYS = 1 << 20
"""How many samples of a shard are watched for keys that come again."""


def split_name(name: str) -> tuple[str, str] | None:
    """The key of a member's name and its field; None for a file that belongs to no sample.

    The key reaches to the first dot after the last slash, and the field is what follows it, in
    small letters.  Files without an extension, hidden ones and those in `__folders__` belong to
    no sample.

    >>> split_name("train/000012.seg.PNG")
    ('train/000012', 'seg.png')
    >>> split_name("README") is None
    True
    """
    name = name.removeprefix("./")
    folder, slash, base = name.rpartition("/")
    stem, dot, field = base.partition(".")
    if not stem or not dot or (name.startswith("__") and "__" in name[2:].partition("/")[0]):
        return None
    return folder + slash + stem, field.lower()


class Samples(Iterator[dict[str, Any]]):
    """The samples of a tar: dicts of `__key__`, `__url__`, and each field's bytes.

    Members of one key must stand together.  `start` is where the last sample began, and `next`
    where the one after it begins.  Without `payload` the data are passed over.
    """

    def __init__(self, tar: TarStream, payload: bool = True):
        self.tar, self.payload = tar, payload
        self.start = self.next = tar.offset
        self._pending: tuple[Member, str, str] | None = None
        self._begun = False
        self._seen: set[int] = set()

    def __next__(self) -> dict[str, Any]:
        if not self._begun:
            self._begun = True
            self._pending = self._next_member()
        if self._pending is None:
            raise StopIteration
        self.start, key = self._pending[0].start, self._pending[1]
        sample: dict[str, Any] = {"__key__": key, "__url__": self.tar.url}
        try:
            self._check_key(key)
            self._gather(sample, key)
        except ShardError as error:
            self._pending = None
            if error.key is None:
                raise ShardError(error.reason, error.url, error.offset, key) from error.__cause__
            raise
        return sample

    @property
    def has_more(self) -> bool:
        """Whether the beginning of another sample has been seen."""
        return self._pending is not None

    def _gather(self, sample: dict[str, Any], key: str) -> None:
        """Read the members of one key, up to the first of another."""
        total = 0
        while self._pending is not None and self._pending[1] == key:
            member, _, field = self._pending
            if field in sample:
                raise ShardError(
                    f"the sample has the field {field!r} twice", self.tar.url, member.start
                )
            total += member.size + BLOCK
            if total > self.tar.limit:
                raise ShardError(
                    f"the sample has more than {self.tar.limit} bytes (max_sample_bytes)",
                    self.tar.url,
                    member.start,
                )
            sample[field] = self._data(member)
            self._pending = self._next_member()

    def _data(self, member: Member) -> bytes:
        if self.payload:
            return self.tar.read(member.size)
        self.tar.skip(member.size)
        return b""

    def _next_member(self) -> tuple[Member, str, str] | None:
        """The next member that belongs to a sample."""
        while (member := self.tar.next_member()) is not None:
            parts = split_name(member.name)
            if parts is not None:
                self.next = member.start
                return member, *parts
            self._data(member)
        self.next = self.tar.offset - BLOCK  # the mark of the end
        return None

    def _check_key(self, key: str) -> None:
        short = hash(key)
        if short in self._seen:
            raise ShardError(
                "the key comes again: the files of a sample must stand together; sort them by name",
                self.tar.url,
                self.start,
            )
        if len(self._seen) < MOST_KEYS:
            self._seen.add(short)
