"""What a loader says of its latest pass: where the time went, what it holds, what to try."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .advice import advise
from .metering import Meter, Tally
from .workers import memory


@dataclass(frozen=True)
class WorkerStats:
    """One worker: seconds at work, idle and on a core; bytes, which only a process has."""

    number: int
    batches: int
    samples: int
    busy: float
    idle: float
    processor: float
    process: int | None = None
    memory: int | None = None


@dataclass(frozen=True)
class RingStats:
    """The shared memory that batches of processes lie in.

    `through` batches came through it; the others were copied, because no slot was free
    (`refused`), because they were larger than a slot (`outgrown`), or before it was made.
    """

    nbytes: int
    slots: int
    in_use: int
    through: int
    refused: int
    outgrown: int


@dataclass(frozen=True)
class LoaderStats:
    """The latest pass over a loader, in seconds, bytes and counts.

    `stages` are the seconds of loading, all workers together: `read`, `collate`, `send` (the way
    from a worker to the loop), and what `data.stage` names.  Of the loop's `seconds`, `wait` is
    the time in which it waited for a batch and `step` the rest; both count from the first batch,
    which came after `first_batch`.  `bottleneck` is "data", "model" or "unknown"; `advice` says
    why, and what to try.  `memory` is that of this process; None where the system does not tell.
    """

    worker_type: str | None
    batches: int
    samples: int
    seconds: float
    samples_per_second: float
    first_batch: float
    wait: float
    step: float
    stages: dict[str, float]
    workers: list[WorkerStats]
    ring: RingStats | None
    memory: int | None
    bottleneck: str = "unknown"
    advice: str = field(default="")

    def as_dict(self) -> dict[str, Any]:
        """All values, as plain dicts and lists."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join([*_head(self), "", *_stages(self), "", *_workers(self), self.advice])


def measured(loader: Any, passing: Any) -> LoaderStats:
    """What is known of a pass over a loader."""
    tally: Tally = passing.tally
    members = passing.members()
    meters = [member.meter for member in members]
    workers = [
        WorkerStats(
            number,
            m.batches,
            m.samples,
            _busy(m),
            m.idle,
            m.processor,
            member.process,
            member.memory,
        )
        for number, (member, m) in enumerate(zip(members, meters, strict=True))
    ]
    seconds = max(0.0, tally.last - tally.begun)
    later = tally.last - tally.first
    wait = tally.wait - tally.first_wait
    rate = (tally.samples - tally.first_samples) / later if tally.batches > 1 else 0.0
    found = LoaderStats(
        worker_type=loader.worker_type if loader.num_workers else None,
        batches=tally.batches,
        samples=tally.samples,
        seconds=seconds,
        samples_per_second=rate or (tally.samples / seconds if seconds else 0.0),
        first_batch=max(0.0, tally.first - tally.begun),
        wait=wait,
        step=max(0.0, later - wait),
        stages=_summed(meters),
        workers=workers if loader.num_workers else [],
        ring=_ring_of(getattr(passing, "crew", None)),
        memory=memory.proportional(os.getpid()),
    )
    bottleneck, words = advise(found)
    return LoaderStats(**{**vars(found), "bottleneck": bottleneck, "advice": words})


def _busy(meter: Meter) -> float:
    return meter.read + meter.collate + meter.sending + sum(meter.stages.values())


def _summed(meters: Sequence[Meter]) -> dict[str, float]:
    stages = {"read": sum(meter.read for meter in meters)}
    for meter in meters:
        for name, seconds in meter.stages.items():
            stages[name] = stages.get(name, 0.0) + seconds
    stages["collate"] = stages.get("collate", 0.0) + sum(meter.collate for meter in meters)
    sending = sum(meter.sending for meter in meters)
    return stages | ({"send": sending} if sending else {})


def _ring_of(crew: Any) -> RingStats | None:
    ring = getattr(crew, "ring", None)
    if ring is None:
        return None
    counts = ring.leased, ring.refused, ring.outgrown
    return RingStats(ring.slot_bytes * ring.count, ring.count, ring.in_use, *counts)


def _head(stats: LoaderStats) -> list[str]:
    whole = max(stats.wait + stats.step, 1e-12)
    shares = [f"{seconds:.3g} s ({100 * seconds / whole:.0f}%)" for seconds in _loop(stats)]
    return [
        f"{stats.samples_per_second:,.0f} samples/s: {stats.samples} samples in {stats.batches} "
        f"batches, {stats.seconds:.3g} s; the first batch came after {stats.first_batch:.3g} s",
        f"the loop: wait for data {shares[0]}, step {shares[1]}",
    ]


def _loop(stats: LoaderStats) -> tuple[float, float]:
    return stats.wait, stats.step


def _stages(stats: LoaderStats) -> list[str]:
    whole = max(sum(stats.stages.values()), 1e-12)
    read = max(sum(worker.samples for worker in stats.workers), stats.samples, 1)
    rows = [("loading", "seconds", "%", "us/sample")]
    for name, seconds in stats.stages.items():
        share, each = f"{100 * seconds / whole:.0f}", f"{seconds / read * 1e6:.1f}"
        rows.append((name, f"{seconds:.3g}", share, each))
    return _aligned(rows)


def _workers(stats: LoaderStats) -> list[str]:
    rows = []
    if stats.workers:
        rows.append(("worker", "batches", "busy s", "idle s", "core s", "memory"))
    for worker in stats.workers:
        kind = f"{worker.number} (thread)"
        if worker.process is not None:
            kind = f"{worker.number} (process {worker.process})"
        times = [f"{t:.3g}" for t in (worker.busy, worker.idle, worker.processor)]
        size = "" if worker.process is None else _megabytes(worker.memory)
        rows.append((kind, str(worker.batches), *times, size))
    lines = _aligned(rows)
    if stats.ring is not None:
        ring = stats.ring
        lines.append(
            f"ring: {ring.slots} slots of {_megabytes(ring.nbytes // ring.slots)}, {ring.in_use} "
            f"in use; {ring.through} batches came through it, {ring.refused} found no free slot "
            f"and {ring.outgrown} were larger: those are copied"
        )
    return [*lines, f"memory of this process: {_megabytes(stats.memory)}", ""]


def _megabytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 1e6:.3g} MB"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return lines
