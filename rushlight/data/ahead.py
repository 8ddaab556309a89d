"""A pass whose batches workers read ahead of the loop that asks for them."""

from __future__ import annotations

import warnings
import weakref
from bisect import insort
from collections import deque
from collections.abc import Iterator
from typing import Any

from . import arrays
from .dataset import IterableDataset
from .lanes import LanedDataset, Turns, epoch_of
from .metering import Tally, clock
from .order import OrderState
from .watch import Waiting
from .workers.crew import Crew, Member, Outcome, Pass, Task


class AheadPass:
    """One pass over a DataLoader with workers, which outlives the loop that draws from it.

    Batch k is read by worker k modulo their number; it holds the same whoever reads it.  A stream's
    batches come from its workers in turn, until each has ended, or from its lanes (`lanes.py`).
    """

    def __init__(self, loader: Any, crew: Crew, state: OrderState, resumed: dict | None):
        self.tally = Tally()
        self.state = state
        self.ended = False
        self.crew = crew
        self._loader = weakref.proxy(loader)  # the loader holds this pass
        self._persistent = loader.persistent_workers
        self._is_stream = isinstance(loader.dataset, IterableDataset)
        self._indices = loader._passes.indices(state)
        self._given = state.position
        self._awaited: deque[tuple[int, int]] = deque()
        self._finished: dict[int, Outcome] = {}
        self._active = [True] * crew.size
        self._states = list((resumed or {}).get("workers") or [{}] * crew.size)
        self._turns: Turns | None = None
        if isinstance(loader.dataset, LanedDataset):
            self._turns = Turns(loader.dataset.lane_count(), crew.size, resumed or {})
            self._states = [resumed or {}] * crew.size
        self._number = loader._next_pass()
        crew.begin(self._opened(self._number, resumed))
        turn = (resumed or {}).get("turn", state.position) % crew.size
        for i in range(crew.size * loader.prefetch_factor):
            self._give((turn + i) % crew.size)
        if self._is_stream and resumed is None and state.position:
            self._skip(state.position)

    def _opened(self, number: int, resumed: dict | None) -> Pass:
        states = tuple(each or None for each in self._states) if resumed else ()
        epoch = self.state.epoch
        if self._turns is not None:
            epoch = epoch_of(self._loader.dataset, epoch)
        return Pass(number, self.state.seed, epoch, states)

    def _give(self, worker: int) -> None:
        """Let a worker read the next batch, if there is one and the worker goes on."""
        if not self._active[worker]:
            return
        number = self._given if self._turns is None else self._turns.take(worker)
        if number is None:
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        task = Task(number, index)
        insort(self._awaited, (task.number, worker))
        self._given += 1
        self.crew.give(worker, task)

    def draw(self) -> Any:
        """The next batch."""
        arrays.batch_drawn()
        asked = clock()
        if self._awaited and self.crew.serving != self._number:
            raise RuntimeError(
                "persistent workers have begun a newer pass over this DataLoader, which ended this "
                "one; passes go on beside each other without persistent_workers=True"
            )
        try:
            outcome = self._next_outcome()
        except KeyboardInterrupt:
            self.close()
            raise
        self._give(outcome.worker)
        if outcome.error is None:
            self._states[outcome.worker] = outcome.state
            if self._turns is not None:
                self._turns.states |= outcome.state["lanes"]
        self.state = self.state.advance()
        batch = outcome.result()
        self.tally.given(asked, outcome.samples)
        return batch

    def _next_outcome(self) -> Outcome:
        while self._awaited:
            outcome = self._wait()
            if not outcome.ended:
                return outcome
            if self._turns is None:
                self._active[outcome.worker] = False
            else:
                self._turns.end(outcome.number)
                self._give(outcome.worker)
        self._end()
        raise StopIteration

    def _wait(self) -> Outcome:
        """The outcome of the batch that is due; without an order, of any."""
        waiting = None
        while True:
            due = self._awaited[0][0] if self._loader.in_order else next(iter(self._finished), None)
            if due in self._finished:
                outcome = self._finished.pop(due)
                self._awaited.remove((due, outcome.worker))
                return outcome
            if waiting is None:
                waiting = Waiting(self._loader.timeout, self._loader.patience)
            found = self.crew.receive(waiting.left())
            if not found:
                waiting.tell(self._where)
            for outcome in found:
                self._finished[outcome.number] = outcome

    def _where(self) -> str:
        number, worker = self._awaited[0]
        return f"batch {number} from worker {worker}\n{self.crew.doing()}"

    def _skip(self, batches: int) -> None:
        name = type(self._loader.dataset).__name__
        warnings.warn(
            f"{name} has no state_dict: {batches} batches are read again and dropped. Give it "
            "state_dict() and load_state_dict(state) to go on at once.",
            stacklevel=4,
        )
        for _ in range(batches):
            self._give(self._next_outcome().worker)

    def _end(self) -> None:
        self.ended = True
        self.abandon()

    def abandon(self) -> None:
        """Nobody draws any more; what the pass says of itself stays."""
        self._finished.clear()
        if not self._persistent:
            self.crew.close()

    def close(self) -> None:
        """End the workers; the pass cannot go on."""
        self._awaited.clear()
        self._loader._crew = None
        self.crew.close()

    def members(self) -> list[Member]:
        """What each worker did."""
        return self.crew.members()

    def stream_state(self) -> dict[str, Any]:
        """Where the stream of each worker stood at the batch given last."""
        if self._turns is not None:
            return self._turns.state(self._awaited[0][0] if self._awaited else 0)
        if not self._is_stream or not any(self._states):
            return {}
        turn = self._awaited[0][1] if self._awaited else 0
        return {"workers": list(self._states), "turn": turn}


class AheadIterator(Iterator[Any]):
    """What a loop draws batches from; when it is let go of, the workers end."""

    def __init__(self, loader: Any, reading: AheadPass):
        self.reading = reading
        self._loader = loader
        weakref.finalize(self, reading.abandon)

    def __next__(self) -> Any:
        return self.reading.draw()

    def __len__(self) -> int:
        return len(self._loader._index_sampler)
