"""How much memory processes have and use, where the system tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_MEMINFO, _MEMBERSHIP = Path("/proc/meminfo"), Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60


def available() -> int | None:
    """The bytes that can still be had: of the machine, and of a container's limit."""
    found = [*_of_machine(), *_of_groups()]
    return max(0, min(found)) if found else None


def proportional(process: int) -> int | None:
    """The bytes of a process, what it shares divided among all that share it; None if unknown."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return None
    return next(_kilobytes(text, "Pss:"), None)


def _of_machine() -> Iterator[int]:
    try:
        yield from _kilobytes(_MEMINFO.read_text(), "MemAvailable:")
    except OSError:
        return


def _kilobytes(text: str, name: str) -> Iterator[int]:
    for line in text.splitlines():
        if line.startswith(name):
            yield int(line.split()[1]) * 1024


def _of_groups() -> Iterator[int]:
    """What is left to each control group that this process is in, of both versions."""
    try:
        lines = _MEMBERSHIP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            names = "memory.max", "memory.current", "inactive_file"
            yield from _along(_GROUPS, path, names)
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            yield from _along(_GROUPS / controllers, path, names)


def _along(root: Path, path: str, names: tuple[str, str, str]) -> Iterator[int]:
    """What is left to a group and to those that it is in; a container sees only its own."""
    place = root / path.strip("/")
    while True:
        left = _left(place, *names)
        if left is not None:
            yield left
        if place == root:
            return
        place = place.parent


def _left(place: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    try:
        most = int((place / limit).read_text())
        if most >= _UNLIMITED:
            return None
        used = int((place / usage).read_text())
        lines = (place / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # no such group here, or "max"
        return None
    spare = [int(line.split()[1]) for line in lines if line.split()[0] == reclaimable]
    return most - used + sum(spare)
