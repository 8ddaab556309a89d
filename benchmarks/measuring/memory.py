"""The time to the first step, the cost of the next two, and memory, each in fresh processes.

Memory is the proportional set size of the process and of all that it started: pages shared with
others count by their share.  It is sampled in a run of its own, because reading it takes time.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from measuring.process import Conditions, SideError, Worker

INTERVAL_SECONDS = 0.02


@dataclass(frozen=True)
class Start:
    """How a side starts, in seconds from the start of its process, and its largest memory."""

    cold: float  # the first step, nothing compiled before
    cold_next: tuple[float, float]  # steps 2 and 3 of the same process
    warm: float  # the first step, with what an earlier process has compiled
    warm_next: tuple[float, float]
    memory: int  # bytes


def measure_start(side: str, row: str, conditions: Conditions) -> Start:
    """Start a side three times: with an empty cache, with a filled one, and to sample memory."""
    with tempfile.TemporaryDirectory(prefix="steps-") as folder:
        caches = Path(folder) / "kernels"
        cold, cold_next = _begin(side, row, conditions, caches)
        warm, warm_next = _begin(side, row, conditions, caches)
        with Worker(side, row, conditions, caches) as worker, Sampler(worker.process.pid) as peak:
            worker.ready()
    return Start(cold, cold_next, warm, warm_next, peak.most)


def _begin(
    side: str, row: str, conditions: Conditions, caches: Path
) -> tuple[float, tuple[float, float]]:
    with Worker(side, row, conditions, caches, count=3) as worker:
        second, third = worker.ready().start["times"][1:]
        return worker.first_step, (second, third)


class Sampler:
    """Follows the memory of a process and its descendants; `most` is the largest sum seen."""

    def __init__(self, process: int):
        if not Path(f"/proc/{process}/smaps_rollup").exists():
            raise SideError("memory is read from /proc/*/smaps_rollup, which is not there")
        self.process, self.most = process, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def _follow(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            self.most = max(self.most, sum(map(_proportional_set, _tree(self.process))))

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()


def _tree(process: int) -> set[int]:
    """A process and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # "id (name) state parent ...", where the name may hold anything
                rest = (entry / "stat").read_text().rpartition(")")[2]
                parents[int(entry.name)] = int(rest.split()[1])
    found, more = set(), {process}
    while more:
        found |= more
        more = {child for child, parent in parents.items() if parent in more} - found
    return found


def _proportional_set(process: int) -> int:
    """Bytes; 0 for a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
