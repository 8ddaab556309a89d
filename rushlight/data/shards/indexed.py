"""Shards on a local disk as a map-style data set: any sample at once."""

from __future__ import annotations

import copy
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import numpy as np

from rushlight.data.dataset import Dataset
from rushlight.data.located import Located
from rushlight.data.metering import stage

from .errors import ShardError
from .index import find_samples, load_index, save_index
from .samples import Samples
from .stages import SampleSteps, kind_of, where
from .stream import MAX_SAMPLE_BYTES
from .tar import TarStream
from .urls import local_path, shard_urls

OPEN_FILES = 64
"""Shards that a thread keeps open."""


class TarDataset(SampleSteps, Dataset[Any]):
    """The samples of tar shards on a local disk, each to be read on its own.

    The same shards and samples as a `ShardDataset`'s, but with a length and with every sample at
    its index: any sampler, any number of workers and ranks, and a loader's state that goes on at
    once.  Where the samples begin is found by a pass over the headers (some 70,000 files a
    second), or read from the file `.tar.index` that `ShardWriter` puts beside a shard;
    `save_index=True` writes it where it is missing.  `map`, `decode`, `rename`, `map_dict` and
    `to_tuple` give a data set that does so.  Tars compressed by gzip, and those that are not on a
    local disk, are a ShardError.  On a slow disk `GroupShuffleSampler(dataset, window)` shuffles a
    few shards at a time.

    >>> import tempfile, os
    >>> from rushlight.data import ShardWriter
    >>> folder = tempfile.TemporaryDirectory()
    >>> with ShardWriter(os.path.join(folder.name, "t-%02d.tar"), maxcount=4) as writer:
    ...     for i in range(10):
    ...         writer.write({"__key__": f"{i:03}", "txt": f"text {i}", "cls": i})
    >>> samples = TarDataset(os.path.join(folder.name, "t-*.tar")).decode().to_tuple("txt", "cls")
    >>> len(samples), samples[7]
    (10, ('text 7', 7))
    >>> folder.cleanup()
    """

    def __init__(
        self,
        urls: str | os.PathLike | Iterable,
        *,
        max_sample_bytes: int = MAX_SAMPLE_BYTES,
        save_index: bool = False,
    ):
        self.urls = shard_urls(urls)
        self.max_sample_bytes = max_sample_bytes
        self.functions: tuple[Callable[[Any], Any], ...] = ()
        indexes = [self._index_of(url, save_index) for url in self.urls]
        counts = [len(offsets) - 1 for offsets in indexes]
        self._first = np.cumsum([0, *counts])
        self._offsets = np.concatenate(indexes)
        self._files = _Files()

    @property
    def group_sizes(self) -> list[int]:
        """How many samples each shard has: `GroupShuffleSampler(dataset, window)` reads it."""
        return np.diff(self._first).tolist()

    def _index_of(self, url: str, save: bool) -> np.ndarray:
        path = local_path(url)
        if path is None:
            raise ShardError("a TarDataset reads local files; use ShardDataset", url)
        offsets = load_index(path)
        if offsets is None:
            offsets = find_samples(path, self.max_sample_bytes)
            if save:
                save_index(path, offsets)
        return offsets

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, index: int) -> Any:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} samples")
        sample = self._read(int(position))
        with Located(lambda: f"in {where(sample, position)}"):
            made: Any = sample
            for function in self.functions:
                with stage(kind_of(function)):
                    made = function(made)
        return made

    def _read(self, position: int) -> dict[str, Any]:
        shard = int(np.searchsorted(self._first, position, side="right")) - 1
        place = position + shard  # each shard has one offset more than samples
        start, end = self._offsets[place : place + 2].tolist()
        url = self.urls[shard]
        data = self._files.read(local_path(url) or "", start, end - start)
        tar = TarStream(io.BytesIO(data), url, self.max_sample_bytes, start, end)
        samples = Samples(tar)
        sample = next(samples, None)
        if sample is None or samples.has_more or tar.offset > end:
            raise ShardError("the index does not fit the tar; delete it", url, start)
        return sample

    def map(self, function: Callable[[Any], Any]) -> TarDataset:
        """Apply a function to each sample."""
        made = copy.copy(self)
        made.functions = (*self.functions, function)
        return made


class _Files(threading.local):
    """Shards that this thread has open; a copy in another process opens its own."""

    def __init__(self) -> None:
        self.open: OrderedDict[str, BinaryIO] = OrderedDict()

    def __reduce__(self) -> Any:
        return _Files, ()

    def read(self, path: str, start: int, size: int) -> bytes:
        """A part of a file."""
        file = self.open.get(path)
        if file is None:
            file = self.open[path] = open(path, "rb", buffering=0)  # noqa: SIM115 - kept open
            if len(self.open) > OPEN_FILES:
                self.open.popitem(last=False)[1].close()
        self.open.move_to_end(path)
        file.seek(start)
        return file.read(size)
