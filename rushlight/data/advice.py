"""Which of data and model is the bottleneck, and what to try: words for `loader.stats()`."""

from __future__ import annotations

import os
from typing import Any

_LITTLE, _MOST = 0.05, 0.7


def advise(stats: Any) -> tuple[str, str]:
    """The bottleneck of a pass, "data", "model" or "unknown", and a sentence or two about it."""
    later = stats.wait + stats.step
    if stats.batches < 3 or not later:
        return "unknown", "Too few batches to tell whether data or model is the bottleneck."
    share = stats.wait / later
    if share < _LITTLE:
        return "model", (
            f"The model is the bottleneck: the loop waits for data {100 * share:.1f}% of its time, "
            "so faster loading would gain no more than that."
        )
    if not stats.workers:
        return _without_workers(stats, share)
    words = f"The data is the bottleneck: the loop waits for it {100 * share:.0f}% of its time. "
    return "data", words + _with_workers(stats)


def _without_workers(stats: Any, share: float) -> tuple[str, str]:
    bottleneck = "data" if share > 0.5 else "model"
    if share > 1 - 2 * _LITTLE:
        words = f"The data is the bottleneck: the loop does little but load. {_largest(stats)} "
        return "data", words + f"Try num_workers={usable_cores()}, or make that stage cheaper."
    return bottleneck, (
        f"The {bottleneck} takes the larger part, but they take turns: loading is "
        f"{100 * share:.0f}% of the loop. With num_workers=1 or more it is done beside the step."
    )


def _with_workers(stats: Any) -> str:
    count, cores = len(stats.workers), usable_cores()
    busy = sum(worker.busy for worker in stats.workers)
    idle = sum(worker.idle for worker in stats.workers)
    processor = sum(worker.processor for worker in stats.workers)
    if busy < _MOST * (busy + idle):
        return _uneven(stats)
    words = f"The workers are busy {100 * busy / (busy + idle):.0f}% of theirs. {_largest(stats)} "
    if processor < busy / 2:
        if stats.worker_type == "thread" and processor > _MOST * busy / count:
            return words + (
                "The threads wait for each other: they share the interpreter's lock. Try "
                'worker_type="process".'
            )
        words += f"In only {100 * processor / busy:.0f}% of that a core works for them; "
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        if load > cores + 1:
            return words + (
                f"other programs use the machine too (a load of {load:.1f} on {cores} cores)."
            )
        return words + f"the rest is waiting, as for files. Try num_workers={2 * count}."
    if count < cores:
        return words + f"Try num_workers={cores}, one for each core."
    return words + "There is a worker for each core: make that stage cheaper, or do it beforehand."


def _uneven(stats: Any) -> str:
    ring = stats.ring
    if ring is not None and ring.refused > stats.batches / 5:
        return (
            f"The workers are often idle, and {ring.refused} batches found no free slot of shared "
            "memory since older batches are kept: let go of them, or raise prefetch_factor."
        )
    return (
        "Yet the workers are often idle: batches take unequal times, or their way here is long. "
        "Try a larger prefetch_factor, larger batches, or in_order=False."
    )


def _largest(stats: Any) -> str:
    name, seconds = max(stats.stages.items(), key=lambda item: item[1])
    share = 100 * seconds / max(sum(stats.stages.values()), 1e-12)
    return f"Most of loading is {name!r} ({share:.0f}%)."


def usable_cores() -> int:
    """The cores that the system lets this process use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
