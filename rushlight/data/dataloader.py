"""The DataLoader: which samples, in what order, how many together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from . import arrays
from .ahead import AheadIterator, AheadPass
from .checks import (
    check_batching,
    check_callable,
    check_patience,
    check_stream,
    check_worker_type,
    check_workers,
    checked_context,
)
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import STREAM, MapFetcher, StreamFetcher
from .hub.streams import adopted
from .lanes import AllLanes, LanedDataset, epoch_of
from .metering import Tally, clock
from .order import OrderState, batch_count
from .progress import Passes, as_dict, from_dict
from .randomness import Source
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, innermost
from .stats import LoaderStats, measured
from .watch import PATIENCE, Watch
from .workers.crew import Crew, Job, Member
from .workers.threads import ThreadCrew

Batch = TypeVar("Batch")
FIXED = frozenset(
    ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)


class DataLoader(Generic[Batch]):
    """Feeds a dataset to a training loop, batch by batch; every `iter` is a new pass.

    `batch_size=None` yields single samples, converted by `default_convert`. `shuffle=True`
    draws each pass's order from `generator`, or from the framework's default one. `sampler`
    gives the indices and `batch_sampler` lists of them. `collate_fn` makes a batch of a list of
    samples (default: `default_collate`). `drop_last` leaves out a short last batch.

    With `num_workers` batches are read ahead, `prefetch_factor` (2) by each worker: by threads, or
    by processes with `worker_type="process"`; which batches they are does not depend on it.
    `persistent_workers` serve all passes, `worker_init_fn(number)` runs first in each, `timeout`
    says how many seconds to wait for a batch before a RuntimeError tells where the workers are.
    With `in_order=False` a batch that is ready comes first. `pin_memory` changes nothing.
    After `patience` seconds without a batch a StalledWarning says where it hangs; None: never.

    Options that contradict each other are a ValueError, of a wrong type a TypeError; `timeout`
    without workers is an AssertionError when iterated. An error in a worker is raised here with
    its own type, where it can travel, and with notes of where it arose.

    >>> for batch in DataLoader([1, 2, 3, 4, 5], batch_size=2):
    ...     print(batch.tolist())
    [1, 2]
    [3, 4]
    [5]
    """

    _initialized = False
    _latest: DataLoaderIterator | AheadPass | None = None
    _goes_on_elsewhere = False  # a state was loaded after the latest pass had begun
    _crew: Crew | None = None
    _begun = 0
    _resumed: dict[str, Any] | None = None

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Batch] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        worker_type: str = "thread",
        patience: float | None = PATIENCE,
    ):
        check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        check_patience(patience)
        check_worker_type(worker_type)
        check_callable("collate_fn", collate_fn)
        check_callable("worker_init_fn", worker_init_fn)
        dataset = adopted(dataset)
        if isinstance(dataset, IterableDataset):
            check_stream(shuffle, sampler, batch_sampler)
        check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.worker_type = worker_type
        self.patience = patience
        self.generator = generator
        self.persistent_workers = persistent_workers
        if sampler is None:
            sampler = _default_sampler(dataset, shuffle, generator)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._passes = Passes(self._index_sampler)
        self._get_ready()
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        """The multiprocessing context that workers start in; a start method's name sets it."""
        return self._multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        self._multiprocessing_context = checked_context(context, self.num_workers)

    def __iter__(self) -> DataLoaderIterator[Batch] | AheadIterator:
        if self.timeout != 0 and self.num_workers == 0:
            raise AssertionError(
                f"timeout={self.timeout} needs worker processes; set num_workers > 0"
            )
        state, resumed = self._passes.begin(), self._resumed
        self._resumed, self._goes_on_elsewhere = None, False
        if self.num_workers == 0:
            passing = self._latest = DataLoaderIterator(self, state, resumed)
            return passing
        reading = self._latest = AheadPass(self, self._hired(state.seed), state, resumed)
        return AheadIterator(self, reading)

    def _hired(self, seed: int) -> Crew:
        """The workers of a pass; persistent ones serve all passes."""
        if self._crew is not None and not self._crew.is_closed:
            return self._crew
        batched = self.batch_sampler is not None
        job = Job(self.dataset, self.collate_fn, batched, self.drop_last, self.worker_init_fn)
        if self.worker_type == "thread":
            crew: Crew = ThreadCrew(job, self.num_workers, seed)
        else:
            from .workers.processes import ProcessCrew

            slots = self.num_workers * self.prefetch_factor + 2
            crew = ProcessCrew(job, self.num_workers, seed, self.multiprocessing_context, slots)
        if self.persistent_workers:
            self._crew = crew
        return crew

    def _get_ready(self) -> None:
        if self.num_workers and self.worker_type == "process" and not self.multiprocessing_context:
            from .workers.processes import get_ready

            get_ready()

    def _next_pass(self) -> int:
        self._begun += 1
        return self._begun

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        length = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return batch_count(length, self.batch_size, self.drop_last)

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def state_dict(self) -> dict[str, Any]:
        """Where the latest pass stands, as values that JSON can hold.

        The batch named is the next one that the loop has not been given.  An iterable dataset
        (or its iterator) adds what its own `state_dict()` returns; without one, what was read
        is read again after loading, and dropped.

        >>> loader = DataLoader(range(8), batch_size=2)
        >>> passing = iter(loader)
        >>> next(passing).tolist()
        [0, 1]
        >>> state = loader.state_dict()
        >>> state["epoch"], state["batch"]
        (0, 1)
        >>> again = DataLoader(range(8), batch_size=2)
        >>> again.load_state_dict(state)
        >>> [batch.tolist() for batch in again]
        [[2, 3], [4, 5], [6, 7]]
        """
        latest = self._latest
        if latest is None or latest.ended or self._goes_on_elsewhere:
            return as_dict(self._passes.upcoming(), self._fingerprint()) | (self._resumed or {})
        return as_dict(latest.state, self._fingerprint()) | latest.stream_state()

    def stats(self) -> LoaderStats:
        """Where the time of the latest pass went, and its memory; printed, it is a table.

        It names the bottleneck, and what to try.  Before the first pass it is a RuntimeError.

        >>> loader = DataLoader(range(8), batch_size=2)
        >>> batches = list(loader)
        >>> loader.stats().batches, loader.stats().samples
        (4, 8)
        """
        if self._latest is None:
            raise RuntimeError("stats() tells of the latest pass over the loader: there is none")
        return measured(self, self._latest)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next pass go on where `state_dict()` was taken, with the very next batch.

        Map-style datasets read nothing for it.  A state of another loader, or of a dataset of
        another length, is a ValueError that lists what differs; of another kind, a TypeError.
        """
        self._passes.resume(from_dict(state_dict, self._fingerprint()))
        self._resumed = {name: state_dict[name] for name in STREAM if name in state_dict} or None
        self._goes_on_elsewhere = True

    def _fingerprint(self) -> dict[str, Any]:
        sampler = self._index_sampler
        found = {
            "dataset": type(self.dataset).__name__,
            "length": _length_or_none(self.dataset),
            "sampler": type(innermost(sampler)).__name__,
            "batch_size": getattr(sampler, "batch_size", self.batch_size),
            "drop_last": getattr(sampler, "drop_last", self.drop_last),
        }
        for part in (self.dataset, innermost(sampler)):
            if callable(describe := getattr(part, "fingerprint", None)):
                found |= describe()
        if isinstance(self.dataset, IterableDataset) and not isinstance(self.dataset, LanedDataset):
            found["num_workers"] = self.num_workers
        return {name: value for name, value in found.items() if value is not None}

    def _fetcher(self, source: Source, resumed: dict[str, Any] | None) -> Any:
        batched = self.batch_sampler is not None
        if not isinstance(self.dataset, IterableDataset):
            return MapFetcher(self.dataset, batched, self.collate_fn, source)
        made = (self.dataset, batched, self.collate_fn, self.drop_last)
        stream: Any = StreamFetcher(*made, source)
        if isinstance(self.dataset, LanedDataset):
            source = Source(source.seed, epoch_of(self.dataset, source.epoch))
            stream = AllLanes(made, source)
        stream.open(resumed)
        return stream


class DataLoaderIterator(Iterator[Batch]):
    """One pass over a DataLoader; several may be under way at once.

    `state` says which batch is next, `ended` whether there is none.
    """

    def __init__(
        self,
        loader: DataLoader[Batch],
        state: OrderState,
        resumed: dict[str, Any] | None = None,
    ):
        self.tally = Tally()
        self.state = state
        self.ended = False
        self._index_sampler = loader._index_sampler
        self._indices = loader._passes.indices(state)
        self._watch = watch = Watch(loader.dataset, loader.patience)
        watch.since = clock()
        with arrays.immediate():
            self._fetch = watch.fetch = loader._fetcher(Source(state.seed, state.epoch), resumed)
            if isinstance(self._fetch, StreamFetcher) and resumed is None:
                self._fetch.skip(state.position, loader.batch_size)
        watch.since = None

    def __next__(self) -> Batch:
        arrays.batch_drawn()
        asked = clock()
        watch, position, meter = self._watch, self.state.position, self._fetch.source.meter
        before = meter.samples
        try:
            index = next(self._indices)
            watch.task, watch.since = (position, index), asked
            with arrays.immediate():
                batch = self._fetch(position, index)
        except StopIteration:
            self.ended = True
            raise
        finally:
            watch.since = None
        self.state = self.state.advance()
        self.tally.given(asked, meter.samples - before)
        return batch

    def __len__(self) -> int:
        return len(self._index_sampler)

    def members(self) -> list[Member]:
        """What was done here, as if by one worker."""
        return [Member(self._fetch.source.meter)]

    def stream_state(self) -> dict[str, Any]:
        """What an iterable dataset says of where it stands."""
        return {} if isinstance(self._fetch, MapFetcher) else self._fetch.state()


class EndlessSampler(Sampler[None]):
    """Yields None without end: a stream decides by itself what comes next and when it ends."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _default_sampler(dataset: Any, shuffle: bool | None, generator: Any) -> Sampler:
    if isinstance(dataset, IterableDataset):
        return EndlessSampler()
    if shuffle:
        return RandomSampler(dataset, generator=generator)
    return SequentialSampler(dataset)


def _length_or_none(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None
