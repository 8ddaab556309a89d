"""Settings of all sides in turns: samples a second, the first batch, and memory."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from measuring.machine import Limits
from measuring.memory import Sampler
from measuring.process import Conditions, SideError, Worker

from feeding.rows import SETTINGS, STARTS, Row

SLICE_SECONDS = 0.5
PAUSE_SECONDS = 0.1  # the other sides' workers fill what they hold ready, and rest
AHEAD = 6  # batches that workers may hold ready
FIRST_BATCHES = 20
STARTS_MEASURED = 3
OURS, PEER = "rushlight", "torch"
Setting = tuple[str, str]


@dataclass
class Loaded:
    """What was found about one row."""

    row: Row
    seconds: dict[Setting, list[float]] = field(default_factory=dict)  # a batch, round by round
    starts: dict[Setting, list[float]] = field(default_factory=dict)
    memory: dict[Setting, int] = field(default_factory=dict)
    failures: dict[Setting, str] = field(default_factory=dict)
    limit: float | None = None  # seconds a sample must take at least on these cores

    def sample(self, which: Setting) -> float:
        """The median of the seconds that a sample takes."""
        return statistics.median(self.seconds[which]) / self.row.batch

    def best(self, side: str) -> Setting | None:
        """The setting in which a side is fastest."""
        measured = [which for which in self.seconds if which[0] == side]
        return min(measured, key=self.sample, default=None)

    def ratio(self) -> float | None:
        """Samples a second, as a multiple of PyTorch's."""
        ours, theirs = self.best(OURS), self.best(PEER)
        return self.sample(theirs) / self.sample(ours) if ours and theirs else None


def measure(
    row: Row,
    sides: Sequence[str],
    conditions: Conditions,
    limits: Limits | None,
    rounds: int,
    folder: Path,
) -> Loaded:
    """All settings of a row; one that fails is left out and tells why."""
    os.environ["BENCHMARK_FILES"] = str(folder)
    found = Loaded(row)
    every = [(side, setting) for side in sides for setting in SETTINGS[side]]
    for which in every:
        try:
            found.memory[which] = _most_memory(row, which, conditions)
        except SideError as error:
            found.failures[which] = str(error)
    with ExitStack() as stack:
        workers = {}
        for which in found.memory:
            workers[which] = stack.enter_context(_worker(row, which, conditions).ready())
        for _ in range(rounds):
            for which, worker in workers.items():
                time.sleep(PAUSE_SECONDS)
                taken = worker.ask("time", seconds=SLICE_SECONDS, ahead=AHEAD)
                found.seconds.setdefault(which, []).append(taken)
        found.limit = _limit(row, workers.get((OURS, "0")), conditions, limits)
    for side in () if row.network else sides:
        for setting in STARTS[side]:
            try:
                found.starts[side, setting] = [
                    _first_batch(row, (side, setting), conditions) for _ in range(STARTS_MEASURED)
                ]
            except SideError as error:
                found.failures[side, setting] = f"start: {error}"
    return found


def _limit(
    row: Row, worker: Worker | None, conditions: Conditions, limits: Limits | None
) -> float | None:
    """Memory at its bandwidth, or the least work for a sample on all cores without a pause."""
    if row.network or worker is None or (row.nbytes and limits is None):
        return None
    if row.nbytes:
        return row.nbytes / limits.copied / 1e9
    return worker.ask("alone", seconds=SLICE_SECONDS) / len(conditions.cores)


def _most_memory(row: Row, which: Setting, conditions: Conditions) -> int:
    """Of a process alone: pages of a file that another one reads too would count in part."""
    with _worker(row, which, conditions) as worker, Sampler(worker.process.pid) as sampler:
        worker.ready()
    return sampler.most


def _first_batch(row: Row, which: Setting, conditions: Conditions) -> float:
    with _worker(row, which, conditions, count=0) as worker:
        return worker.ready().start["first"]


def _worker(row: Row, which: Setting, conditions: Conditions, count: int = FIRST_BATCHES) -> Worker:
    side, setting = which
    name = f"{row.name}/{setting}"
    return Worker(side, name, conditions, count=count, program="feeding.worker")
