"""Streams of several lanes: what batch k holds does not depend on who reads which lane.

Turn t of a pass belongs to lane t modulo their number, and makes one batch; the turn of a lane that
has ended makes none.  A worker reads whole lanes, so it needs nothing of the others.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from .dataset import IterableDataset
from .fetch import StreamFetcher
from .metering import Meter
from .randomness import Source, current_source
from .workers.info import get_worker_info

Sample = TypeVar("Sample")


class LanedDataset(IterableDataset[Sample]):
    """Base of streams whose batches are the same for any number and kind of workers.

    A subclass defines `lane_count()` and `lane(number, epoch)`, an iterator over this part of the
    samples with `state_dict()` and `load_state_dict(state)`.  A loader takes its batches from the
    lanes in turn and shares the lanes out to its workers, so more workers than lanes are idle.
    Each lane ends with a batch that may be short.  A loader's state holds the states of all
    lanes; a loader with another number of workers can go on from it.

    >>> class Letters(LanedDataset[str]):
    ...     def lane_count(self):
    ...         return 2
    ...     def lane(self, number, epoch):
    ...         return iter(["abc", "xyz"][number])
    >>> list(Letters())
    ['a', 'x', 'b', 'y', 'c', 'z']
    """

    epoch: int | None = None
    _passes = 0

    @abstractmethod
    def lane_count(self) -> int:
        """How many lanes there are."""

    @abstractmethod
    def lane(self, number: int, epoch: int) -> Iterator[Sample]:
        """The samples of one lane in one epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Let passes be this epoch, until it is called again; loaders count by themselves."""
        self.epoch = epoch

    def __iter__(self) -> LaneIterator[Sample]:
        """All lanes; inside another data set that workers read, those of this worker."""
        source, info = current_source(), get_worker_info()
        passes, self._passes = self._passes, self._passes + 1
        epoch = epoch_of(self, passes if source is None else source.epoch)
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return LaneIterator(self, epoch, range(first, self.lane_count(), step))


class LaneIterator(Iterator[Sample]):
    """Lanes in turn, one sample each; `state_dict()` says where they stand."""

    def __init__(self, dataset: LanedDataset[Sample], epoch: int, numbers: Sequence[int]):
        self.dataset, self.epoch, self.numbers, self.turn = dataset, epoch, numbers, 0
        self._open(lambda lane: None)

    def _open(self, state_of: Callable[[Any], Any]) -> None:
        self.lanes = [self.dataset.lane(number, self.epoch) for number in self.numbers]
        for number, lane in enumerate(self.lanes):
            if (state := state_of(number)) is not None:
                lane.load_state_dict(state)  # type: ignore[attr-defined]
        self._active = [True] * len(self.lanes)

    def __next__(self) -> Sample:
        while any(self._active):
            number = self.turn % len(self.lanes)
            self.turn += 1
            if self._active[number]:
                try:
                    return next(self.lanes[number])
                except StopIteration:
                    self._active[number] = False
        raise StopIteration

    def state_dict(self) -> dict[str, Any]:
        """Where all lanes stand, as values that JSON can hold."""
        states = [lane.state_dict() for lane in self.lanes]  # type: ignore[attr-defined]
        return {"epoch": self.epoch, "turn": self.turn, "lanes": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken."""
        self.epoch, self.turn = state["epoch"], state["turn"]
        self._open(state["lanes"].__getitem__)


def epoch_of(dataset: LanedDataset, epoch: int) -> int:
    """The epoch of a loader's pass: the loader's, unless `set_epoch` says otherwise."""
    return epoch if dataset.epoch is None else dataset.epoch


class OneLane(StreamFetcher):
    """Reads the batches of one lane; what it draws does not depend on the worker."""

    number = 0
    _before: dict[str, Any] | None = None

    def open(self, state: dict[str, Any] | None) -> None:
        """Begin to read, or go on where `state()` was taken."""
        with self._drawing("start"):
            self.stream = self.dataset.lane(self.number, self.source.epoch)
            if state is not None and "dataset" in state:
                self.stream.load_state_dict(state["dataset"])
            elif state is not None:
                self._read_again(state["read"])
        self.count = 0 if state is None else state["read"]

    def _read_again(self, count: int) -> None:
        name = type(self.dataset).__name__
        warnings.warn(
            f"the lanes of {name} have no state_dict: {count} samples of lane {self.number} are "
            "read again and dropped. Give them state_dict() and load_state_dict(state).",
            stacklevel=5,
        )
        for _ in range(count):
            next(self.stream, None)

    def __call__(self, number: int, index: Any) -> Any:
        """The next batch; after an error the lane still stands where this one began."""
        if self._before is None:
            self._before = self.state()
        batch = super().__call__(number, index)
        self._before = None
        return batch

    def state(self) -> dict[str, Any]:
        """Where the last good batch ended."""
        if self._before is not None:
            return self._before
        place = getattr(self.stream, "state_dict", None)
        return {"read": self.count} | ({"dataset": place()} if callable(place) else {})

    def _drawing(self, index: Any) -> Any:
        return super()._drawing(("lane", self.number, index))


class LaneFetcher:
    """Reads the batches of some of the lanes, each when it is its turn."""

    def __init__(self, made: tuple[Any, ...], source: Source, keeps_globals: bool = True):
        self.open_lane = partial(OneLane, *made, source=source, keeps_globals=keeps_globals)
        self.count = made[0].lane_count()
        self.source = source
        source.meter = Meter()
        self.lanes: dict[int, OneLane] = {}

    def open(self, state: dict[str, Any] | None, worker: int = 0, workers: int = 1) -> None:
        """Begin to read the lanes of this worker, or go on where the state was taken."""
        states = (state or {}).get("lanes", {})
        for number in range(worker, self.count, workers):
            lane = self.lanes[number] = self.open_lane()
            lane.number = number
            lane.open(states.get(str(number)))

    def __call__(self, turn: int, index: Any) -> Any:
        """The batch of a turn; StopIteration if its lane has ended."""
        return self.lanes[turn % self.count](turn, index)

    def state(self) -> dict[str, Any]:
        """Where the lanes stand."""
        return {"lanes": {str(number): lane.state() for number, lane in self.lanes.items()}}


class AllLanes(LaneFetcher):
    """Reads the batches of all lanes, turn by turn."""

    turn = 0

    def open(self, state: dict[str, Any] | None, worker: int = 0, workers: int = 1) -> None:
        """Begin to read, or go on where the state was taken."""
        super().open(state, worker, workers)
        self.turn = (state or {}).get("turn", 0)

    def __call__(self, number: int, index: Any) -> Any:
        """The next batch; StopIteration when all lanes have ended."""
        while any(not lane.ended for lane in self.lanes.values()):
            turn, self.turn = self.turn, self.turn + 1
            if not self.lanes[turn % self.count].ended:
                try:
                    return super().__call__(turn, index)
                except StopIteration:
                    continue
        raise StopIteration

    def state(self) -> dict[str, Any]:
        """Where the lanes stand, and whose turn it is."""
        return super().state() | {"turn": self.turn}


class Turns:
    """Which turns are a worker's to read, and where the lanes stand in the batches given."""

    def __init__(self, lanes: int, workers: int, resumed: dict[str, Any]):
        self.lanes, self.workers = lanes, workers
        self.first = resumed.get("turn", 0)
        self.states = dict(resumed.get("lanes", {}))
        self._next = [self.first] * workers
        self._active = [True] * lanes
        if workers > lanes:
            warnings.warn(
                f"{workers} workers read a stream of {lanes} lanes: {workers - lanes} of them have "
                "nothing to do. Give the data set more lanes, or the loader fewer workers.",
                stacklevel=5,
            )

    def take(self, worker: int) -> int | None:
        """The worker's next turn; None if its lanes have ended."""
        mine = range(worker, self.lanes, self.workers)
        if not any(self._active[lane] for lane in mine):
            return None
        turn = self._next[worker]
        while turn % self.lanes not in mine or not self._active[turn % self.lanes]:
            turn += 1
        self._next[worker] = turn + 1
        return turn

    def end(self, turn: int) -> None:
        """The lane of this turn has ended."""
        self._active[turn % self.lanes] = False

    def state(self, turn: int) -> dict[str, Any]:
        """What a loader keeps, with the turn that is next."""
        return {"lanes": dict(self.states), "turn": turn}
