"""Writing samples into tar shards; a shard appears whole or not at all."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .decoding import encode_field
from .headers import BLOCK
from .index import save_index
from .samples import split_name
from .urls import local_path

_RECORD = 20 * BLOCK
"""A tar's size is a multiple of it, by POSIX."""


class TarWriter:
    """Writes samples into one tar; under its name it appears when it is closed.

    A sample is a dict with `__key__` and fields, named by their extensions.  Texts, numbers, json,
    npy, npz and pictures are encoded by extension, bytes stay as they are.  The same samples make
    the same bytes.  A name that ends in `.gz` is compressed.  With `index` the places of the
    samples are kept in a file beside it, for `TarDataset`.  After an error in a `with` block no
    file appears.

    A sample without a key, with a key that cannot be read back, or with a field that would be a
    pickle is a ValueError; a value that nothing encodes a TypeError.
    """

    def __init__(self, path: str | os.PathLike, index: bool = True):
        found = local_path(os.fspath(path))
        if found is None:
            raise ValueError(f"shards are written to local files, and {path!r} is none")
        self.path = found
        self.compressed = found.endswith(".gz")
        self.index = index and not self.compressed
        self.size = self.count = 0
        self._aside = f"{found}.{os.getpid()}.part"
        self._raw = open(self._aside, "wb")  # noqa: SIM115 - closed by close
        self._file: Any = self._raw
        if self.compressed:
            self._file = gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0)
        self._starts: list[int] = []
        self._keys: set[str] = set()

    def write(self, sample: dict[str, Any]) -> int:
        """Add a sample, and say how many bytes of the tar it takes."""
        key = self._checked_key(sample)
        fields = {
            name: encode_field(name, value)
            for name, value in sample.items()
            if not name.startswith("__")
        }
        if not fields:
            raise ValueError(f"sample {key!r} has no field")
        for name in fields:
            if split_name(f"{key}.{name}") != (key, name):
                raise ValueError(
                    f"sample {key!r} with field {name!r} would be read back as another: a key has "
                    "no dot after the last slash, and a field only small letters and no slash"
                )
        self._keys.add(key)
        self._starts.append(self.size)
        before = self.size
        for name, data in fields.items():
            self._add(f"{key}.{name}", data)
        self.count += 1
        return self.size - before

    def _checked_key(self, sample: dict[str, Any]) -> str:
        key = sample.get("__key__")
        if not isinstance(key, str) or not key:
            raise ValueError(f"a sample needs a text as its __key__, but has {key!r}")
        if key in self._keys:
            raise ValueError(f"the key {key!r} has been written before")
        if key.startswith(("/", "./")) or ".." in key.split("/") or "\0" in key:
            raise ValueError(f"the key {key!r} leads out of the archive")
        return key

    def _add(self, name: str, data: bytes) -> None:
        import tarfile

        header = tarfile.TarInfo(name)
        header.size, header.mode = len(data), 0o644
        for part in (header.tobuf(tarfile.PAX_FORMAT), data, bytes(-len(data) % BLOCK)):
            self._file.write(part)
            self.size += len(part)

    def close(self) -> None:
        """Finish the tar and give it its name."""
        if self._raw.closed:
            return
        end = self.size
        self._file.write(bytes(2 * BLOCK + -(end + 2 * BLOCK) % _RECORD))
        if self.compressed:
            self._file.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        os.replace(self._aside, self.path)
        if self.index:
            save_index(self.path, np.array([*self._starts, end], np.int64))

    def discard(self) -> None:
        """Leave nothing behind."""
        self._raw.close()
        Path(self._aside).unlink(missing_ok=True)

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close() if kind is None else self.discard()


class ShardWriter:
    """Writes samples into shards of at most `maxcount` samples and about `maxsize` bytes.

    `pattern` holds the number of a shard: `train-%06d.tar`.  Each shard appears when it is full;
    after an error in a `with` block the last one does not.  See `TarWriter` for samples.

    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with ShardWriter(os.path.join(folder.name, "s-%03d.tar"), maxcount=2) as writer:
    ...     for i in range(5):
    ...         writer.write({"__key__": f"sample{i}", "cls": i, "json": {"size": [i, i]}})
    >>> sorted(name for name in os.listdir(folder.name) if name.endswith(".tar"))
    ['s-000.tar', 's-001.tar', 's-002.tar']
    >>> folder.cleanup()
    """

    def __init__(
        self,
        pattern: str | os.PathLike,
        maxcount: int = 100_000,
        maxsize: float = 3e9,
        start_shard: int = 0,
        index: bool = True,
    ):
        self.pattern = os.fspath(pattern)
        try:
            distinct = self.pattern % 0 != self.pattern % 1
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.pattern!r} holds no place for a number, as %06d") from error
        if not distinct or maxcount < 1 or maxsize < 1:
            raise ValueError("a shard needs a number in its name, and room for a sample")
        self.maxcount, self.maxsize, self.index = maxcount, maxsize, index
        self.shard, self.total = start_shard, 0
        self._tar: TarWriter | None = None

    def write(self, sample: dict[str, Any]) -> None:
        """Add a sample to the shard that is being written, or begin the next one."""
        tar = self._tar
        if tar is not None and (tar.count >= self.maxcount or tar.size >= self.maxsize):
            self.close()
        if self._tar is None:
            self._tar = TarWriter(self.pattern % self.shard, self.index)
            self.shard += 1
        self._tar.write(sample)
        self.total += 1

    def close(self) -> None:
        """Finish the shard that is being written."""
        tar, self._tar = self._tar, None
        if tar is not None:
            tar.close()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None and self._tar is not None:
            self._tar.discard()
            self._tar = None
        self.close()
