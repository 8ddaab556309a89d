"""On what a benchmark runs: cores, threads, interpreters, and how busy the machine is."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from measuring.machine import Limits
from measuring.process import Conditions

BUSY = 0.25  # of the cores: with more, times are rough


def conditions_of(
    cores: str | None, threads: int | None, pythons: Sequence[str], binds: bool = True
) -> Conditions:
    """Conditions as the options of a program give them: "0,1", a number, SIDE=PATH."""
    if cores:
        chosen = tuple(int(core) for core in cores.split(","))
    elif hasattr(os, "sched_getaffinity"):
        chosen = tuple(sorted(os.sched_getaffinity(0)))
    else:
        chosen = tuple(range(os.cpu_count() or 1))
    named = dict(pair.split("=", 1) for pair in pythons)
    return Conditions(chosen, threads or len(chosen), named, binds)


def heading(conditions: Conditions, limits: Limits | None) -> list[str]:
    """What stands above a table."""
    cores = ",".join(map(str, conditions.cores))
    where = f"{_processor()}; cores {cores}, {conditions.threads} threads a side."
    found = f"Measured limits of these cores: {limits}." if limits else "Limits unknown."
    return [where, found]


def note_of_load(conditions: Conditions) -> list[str]:
    """A warning where other programs were busy before the run began."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < BUSY * len(conditions.cores):
        return []
    return [f"Rough: other programs kept {load:.1f} cores busy in the minute before the run."]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        return f"{names[0]}, {platform.system()} {platform.machine()}"
    except (OSError, IndexError):
        return f"{platform.processor()}, {platform.system()} {platform.machine()}"
