"""Pass 2, where a hand-made kernel waits: it may run later than it was recorded.

What follows a convolution or a matrix product element by element often reads something small that
was recorded after it, as batch normalisation reads its scale.  The group of the hand-made kernel
is then moved behind that, so that it can compute what follows while it stores its results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.engines.cpu.roles import Role

if TYPE_CHECKING:
    from rushlight.engines.cpu.fuse import _Grouping

_PASSED = (Role.MAP, Role.CRAFTED, Role.WRITE)
_FARTHEST = 16


def can_wait(grouping: _Grouping, at: int, last: int) -> bool:
    """Whether no group behind `at`, up to `last`, depends on it."""
    if last - at > _FARTHEST:
        return False
    dependent = {at}
    for other in range(at + 1, last + 1):
        group = grouping.groups[other]
        if group.role not in _PASSED or dependent & grouping.sources_of(group):
            return False
        if dependent & grouping.guards.get(other, set()):
            return False
    return True


def wait(grouping: _Grouping, at: int, last: int) -> None:
    """Move the group `at` behind `last`, and number the groups anew."""

    def moved(place: int) -> int:
        if place == at:
            return last
        return place - 1 if at < place <= last else place

    groups = grouping.groups
    groups.insert(last, groups.pop(at))
    grouping.position = [moved(place) for place in grouping.position]
    for places in grouping.read_by.values():
        places[:] = [moved(place) for place in places]
    grouping.siblings = {key: moved(place) for key, place in grouping.siblings.items()}
    grouping.guards = {moved(place): checks for place, checks in grouping.guards.items()}
