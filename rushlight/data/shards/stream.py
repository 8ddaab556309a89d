"""Shards read as a stream, by several lanes side by side."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from rushlight.data.lanes import LanedDataset
from rushlight.data.order import random_stream

from .errors import ShardError
from .opening import RETRIES, open_shard
from .samples import Samples
from .stages import Handler, Item, Map, Place, Quota, SampleSteps, Select, Shuffle, Step
from .tar import TarStream
from .urls import below_one_folder, shard_urls

LANES = 4
MAX_SAMPLE_BYTES = 1 << 28
_ROUND = 1 << 32
"""Later rounds of an epoch have their own random numbers."""


class ShardDataset(SampleSteps, LanedDataset[Any]):
    """Samples from tar shards in WebDataset's form, read from front to back.

    `urls` is a name with braces (`train-{000..147}.tar`), a glob, or a list; paths, web addresses,
    and with fsspec any of its URLs, compressed by gzip or not.  A sample is a dict of the bytes of
    its files by extension, with `__key__` and `__url__`.  `shardshuffle` draws a new order of
    shards for each epoch, a function of `seed` and the epoch.  `shuffle`, `map`, `select`,
    `decode`, `rename`, `map_dict`, `to_tuple` and `with_epoch` give a data set that does so.

    The shards of an epoch are dealt out to `num_replicas` ranks (default: the environment's
    WORLD_SIZE and RANK, else one), and those of a rank to `lanes` that are read side by side:
    batches come from the lanes in turn, so they do not depend on a loader's workers, of which at
    most `lanes` have work.  A sample above `max_sample_bytes` is refused.  A broken connection is
    opened again up to `retries` times.  `storage_options` go to fsspec.

    A shard that is not as it must be is a `ShardError` that names it, the offset and the sample;
    `handler(error)`, where it returns True, lets the stream go on without the rest of that shard,
    or without the sample for which a step failed.

    >>> import tempfile, os
    >>> from rushlight.data import DataLoader, ShardWriter
    >>> folder = tempfile.TemporaryDirectory()
    >>> with ShardWriter(os.path.join(folder.name, "t-%02d.tar"), maxcount=4) as writer:
    ...     for i in range(8):
    ...         writer.write({"__key__": f"{i:03}", "txt": "ab"[i % 2], "cls": i})
    >>> shards = ShardDataset(os.path.join(folder.name, "t-{00..01}.tar"))
    >>> for batch in DataLoader(shards.decode().to_tuple("txt", "cls"), batch_size=2):
    ...     print(batch[0], batch[1].tolist())
    ('a', 'b') [0, 1]
    ('a', 'b') [4, 5]
    ('a', 'b') [2, 3]
    ('a', 'b') [6, 7]
    >>> folder.cleanup()
    """

    def __init__(
        self,
        urls: str | os.PathLike | Iterable,
        *,
        shardshuffle: bool = False,
        seed: int = 0,
        lanes: int = LANES,
        num_replicas: int | None = None,
        rank: int | None = None,
        max_sample_bytes: int = MAX_SAMPLE_BYTES,
        retries: int = RETRIES,
        handler: Handler | None = None,
        storage_options: dict[str, Any] | None = None,
    ):
        self.urls = shard_urls(urls, storage_options)
        self.shardshuffle, self.seed = shardshuffle, seed
        self.lanes = _positive("lanes", lanes)
        self.num_replicas = _from_environment("WORLD_SIZE", num_replicas, 1)
        self.rank = _from_environment("RANK", rank, 0)
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(f"rank {self.rank} is none of the {self.num_replicas} ranks")
        self.max_sample_bytes = _positive("max_sample_bytes", max_sample_bytes)
        self.retries, self.handler, self.storage_options = retries, handler, storage_options
        self.steps: tuple[Map | Select | Shuffle, ...] = ()
        self.samples_per_epoch: int | None = None

    # -------------------------------------------------------------------------------- composing
    def _with(self, **changes: Any) -> ShardDataset:
        made = copy.copy(self)
        made.__dict__ |= changes
        return made

    def map(self, function: Callable[[Any], Any]) -> ShardDataset:
        """Apply a function to each sample."""
        return self._with(steps=(*self.steps, Map(function)))

    def select(self, predicate: Callable[[Any], bool]) -> ShardDataset:
        """Leave out samples for which the function says no."""
        return self._with(steps=(*self.steps, Select(predicate)))

    def shuffle(self, size: int, initial: int = 100) -> ShardDataset:
        """Mix the samples of each lane: about `size` are held, and given in random order.

        Before `decode` it holds the bytes as they are stored, which are the fewest.
        """
        size, initial = _positive("size", size), _positive("initial", initial)
        return self._with(steps=(*self.steps, Shuffle(size, min(size, initial))))

    def with_epoch(self, count: int) -> ShardDataset:
        """Let every pass give each rank `count` samples, whatever its shards hold.

        What is too much is left for no one; where they are too few they are read again, in
        another order.  So all ranks take equally many steps.  Fewer shards than ranks are a
        ValueError.
        """
        if len(self.urls) < self.num_replicas:
            raise ValueError(
                f"{len(self.urls)} shards for {self.num_replicas} ranks: one would have nothing"
            )
        return self._with(samples_per_epoch=_positive("count", count))

    # ---------------------------------------------------------------------------------- reading
    def lane_count(self) -> int:
        """How many lanes have shards; with `with_epoch` the same on all ranks."""
        spare = 0 if self.samples_per_epoch else self.num_replicas - 1 - self.rank
        return max(1, min(self.lanes, (len(self.urls) + spare) // self.num_replicas))

    def lane(self, number: int, epoch: int) -> Lane:
        """The samples of one lane in one epoch."""
        place = Place(self.seed, epoch, self.rank, number)
        step: Step = LaneSource(self, place)
        for i, each in enumerate(self.steps):
            at = Place(self.seed, epoch, self.rank, number, i + 1)
            step = each.open(step, at, self.handler)
        if self.samples_per_epoch is not None:
            share, left = divmod(self.samples_per_epoch, self.lane_count())
            step = Quota(step, share + (number < left))
        return Lane(step)

    def shards_of(self, lane: int, epoch: int) -> list[str]:
        """The shards that a lane reads in an epoch, in order."""
        order = np.arange(len(self.urls))
        if self.shardshuffle:
            order = random_stream(self.seed, epoch).permutation(len(self.urls))
        mine = order[self.rank :: self.num_replicas][lane :: self.lane_count()]
        return [self.urls[i] for i in mine.tolist()]

    def open(self, url: str, offset: int) -> Samples:
        """The samples of one shard from an offset on."""
        file = open_shard(url, offset, self.storage_options, self.retries)
        return Samples(TarStream(file, url, self.max_sample_bytes, offset))

    def fingerprint(self) -> dict[str, Any]:
        """What a loader's state must fit: it says in which order which shards are read."""
        names = "\n".join(below_one_folder(self.urls)).encode(errors="surrogateescape")
        digest = hashlib.blake2b(names, digest_size=6).hexdigest()
        return {
            "shards": f"{len(self.urls)} ({digest})",
            "shard order": f"seed {self.seed}" if self.shardshuffle else "as given",
            "lanes": self.lane_count(),
            "rank": f"{self.rank} of {self.num_replicas}",
            "steps": " ".join(_words(step) for step in self.steps),
            "samples per epoch": self.samples_per_epoch,
        }


class LaneSource(Step):
    """The samples of a lane's shards, one shard after the other.

    Where the data set has a number of samples for an epoch, it begins anew at the end.
    """

    def __init__(self, dataset: ShardDataset, place: Place):
        self._samples: Samples | None = None
        self.dataset, self.place = dataset, place
        self._go_to(shard=0, offset=0, number=0, around=0)

    def _go_to(self, shard: int, offset: int, number: int, around: int) -> None:
        self._close()
        self.shard, self.offset, self.number, self.around = shard, offset, number, around
        self._given = False
        self.urls = self._urls()

    def _urls(self) -> list[str]:
        urls = self.dataset.shards_of(self.place.lane, self.place.epoch)
        if self.around and self.dataset.shardshuffle:
            order = self.place.random(_ROUND + self.around).permutation(len(urls))
            return [urls[i] for i in order.tolist()]
        return urls

    def __next__(self) -> Item:
        while True:
            if self.shard >= len(self.urls):
                self._next_round()
            try:
                sample = self._next_sample()
            except StopIteration:
                self._next_shard()
                continue
            except (ShardError, OSError) as error:
                self._next_shard()
                if self.dataset.handler is None or not self.dataset.handler(error):
                    raise
                continue
            self.number += 1
            self._given = True
            return self.number - 1, sample

    def _next_sample(self) -> dict[str, Any]:
        if self._samples is None:
            self._samples = self.dataset.open(self.urls[self.shard], self.offset)
        sample = next(self._samples)
        self.offset = self._samples.next
        return sample

    def _next_shard(self) -> None:
        self._close()
        self.shard, self.offset = self.shard + 1, 0

    def _next_round(self) -> None:
        if self.dataset.samples_per_epoch is None:
            raise StopIteration
        if not self._given:
            raise ShardError(f"there is no sample in any of {len(self.urls)} shards", self.urls[0])
        self._go_to(0, 0, self.number, self.around + 1)

    def _close(self) -> None:
        if self._samples is not None:
            self._samples.tar.file.close()
            self._samples = None

    def __del__(self) -> None:
        self._close()

    def state_dict(self) -> dict[str, Any]:
        """The shard, the byte where the next sample begins, and how many came before it."""
        return {
            "shard": self.shard,
            "offset": self.offset,
            "number": self.number,
            "around": self.around,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken."""
        places = {name: int(state[name]) for name in self.state_dict()}
        if min(places.values()) < 0:
            raise ValueError(f"no place in a stream of shards: {state}")
        self._go_to(**places)
        self._given = self.number > 0


class Lane(Iterator[Any]):
    """What comes out of the last step of a lane."""

    def __init__(self, step: Step):
        self.step = step
        self.state_dict, self.load_state_dict = step.state_dict, step.load_state_dict

    def __next__(self) -> Any:
        return next(self.step)[1]


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer, but got {value!r}")
    return value


def _from_environment(name: str, given: int | None, otherwise: int) -> int:
    if given is not None:
        return given
    try:
        return int(os.environ.get(name, otherwise))
    except ValueError:
        raise ValueError(f"{name} in the environment is {os.environ[name]!r}, no number") from None


def _words(step: Map | Select | Shuffle) -> str:
    """What of a step a state depends on: the function itself cannot be told."""
    if isinstance(step, Shuffle):
        return f"shuffle({step.size}, {step.initial})"
    return type(step).__name__.lower()
