"""Streams of Hugging Face's `datasets`, shared out to workers in lanes."""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from rushlight.data.hub.rows import is_plain_feature
from rushlight.data.lanes import LanedDataset
from rushlight.data.workers.info import get_worker_info, set_worker_info

LANES = 8
"""So many lanes at most, since each opens a file and fills a shuffle buffer of its own."""
ORDERED = {"SkipExamplesIterable", "TakeExamplesIterable"}
BUFFERED = {"BufferShuffledExamplesIterable"}
TABLES = BUFFERED | {
    "ArrowExamplesIterable",
    "InterleavedShardsExamplesIterable",
    "RebatchedArrowExamplesIterable",
    "SelectColumnsIterable",
    "ShuffledDataSourcesArrowExamplesIterable",
}
"""Steps that hand on whole Arrow tables, whose rows are quicker to take together."""
ROWS = 64
"""So many rows are taken together."""


def adopted(dataset: Any) -> Any:
    """The dataset as a loader reads it: streams in lanes, everything else as it is."""
    kinds = {kind.__name__ for kind in type(dataset).__mro__ if _is_theirs(kind)}
    if kinds & {"DatasetDict", "IterableDatasetDict"}:
        raise TypeError(
            f"a {type(dataset).__name__} holds a dataset for each split: choose one of "
            f"{list(dataset)}, as in DataLoader(datasets[{next(iter(dataset), 'train')!r}])"
        )
    return shard_stream(dataset) if "IterableDataset" in kinds else dataset


def _is_theirs(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "datasets"


class HubStream(LanedDataset[Any]):
    """A Hugging Face `IterableDataset` in lanes; made by `shard_stream`, and by a DataLoader."""

    def __init__(self, dataset: Any, lanes: int | None = None, refill: bool = False):
        if lanes is not None and lanes < 1:
            raise ValueError(f"lanes should be at least 1, but got {lanes}")
        self.dataset = dataset
        self.refill = refill
        steps = _steps_of(getattr(dataset, "_ex_iterable", None))
        self._steps = {type(step).__name__ for step in steps}
        self._generators = [_words_of(getattr(step, "generator", None)) for step in steps]
        self._rank, self._ranks = _rank_of(dataset)
        shards = len(range(self._rank, _shards_of(dataset), self._ranks))
        if lanes is None:
            lanes = 1 if self._steps & ORDERED else LANES
        self._count = max(1, min(lanes, shards))

    def lane_count(self) -> int:
        """How many lanes there are: at most one for each shard."""
        return self._count

    def lane(self, number: int, epoch: int) -> _Lane:
        """The samples of some of the shards; what was shuffled has a new order in each epoch."""
        whole, count = self.dataset, self._ranks * self._count
        if self._ranks > 1:
            whole = copy.copy(whole)
            whole._distributed = None  # this rank's shards are chosen here
        part = whole.shard(count, self._rank + self._ranks * number, contiguous=False)
        buffered = bool(self._steps & BUFFERED)
        lane = _TableLane if self._has_tables(part) else _Lane
        if lane is _TableLane:
            part = part.with_format("arrow")
        part.set_epoch(epoch if buffered else 0)
        return lane(part, buffered and not self.refill)

    def _has_tables(self, part: Any) -> bool:
        """Whether the rows of Arrow tables are the samples, as they are."""
        told = getattr(part, "_formatting", self), getattr(part, "_distributed", self)
        return (
            self._steps <= TABLES
            and told == (None, None)
            and bool(part.features)
            and is_plain_feature(dict(part.features))
        )

    def fingerprint(self) -> dict[str, Any]:
        """What a loader's state must fit; a shuffle without a seed is another one in each run."""
        words = "".join(self._generators).encode()
        shuffle = hashlib.blake2b(words, digest_size=8).hexdigest() if words else None
        told = getattr(self.dataset, "_distributed", None)
        rank = None if told is None else [told.rank, told.world_size]
        return {"lanes": self._count, "rank": rank, "shuffle": shuffle}

    @property
    def epoch(self) -> int | None:  # type: ignore[override]
        """What `set_epoch` said, here or of the dataset itself."""
        return self.dataset.epoch or None

    def set_epoch(self, epoch: int) -> None:
        """Let passes be this epoch, until it is called again; 0 lets loaders count again."""
        self.dataset.set_epoch(epoch)


def shard_stream(dataset: Any, lanes: int | None = None, refill: bool = False) -> HubStream:
    """A Hugging Face `IterableDataset` for loaders with any number of workers.

    A `DataLoader` that is given such a dataset calls this by itself.  The dataset's shards are
    read in `lanes`: by default one for each shard, up to 8; and one if `take` or `skip` say which
    samples come first, because every lane takes and skips its share.  Batches do not depend on
    the number of workers; as many workers as lanes have something to do.  With a shuffle buffer
    each epoch has an order of its own, each lane has its own buffer, and going on from a state
    reads again what was read before; with `refill=True` it goes on at once with an empty buffer,
    and what the buffer held is lost.  Shards are those of the dataset's own rank
    (`split_dataset_by_node`).

    >>> from datasets import Dataset
    >>> stream = Dataset.from_dict({"n": range(6)}).to_iterable_dataset(num_shards=2)
    >>> [row["n"] for row in shard_stream(stream)]
    [0, 3, 1, 4, 2, 5]
    """
    return HubStream(dataset, lanes, refill)


class _Lane(Iterator[Any]):
    """The samples of a part of a stream; `state_dict()` says where it stands."""

    def __init__(self, part: Any, replays: bool):
        self.part, self.replays = part, replays
        self.read = 0
        self._resumed: dict[str, Any] | None = None
        self._samples: Iterator[Any] | None = None

    def _opened(self) -> Iterator[Any]:
        return _whole(iter(self.part))

    def __next__(self) -> Any:
        if self._samples is None:
            self._samples = self._opened()
        sample = next(self._samples)
        self.read += 1
        return sample

    def state_dict(self) -> dict[str, Any]:
        if self.replays:
            return {"samples": self.read}
        if self._resumed is not None and not self.read:
            return self._resumed
        return self.part.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        _check_kind(self, state)
        if not self.replays:
            self.part.load_state_dict(state)
            self._resumed = state
            return
        if state["samples"]:
            warnings.warn(
                f"a stream with a shuffle buffer: {state['samples']} samples are read again and "
                "dropped. shard_stream(dataset, refill=True) goes on at once, and loses what the "
                "buffer held.",
                stacklevel=2,
            )
        for _ in islice(self, state["samples"]):
            pass


class _TableLane(_Lane):
    """The same by tables; the state is that before a table, with the rows taken of it."""

    def __init__(self, part: Any, replays: bool):
        super().__init__(part, replays)
        self._before: dict[str, Any] = part.state_dict()
        self._taken = 0

    def _opened(self) -> Iterator[Any]:
        skipped, self._taken = self._taken, 0
        for table in _whole(self.part.iter(batch_size=ROWS)):
            after = self.part.state_dict()
            for row in table.to_pylist():
                self._taken += 1
                if self._taken > skipped:
                    yield row
            skipped = max(0, skipped - self._taken)
            self._before, self._taken = after, 0

    def state_dict(self) -> dict[str, Any]:
        if self.replays:
            return {"samples": self.read}
        return {"table": self._before, "taken": self._taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.replays:
            super().load_state_dict(state)
            return
        _check_kind(self, state)
        self._before, self._taken = state["table"], state["taken"]
        self.part.load_state_dict(self._before)


def _check_kind(lane: _Lane, state: dict[str, Any]) -> None:
    expected = lane.state_dict().keys()
    if state.keys() != expected:
        raise ValueError(
            "the state belongs to another kind of stream: it has "
            f"{sorted(state)}, where {sorted(expected)} are expected"
        )


def _whole(samples: Iterator[Any]) -> Iterator[Any]:
    """All samples of a part.

    Where `import torch` gives this package, the part would see the worker and share itself out
    again.
    """
    info = get_worker_info()
    set_worker_info(None)
    try:
        first = list(islice(samples, 1))
    finally:
        set_worker_info(info)
    return chain(first, samples)


def _steps_of(iterable: Any) -> list[Any]:
    """What a stream is made of, from its last step to its sources."""
    found: list[Any] = []
    waiting = [iterable]
    while waiting:
        step = waiting.pop()
        if step is not None:
            found.append(step)
            waiting.append(getattr(step, "ex_iterable", None))
            waiting += getattr(step, "ex_iterables", [])
    return found


def _words_of(generator: Any) -> str:
    """Where a generator of NumPy stands, if it is one."""
    state = getattr(getattr(generator, "bit_generator", None), "state", None)
    return "" if state is None else repr(state)


def _shards_of(dataset: Any) -> int:
    """How many shards there are in all ranks together."""
    iterable = getattr(dataset, "_ex_iterable", None)
    return dataset.num_shards if iterable is None else iterable.num_shards


def _rank_of(dataset: Any) -> tuple[int, int]:
    """This rank and the number of ranks, where each has shards of its own; else (0, 1)."""
    told = getattr(dataset, "_distributed", None)
    if told is None:
        return 0, 1
    strategy = getattr(told, "strategy", "auto")
    shares = strategy == "auto" and _shards_of(dataset) % told.world_size == 0
    if strategy == "shards" or shares:
        return told.rank, told.world_size
    return 0, 1
