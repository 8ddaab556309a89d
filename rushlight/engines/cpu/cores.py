"""How many threads a process should use: the cores that it may run on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from rushlight.graph.worker import is_worker

_MEMBERSHIP, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def default_threads(inherited: int = 0) -> int:
    """The threads to begin with; `inherited` is what a forked process's parent used."""
    if is_worker():
        return 1
    if inherited:
        return inherited
    for name in ("RUSHLIGHT_NUM_THREADS", "OMP_NUM_THREADS"):
        asked = os.environ.get(name, "").strip()
        if asked.isdigit() and int(asked):
            return int(asked)
    return usable_cores()


def usable_cores() -> int:
    """The cores that the operating system lets this process use."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = core_quota()
    return cores if quota is None else max(1, min(cores, quota))


def core_quota() -> int | None:
    """How many cores' worth of time a container's limit allows, rounded up; None if any."""
    try:
        lines = _MEMBERSHIP.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            quotas += _quotas_along(_GROUPS, path, _quota_of_second)
        elif "cpu" in controllers.split(","):
            quotas += _quotas_along(_GROUPS / controllers, path, _quota_of_first)
            quotas += _quotas_along(_GROUPS / "cpu", path, _quota_of_first)
    return min(quotas, default=None)


def _quotas_along(root: Path, path: str, read: Callable[[Path], tuple[int, int]]) -> list[int]:
    """The limits of a control group and of those that it is in."""
    group, found = root / path.strip("/"), []
    for place in (group, *group.parents):
        try:
            quota, period = read(place)
        except (OSError, ValueError):
            pass
        else:
            if quota > 0 and period > 0:
                found.append(-(-quota // period))
        if place == root:
            break
    return found


def _quota_of_second(place: Path) -> tuple[int, int]:
    """Microseconds of time in a period; not a number where there is no limit."""
    quota, period = (place / "cpu.max").read_text().split()
    return int(quota), int(period)


def _quota_of_first(place: Path) -> tuple[int, int]:
    """The same where control groups are of the first version."""
    quota, period = (place / "cpu.cfs_quota_us", place / "cpu.cfs_period_us")
    return int(quota.read_text()), int(period.read_text())
