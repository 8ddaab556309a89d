"""Sides in turns: each round gives every side a while, so that noise hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain

from networks.rows import Row

from measuring.memory import Start
from measuring.neighbour import Neighbour
from measuring.process import Conditions, SideError, Worker
from measuring.sides import is_written

SLICE_SECONDS = 0.3
PAUSE_SECONDS = 0.02  # the other sides' idle threads stop spinning
MOST_DEVIATION = 1e-3  # of the first losses, as a part of them
BASE = "torch"


@dataclass
class Measured:
    """What was found about one row."""

    row: Row
    rounds: dict[str, list[list[float]]] = field(default_factory=dict)  # side: rounds: seconds
    failures: dict[str, str] = field(default_factory=dict)
    losses: dict[str, list[float]] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    beside: dict[str, list[list[float]]] = field(default_factory=dict)
    operations: int = 0  # multiplications and additions of a step's products
    primitives: float = 0  # recorded in a step, on average

    def median(self, side: str) -> float:
        return statistics.median(chain.from_iterable(self.rounds[side]))

    def least(self, side: str) -> float:
        return min(min(times) for times in self.rounds[side])

    def ratio(self, side: str) -> float | None:
        """A side's median as a part of PyTorch's."""
        if side not in self.rounds or BASE not in self.rounds:
            return None
        return self.median(side) / self.median(BASE)

    def spread(self, side: str) -> tuple[float, float]:
        """The first and third quartile of the ratio, found round by round."""
        pairs = zip(self.rounds[side], self.rounds[BASE], strict=True)
        ratios = [statistics.median(ours) / statistics.median(theirs) for ours, theirs in pairs]
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        first, _, third = statistics.quantiles(ratios, n=4, method="inclusive")
        return first, third

    def slowed(self, side: str) -> float | None:
        """By what factor a neighbour slows a side."""
        if side not in self.beside:
            return None
        beside = statistics.median(chain.from_iterable(self.beside[side]))
        return beside / self.median(side)

    def deviation(self, side: str) -> float:
        """The largest relative difference of the first losses from PyTorch's, or from ours."""
        others = self.losses.get(BASE) or self.losses.get("rushlight") or self.losses[side]
        pairs = zip(self.losses[side], others, strict=True)
        return max(abs(ours - theirs) / abs(theirs) for ours, theirs in pairs)


def measure(
    row: Row, sides: Sequence[str], conditions: Conditions, rounds: int, neighbour: bool = False
) -> Measured:
    """The times of all sides of a row; a side that fails is left out and tells why."""
    measured = Measured(row)
    with ExitStack() as stack:
        workers = _workers(measured, sides, conditions, stack)
        disturber = stack.enter_context(Neighbour(conditions.cores[-1])) if neighbour else None
        for _ in range(rounds):
            _round(measured, workers, measured.rounds)
            if disturber is not None:
                disturber.go_on()
                _round(measured, workers, measured.beside)
                disturber.stop()
        measured.operations = _counted(workers.get(BASE), "operations")
        measured.primitives = _counted(workers.get("rushlight"), "primitives")
    return measured


def _workers(
    measured: Measured, sides: Sequence[str], conditions: Conditions, stack: ExitStack
) -> dict[str, Worker]:
    workers = {}
    for side in (side for side in sides if is_written(side, measured.row)):
        try:
            worker = Worker(side, measured.row.name, conditions).ready()
        except SideError as error:
            measured.failures[side] = str(error)
            continue
        workers[side] = stack.enter_context(worker)
        measured.losses[side] = worker.start["losses"]
    for side in workers:
        if not measured.deviation(side) <= MOST_DEVIATION:
            words = f"other losses: {measured.deviation(side):.1e} from {BASE}'s"
            measured.failures[side] = words
    return workers


def _round(measured: Measured, workers: dict[str, Worker], into: dict) -> None:
    for side, worker in list(workers.items()):
        time.sleep(PAUSE_SECONDS)
        try:
            into.setdefault(side, []).append(worker.times(SLICE_SECONDS))
        except SideError as error:
            measured.failures[side] = str(error)
            measured.rounds.pop(side, None)
            measured.beside.pop(side, None)
            del workers[side]


def _counted(worker: Worker | None, what: str) -> float:
    try:
        return worker.ask(what) if worker else 0
    except SideError:
        return 0
